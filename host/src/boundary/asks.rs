//! What a tool plugin asks for: plain data, as its manifest says it and a
//! person approved it.
//!
//! What it gets for one call is made of this by the host, and of what its
//! caller holds; nothing here is ever taken from a call's arguments.

use crate::tools::web::HttpRule;

/// Everything that a plugin asks for. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// Requests that it may send; none without a rule.
    pub http: Vec<HttpRule>,
    /// Secrets that the host puts into those requests.
    pub secrets: Vec<SecretAsk>,
    /// Texts that the person may give it.
    pub settings: Vec<SettingAsk>,
    /// Files of the workspace.
    pub workspace: Option<WorkspaceAsk>,
}

impl Asks {
    /// Whether requests are asked for.
    pub fn has_http(&self) -> bool {
        !self.http.is_empty()
    }
}

/// A secret. The plugin never has it: the host puts it into a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretAsk {
    /// By which the person's configuration names it.
    pub name: String,
    /// For that person.
    pub description: String,
    /// Where it is sent. Every one lies within [`Asks::http`].
    pub audience: Vec<HttpRule>,
    /// Name of the header that holds it.
    pub header: String,
    /// Value of that header, with `{}` in the place of the secret.
    pub format: String,
    /// Whether requests to the audience fail without it.
    pub required: bool,
}

/// A text that the person may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingAsk {
    /// The key.
    pub name: String,
    /// For that person.
    pub description: String,
    /// What it is when nothing is set.
    pub default: Option<String>,
}

/// A part of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceAsk {
    /// What is done there.
    pub access: Access,
    /// The directory, relative to the workspace; empty for all of it.
    pub subtree: String,
}

/// What is done with files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They are read.
    Read,
    /// They are changed, too.
    ReadWrite,
}
