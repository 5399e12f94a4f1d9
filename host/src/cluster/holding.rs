//! What one child holds, as the host that was asked has signed it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{key::HostKey, settings::PublicKey};
use crate::{
    boundary::{Policy, Terms},
    event::Role,
    sandbox::Admitted,
    tools::bundled,
    toolset::{Grant, Registry, ToolId, ToolSpec},
};

const PURPOSE: &str = "hermitage grants";

/// Tools of one child that are not the program's own: bounds what a host that
/// is trusted can have a worker keep.
const MAX_TOOLS: usize = 1_000;

/// What a child holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holding {
    /// BLAKE3 of its component, in hexadecimal.
    pub(super) component: String,
    tools: Vec<Held>,
    role: Role,
    model: bool,
    strict: bool,
}

/// A tool of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    name: String,
    toolset: String,
    /// Of one that the program does not bring along.
    foreign: Option<(String, String)>,
}

/// The same with the signature of a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct SignedHolding {
    text: String,
    signature: Vec<u8>,
}

impl Holding {
    pub(super) fn of(admitted: &Admitted, component: &blake3::Hash) -> Self {
        let policy = admitted.policy();
        let held = |tool: ToolId| {
            let (name, toolset) = (tool.name().to_owned(), tool.toolset().to_owned());
            let ToolSpec { description, parameters, .. } = tool.spec().clone();
            let is_own = bundled().get(&name) == Some(tool);
            Held { name, toolset, foreign: (!is_own).then_some((description, parameters)) }
        };
        Self {
            component: component.to_hex().to_string(),
            tools: policy.grant().iter().map(held).collect(),
            role: policy.role(),
            model: policy.has_model(),
            strict: policy.is_strict(),
        }
    }

    pub(super) fn signed(&self, key: &HostKey) -> SignedHolding {
        let text = serde_json::to_string(self).unwrap_or_default();
        let signature = key.sign(PURPOSE, text.as_bytes());
        SignedHolding { text, signature }
    }

    /// The toolsets that a worker must let children hold.
    pub(super) fn toolsets(&self) -> Vec<String> {
        let mut res: Vec<String> = self.tools.iter().map(|it| it.toolset.clone()).collect();
        res.sort_unstable();
        res.dedup();
        res
    }

    /// As a worker holds it: less what that one lets nobody hold. The error says
    /// what is wrong with it.
    pub(super) fn policy(
        &self,
        is_allowed: impl Fn(&str) -> bool,
    ) -> Result<(Arc<Registry>, Arc<Policy>), String> {
        if self.tools.len() > MAX_TOOLS {
            return Err(format!("{} tools: at most {MAX_TOOLS} are taken", self.tools.len()));
        }
        let mut registry = bundled().clone();
        let mut grant: Vec<ToolId> = Vec::new();
        for tool in self.tools.iter().filter(|it| is_allowed(&it.toolset)) {
            let id = match &tool.foreign {
                None => registry.get(&tool.name),
                Some((description, parameters)) => {
                    let (description, parameters) = (description.clone(), parameters.clone());
                    let spec = ToolSpec { name: tool.name.clone(), description, parameters };
                    registry.add_far(spec, &tool.toolset)
                }
            };
            grant.push(id.ok_or_else(|| format!("`{}` is no tool here", tool.name))?);
        }
        let grant: Grant = grant.into_iter().collect();
        let Self { role, model, strict, .. } = *self;
        let terms = Terms { model, strict, ..Terms::of(role) };
        // `delegate_task` is regained by an orchestrator whose parent holds it.
        let policy = Policy::decide(None, &grant, terms, []);
        Ok((Arc::new(registry), policy))
    }
}

impl SignedHolding {
    /// What it is known by, signature and host included.
    pub(super) fn digest(&self, by: PublicKey) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&by.0).update(&self.signature).update(self.text.as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// What is held, if that host has signed it.
    pub(super) fn opened(&self, by: PublicKey) -> Option<Holding> {
        let is_signed = by.has_signed(PURPOSE, self.text.as_bytes(), &self.signature);
        is_signed.then(|| serde_json::from_str(&self.text).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(tools: &[&str]) -> Holding {
        let held = |it: &&str| {
            let tool = bundled().get(it).unwrap();
            Held { name: tool.name().into(), toolset: tool.toolset().into(), foreign: None }
        };
        let tools = tools.iter().map(held).collect();
        Holding { component: "00".into(), tools, role: Role::Leaf, model: false, strict: false }
    }

    #[test]
    fn a_forged_grant_opens_for_nobody() {
        let [key, other] = [0, 1].map(|_| HostKey::fresh().unwrap());
        let signed = holding(&["read_file"]).signed(&key);
        assert_eq!(signed.opened(key.public()), Some(holding(&["read_file"])));
        assert_eq!(signed.opened(other.public()), None);
        let text = holding(&["read_file", "write_file"]).signed(&other).text;
        assert_eq!(SignedHolding { text, ..signed }.opened(key.public()), None);
    }

    #[test]
    fn a_worker_lets_nobody_hold_more_than_it_allows_nor_what_is_blocked() {
        let holding = holding(&["read_file", "terminal", "memory", "delegate_task"]);
        let held = |allowed: &str| {
            let (_, policy) = holding.policy(|it| allowed.is_empty() || it == allowed).unwrap();
            policy.grant().to_string()
        };
        assert_eq!(held(""), "read_file, terminal");
        assert_eq!(held("terminal"), "terminal");
        assert_eq!(held("none"), "no tools");
    }
}
