//! The grant: which tools a child may call, and the one function that decides
//! it (SEMANTICS.md §3).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::id::ToolId;
use crate::event::Role;

/// A set of tools. What a parent holds and what a child gets are both grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant(BTreeSet<ToolId>);

impl Grant {
    /// Whether the tool may be called.
    pub fn contains(&self, tool: ToolId) -> bool {
        self.0.contains(&tool)
    }

    /// The tools in the order of the catalogue.
    pub fn iter(&self) -> impl Iterator<Item = ToolId> {
        self.0.iter().copied()
    }

    /// The names in the order of the catalogue.
    pub fn names(&self) -> Vec<&'static str> {
        self.iter().map(ToolId::name).collect()
    }

    /// Whether every tool of this grant is in the other.
    pub fn is_within(&self, other: &Grant) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl FromIterator<ToolId> for Grant {
    fn from_iter<I: IntoIterator<Item = ToolId>>(tools: I) -> Self {
        Self(tools.into_iter().collect())
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no tools");
        }
        f.write_str(&self.names().join(", "))
    }
}

/// The tools that no child is granted: the parent's own, and what the
/// configuration adds. Nothing takes one away; [`Blocked::withholds`] has the
/// one exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    parents_own: bool,
    more: BTreeSet<ToolId>,
}

impl Blocked {
    /// The parent's own and `more`.
    pub fn with(more: impl IntoIterator<Item = ToolId>) -> Self {
        Self { parents_own: true, more: more.into_iter().collect() }
    }

    /// Nothing: of a parent, and of no child.
    pub fn of_a_parent() -> Self {
        Self { parents_own: false, more: BTreeSet::new() }
    }

    /// Whether the tool is on the list.
    pub fn contains(&self, tool: ToolId) -> bool {
        self.parents_own && tool.is_parents_own() || self.more.contains(&tool)
    }

    /// Whether a child of that role may not hold the tool. An orchestrator may
    /// hold `delegate_task`, and nothing else that is blocked.
    pub fn withholds(&self, tool: ToolId, role: Role) -> bool {
        self.contains(tool) && !tool.is_regained_by(role)
    }
}

impl Default for Blocked {
    fn default() -> Self {
        Self::with([])
    }
}

/// The tools that this host has not, though the contract knows them, and why:
/// no sandbox for commands on this machine, no search engine configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withheld(BTreeMap<ToolId, Reason>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reason {
    text: String,
    is_told: bool,
}

impl Withheld {
    /// A tool that nobody gets. Whoever takes the defaults is told, too: they
    /// have less than was promised.
    pub fn add(&mut self, tool: ToolId, reason: impl Into<String>) {
        self.0.insert(tool, Reason { text: reason.into(), is_told: true });
    }

    /// The same for a tool that was never set up: only those who ask for it by
    /// name are told.
    pub fn add_quietly(&mut self, tool: ToolId, reason: impl Into<String>) {
        self.0.insert(tool, Reason { text: reason.into(), is_told: false });
    }

    /// It is there after all.
    pub fn remove(&mut self, tool: ToolId) {
        self.0.remove(&tool);
    }

    /// Why the host has it not; `None` when it has it.
    pub fn reason(&self, tool: ToolId) -> Option<&str> {
        self.0.get(&tool).map(|it| it.text.as_str())
    }

    /// Whether somebody who did not name the tool is told.
    pub fn is_told(&self, tool: ToolId) -> bool {
        self.0.get(&tool).is_some_and(|it| it.is_told)
    }

    /// What remains of a grant.
    #[must_use]
    pub fn less(&self, grant: &Grant) -> Grant {
        grant.iter().filter(|it| !self.0.contains_key(it)).collect()
    }
}

/// `grant(child) = expand(requested, or the parent's) ∩ parent ∖ blocked`,
/// and `delegate_task` for an orchestrator whose parent holds it.
///
/// The last step of a policy, which alone calls it. An absent request takes the parent's grant, an empty one takes none.
/// An orchestrator need not ask for `delegate_task`: the role does. A caller
/// whose child is too deep to delegate passes [`Role::Leaf`].
pub fn grant(requested: Option<&Grant>, parent: &Grant, blocked: &Blocked, role: Role) -> Grant {
    let by_role = parent.iter().filter(|it| it.is_regained_by(role));
    let wanted = requested.unwrap_or(parent).iter().chain(by_role);
    wanted.filter(|it| parent.contains(*it) && !blocked.withholds(*it, role)).collect()
}
