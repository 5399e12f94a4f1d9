//! What a person agreed to: one component, what it may do in the words that
//! they read, and its tools. And how another one differs from that.

mod record;

use semver::Version;

use super::manifest::Manifest;
use crate::{sandbox::Binary, toolset::ToolSpec};

pub use self::record::ApprovalError;

/// What a person agreed to.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// By which it is granted. A person may have given it another than its
    /// author did.
    pub name: String,
    /// Its author's.
    pub version: Version,
    /// Of the component.
    pub digest: blake3::Hash,
    /// Of the text of the manifest; `None` of a component that came without.
    pub manifest: Option<blake3::Hash>,
    /// What it may do: [`Asks::words`](crate::boundary::Asks::words).
    pub asks: Vec<String>,
    /// Its tools, in the order of their names.
    pub tools: Vec<ToolSpec>,
    /// When, in seconds since 1970.
    pub approved_at: f64,
}

impl Approval {
    /// Of a component and its tools. `text` is that of the manifest.
    pub fn of(
        manifest: &Manifest,
        text: Option<&str>,
        mut tools: Vec<ToolSpec>,
        component: &Binary,
        approved_at: f64,
    ) -> Self {
        tools.sort();
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: *component.digest(),
            manifest: text.map(|it| blake3::hash(it.as_bytes())),
            asks: manifest.asks.words(),
            tools,
            approved_at,
        }
    }

    /// Whether somebody who agreed to `other` agreed to all of this.
    pub fn is_same(&self, other: &Approval) -> bool {
        *self == Self { approved_at: self.approved_at, ..other.clone() }
    }

    /// How it differs from one that was agreed to before, in words: one line
    /// each.
    pub fn changes(&self, before: &Approval) -> Vec<String> {
        let mut res = Vec::new();
        if self.version != before.version {
            res.push(format!("version: {} → {}", before.version, self.version));
        }
        if self.digest != before.digest {
            res.push(format!("component: {} → {}", short(before.digest), short(self.digest)));
        }
        let lost = before.asks.iter().filter(|it| !self.asks.contains(it));
        res.extend(lost.map(|it| format!("no longer: {it}")));
        let new = self.asks.iter().filter(|it| !before.asks.contains(it));
        res.extend(new.map(|it| format!("new: {it}")));
        res.extend(self.tool_changes(before));
        if res.is_empty() && self.manifest != before.manifest {
            res.push("its manifest is written in another way".to_owned());
        }
        res
    }

    fn tool_changes(&self, before: &Approval) -> Vec<String> {
        let lost = before.tools.iter().filter(|it| self.tool(&it.name).is_none());
        let mut res: Vec<String> = lost.map(|it| format!("tool `{}` is gone", it.name)).collect();
        for tool in &self.tools {
            match before.tool(&tool.name) {
                None => res.push(format!("tool `{}` is new: {}", tool.name, tool.description)),
                Some(before) => res.extend(differences(tool, before)),
            }
        }
        res
    }

    fn tool(&self, name: &str) -> Option<&ToolSpec> {
        self.tools.iter().find(|it| it.name == name)
    }
}

fn differences(tool: &ToolSpec, before: &ToolSpec) -> Vec<String> {
    let name = &tool.name;
    let parts = [
        ("description", &before.description, &tool.description),
        ("schema", &before.parameters, &tool.parameters),
    ];
    let differing = parts.into_iter().filter(|(_, before, now)| before != now);
    let lines = differing.flat_map(|(what, before, now)| {
        let was = format!("{what} of `{name}` was: {before}");
        [was, format!("{what} of `{name}` is now: {now}")]
    });
    lines.collect()
}

/// The beginning of a digest, enough for a person to tell two apart.
fn short(digest: blake3::Hash) -> String {
    digest.to_hex().chars().take(12).collect()
}

#[cfg(test)]
mod tests;
