//! Names of tools as providers take them.
//!
//! A plugin's tool is `github/create_issue` here; providers take letters,
//! digits, `_` and `-` alone. So `/` is written `__` to a model, which no name
//! of a tool has in it, and read back in its answer.

use super::{ChatRequest, ChatResponse};

const HERE: &str = "/";
const THERE: &str = "__";

/// A tool's name for a model.
pub fn spelled(name: &str) -> String {
    name.replace(HERE, THERE)
}

/// The names of one request that are written in another way.
#[derive(Debug, Default)]
pub struct Spelling(Vec<String>);

impl Spelling {
    /// Writes the names in a request as providers take them: those of the
    /// tools, and those of the calls in its messages.
    pub fn apply(request: &mut ChatRequest) -> Self {
        let mut changed = Vec::new();
        for tool in &mut request.tools {
            if tool.name.contains(HERE) {
                let name = spelled(&tool.name);
                changed.push(std::mem::replace(&mut tool.name, name));
            }
        }
        for call in request.messages.iter_mut().flat_map(|it| &mut it.tool_calls) {
            if changed.contains(&call.name) {
                call.name = spelled(&call.name);
            }
        }
        Self(changed)
    }

    /// Writes the calls in its answer as they are named here. What the request
    /// did not offer stays as the model wrote it.
    pub fn undo(&self, response: &mut ChatResponse) {
        for call in &mut response.tool_calls {
            if let Some(name) = self.0.iter().find(|it| spelled(it) == call.name) {
                call.name.clone_from(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Author, Finish, Message, ToolCall, ToolSpec, Usage};

    fn call(name: &str) -> ToolCall {
        ToolCall { id: "1".to_owned(), name: name.to_owned(), arguments: "{}".to_owned() }
    }

    fn tool(name: &str) -> ToolSpec {
        let (name, description, parameters) = (name.to_owned(), "d".to_owned(), "{}".to_owned());
        ToolSpec { name, description, parameters }
    }

    #[test]
    fn a_plugins_tool_is_written_as_providers_take_it_and_read_back() {
        let tools = ["github/create_issue", "jq", "read_file"];
        let message = Message {
            author: Author::Assistant,
            text: String::new(),
            tool_calls: vec![call("github/create_issue"), call("jq"), call("other/tool")],
            answers: None,
            original: None,
        };
        let mut request = ChatRequest {
            messages: vec![message],
            tools: tools.map(tool).to_vec(),
            ..ChatRequest::default()
        };
        let spelling = Spelling::apply(&mut request);
        let names: Vec<_> = request.tools.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["github__create_issue", "jq", "read_file"]);
        let calls = request.messages.iter().flat_map(|it| &it.tool_calls);
        let calls: Vec<_> = calls.map(|it| it.name.as_str()).collect();
        assert_eq!(calls, ["github__create_issue", "jq", "other/tool"]);

        let mut response = ChatResponse {
            text: String::new(),
            tool_calls: vec![call("github__create_issue"), call("jq"), call("no__tool")],
            finish: Finish::ToolCalls,
            usage: Usage::default(),
            cost: None,
            model: "m".to_owned(),
            original: None,
            extra: serde_json::Map::default(),
        };
        spelling.undo(&mut response);
        let calls: Vec<_> = response.tool_calls.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(calls, ["github/create_issue", "jq", "no__tool"]);
    }
}
