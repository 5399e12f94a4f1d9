//! A service on the host of a test, and those who call it: over real sockets.

use std::{net::SocketAddr, path::Path, pin::Pin};

use hermitage::{
    Host,
    id::OsRandom,
    serve::{Listener, MAX_CONNECTIONS, OpenError, OpenHost, Parts, Service, TokenName, Tokens},
};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};

use crate::{TestHost, TestTask};

/// A service on both of its doors.
pub struct TestService {
    pub service: Service,
    pub address: SocketAddr,
    /// With the socket, and the tokens.
    dir: TempDir,
    tokens: Tokens,
}

/// Somebody who calls it.
#[derive(Clone)]
pub struct TestCaller {
    client: Client,
    base: String,
    token: Option<String>,
}

/// Every workspace is served by the host that there is.
struct Same(Host);

impl OpenHost for Same {
    fn open<'a>(
        &'a self,
        _: &'a Path,
        _: Option<&'a Host>,
    ) -> Pin<Box<dyn Future<Output = Result<Host, OpenError>> + Send + 'a>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

impl TestService {
    pub async fn on(host: &TestHost) -> Self {
        Self::with_connections(host, MAX_CONNECTIONS).await
    }

    /// With so many connections at each door.
    pub async fn with_connections(host: &TestHost, max_connections: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::at(dir.path().join("tokens"));
        let parts = Parts {
            opener: Box::new(Same(host.host().await.clone())),
            workspace: host.workspace().canonicalize().unwrap(),
            tokens: tokens.clone(),
            max_connections,
            gives_way: true,
        };
        let service = Service::start(parts).await.unwrap();
        let socket = UnixListener::bind(dir.path().join("socket")).unwrap();
        let tcp = Listener::tcp(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
        let hermitage::serve::Door::Tcp(address) = tcp.door() else { unreachable!() };
        for listener in [Listener::Socket(socket), tcp] {
            let service = service.clone();
            tokio::spawn(async move { service.serve(listener).await });
        }
        Self { service, address, dir, tokens }
    }

    /// The owner, over the socket.
    pub fn owner(&self) -> TestCaller {
        let builder = hermitage::http::plain_client_builder().unwrap();
        let client = builder.unix_socket(self.dir.path().join("socket")).build().unwrap();
        TestCaller { client, base: "http://localhost".to_owned(), token: None }
    }

    /// Somebody with a new token of that name.
    pub fn token(&self, name: &str) -> TestCaller {
        let name: TokenName = name.parse().unwrap();
        let token = self.tokens.make(&name, &OsRandom).unwrap();
        TestCaller { token: Some(token.expose().to_owned()), ..self.stranger() }
    }

    /// Takes the token of that name away.
    pub fn remove(&self, name: &str) {
        self.tokens.remove(&name.parse().unwrap()).unwrap();
    }

    /// Somebody without one.
    pub fn stranger(&self) -> TestCaller {
        let client = hermitage::http::plain_client_builder().unwrap().build().unwrap();
        TestCaller { client, base: format!("http://{}", self.address), token: None }
    }
}

impl TestCaller {
    /// A call to be changed before it is sent.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let call = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => call.bearer_auth(token),
            None => call,
        }
    }

    /// The token that it has.
    pub fn bearer(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    /// The status and the body of the answer.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.call(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.call(Method::POST, path).json(body).send().await.unwrap()).await
    }

    /// Dispatches tasks whose components that host has, and tells the id.
    pub async fn dispatch(&self, host: &TestHost, tasks: &[TestTask]) -> String {
        let tasks = host.request(tasks).await.tasks;
        let (status, body) =
            self.post("/v1/delegations", &serde_json::json!({"tasks": tasks})).await;
        assert_eq!(status, 202, "{body}");
        body["delegation_id"].as_str().unwrap().to_owned()
    }

    /// Listens.
    pub async fn stream(&self, path: &str) -> TestStream {
        self.listen(self.call(Method::GET, path)).await
    }

    pub async fn listen(&self, call: RequestBuilder) -> TestStream {
        let response = call.send().await.unwrap();
        assert_eq!(response.status(), 200);
        TestStream { response, text: String::new() }
    }
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Server-sent events as they come.
pub struct TestStream {
    response: Response,
    text: String,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestNews {
    pub name: String,
    pub id: Option<u64>,
    pub data: Value,
}

impl TestStream {
    /// The next one with data; `None` at the end.
    pub async fn next(&mut self) -> Option<TestNews> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event.lines().any(|it| it.starts_with("data: ")) {
                    return Some(read(&event));
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next one of that name.
    pub async fn until(&mut self, name: &str) -> TestNews {
        loop {
            let news = self.next().await.expect("the stream ended");
            if news.name == name {
                return news;
            }
        }
    }
}

fn read(event: &str) -> TestNews {
    let mut res = TestNews::default();
    for line in event.lines() {
        match line.split_once(": ") {
            Some(("event", name)) => res.name = name.to_owned(),
            Some(("id", id)) => res.id = id.parse().ok(),
            Some(("data", data)) => res.data = serde_json::from_str(data).unwrap(),
            _ => (),
        }
    }
    res
}
