//! Pieces of a streamed message, merged into the message as it would have
//! come at once, fields included that this host knows nothing of.
//!
//! Texts are joined, but for those that name something and come whole;
//! objects are merged; entries of lists are merged by their `index`, and those
//! without one are added, or joined when both go on with the same kind of
//! text; of anything else the last one stays. A list that goes on as a text,
//! or a text that goes on as a list, is a list of parts.

use serde_json::{Map, Value, json};

use super::bounds::{MAX_TEXT_BYTES, MAX_TOOL_CALLS, MAX_VALUES};

/// Fields that come whole, once or with every piece.
const WHOLE: [&str; 6] = ["role", "type", "id", "format", "object", "name"];

/// Fields that nobody but their maker can read, so that a second one that is
/// like the first was sent again.
const SEALED: [&str; 3] = ["data", "signature", "thought_signature"];

/// Types of the entries that a stream may cut anywhere, when they have no
/// index.
const JOINED: [&str; 4] = ["text", "thinking", "reasoning.text", "reasoning.summary"];

/// The message is larger than taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// What the merged message takes so far.
#[derive(Default)]
pub(super) struct Merge {
    size: Size,
}

impl Merge {
    /// Merges every field of `piece` into `into`.
    pub(super) fn fields(
        &mut self,
        into: &mut Map<String, Value>,
        piece: Map<String, Value>,
    ) -> Result<(), TooLarge> {
        for (name, value) in piece {
            match into.get_mut(&name) {
                Some(it) if is_whole(&name, &value) => self.replace(it, value)?,
                Some(it) if SEALED.contains(&name.as_str()) && *it == value => (),
                Some(it) => self.value(it, value)?,
                None => {
                    self.grow(Size { values: 1, text_bytes: name.len() })?;
                    let it = into.entry(name).or_insert(Value::Null);
                    self.value(it, value)?;
                }
            }
        }
        Ok(())
    }

    /// Takes every field of `piece` in place of the one that was there.
    pub(super) fn last_fields(
        &mut self,
        into: &mut Map<String, Value>,
        piece: Map<String, Value>,
    ) -> Result<(), TooLarge> {
        for (name, value) in piece {
            if !into.contains_key(&name) {
                self.grow(Size { values: 1, text_bytes: name.len() })?;
            }
            self.replace(into.entry(name).or_insert(Value::Null), value)?;
        }
        Ok(())
    }

    /// Adds a piece to a text.
    pub(super) fn text(&mut self, into: &mut String, piece: &str) -> Result<(), TooLarge> {
        self.grow(Size { values: 0, text_bytes: piece.len() })?;
        into.push_str(piece);
        Ok(())
    }

    fn value(&mut self, into: &mut Value, piece: Value) -> Result<(), TooLarge> {
        match (into, piece) {
            (Value::String(into), Value::String(piece)) => self.text(into, &piece),
            (Value::Object(into), Value::Object(piece)) => self.fields(into, piece),
            (Value::Array(into), Value::Array(piece)) => self.entries(into, piece),
            (into @ Value::Null, Value::Array(piece)) => {
                let mut list = Vec::new();
                let res = self.entries(&mut list, piece);
                *into = Value::Array(list);
                res
            }
            (Value::Array(_), Value::String(piece)) if piece.is_empty() => Ok(()),
            (Value::Array(into), Value::String(piece)) => self.entries(into, vec![part(&piece)]),
            (into @ Value::String(_), Value::Array(piece)) => {
                let text = into.as_str().filter(|it| !it.is_empty());
                let mut list: Vec<Value> = text.map(part).into_iter().collect();
                let res = self.entries(&mut list, piece);
                *into = Value::Array(list);
                res
            }
            // A part without the list around it.
            (into @ (Value::Array(_) | Value::String(_)), piece @ Value::Object(_))
                if text(&piece, "type") == "text" =>
            {
                self.value(into, Value::Array(vec![piece]))
            }
            (into, piece) => self.replace(into, piece),
        }
    }

    fn entries(&mut self, into: &mut Vec<Value>, piece: Vec<Value>) -> Result<(), TooLarge> {
        for value in piece {
            let is_indexed = value.get("index").is_some();
            if let Some(last) = into.last_mut().filter(|it| goes_on(it, &value)) {
                self.value(last, value)?;
                continue;
            }
            // Each piece is looked for in the whole list.
            let is_full = is_indexed && MAX_TOOL_CALLS <= into.len();
            // From the end, where a stream is at work.
            let mut entries = into.iter_mut().rev().take_while(|_| is_indexed);
            match entries.find(|it| is_same(it, &value)) {
                Some(it) => self.value(it, value)?,
                None if is_full => return Err(TooLarge),
                None => {
                    self.grow(Size::of(&value))?;
                    into.push(value);
                }
            }
        }
        Ok(())
    }

