//! The tool calls of a streamed answer, out of their pieces.
//!
//! A piece names its call by `index`, and the first one has `id` and `name`.
//! Servers differ from that in every way there is, so a piece is taken as the
//! beginning of a call only when it can't be a part of the last one.

use serde_json::{Map, Value};

use crate::provider::{
    bounds::MAX_TOOL_CALLS,
    merge::{Merge, TooLarge},
};

/// The calls so far.
#[derive(Default)]
pub(super) struct Calls(Vec<Call>);

#[derive(Default)]
struct Call {
    /// Where the server says that it stands.
    index: Option<Value>,
    id: String,
    name: String,
    arguments: String,
    /// The arguments, when they came as an object and not as text.
    object: Option<Value>,
    braces: Braces,
    /// All else that was said of it: its type, signatures, …
    rest: Map<String, Value>,
}

impl Calls {
    /// Takes the next piece. What is no object is none.
    pub(super) fn push(&mut self, piece: Value, merge: &mut Merge) -> Result<(), TooLarge> {
        let Value::Object(mut fields) = piece else { return Ok(()) };
        let index = fields.remove("index").filter(|it| !it.is_null());
        let mut function = match fields.remove("function") {
            Some(Value::Object(it)) => it,
            _ => Map::new(),
        };
        let id = taken(&mut fields, "id");
        let name = taken(&mut function, "name");
        let object = function.get("arguments").filter(|it| it.is_object()).cloned();
        let arguments = taken(&mut function, "arguments");
        let call = self.call(index, &id, &name, &arguments)?;
        if call.id.is_empty() {
            merge.text(&mut call.id, &id)?;
        }
        call.name(&name, merge)?;
        call.object = object.filter(|_| call.arguments.is_empty());
        call.arguments(&arguments, merge)?;
        merge.fields(&mut call.rest, fields)?;
        if !function.is_empty() {
            let rest = Map::from_iter([("function".to_owned(), Value::Object(function))]);
            merge.fields(&mut call.rest, rest)?;
        }
        Ok(())
    }

    /// The call that a piece belongs to.
    fn call(
        &mut self,
        index: Option<Value>,
        id: &str,
        name: &str,
        arguments: &str,
    ) -> Result<&mut Call, TooLarge> {
        let by_index = || self.0.iter().rposition(|it| it.index == index);
        let by_id = || self.0.iter().rposition(|it| it.id == id);
        let last = self.0.len().checked_sub(1);
        let found = match &index {
            Some(_) => by_index(),
            None if !id.is_empty() => by_id().or(last),
            None => last,
        };
        // Some servers count the pieces.
        let found = found.or(if id.is_empty() && name.is_empty() { last } else { None });
        let is_new = |it: &Call| it.is_over(index.is_some(), id, name, arguments);
        let place = found.filter(|it| !self.0.get(*it).is_some_and(is_new));
        let place = place.unwrap_or(self.0.len());
        if place == self.0.len() {
            if MAX_TOOL_CALLS <= place {
                return Err(TooLarge);
            }
            self.0.push(Call { index, ..Call::default() });
        }
        self.0.get_mut(place).ok_or(TooLarge)
    }

    /// As they stand in a message.
    pub(super) fn whole(self) -> Vec<Value> {
        self.0.into_iter().map(Call::whole).collect()
    }
}

impl Call {
    /// Whether a piece that could be of this call begins another one.
    fn is_over(&self, is_indexed: bool, id: &str, name: &str, arguments: &str) -> bool {
        if name.is_empty() || (!id.is_empty() && self.id == id) {
            return false;
        }
        if !id.is_empty() && !self.id.is_empty() {
            return self.braces.is_whole() || self.arguments.is_empty();
        }
        if self.arguments.is_empty() {
            return !is_indexed && !arguments.is_empty() && self.name != name;
        }
        let is_again = is_indexed && [self.arguments.trim(), "{}"].contains(&arguments.trim());
        let is_first = is_indexed && self.arguments.trim() == "{}";
        self.braces.is_whole() && !arguments.is_empty() && !is_again && !is_first
    }

    /// In pieces, again with every piece, or longer with each.
    fn name(&mut self, piece: &str, merge: &mut Merge) -> Result<(), TooLarge> {
        match piece.strip_prefix(self.name.as_str()) {
            Some(rest) => merge.text(&mut self.name, rest),
            None => merge.text(&mut self.name, piece),
        }
    }

