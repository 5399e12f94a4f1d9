//! What a plugin has for one call, besides its own memory.

use std::{collections::BTreeMap, sync::Arc};

use crate::tools::{file::Tree, web::Outgoing};

/// Made by the host of what a plugin was approved for and what its caller
/// holds. The default is nothing, which is what every agent has.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Files of the workspace.
    pub files: Option<Arc<Tree>>,
    /// Requests.
    pub http: Option<Arc<Outgoing>>,
    /// What the person set, and what the manifest says where nothing is set.
    pub settings: Arc<BTreeMap<String, String>>,
}
