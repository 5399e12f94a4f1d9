//! The tools of a parent that is part of the application: all that this host
//! has, those that no child ever gets among them.

use std::sync::Arc;

use super::{BuildError, Host, Reply};
use crate::{
    delegation::{DelegateError, OnCapacity, Request},
    provider::spelled,
    session::Session,
    tools::delegation::DelegateTask,
    toolset::{
        Caller, HeldBy, Kept, Origin, Registry, Taken, Tool as _, ToolError, ToolId, ToolSpec,
        native::{self, NativeError, NativeTool, checked},
    },
};

/// Tools of the application for a parent, with what each says of itself.
type StandIns = Vec<(ToolSpec, Arc<dyn NativeTool>)>;

/// Checks the tools that the application does itself for its parents: each is
/// one that a parent alone holds, is there once, and says of itself what it has
/// to.
pub(super) fn stand_ins(
    registry: &Registry,
    tools: Vec<Arc<dyn NativeTool>>,
) -> Result<StandIns, BuildError> {
    let mut res = StandIns::new();
    for tool in tools {
        let spec = checked(tool.spec())?;
        let is_parents = |it: &ToolId| it.held_by() == HeldBy::Parent;
        if !registry.get(&spec.name).as_ref().is_some_and(is_parents) {
            let known = registry.tools().into_iter().filter(is_parents);
            let known: Vec<String> = known.map(|it| format!("`{it}`")).collect();
            let (name, known) = (spec.name, known.join(", "));
            return Err(BuildError::NotAParentsTool { name, known });
        }
        if res.iter().any(|(it, _)| it.name == spec.name) {
            let (name, holder) = (spec.name, Origin::Application);
            return Err(NativeError::from(Taken { name, comer: holder.clone(), holder }).into());
        }
        res.push((spec, tool));
    }
    Ok(res)
}

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
            let spec = may_wait(known.spec().clone());
            let tool = delegate_task(spec.clone(), host, session.clone());
            registry.stand_in(spec, tool);
        }
        Self { session, registry, kept: Kept::default() }
    }

    /// What a model needs to know of every tool that can be called here, each
    /// by a name that providers take: that of a plugin's tool has `__` where it
    /// has `/` elsewhere.
    pub fn tools(&self) -> Vec<ToolSpec> {
        let held = self.registry.held();
        let specs = held.iter().map(ToolId::spec).cloned();
        specs.map(|it| ToolSpec { name: spelled(&it.name), ..it }).collect()
    }

    /// Calls a tool by name, with the JSON object that a model wrote, and
    /// gives its JSON back. `delegate_task` with `background` answers
    /// `{status: "dispatched", …}` and does not wait; at capacity it runs in
    /// the foreground instead, with a note.
    pub async fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError> {
        let held = self.registry.held();
        let is_it = |it: &ToolId| it.name() == name || spelled(it.name()) == name;
        let Some(tool) = held.iter().find(is_it) else {
            return Err(ToolError::Denied(format!("this parent has no tool `{name}`")));
        };
        let caller = Caller {
            kept: self.kept.clone(),
            grant: Arc::new(held.clone()),
            ..Caller::of("parent", self.session.clone())
        };
        self.registry.call_json(caller, tool, arguments.to_owned()).await
    }
}

/// `delegate_task` for a parent, in its session.
fn delegate_task(spec: ToolSpec, host: Host, session: Session) -> Arc<dyn NativeTool> {
    native::tool(spec, move |_, arguments| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::bundled;

    fn check(tools: &[(&str, &str)], expect: Result<usize, &str>) {
        let tools = tools.iter().map(|(name, description)| {
            let spec = ToolSpec::new(*name, *description, r#"{"type":"object"}"#);
            native::tool(spec, |_, _| async { Ok(String::new()) })
        });
        let res = stand_ins(bundled(), tools.collect()).map(|it| it.len());
        let res = res.map_err(|it| it.to_string());
        let first = res.as_ref().map_err(|it| it.lines().next().unwrap_or_default());
        assert_eq!(first.copied(), expect);
    }

    #[test]
    fn what_stands_in_for_a_parents_tool_is_one_of_them_once_and_described() {
        check(&[("clarify", "d"), ("memory", "d")], Ok(2));
        check(&[("clarify", "d"), ("clarify", "e")], Err("`clarify` is registered twice"));
        check(&[("clarify", " ")], Err("`clarify` has no description"));
        for name in ["read_file", "delegate_task", "messaging", "ticket"] {
            let known = "known are `clarify`, `memory`, `send_message`, `execute_code`";
            check(&[(name, "d")], Err(&format!("`{name}` is no tool of a parent: {known}")));
        }
    }
}
