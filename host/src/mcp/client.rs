//! What the host is to a server: somebody who calls tools, and gives nothing.

#![expect(deprecated, reason = "servers of older revisions ask for what the newest has not")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, CreateMessageRequestMethod, CreateMessageRequestParams,
        CreateMessageResult, ElicitRequestParams, ElicitResult, ElicitationCreateRequestMethod,
        Implementation, ListRootsRequestMethod, ListRootsResult, ProtocolVersion,
    },
    service::{NotificationContext, RequestContext},
};

/// One connection's own.
pub(super) struct Guest {
    pub(super) toolset: String,
    /// Set when the server says that its list is another one.
    pub(super) is_changed: Arc<AtomicBool>,
}

impl Guest {
    fn refuse(&self, what: &str) {
        tracing::info!(toolset = self.toolset, "an MCP server asked for {what}, and was refused");
    }
}

impl ClientHandler for Guest {
    /// Without any capability: a server that keeps to that asks for nothing.
    fn get_info(&self) -> ClientConfig {
        let own = Implementation::new("hermitage", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), own)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.refuse("a model");
        Err(ErrorData::method_not_found::<CreateMessageRequestMethod>())
    }

    async fn list_roots(
        &self,
        _: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        self.refuse("directories");
        Err(ErrorData::method_not_found::<ListRootsRequestMethod>())
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.refuse("an answer of a person");
        Err(ErrorData::method_not_found::<ElicitationCreateRequestMethod>())
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.is_changed.store(true, Ordering::Relaxed);
    }
}
