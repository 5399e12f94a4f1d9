//! The tools of a parent that is part of the application: all that this host
//! has, those that no child ever gets among them.

use std::{collections::BTreeMap, sync::Arc};

use super::{BuildError, Host, Reply};
use crate::{
    delegation::{DelegateError, OnCapacity, Request},
    session::Session,
    toolset::{
        NativeTool, Tool, ToolCall, ToolError, ToolHost, ToolOutput, ToolSpec, call::Caller,
        delegate::DelegateTask, spec::spec,
    },
};

/// What an application can do in a way of its own for its parent; the fifth
/// blocked tool, `delegate_task`, is the host's.
const OWN: [Tool; 4] = [Tool::Clarify, Tool::Memory, Tool::SendMessage, Tool::ExecuteCode];

/// The parent's tools that the application does itself.
#[derive(Default)]
pub(super) struct OwnTools(BTreeMap<Tool, Arc<dyn NativeTool>>);

impl OwnTools {
    /// Takes one of the four.
    pub(super) fn add(&mut self, tool: Arc<dyn NativeTool>) -> Result<(), BuildError> {
        let name = tool.spec().name;
        let id = OWN.into_iter().find(|it| it.name() == name);
        let id = id.ok_or(BuildError::NotAParentsTool(name))?;
        self.0.insert(id, tool);
        Ok(())
    }

    /// The tools that are its.
    pub(super) fn tools(&self) -> impl Iterator<Item = Tool> {
        self.0.keys().copied()
    }

    /// What its tool says of itself, instead of the host's.
    fn spec(&self, tool: Tool) -> Option<ToolSpec> {
        let it = self.0.get(&tool)?.spec();
        Some(ToolSpec { tool, description: it.description, parameters: it.parameters })
    }
}

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
    host: Host,
    session: Session,
    /// With what they keep for this parent alone: where its commands run.
    tools: Arc<dyn ToolHost>,
}

impl Parent {
    pub(super) fn new(host: Host, session: Session) -> Self {
        let shared = &host.delegator().parts().tools;
        let tools = shared.of_child().unwrap_or_else(|| Arc::clone(shared));
        Self { host, session, tools }
    }

    /// What a model needs to know of every tool that can be called here.
    pub fn tools(&self) -> Vec<ToolSpec> {
        let own = self.host.own_tools();
        let held = self.host.delegator().parts().grant.clone().plus(own.tools());
        let specs = held.iter().filter_map(|it| own.spec(it).or_else(|| spec(it)));
        specs.map(|it| if it.tool == Tool::DelegateTask { may_wait(it) } else { it }).collect()
    }

    /// Calls a tool by name, with the JSON object that a model wrote, and
    /// gives its JSON back. `delegate_task` with `background` answers
    /// `{status: "dispatched", …}` and does not wait; at capacity it runs in
    /// the foreground instead, with a note.
    pub async fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError> {
        let parts = self.host.delegator().parts();
        let own = self.host.own_tools().0.iter().find(|(it, _)| it.name() == name);
        if let Some((_, tool)) = own {
            return tool.call(self.caller(), arguments.to_owned()).await;
        }
        let output = match parts.grant.iter().find(|it| it.name() == name) {
            None => return Err(ToolError::Denied(format!("this parent has no tool `{name}`"))),
            Some(Tool::DelegateTask) => return self.delegate_task(arguments).await,
            Some(tool @ Tool::Native(_)) => {
                parts.natives.call(self.caller(), tool, arguments.to_owned()).await?
            }
            Some(tool) => {
                let call = ToolCall::from_json(tool, arguments.to_owned())?;
                self.tools.call(self.caller(), call).await?
            }
        };
        match output {
            ToolOutput::Text(text) => Ok(text),
            output => json(&output),
        }
    }

    fn caller(&self) -> Caller {
        Caller::of("parent", self.session.clone())
    }

    async fn delegate_task(&self, arguments: &str) -> Result<String, ToolError> {
        let request = Request::from(DelegateTask::from_json(arguments)?);
        let request = Request { on_capacity: OnCapacity::Inline, ..request };
        match self.host.delegate(&self.session, request).await {
            Ok(answer) => json(&answer),
            Err(DelegateError::Rejected(it)) => json(&Reply::from(it)),
            Err(err) => Err(err.into()),
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, ToolError> {
    serde_json::to_string(value).map_err(|it| ToolError::Failed(it.to_string()))
}
