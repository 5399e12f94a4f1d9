//! The tools of a parent that is part of the application: all that this host
//! has, those that no child ever gets among them.

use std::sync::Arc;

use super::{Host, Reply};
use crate::{
    delegation::{DelegateError, OnCapacity, Request},
    session::Session,
    tools::delegation::DelegateTask,
    toolset::{
        Caller, Kept, Registry, Tool as _, ToolError, ToolSpec,
        native::{self, NativeTool},
    },
};

/// The tool that starts children, which a parent need not wait for.
const DELEGATE_TASK: &str = DelegateTask::NAME;

/// What `delegate_task` says of itself to a parent, which need not wait.
fn may_wait(mut it: ToolSpec) -> ToolSpec {
    it.description = "Hands work to subagents, each in a sandbox of its own with no more tools \
                      than the caller has. Waits for all of them and returns what each of them \
                      did; with `background` it returns at once, and the results come later, as \
                      a message of their own. They know nothing but what they are told here."
        .to_owned();
    let background = serde_json::json!({
        "description": "Return a handle at once instead of waiting for the results.",
        "type": "boolean",
    });
    if let Ok(mut schema) = serde_json::from_str::<serde_json::Value>(&it.parameters)
        && let Some(properties) = schema.get_mut("properties").and_then(|it| it.as_object_mut())
    {
        properties.insert("background".to_owned(), background);
        it.parameters = schema.to_string();
    }
    it
}

/// A parent, in one session. The session is the application's word: nothing
/// in the arguments of a call can name another.
pub struct Parent {
    session: Session,
    registry: Registry,
    /// What the tools keep for this parent alone: where its commands run.
    kept: Kept,
}

impl Parent {
    pub(super) fn new(host: Host, session: Session) -> Self {
        let mut registry = host.of_parents().clone();
        if let Some(known) = registry.get(DELEGATE_TASK) {
            registry.stand_in(delegate_task(known.spec().clone(), host, session.clone()));
        }
        Self { session, registry, kept: Kept::default() }
    }

    /// What a model needs to know of every tool that can be called here.
    pub fn tools(&self) -> Vec<ToolSpec> {
        self.registry.held().iter().map(|it| it.spec().clone()).collect()
    }

    /// Calls a tool by name, with the JSON object that a model wrote, and
    /// gives its JSON back. `delegate_task` with `background` answers
    /// `{status: "dispatched", …}` and does not wait; at capacity it runs in
    /// the foreground instead, with a note.
    pub async fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError> {
        let held = self.registry.held();
        let Some(tool) = held.iter().find(|it| it.name() == name) else {
            return Err(ToolError::Denied(format!("this parent has no tool `{name}`")));
        };
        let caller =
            Caller { kept: self.kept.clone(), ..Caller::of("parent", self.session.clone()) };
        self.registry.call_json(caller, tool, arguments.to_owned()).await
    }
}

/// `delegate_task` for a parent, in its session.
fn delegate_task(spec: ToolSpec, host: Host, session: Session) -> Arc<dyn NativeTool> {
    native::tool(may_wait(spec), move |_, arguments| {
        let (host, session) = (host.clone(), session.clone());
        async move { delegate(&host, &session, &arguments).await }
    })
}

async fn delegate(host: &Host, session: &Session, arguments: &str) -> Result<String, ToolError> {
    let request = Request::from(DelegateTask::from_json(arguments)?);
    let request = Request { on_capacity: OnCapacity::Inline, ..request };
    match host.delegate(session, request).await {
        Ok(answer) => json(&answer),
        Err(DelegateError::Rejected(it)) => json(&Reply::from(it)),
        Err(err) => Err(err.into()),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, ToolError> {
    serde_json::to_string(value).map_err(|it| ToolError::Failed(it.to_string()))
}