    /// A piece with nothing in it replaces nothing.
    fn replace(&mut self, into: &mut Value, piece: Value) -> Result<(), TooLarge> {
        let is_empty = piece.is_null() || piece.as_str().is_some_and(str::is_empty);
        if !is_empty || into.is_null() {
            self.size = self.size.less(Size::of(into));
            self.grow(Size::of(&piece))?;
            *into = piece;
        }
        Ok(())
    }

    fn grow(&mut self, by: Size) -> Result<(), TooLarge> {
        let Size { values, text_bytes } = self.size.plus(by);
        self.size = Size { values, text_bytes };
        if MAX_VALUES < values || MAX_TEXT_BYTES < text_bytes { Err(TooLarge) } else { Ok(()) }
    }
}

fn is_whole(name: &str, value: &Value) -> bool {
    value.is_string() && WHOLE.contains(&name)
}

/// A text as a part of a message.
fn part(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// Whether a piece without index goes on with the text of the last entry. One
/// that is signed has ended.
fn goes_on(last: &Value, piece: &Value) -> bool {
    let is_alone = |it: &Value| ["index", "id"].iter().all(|field| it.get(field).is_none());
    let is_signed = last.get("signature").is_some_and(|it| !it.is_null());
    let kind = text(last, "type");
    is_alone(last)
        && is_alone(piece)
        && !is_signed
        && JOINED.contains(&kind)
        && kind == text(piece, "type")
}

/// Whether a piece belongs to an entry: by index, unless both say that they
/// are something else. Some servers give everything the index 0.
fn is_same(entry: &Value, piece: &Value) -> bool {
    entry.get("index") == piece.get("index")
        && ["id", "type"].iter().all(|field| match (text(entry, field), text(piece, field)) {
            ("", _) | (_, "") => true,
            (entry, piece) => entry == piece,
        })
}

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// What a value takes.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    text_bytes: usize,
}

impl Size {
    fn of(value: &Value) -> Self {
        let one = |text_bytes| Self { values: 1, text_bytes };
        match value {
            Value::String(it) => one(it.len()),
            Value::Array(it) => it.iter().fold(one(0), |sum, it| sum.plus(Self::of(it))),
            Value::Object(it) => it
                .iter()
                .fold(one(0), |sum, (name, value)| sum.plus(one(name.len())).plus(Self::of(value))),
            _ => one(0),
        }
    }

    fn plus(self, other: Self) -> Self {
        let values = self.values.saturating_add(other.values);
        Self { values, text_bytes: self.text_bytes.saturating_add(other.text_bytes) }
    }

