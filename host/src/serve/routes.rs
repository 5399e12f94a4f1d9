//! The routes of the service, and what stands before them.

use std::sync::Arc;

use axum::{
    Extension, Router,
    http::{StatusCode, header::ALLOW},
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::{any, get, post},
};

use super::{
    Door, Inner, delegations, error::Refusal, events, guard, health, mcp, metrics, openapi, page,
    retire, stream, tools,
};

/// The routes as they are at that door.
pub(super) fn behind(service: &Arc<Inner>, door: Door) -> Router {
    let state = (Arc::clone(service), door);
    let open = Router::new()
        .route("/healthz", get(health::show))
        // It stands in the repository: who reads it learns nothing of this host.
        .route("/openapi.json", get(openapi::show))
        .with_state(Arc::clone(service))
        .merge(page::routes())
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(state.clone(), guard::check_open));
    let owners = match door {
        Door::Socket => Router::new().route("/v1/retire", post(retire::retire)),
        Door::Tcp(_) => Router::new(),
    };
    let api = api(service);
    let parents = Router::new()
        .route("/mcp", any(mcp::at))
        .layer(Extension(mcp::InnerRoutes(api.clone())))
        .route_layer(from_fn_with_state(Arc::clone(service), metrics::measure));
    let closed = api
        .merge(owners.merge(parents).with_state(Arc::clone(service)))
        .layer(from_fn_with_state(state, guard::check));
    open.merge(closed)
}

/// The API, without the checks of a door: a call has its caller with it.
fn api(service: &Arc<Inner>) -> Router {
    Router::new()
        .route("/v1/delegations", get(delegations::list).post(delegations::dispatch))
        .route("/v1/delegations/{id}", get(delegations::show))
        .route("/v1/delegations/{id}/stop", post(delegations::stop))
        .route("/v1/delegations/{id}/steer", post(delegations::steer))
        .route("/v1/delegations/{id}/follow-up", post(delegations::follow_up))
        .route("/v1/delegations/{id}/log", get(delegations::log))
        .route("/v1/delegations/{id}/ack", post(delegations::ack))
        // `get` alone would answer `HEAD`, too, and hand events to nobody.
        .route("/v1/events", get(events::claim).head(only_get).fallback(only_get))
        .route("/v1/events/{id}/ack", post(events::ack))
        .route("/v1/events/{id}/release", post(events::release))
        .route("/v1/events/{id}/retry", post(events::retry))
        .route("/v1/events/{id}/prolong", post(events::prolong))
        .route("/v1/stream", get(stream::stream))
        .route("/v1/tools", get(tools::list))
        .route("/metrics", get(metrics::show))
        .route_layer(from_fn_with_state(Arc::clone(service), metrics::measure))
        .fallback(async || {
            Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such route")
        })
        .method_not_allowed_fallback(no_such_method)
        .with_state(Arc::clone(service))
}

/// Its `Allow` is added by the router, which knows those that there are.
async fn no_such_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", "the route has no such method")
}

async fn only_get() -> impl IntoResponse {
    ([(ALLOW, "GET")], no_such_method().await)
}
