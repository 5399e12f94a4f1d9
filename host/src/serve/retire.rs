//! A service gives way to another one: only over the socket, and only where it
//! was started to do so.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{Inner, error::Refusal, wire::Retiring};

/// `POST /v1/retire`.
pub(super) async fn retire(
    State(service): State<Arc<Inner>>,
) -> Result<(StatusCode, Json<Retiring>), Refusal> {
    if !service.gives_way {
        let what = "the service was started by a person, and ends when a person ends it";
        return Err(Refusal::conflict("stays", what));
    }
    let running = service.hosts.running().await.len();
    service.retiring.cancel();
    Ok((StatusCode::ACCEPTED, Json(Retiring { running })))
}
