//! A filter over documents.

use std::iter;

use hermitage_guest::ToolError;
use jaq_core::{Ctx, Exn, Vars};
use jaq_json::Val;
use jaq_std::input::{Inputs, RcIter};

use crate::{
    answer::Answer,
    documents,
    filter::{self, Data, Run},
};

/// What the filter is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// Each document in turn.
    Each,
    /// An array of all documents, once.
    Slurped,
    /// `null`, once: it takes documents by `input` and `inputs`.
    Null,
}

pub(crate) fn run(code: &str, text: &str, input: Input) -> Result<Answer, ToolError> {
    let unreadable = |what| move |why| ToolError::InvalidArguments(format!("{what}, {why}"));
    let filter = filter::compile(code).map_err(unreadable("in the filter"))?;
    let mut documents = documents::read(text).map_err(unreadable("in the JSON text"))?;
    if let Input::Slurped = input {
        documents = vec![documents.into_iter().collect()];
    }
    let several = documents.len() > 1;
    let inputs = RcIter::new(documents.into_iter().map(Ok::<_, String>));
    let inputs: Inputs<'_, Val> = &inputs;
    let values: Box<dyn Iterator<Item = Result<Val, String>>> = match input {
        Input::Null => Box::new(iter::once(Ok(Val::Null))),
        Input::Each | Input::Slurped => Box::new(inputs),
    };
    let data = Run { lut: &filter.lut, inputs };
    let mut answer = Answer::default();
    for (index, value) in values.enumerate() {
        let name = |why| match input {
            Input::Each if several => ToolError::Failed(format!("document {}: {why}", index + 1)),
            _ => ToolError::Failed(why),
        };
        let context = Ctx::<Data>::new(&data, Vars::new([]));
        for result in filter.id.run((context, value.map_err(name)?)) {
            let goes_on = match result {
                Ok(value) => answer.take(&value).map_err(name)?,
                Err(end) => ended(end).map_err(name)?,
            };
            if !goes_on {
                return Ok(answer);
            }
        }
    }
    Ok(answer)
}

/// `halt` is an end without an error.
fn ended(end: Exn<'_, Val>) -> Result<bool, String> {
    match end.get_err().map_err(Exn::get_halt) {
        Ok(error) => Err(message(error)),
        Err(Ok(0)) => Ok(false),
        Err(Ok(code)) => Err(format!("the filter halted with {code}")),
        Err(Err(_)) => Err("the filter broke off".to_owned()),
    }
}

/// Characters of an error that are told: it may hold a whole document.
const LONGEST: usize = 400;

fn message(error: jaq_json::Error) -> String {
    let text = match error.into_val() {
        Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
        value => value.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(code: &str, text: &str, input: Input) -> String {
        match run(code, text, input) {
            Ok(answer) => serde_json::to_string(&answer).unwrap(),
            Err(ToolError::InvalidArguments(why)) => format!("unreadable: {why}"),
            Err(ToolError::Failed(why)) => format!("failed: {why}"),
            Err(other) => panic!("{other}"),
        }
    }

    #[track_caller]
    fn check(code: &str, text: &str, expect: &str) {
        assert_eq!(json(code, text, Input::Each), expect);
    }

    #[test]
    fn each_document_is_filtered() {
        check(".a", "{\"a\": 1} {\"a\": [true]}", r#"{"results":[1,[true]]}"#);
        check(".[] | select(. > 1)", "[1, 2, 3]", r#"{"results":[2,3]}"#);
        check("empty", "1", r#"{"results":[]}"#);
        check(".", "", r#"{"results":[]}"#);
    }

    #[test]
    fn documents_are_taken_together_when_asked_for() {
        assert_eq!(json("add", "1 2 3", Input::Slurped), r#"{"results":[6]}"#);
        assert_eq!(json("[inputs]", "1 2 3", Input::Null), r#"{"results":[[1,2,3]]}"#);
        assert_eq!(json("1 + 1", "", Input::Null), r#"{"results":[2]}"#);
        assert_eq!(json("., input", "1 2", Input::Each), r#"{"results":[1,2]}"#);
    }

    #[test]
    fn numbers_are_as_they_were() {
        let same = "[12345678901234567890123,0.1000,1e1000,-7,18446744073709551615]";
        check(".", same, &format!("{{\"results\":[{same}]}}"));
        check("nan, infinite", "0", r#"{"results":[null,1.7976931348623157e+308]}"#);
    }

    #[test]
    fn keys_keep_their_order_and_are_texts() {
        check(".", "{\"b\":1,\"a\":2}", r#"{"results":[{"b":1,"a":2}]}"#);
        check("{(1|tostring): 2}", "0", r#"{"results":[{"1":2}]}"#);
    }

    #[test]
    fn an_error_names_its_document() {
        check(".a", "{\"a\": 1} [2]", "failed: document 2: cannot index [2] with \"a\"");
        check(".a", "[2]", "failed: cannot index [2] with \"a\"");
        check("error(\"no\")", "1", "failed: no");
        check("halt_error", "1", "failed: the filter halted with 5");
        check("1, halt, 2", "1 2", r#"{"results":[1]}"#);
        check(
            ".a | (",
            "1",
            "unreadable: in the filter, line 1, column 7: expected closing parenthesis, \
             found the end\n.a | (\n      ^",
        );
        check(
            ".",
            "[",
            "unreadable: in the JSON text, line 1, column 2: value or end of sequence expected",
        );
    }

    #[test]
    fn rows_are_written_as_text() {
        check(
            "@csv",
            r#"["a \"b\"", 1, null, true]"#,
            r#"{"results":["\"a \"\"b\"\"\",1,,true"]}"#,
        );
        check("@tsv", r#"["a\tb", 1.5, "\\"]"#, r#"{"results":["a\\tb\t1.5\t\\\\"]}"#);
        check("@csv", "[[]]", "failed: a row of CSV holds no arrays and no objects");
        check(
            "\"row: \\(.[1])\" , @csv \"x,\\([\"a\"])\"",
            "[1, 2]",
            r#"{"results":["row: 2","x,\"a\""]}"#,
        );
        check("INDEX(.a) | keys", r#"[{"a": 2}, {"a": "b"}]"#, r#"{"results":[["2","b"]]}"#);
        check("IN(2, 3), IN(5)", "3", r#"{"results":[true,false]}"#);
        check("trimstr(\"a\"), ([65] | .[0] | ascii)", "\"aba\"", r#"{"results":["b","A"]}"#);
    }

    #[test]
    fn a_long_error_is_cut() {
        let text = format!("[{}1]", "1,".repeat(1000));
        let answer = json(".a", &text, Input::Each);
        assert!(answer.ends_with("1,1,…") && answer.len() < 450, "{answer}");
    }

    #[test]
    fn results_are_bounded() {
        let answer = json("repeat(.)", "\"0123456789\"", Input::Each);
        assert!(answer.len() < 70_000, "{}", answer.len());
        assert!(answer.ends_with("\"more\":\"the results together have more than 65536 bytes\"}"));
        check(
            "[range(100000)]",
            "0",
            "failed: the result has more than 65536 bytes: select less of it",
        );
        check(
            "reduce range(300) as $i (0; [.])",
            "0",
            "failed: the result is nested deeper than 256",
        );
    }
}
