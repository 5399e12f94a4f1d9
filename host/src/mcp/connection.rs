//! One connection to a server: made, asked for tools, and called.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rmcp::{
    RoleClient,
    model::{
        CallToolRequestParams, CallToolResponse, ClientRequest, ErrorCode, JsonObject,
        ListToolsRequest, PaginatedRequestParams, ProtocolVersion, ServerResult, Tool,
    },
    service::{ClientLifecycleMode, ClientServiceExt as _, RunningService, ServiceError},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    Place, Server,
    client::Guest,
    http::Http,
    listed::{ListError, Listed, MAX_TOOLS, taken},
    process::{self, Life},
    transport::{Lines, Why},
};
use crate::{completion::sanitize::clean_line, toolset::ToolError};

/// From the start of the server until its tools are known. Bounds how long a
/// call waits for one that never answers; programs that are fetched first need
/// most of it.
const CONNECT_WITHIN: Duration = Duration::from_secs(60);

/// How long a server that is gone has to say why. A busy machine takes a while
/// to end all that a process started.
const WHY_WITHIN: Duration = Duration::from_secs(10);

/// Pages of a list: one could go on without end.
const MAX_PAGES: usize = 32;

/// Calls at a time: each holds its arguments and waits.
const MAX_CALLS: usize = 64;

/// Characters of a server's own words in an error.
const MAX_WORDS_CHARS: usize = 1_000;

/// Why there is no connection. For the operator: it may name host paths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It did not start.
    #[error("it can't be started: {0}")]
    Start(String),
    /// It ended, or broke off.
    #[error("it is gone: {0}")]
    Gone(String),
    /// It does not speak MCP.
    #[error("it does not speak MCP: {0}")]
    Speech(String),
    /// It took too long.
    #[error("it did not say within {} s which tools it has", CONNECT_WITHIN.as_secs())]
    Late,
    /// Its list can't be taken.
    #[error("{0}")]
    List(String),
}

impl From<ListError> for ConnectError {
    fn from(it: ListError) -> Self {
        Self::List(it.to_string())
    }
}

/// Asks a server which tools it has, and lets it go.
///
/// # Errors
///
/// It can't be reached, or lists what can't be taken.
pub async fn look(server: &Server, place: &Place) -> Result<Listed, ConnectError> {
    let connection = Connection::open(server, place).await?;
    connection.listed(server).await
}

pub(super) struct Connection {
    service: RunningService<RoleClient, Guest>,
    life: Life,
    is_changed: Arc<AtomicBool>,
    why: Why,
    used: Mutex<Instant>,
    calls: AtomicUsize,
}

impl Connection {
    /// Starts the server, and agrees with it on a revision.
    pub(super) async fn open(server: &Server, place: &Place) -> Result<Self, ConnectError> {
        timeout(CONNECT_WITHIN, Self::opened(server, place))
            .await
            .unwrap_or(Err(ConnectError::Late))
    }

    async fn opened(server: &Server, place: &Place) -> Result<Self, ConnectError> {
        let (why, is_changed) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        let guest = Guest { toolset: server.name.clone(), is_changed: Arc::clone(&is_changed) };
        let (served, life) = match &server.url {
            Some(url) => {
                let http = Http::new(server, url, place, Arc::clone(&why)).await;
                let http = http.map_err(ConnectError::Start)?;
                let mode = ClientLifecycleMode::Initialize;
                (guest.serve_with_lifecycle(http, mode).await, Life::Elsewhere)
            }
            None => {
                let process = process::start(server, place).await.map_err(ConnectError::Start)?;
                let lines = Lines::new(process.output, process.input, Arc::clone(&why));
                // Older servers answer the question with an error, and are asked
                // as they know it.
                let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
                let mode = ClientLifecycleMode::Auto { preferred_versions, legacy_version: None };
                (guest.serve_with_lifecycle(lines, mode).await, process.life)
            }
        };
        match served {
            Ok(service) => {
                let (used, calls) = (Mutex::new(Instant::now()), AtomicUsize::new(0));
                Ok(Self { service, life, is_changed, why, used, calls })
            }
            Err(error) => match gone(&why, &life).await {
                Some(why) => Err(ConnectError::Gone(why)),
                None => Err(ConnectError::Speech(words(&error.to_string()))),
            },
        }
    }

