//! A parent that speaks MCP over HTTP, written by hand: what it sends is what
//! the protocol says, whatever the library of the service takes it for.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::service::{TestCaller, TestStream};

/// How a parent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// 2025-06-18.
    Legacy,
    /// 2026-07-28: each call says what its client can do.
    Modern,
}

impl Revision {
    pub const ALL: [Self; 2] = [Self::Legacy, Self::Modern];

    fn name(self) -> &'static str {
        match self {
            Self::Legacy => "2025-06-18",
            Self::Modern => "2026-07-28",
        }
    }
}

/// A parent.
#[derive(Clone)]
pub struct TestParent {
    caller: TestCaller,
    revision: Revision,
    path: String,
    capabilities: Value,
}

impl TestParent {
    pub fn new(caller: TestCaller, revision: Revision) -> Self {
        Self { caller, revision, path: "/mcp".to_owned(), capabilities: json!({}) }
    }

    /// With a session of that name.
    pub fn session(self, name: &str) -> Self {
        Self { path: format!("/mcp?session={name}"), ..self }
    }

    /// One that takes tasks.
    pub fn with_tasks(self) -> Self {
        let capabilities = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
        Self { capabilities, ..self }
    }

    /// A request, to be sent.
    pub fn request(&self, method: &str, mut params: Value) -> RequestBuilder {
        let call = self.caller.call(Method::POST, &self.path);
        let mut call = call
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", self.revision.name());
        if self.revision == Revision::Modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] =
                self.revision.name().into();
            params["_meta"]["io.modelcontextprotocol/clientInfo"] =
                json!({"name": "test", "version": "1"});
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                self.capabilities.clone();
            call = call.header("mcp-method", method);
            let name = ["name", "uri", "taskId"].iter().find_map(|it| params.get(it)?.as_str());
            if let Some(name) = name {
                call = call.header("mcp-name", name);
            }
        }
        call.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    /// All messages that answer a request. The last one is its response.
    pub async fn messages(&self, method: &str, params: Value) -> Vec<Value> {
        let response = self.request(method, params).send().await.unwrap();
        let text = response.text().await.unwrap();
        if text.starts_with('{') {
            return vec![serde_json::from_str(&text).unwrap()];
        }
        let data = text.lines().filter_map(|it| it.strip_prefix("data: "));
        let messages: Vec<Value> = data.map(|it| serde_json::from_str(it).unwrap()).collect();
        assert!(!messages.is_empty(), "{text}");
        messages
    }

    /// The result of a request, or its error.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        let mut response = self.messages(method, params).await.pop().unwrap();
        match response.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(response["result"].take()),
        }
    }

    /// The result of a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments})).await.unwrap()
    }

    /// A request whose answer is a stream.
    pub async fn listen(&self, method: &str, params: Value) -> TestStream {
        self.caller.listen(self.request(method, params)).await
    }
}
