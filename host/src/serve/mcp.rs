//! Parents that speak MCP: whatever agent it is, it delegates with the tools
//! here and gets each completion once.
//!
//! A parent reaches them by `hermitage mcp` over stdio, a thin bridge to the
//! service, so that the end of an editor ends no work; or by `/mcp` over HTTP.
//! Both have the handler below over the API of the service (`api`).
//!
//! Over HTTP nothing is kept between two calls but what was told (`told`): no
//! session of the protocol, whichever revision it is, so a service that was
//! killed is followed by one that answers as if nothing had been.
//!
//! **Invariant:** a parent sees the delegations of its own session alone, which
//! no client names itself: over HTTP it has the name of the token in it, over
//! stdio it is the process's own. What a client calls itself counts nowhere.

mod answer;
mod api;
mod asked;
mod calls;
mod input;
mod resource;
mod route;
mod task;
mod told;
mod tools;

use std::sync::Arc;

use rmcp::{
    RoleServer, ServerHandler, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, ErrorCode, ErrorData,
        GetTaskParams, GetTaskResult, Implementation, InitializeRequestParams, InitializeResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
        ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
        UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
    transport::stdio,
};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::{api::Api, calls::Context, input::UntilLeft, resource::Watchers};
use crate::session::Session;

pub use self::api::{Answer, Call, Reach, Unreachable};
pub(super) use self::{
    route::{InnerRoutes, at, settle_all},
    told::Told,
};

/// Calls of tools at once over one connection that stays. Each that waits looks
/// at the store with every piece of news, so one parent that asks a thousand
/// times would hold up all others.
const MAX_CALLS: usize = 64;

/// The same of all parents over HTTP.
pub(super) const MAX_CALLS_OVER_HTTP: usize = 512;

/// Who a parent is, for the service.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its session, as its way to the service names it.
    pub session: String,
    /// The session of its tasks: their completions are polled, and ride on
    /// nothing.
    pub tasks: String,
    /// The keys of both.
    pub keys: [Session; 2],
    /// Where its delegations work; the service's own directory when absent.
    pub workspace: Option<String>,
}

impl Identity {
    fn is_own(&self, session: &Session) -> bool {
        self.keys.contains(session)
    }
}

/// What a parent speaks with.
#[derive(Clone)]
pub struct Parent {
    api: Api,
    identity: Arc<Identity>,
    told: Arc<Told>,
    /// Subscriptions of a connection that stays; none over HTTP, where each
    /// call of the older revisions is a connection of its own.
    watchers: Option<Arc<Watchers>>,
    /// Places for calls of tools.
    calls: Arc<Semaphore>,
    /// It is gone, or the service is about to be: nothing waits any more.
    left: CancellationToken,
}

impl Parent {
    /// A parent with a connection that stays, as over stdio.
    pub fn new(reach: Arc<dyn Reach>, identity: Identity) -> Self {
        Self {
            api: Api::new(reach),
            identity: Arc::new(identity),
            told: Arc::default(),
            watchers: Some(Arc::default()),
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
            left: CancellationToken::new(),
        }
    }

    /// Speaks over standard input and output until the client leaves, or
    /// `end`. What it was told until then, it has.
    pub async fn over_stdio(self, end: impl Future<Output = ()>) {
        let (input, output) = stdio();
        let input = UntilLeft { input, left: self.left.clone() };
        let serving = async {
            // One that leaves before it has said who it is asks for nothing.
            if let Ok(running) = self.clone().serve((input, output)).await {
                let _ = running.waiting().await;
            }
        };
        // What is dropped is cancelled, and that is not what the parent said.
        let end = async {
            end.await;
            self.left.cancel();
        };
        tokio::select! {
            () = serving => (),
            () = end => (),
        }
        self.settle().await;
    }

    fn capabilities(&self, subscribes: bool) -> ServerCapabilities {
        let builder =
            ServerCapabilities::builder().enable_tools().enable_resources().enable_tasks();
        match subscribes {
            true => builder.enable_resources_subscribe().build(),
            false => builder.build(),
        }
    }
}

fn internal(err: &api::ApiError) -> ErrorData {
    ErrorData::internal_error(err.text(), None)
}

fn no_task(id: &str) -> ErrorData {
    ErrorData::invalid_params(format!("there is no task `{id}`"), None)
}

impl ServerHandler for Parent {
    fn get_info(&self) -> ServerConfig {
        let version = env!("CARGO_PKG_VERSION");
        ServerConfig::new(self.capabilities(true))
            .with_server_info(Implementation::new("hermitage", version).with_title("Hermitage"))
            .with_instructions(tools::INSTRUCTIONS)
    }

    fn supported_protocol_versions(&self) -> std::borrow::Cow<'static, [ProtocolVersion]> {
        ProtocolVersion::KNOWN_VERSIONS.into()
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: Context,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut info = self.negotiate_initialize(&request)?;
        info.capabilities = self.capabilities(self.watchers.is_some());
        Ok(info)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::all().into_iter().find(|it| it.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let Ok(_place) = self.calls.try_acquire() else {
            return Ok(answer::failed("too many calls wait already: wait for one of them").into());
        };
        self.settle().await;
        let arguments = request.arguments.unwrap_or_default();
        match self.call(&request.name, arguments, &context).await {
            Some(CallToolResponse::Complete(result)) => {
                Ok(CallToolResponse::Complete(self.with_unread(result, &context).await))
            }
            Some(other) => Ok(other),
            None => {
                let message = format!("there is no tool `{}`", request.name);
                Err(ErrorData::new(ErrorCode::INVALID_PARAMS, message, None))
            }
        }
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: Context,
    ) -> Result<GetTaskResult, ErrorData> {
        let task = self.task(&request.task_id).await.map_err(|it| internal(&it))?;
        task.map(GetTaskResult::new).ok_or_else(|| no_task(&request.task_id))
    }

    async fn update_task(&self, request: UpdateTaskParams, _: Context) -> Result<(), ErrorData> {
        // Subagents ask their parents nothing, so there is nothing to answer.
        let task = self.task(&request.task_id).await.map_err(|it| internal(&it))?;
        task.map(|_| ()).ok_or_else(|| no_task(&request.task_id))
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Context) -> Result<(), ErrorData> {
        match self.cancel(&request.task_id).await.map_err(|it| internal(&it))? {
            true => Ok(()),
            false => Err(no_task(&request.task_id)),
        }
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.resources().await
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resource::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.resource(&request.uri).await.map(Into::into)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.watch(request.uri, context.peer).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.unwatch(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(resource::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.listen_to(context).await;
        Ok(())
    }
}
