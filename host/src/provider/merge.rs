//! Pieces of a streamed message, merged into the message as it would have
//! come at once, fields included that this host knows nothing of.
//!
//! Texts are joined, but for those that name something and come whole;
//! objects are merged; entries of lists are merged by their `index`, or added
//! when they have none; of anything else the last one stays.

use serde_json::{Map, Value};

use super::bounds::{MAX_TEXT_BYTES, MAX_TOOL_CALLS, MAX_VALUES};

/// Fields that come whole, once or with every piece.
const WHOLE: [&str; 6] = ["role", "type", "id", "format", "object", "name"];

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

    fn value(&mut self, into: &mut Value, piece: Value) -> Result<(), TooLarge> {
        match (into, piece) {
            (Value::String(into), Value::String(piece)) => {
                self.grow(Size { values: 0, text_bytes: piece.len() })?;
                into.push_str(&piece);
                Ok(())
            }
            (Value::Object(into), Value::Object(piece)) => self.fields(into, piece),
            (Value::Array(into), Value::Array(piece)) => self.entries(into, piece),
            (into @ Value::Null, Value::Array(piece)) => {
                let mut list = Vec::new();
                let res = self.entries(&mut list, piece);
                *into = Value::Array(list);
                res
            }
            (into, piece) => self.replace(into, piece),
        }
    }

    fn entries(&mut self, into: &mut Vec<Value>, piece: Vec<Value>) -> Result<(), TooLarge> {
        for value in piece {
            let is_indexed = value.get("index").is_some();
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

/// Whether a piece belongs to an entry: by index, unless both say that they
/// are something else. Some servers give all tool calls the index 0.
fn is_same(entry: &Value, piece: &Value) -> bool {
    if entry.get("index") != piece.get("index") {
        return false;
    }
    match (id(entry), id(piece)) {
        ("", _) | (_, "") => true,
        (entry, piece) => entry == piece,
    }
}

fn id(of: &Value) -> &str {
    of.get("id").and_then(Value::as_str).unwrap_or_default()
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
