//! The tools of a parent that is part of the application: its own, which no
//! child ever gets, the contract's, and `delegate_task`.

use std::{collections::BTreeMap, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{BuildError, Host, answer};
use crate::{
    delegation::{DelegateError, OnCapacity, Request},
    session::Session,
    toolset::{
        NativeTool, Tool, ToolCall, ToolError, ToolOutput, ToolSpec, call::Caller,
        delegate::DelegateTask, spec::spec,
    },
};

/// What an application can add as its parent's own; the fifth blocked tool,
/// `delegate_task`, is the host's.
const OWN: [Tool; 4] = [Tool::Clarify, Tool::Memory, Tool::SendMessage, Tool::ExecuteCode];

/// The tools that only a parent holds.
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

    fn specs(&self) -> impl Iterator<Item = ToolSpec> {
        self.0.iter().map(|(tool, native)| {
            let it = native.spec();
            ToolSpec { tool: *tool, description: it.description, parameters: it.parameters }
        })
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
}

impl Parent {
    pub(super) fn new(host: Host, session: Session) -> Self {
        Self { host, session }
    }

    /// What a model needs to know of every tool that can be called here.
    pub fn tools(&self) -> Vec<ToolSpec> {
        let held = self.host.delegator().parts().grant.iter();
        let held = held.filter(|it| !OWN.contains(it)).filter_map(spec);
        let held = held.map(|it| if it.tool == Tool::DelegateTask { may_wait(it) } else { it });
        held.chain(self.host.own_tools().specs()).collect()
    }

    /// Calls a tool by name, with the JSON object that a model wrote, and
    /// gives its JSON back. `delegate_task` with `background` answers
    /// `{status: "dispatched", …}` and does not wait; at capacity it runs in
    /// the foreground instead, with a note.
    pub async fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError> {
        let parts = self.host.delegator().parts();
        let own = self.host.own_tools().0.iter().find(|(it, _)| it.name() == name);
        if let Some((_, tool)) = own {
            return tool.call(caller(), arguments.to_owned()).await;
        }
        let mut held = parts.grant.iter().filter(|it| !OWN.contains(it));
        let output = match held.find(|it| it.name() == name) {
            None => return Err(ToolError::Denied(format!("this parent has no tool `{name}`"))),
            Some(Tool::DelegateTask) => return self.delegate_task(arguments).await,
            Some(tool @ Tool::Native(_)) => {
                parts.natives.call(caller(), tool, arguments.to_owned()).await?
            }
            Some(tool) => {
                let call = ToolCall::from_json(tool, arguments.to_owned())?;
                parts.tools.call(caller(), call).await?
            }
        };
        match output {
            ToolOutput::Text(text) => Ok(text),
            output => json(&output),
        }
    }

    async fn delegate_task(&self, arguments: &str) -> Result<String, ToolError> {
        let request = Request::from(DelegateTask::from_json(arguments)?);
        let request = Request { on_capacity: OnCapacity::Inline, of_a_model: true, ..request };
        match self.host.delegate(&self.session, request).await {
            Ok(answer) => json(&answer),
            Err(DelegateError::Rejected(it)) => json(&answer::rejected(it)),
            Err(err) => Err(err.into()),
        }
    }
}

fn caller() -> Caller {
    Caller { child: Arc::from("parent"), cancelled: CancellationToken::new() }
}

fn json(value: &impl serde::Serialize) -> Result<String, ToolError> {
    serde_json::to_string(value).map_err(|it| ToolError::Failed(it.to_string()))
}
