//! The service, asked by anybody for anything.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arbitrary::{Result, Unstructured};
use axum::{Router, body::Body, http::Request};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower_service::Service as _;

use super::{Door, OpenError, OpenHost, Parts, Service, Token, Tokens, routes};
use crate::{Binary, Host, id::OsRandom, noise};

/// Requests to one service: what it keeps of them must not add up.
const MAX_REQUESTS: u32 = 4_096;

/// What waits for something that may never come is let go after so long.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is answered at once has that, on any machine.
const ENDLESS: Duration = Duration::from_secs(60);

/// Names of fields and their values, of both protocols.
const WORDS: &[&str] = &[
    "goal",
    "tasks",
    "context",
    "toolsets",
    "agent",
    "role",
    "model",
    "output_schema",
    "session",
    "workspace",
    "max_iterations",
    "timeout_seconds",
    "completion",
    "on_capacity",
    "failure_notices",
    "strict",
    "written_by",
    "combined",
    "each",
    "queue",
    "reject",
    "leaf",
    "orchestrator",
    "task_index",
    "text",
    "reason",
    "why",
    "claim",
    "react",
    "nobody",
    "file",
    "jsonrpc",
    "2.0",
    "id",
    "method",
    "params",
    "name",
    "arguments",
    "delegate_task",
    "wait_delegation",
    "list_delegations",
    "get_delegation",
    "stop_delegation",
    "steer_delegation",
    "wait_s",
    "delegation_id",
    "_meta",
    "progressToken",
    "task",
    "deleg_00000000000000000000000000000000",
    "deleg_0",
    "",
    "1",
    "default",
    "agent:main:telegram:dm:1",
    "/etc",
    "../x",
];

/// Methods of MCP, and one that is none.
const METHODS: &[&str] = &[
    "initialize",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/read",
    "prompts/list",
    "ping",
    "notifications/initialized",
    "notifications/cancelled",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/cancel",
    "logging/setLevel",
    "completion/complete",
    "subscriptions/listen",
    "server/discover",
    "x",
];

/// Routes, and places that are none.
const PATHS: &[&str] = &[
    "/v1/delegations",
    "/v1/delegations",
    "/v1/delegations/{}",
    "/v1/delegations/{}/stop",
    "/v1/delegations/{}/steer",
    "/v1/delegations/{}/follow-up",
    "/v1/delegations/{}/log",
    "/v1/delegations/{}/ack",
    "/v1/events",
    "/v1/events/{}/ack",
    "/v1/events/{}/release",
    "/v1/events/{}/retry",
    "/v1/events/{}/prolong",
    "/v1/tools",
    "/metrics",
    "/healthz",
    "/openapi.json",
    "/",
    "/v1/stream",
    "/v1/{}",
    "/mcp",
    "/mcp",
    "/mcp",
    "/mcp",
];

/// Every answer is one: in time, without a fault of the service, and with a
/// word of what is wrong.
pub(crate) fn request(u: &mut Unstructured<'_>) -> Result<()> {
    thread_local! {
        static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
    }
    STAGE.with_borrow_mut(|stage| {
        if stage.as_ref().is_some_and(|it| MAX_REQUESTS <= it.requests) {
            *stage = None;
        }
        for _ in 0..u.int_in_range(1..=3)? {
            stage.get_or_insert_with(Stage::new).ask(u)?;
        }
        Ok(())
    })
}

struct Stage {
    owners: Router,
    others: Router,
    token: Token,
    requests: u32,
    /// Ids that the service gave away.
    known: BTreeSet<String>,
    _service: Service,
    _dir: TempDir,
}

fn made<T, E: std::fmt::Display>(it: std::result::Result<T, E>) -> T {
    it.unwrap_or_else(|err| unreachable!("no service: {err}"))
}

