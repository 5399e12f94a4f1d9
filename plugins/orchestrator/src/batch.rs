//! The tasks: a JSON list, or a line for each.

use hermitage_guest::{Role, delegation::Subtask};
use serde_json::{Map, Value};

/// What every task of [`BUNDLED`] needs.
const READ_ONLY: &str = "file_read";

/// Agents that look at a workspace and change nothing.
const BUNDLED: [&str; 3] = ["survey", "todos", "links"];

const FORM: &str =
    "the context must be a JSON list of `{\"goal\": TEXT, …}`, or lines `AGENT: GOAL`";

/// The tasks of a context. Without one, `goal` goes to the bundled agents.
pub(crate) fn read(goal: &str, context: Option<&str>) -> Result<Vec<Subtask>, String> {
    match context.map(str::trim) {
        None | Some("") => Ok(BUNDLED.map(|it| bundled(it, goal)).into()),
        Some(list) if list.starts_with('[') => read_list(list),
        Some(lines) => Ok(lines.lines().filter(|it| !it.trim().is_empty()).map(line).collect()),
    }
}

fn bundled(agent: &str, goal: &str) -> Subtask {
    Subtask {
        goal: goal.to_owned(),
        agent: Some(agent.to_owned()),
        toolsets: Some(vec![READ_ONLY.to_owned()]),
        ..Subtask::default()
    }
}

/// The text before `: ` is an agent when it could be the name of one.
fn line(line: &str) -> Subtask {
    let is_name = |it: &str| {
        let is_part =
            |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || "_-".contains(it);
        !it.is_empty() && it.chars().all(is_part)
    };
    let (agent, goal) = match line.trim().split_once(": ") {
        Some((agent, goal)) if is_name(agent) => (Some(agent.to_owned()), goal),
        _ => (None, line),
    };
    Subtask { goal: goal.trim().to_owned(), agent, ..Subtask::default() }
}

fn read_list(list: &str) -> Result<Vec<Subtask>, String> {
    let entries: Vec<Value> =
        serde_json::from_str(list).map_err(|error| format!("{FORM}: {error}"))?;
    if entries.is_empty() {
        return Err(format!("{FORM}: this list is empty"));
    }
    let subtask = |(at, entry)| subtask(entry).map_err(|why| format!("{FORM}: task {at} {why}"));
    (1..).zip(entries).map(subtask).collect()
}

fn subtask(entry: Value) -> Result<Subtask, String> {
    let Value::Object(mut fields) = entry else {
        return Err("is no object".to_owned());
    };
    let subtask = Subtask {
        goal: text(&mut fields, "goal")?.ok_or("is missing a `goal`")?,
        context: text(&mut fields, "context")?,
        toolsets: texts(&mut fields, "toolsets")?,
        agent: text(&mut fields, "agent")?,
        role: role(&mut fields)?,
        model: text(&mut fields, "model")?,
        output_schema: schema(&mut fields),
        max_iterations: number(&mut fields, "max_iterations")?,
    };
    match fields.keys().next() {
        Some(key) => Err(format!("has an unknown field `{key}`")),
        None => Ok(subtask),
    }
}

/// The value of a field; `null` is none.
fn take(fields: &mut Map<String, Value>, key: &str) -> Option<Value> {
    fields.remove(key).filter(|it| !it.is_null())
}

fn text(fields: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match take(fields, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("has a `{key}` that is no text")),
    }
}

fn texts(fields: &mut Map<String, Value>, key: &str) -> Result<Option<Vec<String>>, String> {
    let texts = take(fields, key).map(serde_json::from_value).transpose();
    texts.map_err(|_| format!("has `{key}` that are no list of texts"))
}

fn number(fields: &mut Map<String, Value>, key: &str) -> Result<Option<u32>, String> {
    let number = take(fields, key).map(serde_json::from_value).transpose();
    number.map_err(|_| format!("has a `{key}` that is no number"))
}

