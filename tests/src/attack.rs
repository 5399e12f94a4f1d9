//! What the watcher of the attacks and the host that is attacked say to each
//! other, one line of JSON for each side's turn.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How every secret begins that nobody may ever read.
pub const CANARY: &str = "CANARY4c1d";

/// The variable of the host's environment that holds one.
pub const VARIABLE: &str = "CANARY_VARIABLE";

/// Of the watcher.
#[derive(Debug, Serialize, Deserialize)]
pub enum Say {
    /// Start a host, and let an honest child do its work.
    Open(Opening),
    /// Run these tasks as one delegation.
    Run(Order),
    /// End the host, and begin anew.
    Close,
}

/// A host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Opening {
    /// With the directories `workspace` and `state`.
    pub world: PathBuf,
    /// Where compiled components are kept.
    pub cache: PathBuf,
    /// What the user configured.
    pub config: String,
    /// Defences that are taken away, by name.
    pub without: Vec<String>,
    /// Components that children can name, and their files.
    pub agents: Vec<(String, PathBuf)>,
    /// What the model says, one turn after the other.
    pub script: Vec<Turn>,
    /// With tool plugins.
    pub plugins: bool,
}

/// What a model says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Turn {
    /// In words.
    Says(String),
    /// Tools that it asks for, with their arguments.
    Calls(Vec<(String, Value)>),
}

/// A delegation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub tasks: Vec<Job>,
    pub strict: bool,
    /// Interrupt it when the child of its first task has begun.
    pub interrupt: bool,
}

/// One task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub agent: String,
    /// The file of its component.
    pub component: PathBuf,
    pub toolsets: Vec<String>,
    pub goal: String,
    pub context: Option<String>,
    pub orchestrator: bool,
    pub schema: Option<Value>,
}

/// Of the host.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is there.
    Opened,
    /// It can't be had, or does not take the delegation; in its words.
    Refused(String),
    /// The delegation has ended.
    Ended(Box<End>),
    /// It is gone.
    Closed,
}

/// How a delegation ended, and what else is seen from within.
#[derive(Debug, Serialize, Deserialize)]
pub struct End {
    pub delegation_id: String,
    /// The event as JSON.
    pub event: Value,
    /// The event as it re-enters the conversation.
    pub text: String,
    /// Whether reading that text gives what was told.
    pub is_one_notice: bool,
    /// Identity, session and state of every event in the store.
    pub events: Vec<[String; 3]>,
    /// What is in use, as far as it is anything.
    pub in_use: Option<String>,
    /// What the model was asked.
    pub prompts: Vec<String>,
    /// What was shown of the children at work.
    pub shown: Vec<String>,
}