    /// In pieces, longer with each, or all of it twice.
    fn arguments(&mut self, piece: &str, merge: &mut Merge) -> Result<(), TooLarge> {
        let is_same = self.braces.is_whole() && self.arguments.trim() == piece.trim();
        // No JSON begins with two of its own beginnings.
        let begun = self.arguments.as_str();
        let longer = piece.strip_prefix(begun).filter(|_| begun.starts_with('{'));
        let piece = match longer {
            _ if is_same => "",
            Some(rest) => rest,
            None if self.braces.is_whole() && begun.trim() == "{}" && !piece.trim().is_empty() => {
                self.arguments.clear();
                self.braces = Braces::default();
                piece
            }
            None => piece,
        };
        self.braces.push(piece);
        merge.text(&mut self.arguments, piece)
    }

    fn whole(self) -> Value {
        let Self { id, name, arguments, object, mut rest, .. } = self;
        let mut function = match rest.remove("function") {
            Some(Value::Object(it)) => it,
            _ => Map::new(),
        };
        function.insert("name".to_owned(), name.into());
        function.insert("arguments".to_owned(), object.unwrap_or_else(|| arguments.into()));
        if !id.is_empty() {
            rest.insert("id".to_owned(), id.into());
        }
        rest.insert("function".to_owned(), Value::Object(function));
        Value::Object(rest)
    }
}

/// Takes a field that is to be a text; anything else as JSON.
fn taken(of: &mut Map<String, Value>, field: &str) -> String {
    match of.remove(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(it)) => it,
        Some(it) => it.to_string(),
    }
}

/// Whether an object has ended, each byte looked at once.
#[derive(Default)]
struct Braces {
    depth: usize,
    has_begun: bool,
    is_text: bool,
    is_escaped: bool,
}