    /// Whether it can't be called any more.
    pub(super) fn is_closed(&self) -> bool {
        self.service.is_closed() || self.service.peer().is_transport_closed()
    }

    /// Whether the server said that its list is another one, since this was
    /// asked the last time.
    pub(super) fn took_change(&self) -> bool {
        self.is_changed.swap(false, Ordering::Relaxed)
    }

    /// For how long nobody called; nothing while somebody does.
    pub(super) fn idle(&self) -> Duration {
        match self.calls.load(Ordering::Relaxed) {
            0 => self.used().elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// Why it is gone, in words.
    pub(super) async fn why(&self) -> String {
        gone(&self.why, &self.life).await.unwrap_or_else(|| "it broke off".to_owned())
    }

    /// What it says of its tools, and what of that can be taken.
    pub(super) async fn listed(&self, server: &Server) -> Result<Listed, ConnectError> {
        let tools =
            timeout(CONNECT_WITHIN, self.tools()).await.map_err(|_| ConnectError::Late)??;
        Ok(taken(&server.name, tools, server.allow.as_deref())?)
    }

    async fn tools(&self) -> Result<Vec<Tool>, ConnectError> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ListToolsRequest {
                params: Some(params),
                method: Default::default(),
                extensions: Default::default(),
            };
            // Past the memory of the client, which the server decides on.
            let answer = self.service.peer().send_request(ClientRequest::ListToolsRequest(request));
            let page = match answer.await {
                Ok(ServerResult::ListToolsResult(it)) => it,
                Ok(_) => return Err(ConnectError::Speech("it lists something else".to_owned())),
                Err(_) if self.is_closed() => return Err(ConnectError::Gone(self.why().await)),
                Err(error) => return Err(ConnectError::Speech(words(&error.to_string()))),
            };
            tools.extend(page.tools);
            match page.next_cursor {
                Some(next) if tools.len() <= MAX_TOOLS => cursor = Some(next),
                Some(_) => return Err(ListError::TooMany.into()),
                None => return Ok(tools),
            }
        }
        Err(ListError::TooMany.into())
    }

    /// Calls a tool. Whoever gives up tells the server so.
    pub(super) async fn call(
        &self,
        called: &str,
        arguments: JsonObject,
        limit: Duration,
        cancelled: &CancellationToken,
    ) -> Result<CallToolResponse, ToolError> {
        let _call = Call::begin(self)?;
        let params = CallToolRequestParams::new(called.to_owned()).with_arguments(arguments);
        let answer = tokio::select! {
            biased;
            () = cancelled.cancelled() => return Err(ToolError::Interrupted),
            answer = timeout(limit, self.service.peer().call_tool_once(params)) => answer,
        };
        match answer {
            Err(_) => {
                let seconds = limit.as_secs();
                Err(ToolError::Failed(format!("the server did not answer within {seconds} s")))
            }
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(ServiceError::McpError(error))) => {
                let text = words(&error.message);
                match error.code {
                    ErrorCode::INVALID_PARAMS => Err(ToolError::InvalidArguments(text)),
                    _ => Err(ToolError::Failed(format!("the call failed: {text}"))),
                }
            }
            Ok(Err(ServiceError::UnexpectedResponse)) => {
                Err(ToolError::Failed("the server answered with something else".to_owned()))
            }
            Ok(Err(_)) => {
                let why = self.why().await;
                Err(ToolError::Failed(format!("the server is gone: {why}")))
            }
        }
    }

    fn used(&self) -> Instant {
        // A panic while it is locked leaves nothing half done.
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is on its way.
struct Call<'a>(&'a Connection);

impl<'a> Call<'a> {
    fn begin(connection: &'a Connection) -> Result<Self, ToolError> {
        let res = Self(connection);
        if connection.calls.fetch_add(1, Ordering::Relaxed) >= MAX_CALLS {
            let text = format!("{MAX_CALLS} calls are on their way to this server already");
            return Err(ToolError::Failed(text));
        }
        Ok(res)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
        *self.0.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Why a server is gone, if it is.
async fn gone(why: &Why, life: &Life) -> Option<String> {
    if let Some(why) = why.get() {
        return Some(why.clone());
    }
    timeout(WHY_WITHIN, life.ended()).await.ok().flatten()
}

fn words(text: &str) -> String {
    clean_line(text, MAX_WORDS_CHARS)
}
