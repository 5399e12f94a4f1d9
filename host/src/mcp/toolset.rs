//! The tools of a server, as a registry takes them: what a person allowed, and
//! a connection for each parent.

use std::{
    collections::{HashMap, VecDeque},
    env,
    sync::{Arc, Mutex as StdMutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Duration, Instant},
};

use rmcp::model::JsonObject;
use tokio::{sync::Mutex, task::spawn_blocking, time::sleep};

use super::{
    Approval, Approvals, Place, Server,
    approval::Approved,
    connection::{ConnectError, Connection},
    result,
};
use crate::{
    redact::Redactor,
    session::Session,
    toolset::{Caller, NativeTool, ToolError, ToolSpec, native::NativeFuture},
};

/// Parents with a connection at a time, of one server: each is a process, or a
/// session at a service.
const MAX_SESSIONS: usize = 64;

/// After that long without a call a connection ends. A parent that comes back
/// has a new one.
const IDLE: Duration = Duration::from_secs(600);

/// Times that a server is started for one parent within [`STARTS_WITHIN`]: one
/// that dies with each call would have the host start processes without end.
const MAX_STARTS: usize = 3;
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A server, and what a person allowed of it.
pub struct McpToolset {
    /// The server.
    pub server: Server,
    /// What was agreed to. Words and schemas are taken from it.
    pub approval: Approval,
    /// Where it is taken away when the server changes; nowhere when absent.
    pub approvals: Option<Approvals>,
}

impl McpToolset {
    /// Its tools, as a host calls them.
    pub fn into_tools(self, place: &Place) -> Vec<Arc<dyn NativeTool>> {
        let Self { server, approval, approvals } = self;
        let mut redactor = Redactor::default();
        let values = server.environment.iter().filter_map(|it| env::var(it).ok());
        values.for_each(|it| redactor.add(&it));
        let tools = approval.tools.clone();
        let digest = approval.digest();
        let shared = Arc::new(Shared {
            server,
            approval,
            approvals,
            place: place.clone(),
            redactor,
            slots: StdMutex::default(),
            withdrawn: OnceLock::new(),
            digest,
        });
        let tool = |Approved { called, spec, .. }| {
            Arc::new(McpTool { called, spec, shared: Arc::clone(&shared) }) as _
        };
        tools.into_iter().map(tool).collect()
    }
}

struct McpTool {
    called: String,
    spec: ToolSpec,
    shared: Arc<Shared>,
}

impl NativeTool for McpTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn call(&self, caller: Caller, arguments: String) -> NativeFuture {
        let (shared, called) = (Arc::clone(&self.shared), self.called.clone());
        Box::pin(async move { shared.call(&caller, &called, &arguments).await })
    }

    fn digest(&self) -> Option<String> {
        Some(self.shared.digest.clone())
    }
}

/// What the tools of one server share.
struct Shared {
    server: Server,
    approval: Approval,
    approvals: Option<Approvals>,
    place: Place,
    redactor: Redactor,
    slots: StdMutex<HashMap<Session, Arc<Slot>>>,
    /// What the server changed.
    withdrawn: OnceLock<String>,
    digest: String,
}

/// The place for one parent's connection.
#[derive(Default)]
struct Slot(Mutex<Held>);

#[derive(Default)]
struct Held {
    connection: Option<Arc<Connection>>,
    starts: VecDeque<Instant>,
}

impl Shared {
    async fn call(
        &self,
        caller: &Caller,
        called: &str,
        arguments: &str,
    ) -> Result<String, ToolError> {
        let arguments: JsonObject = serde_json::from_str(arguments)
            .map_err(|it| ToolError::InvalidArguments(it.to_string()))?;
        let connection = tokio::select! {
            biased;
            () = caller.cancelled.cancelled() => return Err(ToolError::Interrupted),
            it = self.connection(&caller.session) => it?,
        };
        let limit = self.server.timeout;
        let answer = connection.call(called, arguments, limit, &caller.cancelled).await;
        let text = answer.and_then(|it| result::text(it, &self.redactor));
        text.map_err(|it| self.without_secrets(it))
    }

    /// A server says its key in errors, too.
    fn without_secrets(&self, error: ToolError) -> ToolError {
        let text = |it: String| self.redactor.text(&it).into_owned();
        match error {
            ToolError::Failed(it) => ToolError::Failed(text(it)),
            ToolError::InvalidArguments(it) => ToolError::InvalidArguments(text(it)),
            error => error,
        }
    }

