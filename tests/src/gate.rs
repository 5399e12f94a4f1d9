//! A gate for children.

use std::{collections::BTreeSet, sync::Arc};

use hermitage::toolset::{NativeTool, ToolError, ToolSpec, native::tool};
use tokio::sync::watch;

/// The tool `gate`: a child that calls it waits until the test opens the gate
/// of the name that it gave. Cheap to clone.
#[derive(Clone, Default)]
pub struct Gate {
    open: Arc<watch::Sender<BTreeSet<String>>>,
    entered: Arc<watch::Sender<BTreeSet<String>>>,
}

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets children pass, now and later.
    pub fn open(&self, name: &str) {
        self.open.send_modify(|it| it.extend([Self::arguments(name)]));
    }

    /// Waits until a child stands at that gate.
    pub async fn entered(&self, name: &str) {
        wait_for(&self.entered, &Self::arguments(name)).await;
    }

    pub(crate) fn arguments(name: &str) -> String {
        format!(r#"{{"name":"{name}"}}"#)
    }

    pub(crate) fn tool(&self) -> Arc<dyn NativeTool> {
        let spec = ToolSpec {
            name: "gate".to_owned(),
            description: "Waits until it is opened.".to_owned(),
            parameters: r#"{"type":"object"}"#.to_owned(),
        };
        let gate = self.clone();
        tool(spec, move |caller, arguments| {
            let gate = gate.clone();
            async move {
                gate.entered.send_modify(|it| it.extend([arguments.clone()]));
                tokio::select! {
                    () = wait_for(&gate.open, &arguments) => Ok("passed".to_owned()),
                    () = caller.cancelled.cancelled() => Err(ToolError::Interrupted),
                }
            }
        })
    }
}

async fn wait_for(names: &watch::Sender<BTreeSet<String>>, name: &str) {
    // The sender is there for as long as it is borrowed.
    let _ = names.subscribe().wait_for(|it| it.contains(name)).await;
}
