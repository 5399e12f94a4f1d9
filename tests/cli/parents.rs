//! Parents that speak HTTP, and a service that is killed under them.

use hermitage::http::plain_client_builder;
use reqwest::{Client, Method};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    harness::{Cli, NOTHING_GOES_ON},
    serve::Service,
};

/// A program with a token of its own.
#[derive(Clone)]
struct Parent {
    http: Client,
    base: String,
    token: String,
}

impl Parent {
    fn new(cli: &Cli, base: &str, name: &str) -> Self {
        let http = plain_client_builder().unwrap().build().unwrap();
        let token = cli.run(&["token", name]).stdout.trim().to_owned();
        Self { http, base: base.to_owned(), token }
    }

    /// `None` when nobody answers.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let call = self.http.request(method, format!("{}{path}", self.base));
        let response = call.bearer_auth(&self.token).json(body).send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.ok()?))
    }

    async fn dispatch(&self) -> Value {
        let body = json!({"goal": "never ends", "agent": "ignores_interruption"});
        let (status, answer) = self.call(Method::POST, "/v1/delegations", &body).await.unwrap();
        assert_eq!(status, 202, "{answer}");
        answer["delegation_id"].clone()
    }

    /// Asks until something comes, and acknowledges it. Asks anew when there is
    /// another service.
    async fn next(&self, mut service: watch::Receiver<()>) -> Value {
        loop {
            let path = "/v1/events?wait_seconds=60&max=9";
            let claimed = self.call(Method::GET, path, &Value::Null).await;
            let Some((200, claims)) = claimed else {
                service.changed().await.unwrap();
                continue;
            };
            let events = claims["events"].as_array().unwrap();
            if let [claim] = events.as_slice() {
                let path = format!("/v1/events/{}/ack", claim["id"]);
                let acked = self.call(Method::POST, &path, &json!({})).await.unwrap();
                assert_eq!(acked.0, 200, "{}", acked.1);
                return claim["event"].clone();
            }
            assert!(events.is_empty(), "{events:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_parent_gets_its_one_completion_from_the_service_that_follows_a_killed_one() {
    let cli = Cli::new(&["ignores_interruption"]);
    cli.config(NOTHING_GOES_ON);
    let first = Service::start(&cli, &["--plugin-path", ".", "--listen", "127.0.0.1:0"], 2);
    let base = first.said.split_once("http://").unwrap().1.split_once('/').unwrap().0.to_owned();
    let (started, service) = watch::channel(());
    let mut waiting = Vec::new();
    for name in ["alice", "bob", "carol"] {
        let parent = Parent::new(&cli, &format!("http://{base}"), name);
        let id = parent.dispatch().await;
        let (waits, service) = (parent.clone(), service.clone());
        waiting.push((parent, id, tokio::spawn(async move { waits.next(service).await })));
    }
    assert_eq!(first.end(Signal::KILL).0, None);
    let _second = Service::start(&cli, &["--plugin-path", ".", "--listen", &base], 2);
    started.send(()).unwrap();
    for (parent, id, waits) in waiting {
        let event = waits.await.unwrap();
        assert_eq!((&event["delegation_id"], &event["status"]), (&id, &json!("unknown")));
        let rest = parent.call(Method::GET, "/v1/events?max=9", &Value::Null).await.unwrap();
        assert_eq!(rest.1["events"], json!([]), "none twice, and none of another");
    }
}
