//! Arguments as models write them: a JSON object, in which an optional
//! argument may be there and empty. Whatever is wrong is named.

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::Value;

use super::call::ToolError;

/// Reads the arguments of a tool.
///
/// # Errors
///
/// [`ToolError::InvalidArguments`], which names the argument.
pub(super) fn object<'a, T: Deserialize<'a>>(arguments: &'a str) -> Result<T, ToolError> {
    // Otherwise a list would be read, too, with the arguments by their places.
    if !arguments.trim_start().starts_with('{') {
        let problem = "the arguments are no JSON object: give one with each argument by its name";
        return Err(ToolError::InvalidArguments(problem.to_owned()));
    }
    let mut source = serde_json::Deserializer::from_str(arguments);
    let read = named(&mut source)?;
    source.end().map_err(|it| ToolError::InvalidArguments(it.to_string()))?;
    Ok(read)
}

/// The same from what is read already.
pub(super) fn value<T: DeserializeOwned>(value: Value) -> Result<T, ToolError> {
    named(value)
}

fn named<'a, T, D>(source: D) -> Result<T, ToolError>
where
    T: Deserialize<'a>,
    D: Deserializer<'a, Error = serde_json::Error>,
{
    serde_path_to_error::deserialize(source).map_err(|error| {
        let path = error.path().to_string();
        let problem = without_place(error.inner());
        // Some errors name what they mean themselves.
        let is_named =
            path == "." || !error.inner().is_data() || problem.contains(&format!("`{path}`"));
        let problem = if is_named { problem } else { format!("`{path}`: {problem}") };
        ToolError::InvalidArguments(problem)
    })
}

/// The place of an error counts where the text is no JSON; otherwise the name
/// of the argument says it better.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(problem) if error.is_data() => problem.to_owned(),
        _ => text,
    }
}

/// An optional argument: `null` and an empty text count as absent. For
/// `deserialize_with`.
pub(super) fn optional<'a, T, D>(source: D) -> Result<T, D::Error>
where
    T: Default + DeserializeOwned,
    D: Deserializer<'a>,
{
    match Value::deserialize(source)? {
        Value::Null => Ok(T::default()),
        Value::String(text) if text.is_empty() => Ok(T::default()),
        value => serde_json::from_value(value).map_err(D::Error::custom),
    }
}

