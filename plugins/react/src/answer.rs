//! The final answer, when it has to be JSON.

use serde_json::{Deserializer, Value};

use crate::fence::fences;

/// The one JSON value of an answer that has to be JSON: all of it, or what is
/// in its one fence or between its prose. Nothing when there could be two.
pub(crate) fn json(text: &str) -> Option<&str> {
    let text = text.trim();
    if is_json(text) {
        return Some(text);
    }
    let mut fenced = fences(text).into_iter().map(|it| it.body).filter(|it| is_json(it));
    match (fenced.next(), fenced.next()) {
        (Some(body), None) => Some(body),
        (Some(_), Some(_)) => None,
        (None, _) => in_prose(text),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// A bracket that begins no value is the end of the search: what is inside of
/// it would be a part of something else.
fn in_prose(text: &str) -> Option<&str> {
    let mut found = None;
    let mut rest = text;
    while let Some(start) = rest.find(['{', '[']) {
        let from = rest.get(start..)?;
        let mut values = Deserializer::from_str(from).into_iter::<Value>();
        values.next()?.ok()?;
        let (value, after) = from.split_at_checked(values.byte_offset())?;
        if found.replace(value).is_some() {
            return None;
        }
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(json(text), expect, "{text}");
    }

    #[test]
    fn json_alone_is_kept_as_it_is() {
        check(" {\"a\": 1}\n", Some("{\"a\": 1}"));
        check("[]", Some("[]"));
        check("3", Some("3"));
        check("\"```\"", Some("\"```\""));
    }

    #[test]
    fn a_fence_and_prose_are_taken_off_the_one_value() {
        check("```json\n{\"a\": [1]}\n```", Some("{\"a\": [1]}"));
        check("Here [as asked]:\n```\n[1]\n```\nDone.", Some("[1]"));
        check("The answer: {\"a\": {}} Done.", Some("{\"a\": {}}"));
        check("```sh\nls\n```\n```json\n{}\n```", Some("{}"));
        check("```json\n{\"a\": 1", None);
    }

    #[test]
    fn what_could_be_two_or_a_part_is_none() {
        check("No.", None);
        check("", None);
        check("{} or {}", None);
        check("```\n{}\n```\n```\n[]\n```", None);
        check("{lines: [1, 2]}", None);
        check("{\"a\": [1, 2]", None);
    }
}