fn role(fields: &mut Map<String, Value>) -> Result<Option<Role>, String> {
    match text(fields, "role")?.as_deref() {
        None => Ok(None),
        Some("leaf") => Ok(Some(Role::Leaf)),
        Some("orchestrator") => Ok(Some(Role::Orchestrator)),
        Some(other) => Err(format!("has the role `{other}`; there are `leaf` and `orchestrator`")),
    }
}

/// As JSON text, whether it was written as a text or as an object.
fn schema(fields: &mut Map<String, Value>) -> Option<String> {
    match take(fields, "output_schema")? {
        Value::String(text) => Some(text),
        object => Some(object.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subtask(agent: Option<&str>, goal: &str) -> Subtask {
        let agent = agent.map(str::to_owned);
        Subtask { goal: goal.to_owned(), agent, ..Subtask::default() }
    }

    #[test]
    fn without_a_context_the_goal_goes_to_the_bundled_agents() {
        for context in [None, Some(" \n")] {
            let batch = read("Look around", context).unwrap();
            let agents: Vec<_> = batch.iter().filter_map(|it| it.agent.as_deref()).collect();
            assert_eq!(agents, ["survey", "todos", "links"]);
            assert!(batch.iter().all(|it| it.goal == "Look around"));
            let toolsets = Some(vec!["file_read".to_owned()]);
            assert!(batch.iter().all(|it| it.toolsets == toolsets));
        }
    }

    #[test]
    fn a_line_is_a_task_with_or_without_an_agent() {
        let lines = "survey: Look around\n\n  my-agent_2: a: b\nRead https://x.org: it is short\n\
            http://x.org\nTwo words: goal\n: empty";
        let expect = [
            subtask(Some("survey"), "Look around"),
            subtask(Some("my-agent_2"), "a: b"),
            subtask(None, "Read https://x.org: it is short"),
            subtask(None, "http://x.org"),
            subtask(None, "Two words: goal"),
            subtask(None, ": empty"),
        ];
        assert_eq!(read("g", Some(lines)).unwrap(), expect);
    }

    #[test]
    fn a_list_may_say_everything_of_a_task() {
        let list = r#" [{"goal": "a"}, {
            "goal": "b", "context": "c", "toolsets": [], "agent": "d", "role": "orchestrator",
            "model": "e", "output_schema": {"type": "object"}, "max_iterations": 3
        }, {"goal": "f", "agent": null, "role": "leaf", "output_schema": "{}"}]"#;
        let full = Subtask {
            goal: "b".to_owned(),
            context: Some("c".to_owned()),
            toolsets: Some(Vec::new()),
            agent: Some("d".to_owned()),
            role: Some(Role::Orchestrator),
            model: Some("e".to_owned()),
            output_schema: Some(r#"{"type":"object"}"#.to_owned()),
            max_iterations: Some(3),
        };
        let last = Subtask {
            role: Some(Role::Leaf),
            output_schema: Some("{}".to_owned()),
            ..subtask(None, "f")
        };
        assert_eq!(read("g", Some(list)).unwrap(), [subtask(None, "a"), full, last]);
    }

    #[track_caller]
    fn check_error(list: &str, expect: &str) {
        assert_eq!(read("g", Some(list)).unwrap_err(), format!("{FORM}: {expect}"));
    }

    #[test]
    fn what_is_no_list_of_tasks_is_told_with_its_reason() {
        check_error("[", "EOF while parsing a list at line 1 column 1");
        check_error("[]", "this list is empty");
        check_error("[1]", "task 1 is no object");
        check_error(r#"[{"goal": "a"}, {}]"#, "task 2 is missing a `goal`");
        check_error(r#"[{"goal": 1}]"#, "task 1 has a `goal` that is no text");
        check_error(
            r#"[{"goal": "a", "toolsets": "b"}]"#,
            "task 1 has `toolsets` that are no list of texts",
        );
        check_error(
            r#"[{"goal": "a", "max_iterations": -1}]"#,
            "task 1 has a `max_iterations` that is no number",
        );
        check_error(
            r#"[{"goal": "a", "role": "boss"}]"#,
            "task 1 has the role `boss`; there are `leaf` and `orchestrator`",
        );
        check_error(r#"[{"goal": "a", "tools": []}]"#, "task 1 has an unknown field `tools`");
    }
}