/// Drops a text that is there and empty.
pub(super) fn drop_empty(text: &mut Option<String>) {
    text.take_if(|it| it.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolset::{
        Tool,
        call::{Memory, MemoryAction, Patch, ReadFile, SearchFiles, Terminal, ToolCall},
        delegate::{DelegateTask, TaskRequest},
    };

    fn check(tool: Tool, arguments: &str, expect: ToolCall) {
        let call = ToolCall::from_json(tool, arguments.to_owned()).map(ToolCall::without_empty);
        assert_eq!(call, Ok(expect), "{arguments}");
    }

    fn check_error(tool: Tool, arguments: &str, expect: &str) {
        let error = ToolCall::from_json(tool, arguments.to_owned()).unwrap_err();
        assert_eq!(error, ToolError::InvalidArguments(expect.to_owned()), "{arguments}");
    }

    #[test]
    fn an_optional_argument_may_be_there_and_empty() {
        let read = ReadFile { path: "a".to_owned(), offset: None, limit: None };
        for empty in [r#""""#, "null"] {
            let arguments = format!(r#"{{"path":"a","offset":{empty},"limit":{empty}}}"#);
            check(Tool::ReadFile, &arguments, ToolCall::ReadFile(read.clone()));
            let names = ["path", "name", "content", "cursor", "limit"];
            let all = names.map(|it| format!(r#""{it}":{empty}"#)).join(",");
            let none = ToolCall::SearchFiles(SearchFiles::default());
            check(Tool::SearchFiles, &format!("{{{all}}}"), none);
            let command = Terminal { command: "ls".to_owned(), ..Terminal::default() };
            let arguments = format!(r#"{{"command":"ls","directory":{empty},"timeout":{empty}}}"#);
            check(Tool::Terminal, &arguments, ToolCall::Terminal(command));
            let note = Memory { action: MemoryAction::Read, ..Memory::default() };
            let arguments = format!(r#"{{"action":"read","text":{empty},"old_text":{empty}}}"#);
            check(Tool::Memory, &arguments, ToolCall::Memory(note));
            let names = [
                "context",
                "toolsets",
                "agent",
                "role",
                "model",
                "output_schema",
                "max_iterations",
            ];
            let all = names.map(|it| format!(r#""{it}":{empty}"#)).join(",");
            let task = TaskRequest { goal: "g".to_owned(), ..TaskRequest::default() };
            let tasks = DelegateTask { tasks: vec![task], ..DelegateTask::default() };
            let arguments = format!(r#"{{"goal":{empty},{all},"tasks":[{{"goal":"g",{all}}}]}}"#);
            check(Tool::DelegateTask, &arguments, ToolCall::DelegateTask(tasks));
            let arguments = format!(r#"{{"tasks":{empty}}}"#);
            let none = ToolCall::DelegateTask(DelegateTask::default());
            check(Tool::DelegateTask, &arguments, none);
        }
    }

    #[test]
    fn an_empty_replacement_deletes() {
        let call = Patch {
            path: "a".to_owned(),
            search: Some("x".to_owned()),
            replace: Some(String::new()),
            all: false,
            diff: None,
        };
        let arguments = r#"{"path":"a","search":"x","replace":"","all":null,"diff":""}"#;
        check(Tool::Patch, arguments, ToolCall::Patch(call));
    }

    #[test]
    fn a_component_may_give_empty_texts_as_well() {
        let some = || Some(String::new());
        let (path, name, content, cursor) = (some(), some(), some(), some());
        let call = ToolCall::SearchFiles(SearchFiles { path, name, content, cursor, limit: None });
        assert_eq!(call.without_empty(), ToolCall::SearchFiles(SearchFiles::default()));
        let task = |text: Option<String>| TaskRequest {
            goal: "g".to_owned(),
            output_schema: text.clone().map(Value::String),
            context: text.clone(),
            agent: text.clone(),
            model: text,
            ..TaskRequest::default()
        };
        let call =
            |tasks| ToolCall::DelegateTask(DelegateTask { tasks, ..DelegateTask::default() });
        assert_eq!(call(vec![task(some())]).without_empty(), call(vec![task(None)]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (tool, arguments, expect) in [
            (
                Tool::ReadFile,
                r#"{"path":"a","limit":"many"}"#,
                "`limit`: invalid type: string \"many\", expected u32",
            ),
            (
                Tool::ReadFile,
                r#"{"path":7}"#,
                "`path`: invalid type: integer `7`, expected a string",
            ),
            (
                Tool::SearchFiles,
                r#"{"limit":-1}"#,
                "`limit`: invalid value: integer `-1`, expected u32",
            ),
            (
                Tool::Patch,
                r#"{"path":"a","all":"perhaps"}"#,
                "`all`: invalid type: string \"perhaps\", expected a boolean",
            ),
            (Tool::ReadFile, "{}", "missing field `path`"),
            (Tool::WriteFile, r#"{"path":"a","path":"b"}"#, "duplicate field `path`"),
            (
                Tool::DelegateTask,
                r#"{"goal":"g","max_iterations":"x"}"#,
                "`max_iterations`: invalid type: string \"x\", expected u32",
            ),
            (
                Tool::DelegateTask,
                r#"{"tasks":[{"goal":"g","toolsets":[1]}]}"#,
                "Task 1 is no task: `toolsets`: invalid type: integer `1`, expected a string",
            ),
            (Tool::ReadFile, r#"{"path":"a",}"#, "trailing comma at line 1 column 13"),
        ] {
            check_error(tool, arguments, expect);
        }
    }

    #[test]
    fn arguments_by_their_places_are_refused() {
        let expect = "the arguments are no JSON object: give one with each argument by its name";
        for arguments in [r#"["hello.txt"]"#, r#" ["hello.txt", 1, 2]"#, r#""hello.txt""#, "7", ""]
        {
            for tool in Tool::ALL {
                check_error(tool, arguments, expect);
            }
        }
    }
}
