//! The contract: every item that a component of world `subagent` may import,
//! with its type, and the same of world `tool-plugin`.
//!
//! The tables are `contract.txt` and `plugin.txt`, one item a line, written from
//! `wit/` by a test that fails when they differ. So the planner compares types without
//! reading WIT, and a change of the contract shows in review.

use std::{collections::BTreeMap, sync::LazyLock};

use super::import::ItemKind;
use crate::{tools, toolset::ToolId};

/// The package that this host speaks, without a version.
pub const PACKAGE: &str = "hermitage:subagent";

/// The version that this host speaks, no other.
pub const VERSION: &str = "0.1.0";

/// Interfaces that hold no tool and are always linked.
const ALWAYS: [&str; 3] = ["types", "progress", "toolbox"];

/// The known interfaces and their items.
#[derive(Debug)]
pub struct Contract {
    interfaces: BTreeMap<&'static str, BTreeMap<&'static str, Known>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Known {
    word: &'static str,
    shape: &'static str,
}

/// What a function of the contract is to the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Linked for everyone.
    Always,
    /// A call of the language model.
    Model,
    /// A tool, linked when it is granted.
    Tool(ToolId),
}

/// How an imported item compares with the contract.
#[derive(Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// Name and type are those of the contract.
    Same,
    /// No such item in that interface.
    Unknown,
    /// The item exists with another type, this one.
    Differs(&'a str),
}

impl Contract {
    /// The contract of this version.
    pub fn current() -> &'static Contract {
        static CURRENT: LazyLock<Contract> =
            LazyLock::new(|| Contract::parse(include_str!("contract.txt")));
        &CURRENT
    }

    /// That of tool plugins.
    pub fn of_plugins() -> &'static Contract {
        static PLUGINS: LazyLock<Contract> =
            LazyLock::new(|| Contract::parse(include_str!("plugin.txt")));
        &PLUGINS
    }

    /// Whether the interface, with its version, is one of either.
    pub fn knows(interface: &str) -> bool {
        Self::current().has(interface) || Self::of_plugins().has(interface)
    }

    /// Lines of `interface word name shape`; the shape may hold spaces.
    fn parse(text: &'static str) -> Self {
        let mut interfaces: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for line in text.lines() {
            let mut parts = line.splitn(4, ' ');
            let (Some(interface), Some(word), Some(name)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let known = Known { word, shape: parts.next().unwrap_or_default() };
            interfaces.entry(interface).or_default().insert(name, known);
        }
        Self { interfaces }
    }

    /// Whether the interface, with its version, is one of this contract.
    pub fn has(&self, interface: &str) -> bool {
        self.interfaces.contains_key(interface)
    }

    /// Compares one item of a known interface.
    pub fn compare(&self, interface: &str, name: &str, kind: &ItemKind) -> Match<'_> {
        let known = self.interfaces.get(interface).and_then(|it| it.get(name));
        match known {
            None => Match::Unknown,
            Some(it) if it.word == kind.word() && it.shape == kind.shape() => Match::Same,
            // A resource has no type, but is something.
            Some(it) if it.shape.is_empty() => Match::Differs(it.word),
            Some(it) => Match::Differs(it.shape),
        }
    }

    /// What a function of a known interface is for; `None` when it is no
    /// function of the contract.
    pub fn purpose(interface: &str, function: &str) -> Option<Purpose> {
        let short = interface.strip_prefix(PACKAGE)?.strip_prefix('/')?;
        let (short, _) = short.split_once('@')?;
        match short {
            it if ALWAYS.contains(&it) => Some(Purpose::Always),
            "model" => Some(Purpose::Model),
            _ => tools::bundled().get(&function.replace('-', "_")).map(Purpose::Tool),
        }
    }

    /// Every function, as `(interface, function)`.
    pub fn functions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.interfaces.iter().flat_map(|(interface, items)| {
            items
                .iter()
                .filter(|(_, it)| it.word == "function")
                .map(|(name, _)| (*interface, *name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_the_contract_has_a_purpose_and_every_tool_a_function() {
        let mut tools = Vec::new();
        for (interface, function) in Contract::current().functions() {
            match Contract::purpose(interface, function) {
                Some(Purpose::Tool(tool)) => tools.push(tool),
                Some(_) => (),
                None => panic!("`{interface}#{function}` has no purpose"),
            }
        }
        tools.sort();
        assert_eq!(tools, crate::tools::bundled().tools());
    }

    #[test]
    fn every_interface_has_the_version_that_this_host_speaks() {
        for interface in Contract::current().interfaces.keys() {
            assert!(interface.starts_with(PACKAGE), "{interface}");
            assert!(interface.ends_with(&format!("@{VERSION}")), "{interface}");
        }
    }
}
