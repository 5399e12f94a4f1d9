//! A host that follows a script. For tests.

use std::collections::VecDeque;

use hermitage_guest::{
    Role, Task, ToolError, ToolSpec,
    model::{ChatRequest, ChatResponse, Finish, ModelError, ToolCall, Usage},
};

use crate::host::Host;

/// Answers with what it was given, and keeps what it was asked.
#[derive(Default)]
pub(crate) struct Fake {
    chats: VecDeque<Result<ChatResponse, ModelError>>,
    results: VecDeque<Result<String, ToolError>>,
    pub(crate) requests: Vec<ChatRequest>,
    /// Name and arguments of each call.
    pub(crate) calls: Vec<(String, String)>,
    pub(crate) reports: Vec<String>,
    pub(crate) checkpoints: Vec<String>,
}

impl Fake {
    pub(crate) fn new(
        chats: impl IntoIterator<Item = Result<ChatResponse, ModelError>>,
        results: impl IntoIterator<Item = Result<String, ToolError>>,
    ) -> Self {
        let chats = chats.into_iter().collect();
        Self { chats, results: results.into_iter().collect(), ..Self::default() }
    }
}

impl Host for Fake {
    fn chat(&mut self, request: &ChatRequest) -> Result<ChatResponse, ModelError> {
        self.requests.push(request.clone());
        self.chats.pop_front().expect("a message that the script does not have")
    }

    fn call(&mut self, tool: &str, arguments: &str) -> Result<String, ToolError> {
        self.calls.push((tool.to_owned(), arguments.to_owned()));
        self.results.pop_front().expect("a call that the script does not have")
    }

    fn report(&mut self, text: &str) {
        self.reports.push(text.to_owned());
    }

    fn checkpoint(&mut self, summary: &str) {
        self.checkpoints.push(summary.to_owned());
    }
}

pub(crate) fn task(max_iterations: u32) -> Task {
    Task {
        goal: "Count the lines".to_owned(),
        context: None,
        tools: specs(),
        role: Role::Leaf,
        depth: 1,
        max_iterations,
        output_schema: None,
        rejected: None,
    }
}

pub(crate) fn specs() -> Vec<ToolSpec> {
    let read_file = r#"{
        "type": "object",
        "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["path"],
        "additionalProperties": false
    }"#;
    [("read_file", read_file), ("now", r#"{"type": "object"}"#)].map(spec).into()
}

fn spec((name, parameters): (&str, &str)) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters: parameters.to_owned(),
    }
}

pub(crate) fn says(text: &str) -> ChatResponse {
    ChatResponse {
        text: text.to_owned(),
        tool_calls: Vec::new(),
        finish: Finish::Stop,
        usage: Usage { input_tokens: 1, output_tokens: 1 },
        model: "fake".to_owned(),
    }
}

/// Each call by its name and arguments; its id is its place.
pub(crate) fn calls(calls: &[(&str, &str)]) -> ChatResponse {
    let call = |(at, (name, arguments)): (usize, &(&str, &str))| ToolCall {
        id: at.to_string(),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    };
    let tool_calls = calls.iter().enumerate().map(call).collect();
    ChatResponse { tool_calls, finish: Finish::ToolCalls, ..says("") }
}