impl Stage {
    fn new() -> Self {
        let dir = made(tempfile::tempdir());
        let tokens = Tokens::at(dir.path().join("tokens"));
        let token = made(tokens.make(&made("t".parse()), &OsRandom));
        let parts = Parts {
            opener: Box::new(Opener),
            workspace: dir.path().join("work"),
            tokens,
            max_connections: 8,
            gives_way: false,
        };
        made(std::fs::create_dir(&parts.workspace));
        let service = made(noise::wait(Service::start(parts)));
        let owners = routes::behind(&service.0, Door::Socket);
        let others = routes::behind(&service.0, Door::Tcp(([127, 0, 0, 1], 80).into()));
        Self {
            owners,
            others,
            token,
            requests: 0,
            known: BTreeSet::new(),
            _service: service,
            _dir: dir,
        }
    }

    fn ask(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.requests += 1;
        let is_owner = u.arbitrary()?;
        let path = self.path(u)?;
        let is_mcp = path.starts_with("/mcp");
        let method = if is_mcp {
            "POST"
        } else {
            noise::one_of(u, &["GET", "POST", "POST", "PUT", "HEAD", "DELETE"])?
        };
        let body = if is_mcp { mcp(u)? } else { body(u)? };
        let mut request = Request::builder().method(method).uri(&path).header("host", "127.0.0.1");
        if u.ratio(15, 16)? {
            request = request.header("authorization", format!("Bearer {}", self.token.expose()));
            request = request.header("content-type", "application/json");
            request = request.header("accept", "application/json, text/event-stream");
        }
        if u.ratio(1, 8)? {
            let name = noise::one_of(
                u,
                &[
                    "idempotency-key",
                    "origin",
                    "mcp-protocol-version",
                    "last-event-id",
                    "mcp-session-id",
                    "traceparent",
                    "content-encoding",
                ],
            )?;
            request = request.header(
                name,
                noise::one_of(
                    u,
                    &["1", "http://evil.org", "2025-06-18", "2026-06-30", "gzip", ""],
                )?,
            );
        }
        // What is no request at all is not sent.
        let Ok(request) = request.body(Body::from(body.clone())) else { return Ok(()) };
        let asked = format!("{method} {path} {}", String::from_utf8_lossy(&body));
        let routes = if is_owner { &mut self.owners } else { &mut self.others };
        let answer = async {
            let answer = routes.call(request).await.unwrap_or_else(|it| match it {});
            let (head, body) = answer.into_parts();
            (head.status, body.collect().await.map(|it| it.to_bytes()).unwrap_or_default())
        };
        let may_wait = is_mcp || path.contains("stream") || path.contains("wait_seconds");
        let patience = if may_wait { PATIENCE } else { ENDLESS };
        let answer = noise::wait(async { tokio::time::timeout(patience, answer).await });
        // Whoever waits for news waits.
        let Ok((status, body)) = answer else {
            assert!(may_wait, "no answer: {asked}");
            return Ok(());
        };
        let text = String::from_utf8_lossy(&body);
        assert!(!status.is_server_error() || status.as_u16() == 503, "{status}: {asked}: {text}");
        let read: Option<Value> = serde_json::from_slice(&body).ok();
        if status.is_client_error() && !body.is_empty() && !is_mcp {
            let error = read.as_ref().and_then(|it| it.get("error"));
            let has = |field: &str| {
                error.and_then(|it| it.get(field)?.as_str()).is_some_and(|it| !it.is_empty())
            };
            assert!(has("code") && has("message"), "{status}: {asked}: {text}");
        }
        let id = read.as_ref().and_then(|it| it.get("delegation_id")?.as_str());
        if self.known.len() < 64 {
            self.known.extend(id.map(str::to_owned));
        }
        Ok(())
    }