    fn less(self, other: Self) -> Self {
        let values = self.values.saturating_sub(other.values);
        Self { values, text_bytes: self.text_bytes.saturating_sub(other.text_bytes) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(res) = value else { panic!("no object: {value}") };
        res
    }

    fn merged(pieces: &[Value]) -> Result<Value, TooLarge> {
        let (mut merge, mut res) = (Merge::default(), Map::new());
        for piece in pieces {
            merge.fields(&mut res, object(piece.clone()))?;
        }
        Ok(Value::Object(res))
    }

    fn check(pieces: &[Value], expect: Value) {
        assert_eq!(merged(pieces), Ok(expect), "{pieces:?}");
    }

    #[test]
    fn texts_are_joined_and_the_rest_is_the_last() {
        check(&[json!({"content": null}), json!({"content": "a"})], json!({"content": "a"}));
        check(
            &[json!({"x": "a", "n": 1, "b": true}), json!({"x": "b", "n": 2, "b": null})],
            json!({"x": "ab", "n": 2, "b": true}),
        );
        let role = json!({"role": "assistant"});
        check(&[role.clone(), role.clone(), json!({"role": ""})], role);
        check(&[json!({"o": {"x": "a"}}), json!({"o": {"x": "b", "y": 1}})], {
            json!({"o": {"x": "ab", "y": 1}})
        });
        check(&[json!({"x": "a"}), json!({"x": 7})], json!({"x": 7}));
    }

    #[test]
    fn entries_are_merged_by_index() {
        let call = |index, id: &str, text: &str| json!({"index": index, "id": id, "text": text});
        let pieces = [
            json!({"calls": [call(0, "a", "x"), call(1, "b", "y")]}),
            json!({"calls": [{"index": 0, "text": "X"}]}),
            json!({"calls": [call(1, "", "Y"), call(1, "b", "!")]}),
        ];
        check(&pieces, json!({"calls": [call(0, "a", "xX"), call(1, "b", "yY!")]}));
        // All at index 0, told apart by their ids.
        let pieces = [json!({"calls": [call(0, "a", "x"), call(0, "b", "y")]}), {
            json!({"calls": [{"index": 0, "text": "Y"}]})
        }];
        check(&pieces, json!({"calls": [call(0, "a", "x"), call(0, "b", "yY")]}));
        check(
            &[json!({"l": [1]}), json!({"l": [2, {"x": "y"}]})],
            json!({"l": [1, 2, {"x": "y"}]}),
        );
    }

    #[test]
    fn a_list_that_becomes_a_text_keeps_what_came_before() {
        let parts = |text: &str| json!([{"type": "text", "text": text}]);
        let content = |it: Value| json!({"content": it});
        let check = |pieces: &[Value], expect: Value| {
            let pieces: Vec<Value> = pieces.iter().cloned().map(content).collect();
            check(&pieces, content(expect));
        };
        check(&[json!("a"), parts("b"), json!("c"), parts("d")], parts("abcd"));
        check(&[json!(""), parts("b"), json!("")], parts("b"));
        check(&[json!("a"), parts("b")[0].clone(), parts("c")], parts("abc"));
        check(&[json!(null), parts("a"), json!(null), json!("b")], parts("ab"));
        let thought = |text: &str| json!([{"type": "thinking", "thinking": parts(text)}]);
        let (both, answer) = (thought("so"), parts("it is"));
        check(
            &[thought("s"), thought("o"), parts("it "), json!("is")],
            json!([both[0], answer[0]]),
        );
        let image = json!([{"type": "image", "data": "x"}]);
        check(&[image.clone(), image.clone()], json!([image[0], image[0]]));
    }

    #[test]
    fn details_of_reasoning_stay_apart_by_their_type_and_signature() {
        let details = |it: Value| json!({"reasoning_details": it});
        let text = |text: &str| json!({"type": "reasoning.text", "index": 0, "text": text});
        let sealed = json!({"type": "reasoning.encrypted", "index": 0, "data": "x"});
        check(
            &[json!([text("a")]), json!([text("b")]), json!([sealed]), json!([sealed])]
                .map(details),
            details(json!([text("ab"), sealed])),
        );
        let signed = |text: &str| json!({"type": "reasoning.text", "text": text, "signature": "s"});
        check(
            &[json!([signed("a")]), json!([signed("b")])].map(details),
            details(json!([signed("a"), signed("b")])),
        );
        let signed = |it: &str| json!({"extra": {"google": {"thought_signature": it}}});
        check(&[signed("s"), signed("s")], signed("s"));
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        let check = |piece: Value, expect: bool| {
            let (mut merge, mut into) = (Merge::default(), Map::new());
            let mut pieces = std::iter::repeat_n(object(piece.clone()), 100);
            let res = pieces.try_for_each(|it| merge.fields(&mut into, it));
            assert_eq!(res.is_ok(), expect, "{}", piece.to_string().len());
        };
        check(json!({"x": "y".repeat(MAX_TEXT_BYTES / 100)}), true);
        check(json!({"x": "y".repeat(MAX_TEXT_BYTES / 99)}), false);
        check(json!({"x": vec![0; MAX_VALUES / 101]}), true);
        check(json!({"x": vec![0; MAX_VALUES / 99]}), false);
        // What is replaced is not counted twice.
        check(json!({"role": "y".repeat(MAX_TEXT_BYTES / 99), "n": 7}), true);
        let calls =
            |count| json!({"l": (0..count).map(|it| json!({"index": it})).collect::<Vec<_>>()});
        assert!(merged(&[calls(MAX_TOOL_CALLS)]).is_ok());
        assert_eq!(merged(&[calls(MAX_TOOL_CALLS + 1)]), Err(TooLarge));
    }

    proptest! {
        #[test]
        fn a_text_in_any_pieces_is_the_text(text in "\\PC{0,40}", cuts in prop::collection::vec(0usize..60, 0..6)) {
            let mut pieces = Vec::new();
            let mut rest = text.as_str();
            for cut in cuts {
                let at = rest.char_indices().map(|it| it.0).nth(cut).unwrap_or(rest.len());
                let (piece, left) = rest.split_at(at);
                pieces.push(piece);
                rest = left;
            }
            pieces.push(rest);
            let piece = |it: &&str| json!({"tool_calls": [{"index": 3, "f": {"arguments": it}}], "x": it});
            let pieces: Vec<Value> = pieces.iter().map(piece).collect();
            prop_assert_eq!(merged(&pieces), merged(&[piece(&text.as_str())]));
        }
    }
}
