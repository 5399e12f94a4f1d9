//! Whether a server may be called: what a person agreed to, held against how
//! it is set up now.

use super::{
    Approval, Approvals, Place, Server,
    approval::ApprovalError,
    connection::{ConnectError, look},
    toolset::McpToolset,
};

/// Why a server that is set up may not be called. A person mends each in the
/// same way: they allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAllowed {
    /// Nobody was asked.
    #[error("its tools were not allowed yet")]
    Never,
    /// It says something else than it did.
    #[error("it is not what you allowed: {}", .0.join("; "))]
    Changed(Vec<String>),
    /// It is set up in another way.
    #[error("its settings are not those that you allowed: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The approval can't be read.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
}

/// A server with what a person allowed of it.
///
/// # Errors
///
/// They did not, or something changed since.
pub fn allowed(server: &Server, approvals: &Approvals) -> Result<McpToolset, NotAllowed> {
    let approval = approvals.get(&server.name)?.ok_or(NotAllowed::Never)?;
    if let Some(changes) = approvals.withdrawn(&server.name) {
        return Err(NotAllowed::Changed(changes));
    }
    let now = Approval { words: server.words(), ..approval.clone() };
    let mut changes = now.changes(&approval);
    if let Some(allow) = &server.allow {
        let lost = approval.tools.iter().filter(|it| !allow.contains(&it.called));
        changes.extend(lost.map(|it| format!("`{}` is not in `allow`", it.called)));
        let new = allow.iter().filter(|it| approval.tools.iter().all(|tool| tool.called != **it));
        changes.extend(new.map(|it| format!("`{it}` is new in `allow`")));
    }
    match changes.is_empty() {
        true => {
            Ok(McpToolset { server: server.clone(), approval, approvals: Some(approvals.clone()) })
        }
        false => Err(NotAllowed::Settings(changes)),
    }
}

/// Starts a server and holds what it says against what was allowed, which is
/// taken away when it differs.
///
/// # Errors
///
/// Why it can't be called, in words.
pub async fn check(toolset: &McpToolset, place: &Place) -> Result<(), String> {
    let McpToolset { server, approval, approvals } = toolset;
    let changes = match look(server, place).await {
        Ok(listed) => Approval::of(server, &listed, approval.approved_at).changes(approval),
        Err(ConnectError::List(why)) => vec![why],
        Err(error) => return Err(error.to_string()),
    };
    if changes.is_empty() {
        return Ok(());
    }
    if let Some(Err(error)) = approvals.as_ref().map(|it| it.withdraw(&server.name, &changes)) {
        tracing::warn!(%error, "that an MCP server changed could not be kept");
    }
    Err(NotAllowed::Changed(changes).to_string())
}
