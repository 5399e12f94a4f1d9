//! The arguments of the tools as models and components write them.

use std::fmt::Debug;

use serde_json::Value;

use crate::{
    tools::{
        clarify::Clarify,
        code_execution::ExecuteCode,
        delegation::{DelegateTask, TaskRequest},
        file::{Patch, ReadFile, SearchFiles, WriteFile},
        memory::{Memory, MemoryAction},
        messaging::SendMessage,
        terminal::Terminal,
        web::{WebExtract, WebSearch},
    },
    toolset::{Tool, ToolError},
};

fn check<T: Tool + Debug + PartialEq>(arguments: &str, expect: T) {
    let call = T::from_json(arguments).map(without_empty);
    assert_eq!(call, Ok(expect), "{arguments}");
}

fn without_empty<T: Tool>(mut call: T) -> T {
    call.drop_empty();
    call
}

fn error<T: Tool + Debug>(arguments: &str) -> ToolError {
    T::from_json(arguments).unwrap_err()
}

/// Reads the arguments of one of the tools.
type Read = fn(&str) -> ToolError;

fn check_error(read: Read, arguments: &str, expect: &str) {
    assert_eq!(read(arguments), ToolError::InvalidArguments(expect.to_owned()), "{arguments}");
}

#[test]
fn an_optional_argument_may_be_there_and_empty() {
    let read = ReadFile { path: "a".to_owned(), offset: None, limit: None };
    for empty in [r#""""#, "null"] {
        let arguments = format!(r#"{{"path":"a","offset":{empty},"limit":{empty}}}"#);
        check(&arguments, read.clone());
        let names = ["path", "name", "content", "cursor", "limit"];
        let all = names.map(|it| format!(r#""{it}":{empty}"#)).join(",");
        let none = SearchFiles::default();
        check(&format!("{{{all}}}"), none);
        let command = Terminal { command: "ls".to_owned(), ..Terminal::default() };
        let arguments = format!(r#"{{"command":"ls","directory":{empty},"timeout":{empty}}}"#);
        check(&arguments, command);
        let note = Memory { action: MemoryAction::Read, ..Memory::default() };
        let arguments = format!(r#"{{"action":"read","text":{empty},"old_text":{empty}}}"#);
        check(&arguments, note);
        let names =
            ["context", "toolsets", "agent", "role", "model", "output_schema", "max_iterations"];
        let all = names.map(|it| format!(r#""{it}":{empty}"#)).join(",");
        let task = TaskRequest { goal: "g".to_owned(), ..TaskRequest::default() };
        let tasks = DelegateTask { tasks: vec![task], ..DelegateTask::default() };
        let arguments = format!(r#"{{"goal":{empty},{all},"tasks":[{{"goal":"g",{all}}}]}}"#);
        check(&arguments, tasks);
        let arguments = format!(r#"{{"tasks":{empty}}}"#);
        let none = DelegateTask::default();
        check(&arguments, none);
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
    check(arguments, call);
}

#[test]
fn a_component_may_give_empty_texts_as_well() {
    let some = || Some(String::new());
    let (path, name, content, cursor) = (some(), some(), some(), some());
    let call = SearchFiles { path, name, content, cursor, limit: None };
    assert_eq!(without_empty(call), SearchFiles::default());
    let task = |text: Option<String>| TaskRequest {
        goal: "g".to_owned(),
        output_schema: text.clone().map(Value::String),
        context: text.clone(),
        agent: text.clone(),
        model: text,
        ..TaskRequest::default()
    };
    let call = |tasks| DelegateTask { tasks, ..DelegateTask::default() };
    assert_eq!(without_empty(call(vec![task(some())])), call(vec![task(None)]));
}

#[test]
fn what_is_wrong_is_named() {
    let wrong: [(Read, &str, &str); 9] = [
        (
            error::<ReadFile>,
            r#"{"path":"a","limit":"many"}"#,
            "`limit`: invalid type: string \"many\", expected u32",
        ),
        (
            error::<ReadFile>,
            r#"{"path":7}"#,
            "`path`: invalid type: integer `7`, expected a string",
        ),
        (
            error::<SearchFiles>,
            r#"{"limit":-1}"#,
            "`limit`: invalid value: integer `-1`, expected u32",
        ),
        (
            error::<Patch>,
            r#"{"path":"a","all":"perhaps"}"#,
            "`all`: invalid type: string \"perhaps\", expected a boolean",
        ),
        (error::<ReadFile>, "{}", "missing field `path`"),
        (error::<WriteFile>, r#"{"path":"a","path":"b"}"#, "duplicate field `path`"),
        (
            error::<DelegateTask>,
            r#"{"goal":"g","max_iterations":"x"}"#,
            "`max_iterations`: invalid type: string \"x\", expected u32",
        ),
        (
            error::<DelegateTask>,
            r#"{"tasks":[{"goal":"g","toolsets":[1]}]}"#,
            "Task 1 is no task: `toolsets`: invalid type: integer `1`, expected a string",
        ),
        (error::<ReadFile>, r#"{"path":"a",}"#, "trailing comma at line 1 column 13"),
    ];
    for (tool, arguments, expect) in wrong {
        check_error(tool, arguments, expect);
    }
}

#[test]
fn arguments_by_their_places_are_refused() {
    let expect = "the arguments are no JSON object: give one with each argument by its name";
    for arguments in [r#"["hello.txt"]"#, r#" ["hello.txt", 1, 2]"#, r#""hello.txt""#, "7", ""] {
        for tool in [
            error::<ReadFile>,
            error::<WriteFile>,
            error::<Patch>,
            error::<SearchFiles>,
            error::<Terminal>,
            error::<WebSearch>,
            error::<WebExtract>,
            error::<DelegateTask>,
            error::<Clarify>,
            error::<Memory>,
            error::<SendMessage>,
            error::<ExecuteCode>,
        ] {
            check_error(tool, arguments, expect);
        }
    }
}
