//! One server: how it is reached, and what of it may be used.

use std::{path::PathBuf, time::Duration};

use crate::{
    completion::sanitize::clean_line,
    secret::Source,
    tools::{
        closed::OwnFiles,
        terminal::TerminalConfig,
        web::{HttpRule, HttpRuleError, WebConfig},
    },
};

/// Characters of a line for a person.
const MAX_LINE_CHARS: usize = 400;

/// A server that speaks MCP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// That of its toolset.
    pub name: String,
    /// A program, and its arguments; empty for one that has an address.
    pub command: Vec<String>,
    /// Where it listens, instead of a program.
    pub url: Option<String>,
    /// The key that it is sent.
    pub key: Option<Source>,
    /// Tools by the server's own names for them; all of them when absent.
    pub allow: Option<Vec<String>>,
    /// Whether it runs in a sandbox.
    pub sandbox: bool,
    /// Whether one in a sandbox may use the network.
    pub network: bool,
    /// Variables of the host that it has.
    pub environment: Vec<String>,
    /// What one in a sandbox may read of the host.
    pub read_only: Vec<PathBuf>,
    /// How long one call may take.
    pub timeout: Duration,
}

/// What servers are started with.
#[derive(Clone, Debug)]
pub struct Place {
    /// Their limits, in a sandbox.
    pub terminal: TerminalConfig,
    /// What they must not see.
    pub own_files: OwnFiles,
    /// The limits of those that are asked over HTTP.
    pub web: WebConfig,
}

impl Server {
    /// What a person agrees to, besides its tools: one line each. Whatever
    /// changes of it is agreed to again.
    pub fn words(&self) -> Vec<String> {
        if let Some(url) = &self.url {
            let key = self.key.as_ref().map(|_| "is sent your key".to_owned());
            let res = [Some(format!("asks `{url}`")), key].into_iter().flatten();
            return res.map(|it| clean_line(&it, MAX_LINE_CHARS)).collect();
        }
        let command = self.command.join(" ");
        let mut res = vec![match self.sandbox {
            true => format!("runs `{command}` in a sandbox, without your files"),
            false => format!("runs `{command}` with all of your rights"),
        }];
        if self.sandbox && self.network {
            res.push("uses the network, that of this machine included".to_owned());
        }
        if !self.environment.is_empty() {
            res.push(format!("has your variables {}", listed(self.environment.iter())));
        }
        if self.sandbox && !self.read_only.is_empty() {
            let paths = self.read_only.iter().map(|it| it.display().to_string());
            res.push(format!("reads {}", listed(paths)));
        }
        res.iter().map(|it| clean_line(it, MAX_LINE_CHARS)).collect()
    }
}

/// The rule that allows a server's address, and nothing else.
///
/// # Errors
///
/// It is no address.
pub fn rule(url: &str) -> Result<HttpRule, HttpRuleError> {
    format!("DELETE, POST {url}").parse()
}

fn listed(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    names.map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}
