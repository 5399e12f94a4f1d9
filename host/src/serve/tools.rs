//! The tools that delegations can be granted.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Inner, body::Asked, caller::Caller, error::Refusal, wire::Tools};

/// Of which host.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct There {
    /// The directory that they see. With a token, the service's own alone.
    #[serde(default)]
    workspace: Option<String>,
}

/// `GET /v1/tools`.
pub(super) async fn list(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<There>,
) -> Result<Json<Tools>, Refusal> {
    let workspace = caller.workspace(asked.workspace.as_deref(), service.hosts.workspace())?;
    let host = service.hosts.at(&workspace).await?;
    Ok(Json(Tools { tools: host.tools() }))
}
