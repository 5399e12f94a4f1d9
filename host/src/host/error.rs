//! Why a host can't be built.

#[cfg(feature = "cluster")]
use crate::cluster::ClusterError;
use crate::{
    config::ConfigError,
    plugin::{DescribeError, bundled::tools::BundledError},
    sandbox::SandboxError,
    store::StoreError,
    tools::{OpenError, closed::HomeError, file::WorkspaceError, terminal::TerminalError},
    toolset::{native::NativeError, registry::NotDeclared},
};

/// Why a host can't be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The sandbox can't start.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no place for the store.
    #[error("there is no directory for the store: neither `HOME` nor `XDG_STATE_HOME` is set")]
    NoState,
    /// The workspace can't be opened.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The workspace is none for children.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The terminal is configured wrong.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// A tool of the application can't be taken.
    #[error(transparent)]
    Tool(#[from] NativeError),
    /// A component is no plugin that can be taken as its manifest says.
    #[error("the plugin `{name}` can't be taken: {source}")]
    Plugin {
        /// By its manifest.
        name: String,
        /// What is wrong.
        source: Box<DescribeError>,
    },
    /// A tool plugin of the program was not made as a whole.
    #[error(transparent)]
    Bundled(#[from] BundledError),
    /// There is no such tool of the host, whose work could be replaced.
    #[error(transparent)]
    Replace(#[from] NotDeclared),
    /// Other hosts can't be worked with.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The configuration has other hosts, and this program no way to them.
    #[error("`cluster.nats` is set, and this program was built without the feature `cluster`")]
    NoCluster,
    /// Only some tools are the parent's own.
    #[error("`{name}` is no tool of a parent: known are {known}")]
    NotAParentsTool {
        /// What was given.
        name: String,
        /// The names that there are, separated by commas.
        known: String,
    },
}

impl From<OpenError> for BuildError {
    fn from(it: OpenError) -> Self {
        match it {
            OpenError::Workspace(it) => Self::Workspace(it),
            OpenError::Terminal(it) => Self::Terminal(it),
        }
    }
}
