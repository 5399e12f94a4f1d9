//! The steps: the list as it is written, and where each one's tool is.

use serde_json::{Map, Value};

/// One call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) tool: String,
    /// A JSON object, as text.
    pub(crate) arguments: String,
}

const FORM: &str = r#"the context must be a JSON list of `{"tool": NAME, "arguments": OBJECT}`"#;

/// The steps of a context.
pub(crate) fn read(context: Option<&str>) -> Result<Vec<Step>, String> {
    let context = context.ok_or_else(|| format!("{FORM}: there is none"))?;
    match serde_json::from_str(context) {
        Ok(Value::Array(entries)) => {
            entries.into_iter().enumerate().map(|(at, it)| step(at + 1, it)).collect()
        }
        Ok(_) => Err(format!("{FORM}: this is no list")),
        Err(error) => Err(format!("{FORM}: {error}")),
    }
}

fn step(number: usize, entry: Value) -> Result<Step, String> {
    let error = |why: &str| format!("{FORM}: step {number} {why}");
    let Value::Object(mut fields) = entry else {
        return Err(error("is no object"));
    };
    let tool = match fields.remove("tool") {
        Some(Value::String(tool)) => tool,
        _ => return Err(error("has no `tool`")),
    };
    let arguments = match fields.remove("arguments") {
        None => Value::Object(Map::new()),
        Some(it @ Value::Object(_)) => it,
        Some(_) => return Err(error("has `arguments` that are no object")),
    };
    match fields.keys().next() {
        Some(key) => Err(error(&format!("has an unknown field `{key}`"))),
        None => Ok(Step { tool, arguments: arguments.to_string() }),
    }
}

/// Where the tool of each step is in `granted`. A step without one refuses
/// the whole list, before anything is done.
pub(crate) fn places(steps: &[Step], granted: &[String]) -> Result<Vec<usize>, String> {
    let place = |(at, step): (usize, &Step)| {
        let place = granted.iter().position(|it| *it == step.tool);
        place.ok_or_else(|| {
            let names: Vec<_> = granted.iter().map(|it| format!("`{it}`")).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("step {} needs `{}`: granted are {names}", at + 1, step.tool)
        })
    };
    steps.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(tool: &str, arguments: &str) -> Step {
        Step { tool: tool.to_owned(), arguments: arguments.to_owned() }
    }

    #[test]
    fn a_list_is_read_and_arguments_may_be_left_out() {
        let context = r#"[{"tool": "read_file", "arguments": {"path": "a"}}, {"tool": "now"}]"#;
        let expect = vec![step("read_file", r#"{"path":"a"}"#), step("now", "{}")];
        assert_eq!(read(Some(context)), Ok(expect));
        assert_eq!(read(Some("[]")), Ok(Vec::new()));
    }

    #[track_caller]
    fn check(context: Option<&str>, why: &str) {
        assert_eq!(read(context).unwrap_err(), format!("{FORM}: {why}"));
    }

    #[test]
    fn what_is_no_list_of_steps_is_told_with_its_reason() {
        check(None, "there is none");
        check(Some("{}"), "this is no list");
        check(Some("hello"), "expected value at line 1 column 1");
        check(Some("[1]"), "step 1 is no object");
        check(Some(r#"[{"tool": "a"}, {}]"#), "step 2 has no `tool`");
        check(
            Some(r#"[{"tool": "a", "arguments": "x"}]"#),
            "step 1 has `arguments` that are no object",
        );
        check(Some(r#"[{"tool": "a", "args": {}}]"#), "step 1 has an unknown field `args`");
    }

    #[test]
    fn a_tool_that_was_not_granted_refuses_the_whole_list() {
        let steps = [step("b", "{}"), step("memory", "{}")];
        let granted = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(places(&steps[..1], &granted(&["a", "b"])), Ok(vec![1]));
        assert_eq!(
            places(&steps, &granted(&["a", "b"])).unwrap_err(),
            "step 2 needs `memory`: granted are `a`, `b`"
        );
        assert_eq!(places(&steps, &[]).unwrap_err(), "step 1 needs `b`: granted are none");
    }
}