    fn path(&self, u: &mut Unstructured<'_>) -> Result<String> {
        let path = noise::one_of(u, PATHS)?;
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let id = if known.is_empty() || u.ratio(1, 4)? {
            noise::one_of(u, WORDS)?
        } else {
            noise::one_of(u, &known)?
        };
        let query = match u.int_in_range(0..=5)? {
            0 => format!("?session={}", noise::one_of(u, WORDS)?),
            1 => format!(
                "?limit={}",
                noise::one_of(u, &["0", "1", "-1", "x", "99999999999999999999"])?
            ),
            2 => format!(
                "?max={}&task_index={}",
                u.int_in_range(0..=200)?,
                noise::one_of(u, &["0", "7", "-1"])?
            ),
            3 if path == "/v1/events" => "?wait_seconds=1".to_owned(),
            _ => String::new(),
        };
        Ok(path.replace("{}", &id.replace(' ', "%20")) + &query)
    }
}

fn body(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match u.int_in_range(0..=7)? {
        0 => u.bytes(u.len().min(200))?.to_vec(),
        1 => Vec::new(),
        2 => noise::json(u, WORDS)?.to_string().into_bytes(),
        _ => fields(u)?.to_string().into_bytes(),
    })
}

fn fields(u: &mut Unstructured<'_>) -> Result<Value> {
    let field = |u: &mut Unstructured<'_>| {
        let value = match u.int_in_range(0..=4)? {
            0 => {
                json!([{"goal": noise::one_of(u, WORDS)?, noise::one_of(u, WORDS)?: noise::one_of(u, WORDS)?}])
            }
            1 => json!([noise::one_of(u, WORDS)?]),
            2 => u.int_in_range(-1..=3)?.into(),
            3 => noise::json(u, WORDS)?,
            _ => noise::one_of(u, WORDS)?.into(),
        };
        Ok((noise::one_of(u, WORDS)?.to_owned(), value))
    };
    let mut fields: serde_json::Map<_, _> = noise::list(u, 4, field)?.into_iter().collect();
    if u.arbitrary()? {
        fields.insert("goal".to_owned(), "g".into());
    }
    Ok(Value::Object(fields))
}

/// A message of MCP, or something like one.
fn mcp(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let method = noise::one_of(u, METHODS)?;
    let params = match method {
        "initialize" => json!({
            "protocolVersion": noise::one_of(u, &["2025-06-18", "2024-11-05", "1", ""])?,
            "capabilities": {}, "clientInfo": {"name": "x", "version": "1"},
        }),
        "tools/call" => json!({
            "name": noise::one_of(u, &["delegate_task", "wait_delegation", "list_delegations", "get_delegation", "stop_delegation", "steer_delegation", "x"])?,
            "arguments": fields(u)?,
        }),
        _ => noise::json(u, WORDS)?,
    };
    let id = if u.ratio(7, 8)? { u.int_in_range(0..=3)?.into() } else { noise::json(u, WORDS)? };
    let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    if u.ratio(1, 4)?
        && let Some(fields) = message.as_object_mut()
    {
        let field = noise::one_of(u, &["jsonrpc", "id", "method", "params"])?;
        if u.arbitrary()? {
            fields.remove(field);
        } else {
            fields.insert(field.to_owned(), noise::json(u, WORDS)?);
        }
    }
    let mut bytes = message.to_string().into_bytes();
    if u.ratio(1, 16)? {
        bytes.truncate(u.int_in_range(0..=bytes.len())?);
    }
    Ok(bytes)
}

/// Opens the first host, and none on what a caller names.
struct Opener;

impl OpenHost for Opener {
    fn open<'a>(
        &'a self,
        workspace: &'a Path,
        beside: Option<&'a Host>,
    ) -> BoxFuture<'a, std::result::Result<Host, OpenError>> {
        let workspace: PathBuf = workspace.to_owned();
        let is_first = beside.is_none();
        Box::pin(async move {
            let refused = |message: String| OpenError { message, hint: None };
            if !is_first {
                return Err(refused("there is one workspace".to_owned()));
            }
            let nobody = Binary::new(Arc::<[u8]>::from(&b"no component"[..]));
            let host = Host::builder().ephemeral().workspace(workspace).agent("nobody", nobody);
            host.build().await.map_err(|err| refused(err.to_string()))
        })
    }
}
