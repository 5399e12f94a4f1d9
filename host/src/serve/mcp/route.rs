//! `/mcp`: streamable HTTP.

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Identity, Parent,
    api::{Api, Inside},
    told::Item,
};
use crate::{
    serve::{
        Inner,
        body::{Asked, MAX_BODY_BYTES, whole},
        caller::Caller,
        delegations,
        error::Refusal,
    },
    store::EventId,
};

/// The session of a parent that names none.
const DEFAULT_SESSION: &str = "mcp";

/// What is put behind the name of a session for that of its tasks.
const TASKS: &str = ".tasks";

/// Which parent of a token calls.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::serve) struct Named {
    /// The name of its session, `mcp` when absent: parents that share a token
    /// and a name share their completions.
    #[serde(default)]
    session: Option<String>,
}

/// A call with its body, which came in time and has no more bytes than others.
async fn read(request: Request) -> Result<Request, Refusal> {
    let (parts, body) = request.into_parts();
    let mut bare = Request::new(body);
    bare.extensions_mut().clone_from(&parts.extensions);
    let bytes = whole(bare).await?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// `POST /mcp`.
pub(in crate::serve) async fn at(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    Extension(routes): Extension<InnerRoutes>,
    Asked(asked): Asked<Named>,
    request: Request,
) -> Result<Response, Refusal> {
    let request = read(request).await?;
    let parent = parent(&service, caller, routes, asked.session)?;
    let config = StreamableHttpServerConfig::default()
        // Both are checked before (`guard`), and more strictly.
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_cancellation_token(service.closing.child_token())
        .with_max_request_body_bytes(MAX_BODY_BYTES);
    let sessions = Arc::new(NeverSessionManager::default());
    let http = StreamableHttpService::new(move || Ok(parent.clone()), sessions, config);
    Ok(http.handle(request).await.map(Body::new).into_response())
}

fn parent(
    service: &Arc<Inner>,
    caller: Caller,
    InnerRoutes(routes): InnerRoutes,
    session: Option<String>,
) -> Result<Parent, Refusal> {
    let name = session.unwrap_or_else(|| DEFAULT_SESSION.to_owned());
    let (session, tasks) = match caller {
        Caller::Owner => owners(&name),
        Caller::Token(_) => (name.clone(), format!("{name}{TASKS}")),
    };
    let keys = [caller.session(Some(&session))?, caller.session(Some(&tasks))?];
    let inside = Inside { service: Arc::clone(service), routes, caller };
    Ok(Parent {
        api: Api::new(Arc::new(inside)),
        identity: Arc::new(Identity { session, tasks, keys, workspace: None }),
        told: Arc::clone(&service.told),
        watchers: None,
        calls: Arc::clone(&service.calls),
        left: service.closing.child_token(),
    })
}

/// The sessions of an owner's parent, over the socket.
fn owners(name: &str) -> (String, String) {
    (format!("agent:main:mcp:socket:{name}"), format!("agent:main:mcp:socket-tasks:{name}"))
}

/// The routes behind the doors, for calls that come from inside.
#[derive(Clone)]
pub(in crate::serve) struct InnerRoutes(pub(in crate::serve) Router);

/// The service ends: what parents were told, they have.
pub(in crate::serve) async fn settle_all(service: &Inner) {
    for item in service.told.sessions().iter().flat_map(|it| service.told.take(it)) {
        let settled = match item {
            Item::Delegation(id) => delegations::acknowledge(service, id).await,
            Item::Event(id, _) => service.hosts.queue().ack_by_hand(EventId(id)).await.map(drop),
        };
        if let Err(err) = settled {
            tracing::warn!(%err, "what a parent was told is not acknowledged");
        }
    }
}