    /// That parent's connection, made now if there is none that can be called.
    async fn connection(&self, session: &Session) -> Result<Arc<Connection>, ToolError> {
        if let Some(why) = self.withdrawn.get() {
            return Err(ToolError::Denied(why.clone()));
        }
        let slot = self.slot(session)?;
        let mut held = slot.0.lock().await;
        if let Some(connection) = &held.connection {
            if !connection.is_closed() {
                if connection.took_change() {
                    self.compare(connection).await?;
                }
                return Ok(Arc::clone(connection));
            }
            let why = connection.why().await;
            tracing::warn!(
                toolset = self.server.name,
                why,
                "an MCP server is gone, and is started again"
            );
        }
        held.connection = None;
        held.start()?;
        let connection = Connection::open(&self.server, &self.place).await;
        let connection = Arc::new(connection.map_err(|it| self.told(&it))?);
        self.compare(&connection).await?;
        held.connection = Some(Arc::clone(&connection));
        tokio::spawn(end_when_idle(Arc::downgrade(&slot)));
        Ok(connection)
    }

    fn slot(&self, session: &Session) -> Result<Arc<Slot>, ToolError> {
        let mut slots = self.slots();
        if slots.len() >= MAX_SESSIONS && !slots.contains_key(session) {
            slots.retain(|_, slot| !slot.is_free());
            if slots.len() >= MAX_SESSIONS {
                let text = format!("{MAX_SESSIONS} parents use this server already");
                return Err(ToolError::Failed(text));
            }
        }
        Ok(Arc::clone(slots.entry(session.clone()).or_default()))
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Session, Arc<Slot>>> {
        // A panic while it is locked leaves nothing half done.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server is what was agreed to; else that is taken away.
    async fn compare(&self, connection: &Connection) -> Result<(), ToolError> {
        let changes = match connection.listed(&self.server).await {
            Ok(listed) => {
                let now = Approval::of(&self.server, &listed, self.approval.approved_at);
                now.changes(&self.approval)
            }
            Err(ConnectError::List(why)) => vec![why],
            Err(error) => return Err(self.told(&error)),
        };
        if changes.is_empty() {
            return Ok(());
        }
        let name = &self.server.name;
        let all = changes.join("; ");
        tracing::warn!(toolset = name, changes = all, "an MCP server is not what was allowed");
        let why = format!(
            "the tools of `{name}` are not those that a person allowed: they have to be allowed again"
        );
        let _ = self.withdrawn.set(why.clone());
        // Those of other parents end when their calls have.
        self.slots().clear();
        if let Some(approvals) = self.approvals.clone() {
            let name = name.clone();
            let kept = spawn_blocking(move || approvals.withdraw(&name, &changes)).await;
            if let Ok(Err(error)) = kept {
                tracing::warn!(%error, "that an MCP server changed could not be kept");
            }
        }
        Err(ToolError::Denied(why))
    }

    /// In full it may name paths of this machine, and children read it.
    fn told(&self, error: &ConnectError) -> ToolError {
        let name = &self.server.name;
        tracing::warn!(toolset = name, %error, "an MCP server can't be called");
        let why = match error {
            ConnectError::Start(_) => "it can't be started".to_owned(),
            ConnectError::Gone(_) => "it ended before it could be called".to_owned(),
            ConnectError::Speech(_) => "it does not speak MCP".to_owned(),
            error => error.to_string(),
        };
        ToolError::Failed(format!("the server of `{name}` can't be called: {why}"))
    }
}

impl Slot {
    /// Whether nobody has it, and it has no connection.
    fn is_free(&self) -> bool {
        self.0.try_lock().is_ok_and(|it| it.connection.is_none())
    }
}

impl Held {
    fn start(&mut self) -> Result<(), ToolError> {
        self.starts.retain(|it| it.elapsed() < STARTS_WITHIN);
        if self.starts.len() >= MAX_STARTS {
            let seconds = STARTS_WITHIN.as_secs();
            let text = format!(
                "the server was started {MAX_STARTS} times within {seconds} s, and is left alone"
            );
            return Err(ToolError::Failed(text));
        }
        self.starts.push_back(Instant::now());
        Ok(())
    }
}

/// Looks now and then whether anybody still calls.
async fn end_when_idle(slot: Weak<Slot>) {
    loop {
        sleep(IDLE / 10).await;
        let Some(slot) = slot.upgrade() else { return };
        let mut held = slot.0.lock().await;
        match &held.connection {
            Some(it) if it.idle() < IDLE && !it.is_closed() => (),
            _ => {
                held.connection = None;
                return;
            }
        }
    }
}
