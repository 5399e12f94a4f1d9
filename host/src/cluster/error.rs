//! What can be wrong with other hosts, and with the server between them.

use std::path::PathBuf;

/// Why a host can't work with others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// There is no server, or it takes nobody in.
    #[error("no NATS server at `{url}`: {why}")]
    Connect {
        /// Without what could be a password.
        url: String,
        /// The client's words.
        why: String,
    },
    /// It lacks what is needed.
    #[error("the NATS server at `{url}` is {version}: at least 2.10.25 is needed")]
    Version {
        /// Without what could be a password.
        url: String,
        /// Its own word.
        version: String,
    },
    /// Its streams can't be used.
    #[error("JetStream can't be used: {0}")]
    Stream(String),
    /// No server is configured.
    #[error("`cluster.nats` names no server")]
    NoServer,
    /// Nobody is trusted.
    #[error("`cluster.trusted` names no host")]
    NobodyTrusted,
    /// The key of this host can't be kept or read.
    #[error("the key `{}`: {why}", path.display())]
    Key {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl ClusterError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "start `nats-server --jetstream`, or mend `cluster.nats`",
            Self::Version { .. } => "install a later server",
            Self::Stream(_) => "start the server with `--jetstream`, for a user who may use it",
            Self::NoServer => "set `cluster.nats`, for example to `nats://127.0.0.1:4222`",
            Self::NobodyTrusted => {
                "`hermitage worker --key` prints the key of a host: each lists those of the others"
            }
            Self::Key { .. } => "remove the file to have another key made",
        }
    }
}