impl Braces {
    fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_text => self.is_escaped = true,
                b'"' => self.is_text = !self.is_text,
                b'{' | b'[' if !self.is_text => {
                    self.has_begun = true;
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' if !self.is_text => self.depth = self.depth.saturating_sub(1),
                _ => (),
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.has_begun && self.depth == 0 && !self.is_text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole(pieces: &[Value]) -> Result<Vec<Value>, TooLarge> {
        let (mut calls, mut merge) = (Calls::default(), Merge::default());
        pieces.iter().try_for_each(|it| calls.push(it.clone(), &mut merge))?;
        Ok(calls.whole())
    }

    /// Each call as `id name arguments`.
    #[track_caller]
    fn check(pieces: &[Value], expect: &[&str]) {
        let text = |it: &Value| it.as_str().unwrap_or("-").to_owned();
        let shown = |it: &Value| {
            let function = &it["function"];
            [&it["id"], &function["name"], &function["arguments"]].map(text).join(" ")
        };
        let calls: Vec<_> = whole(pieces).unwrap().iter().map(shown).collect();
        assert_eq!(calls, expect, "{pieces:?}");
    }

    /// A piece; what is empty is not said.
    fn piece(index: Option<u32>, id: &str, name: &str, arguments: &str) -> Value {
        let mut res = json!({"function": {}});
        if let Some(index) = index {
            res["index"] = index.into();
        }
        if !id.is_empty() {
            res["id"] = id.into();
        }
        for (field, text) in [("name", name), ("arguments", arguments)] {
            if !text.is_empty() {
                res["function"][field] = text.into();
            }
        }
        res
    }

    const ALL: &str = r#"{"p":"a"}"#;
    const CUT: [&str; 2] = [r#"{"p""#, r#":"a"}"#];

    #[test]
    fn pieces_are_joined_by_their_index() {
        let at = |index, id: &str, name: &str, it: &str| piece(Some(index), id, name, it);
        check(
            &[
                at(0, "a", "f", ""),
                at(1, "b", "g", CUT[0]),
                at(0, "", "", ALL),
                at(1, "", "", CUT[1]),
            ],
            &[r#"a f {"p":"a"}"#, r#"b g {"p":"a"}"#],
        );
        // All at the same place, told apart by what they are.
        check(
            &[at(0, "a", "f", ALL), at(0, "b", "f", ALL)],
            &[r#"a f {"p":"a"}"#, r#"b f {"p":"a"}"#],
        );
        check(&[at(0, "", "f", ALL), at(0, "", "g", "{}x")], &[r#"- f {"p":"a"}"#, "- g {}x"]);
        check(&[at(0, "a", "f", ""), at(1, "", "", ALL)], &[r#"a f {"p":"a"}"#]);
    }

    #[test]
    fn pieces_without_an_index_go_to_the_last_call() {
        let at = |id: &str, name: &str, it: &str| piece(None, id, name, it);
        check(&[at("a", "f", CUT[0]), at("", "", CUT[1])], &[r#"a f {"p":"a"}"#]);
        check(&[at("a", "f", CUT[0]), at("a", "", CUT[1])], &[r#"a f {"p":"a"}"#]);
        check(&[at("a", "f", CUT[0]), at("b", "", CUT[1])], &[r#"a f {"p":"a"}"#]);
        check(&[at("a", "f", ALL), at("b", "f", ALL)], &[r#"a f {"p":"a"}"#, r#"b f {"p":"a"}"#]);
        check(&[at("", "f", "{}"), at("", "f", "{}")], &["- f {}", "- f {}"]);
        check(&[at("", "now", ""), at("", "f", ALL)], &["- now ", r#"- f {"p":"a"}"#]);
        check(&[at("a", "f", ""), at("b", "g", "")], &["a f ", "b g "]);
    }

    #[test]
    fn a_new_id_on_each_piece_changes_nothing() {
        for index in [None, Some(0)] {
            let at = |id: &str, name: &str, it: &str| piece(index, id, name, it);
            check(
                &[at("a", "f", ""), at("b", "", CUT[0]), at("c", "", CUT[1])],
                &[r#"a f {"p":"a"}"#],
            );
            check(&[at("a", "f", CUT[0]), at("b", "f", CUT[1])], &[r#"a f {"p":"a"}"#]);
        }
    }

    #[test]
    fn a_name_in_pieces_is_joined_and_one_that_is_repeated_is_not() {
        let at = |name: &str, it: &str| piece(Some(0), "", name, it);
        check(&[at("read_", ""), at("file", ""), at("", ALL)], &[r#"- read_file {"p":"a"}"#]);
        check(&[at("f", CUT[0]), at("f", CUT[1])], &[r#"- f {"p":"a"}"#]);
        check(&[at("read", ""), at("read_file", ALL)], &[r#"- read_file {"p":"a"}"#]);
        check(&[at("f", ALL), at("f", "")], &[r#"- f {"p":"a"}"#]);
    }

    #[test]
    fn arguments_that_come_whole_again_are_taken_once() {
        let at = |it: &str| piece(Some(0), "a", "f", it);
        let unnamed = |it: &str| piece(Some(0), "", "", it);
        let expect = [r#"a f {"p":"a"}"#];
        check(&[at(ALL), unnamed(ALL)], &expect);
        check(&[at(CUT[0]), unnamed(CUT[1]), unnamed(ALL)], &expect);
        check(&[at(ALL), piece(Some(0), "", "f", ALL)], &expect);
        check(&[at("{}"), unnamed(ALL)], &expect);
        check(&[at("{}"), unnamed(CUT[0]), unnamed(CUT[1])], &expect);
        check(&[at("{"), unnamed(CUT[0]), unnamed(ALL)], &expect);
        check(&[at("{}"), unnamed("{}")], &["a f {}"]);
    }

    #[test]
    fn what_else_is_said_of_a_call_is_kept() {
        let signed = json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f"},
            "extra_content": {"google": {"thought_signature": "s"}}});
        let pieces =
            [signed.clone(), signed, json!({"index": 0, "function": {"arguments": {"x": 1}}})];
        let expect = json!([{"id": "a", "type": "function",
            "function": {"name": "f", "arguments": {"x": 1}},
            "extra_content": {"google": {"thought_signature": "s"}}}]);
        assert_eq!(whole(&pieces).map(Value::from), Ok(expect));
    }

    #[test]
    fn calls_without_end_are_refused() {
        let calls = |count: usize| -> Vec<Value> {
            (0..count).map(|it| json!({"index": it, "function": {"name": "f"}})).collect()
        };
        assert!(whole(&calls(MAX_TOOL_CALLS)).is_ok());
        assert_eq!(whole(&calls(MAX_TOOL_CALLS + 1)), Err(TooLarge));
        assert_eq!(whole(&[json!(7), json!("x")]), Ok(Vec::new()));
    }
}
