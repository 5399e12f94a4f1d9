//! Whoever calls the service.

use std::{net::SocketAddr, path::Path};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    base: String,
    token: Option<String>,
}

impl Caller {
    pub(crate) fn over_tcp(address: SocketAddr, token: &str) -> Self {
        let client = hermitage::http::plain_client_builder().unwrap().build().unwrap();
        Self { client, base: format!("http://{address}"), token: Some(token.to_owned()) }
    }

    pub(crate) fn over_socket(socket: &Path) -> Self {
        let builder = hermitage::http::plain_client_builder().unwrap().unix_socket(socket);
        Self { client: builder.build().unwrap(), base: "http://localhost".to_owned(), token: None }
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let call = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => call.bearer_auth(token),
            None => call,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        let response = self.call(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let response = self.call(Method::POST, path).json(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// A delegation whose child calls a tool that often.
    pub(crate) async fn dispatch(&self, steps: usize) -> String {
        let step = json!({"tool": "read_file", "arguments": {"path": "note.txt"}});
        let context = Value::from(vec![step; steps]).to_string();
        let body = json!({
            "goal": "read", "agent": "steps", "context": context, "on_capacity": "queue",
            "toolsets": ["file_read"],
        });
        let (status, text) = self.post("/v1/delegations", &body).await;
        assert_eq!(status, 202, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["delegation_id"].as_str().unwrap().to_owned()
    }

    /// The answer of a tool over MCP.
    pub(crate) async fn tool(&self, request: &Value) -> Value {
        let call = self.call(Method::POST, "/mcp").json(request);
        let call = call.header("accept", "application/json, text/event-stream");
        call.send().await.unwrap().json().await.unwrap()
    }

    /// The next event, which is acknowledged.
    pub(crate) async fn claim(&self) -> Value {
        let text = self.get("/v1/events?wait_seconds=60").await;
        let mut claims: Value = serde_json::from_str(&text).unwrap();
        let claim = claims["events"][0].take();
        assert_eq!(claim["event"]["status"], "completed", "{claim}");
        let acked = self.post(&format!("/v1/events/{}/ack", claim["id"]), &json!({})).await;
        assert_eq!(acked.0, 200);
        claim
    }

    /// A stream that has begun.
    pub(crate) async fn listen(&self) -> Response {
        let response = self.call(Method::GET, "/v1/stream").send().await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }
}

/// Reads until that many completions came, and counts those that differ.
pub(crate) async fn completions(mut stream: Response, count: usize) -> usize {
    let (mut text, mut ids) = (String::new(), std::collections::BTreeSet::new());
    while ids.len() < count {
        let Some(chunk) = stream.chunk().await.unwrap() else { break };
        text.push_str(&String::from_utf8_lossy(&chunk));
        let end = text.rfind("\n\n").map_or(0, |it| it + 2);
        for event in text[..end].split("\n\n").filter(|it| it.contains("event: completion")) {
            ids.extend(event.lines().find_map(|it| it.strip_prefix("id: ")).map(str::to_owned));
        }
        text.drain(..end);
    }
    ids.len()
}
