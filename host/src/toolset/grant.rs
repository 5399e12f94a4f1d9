//! The grant: which tools a child may call, and the one function that decides
//! it (SEMANTICS.md §3).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::catalogue::{Tool, Toolset};
use crate::event::Role;

/// A set of tools. What a parent holds and what a child gets are both grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant(BTreeSet<Tool>);

impl Grant {
    /// What a top-level caller holds: every tool this host has, and the
    /// blocked ones, which are the parent's own.
    pub fn of_parent() -> Self {
        Tool::ALL.into_iter().collect()
    }

    /// With the native tools of the application, too.
    #[must_use]
    pub fn plus(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.0.extend(tools);
        self
    }

    /// Whether the tool may be called.
    pub fn contains(&self, tool: Tool) -> bool {
        self.0.contains(&tool)
    }

    /// The tools in the order of the catalogue.
    pub fn iter(&self) -> impl Iterator<Item = Tool> {
        self.0.iter().copied()
    }

    /// The names in the order of the catalogue.
    pub fn names(&self) -> Vec<&'static str> {
        self.iter().map(Tool::name).collect()
    }

    /// Whether every tool of this grant is in the other.
    pub fn is_within(&self, other: &Grant) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl FromIterator<Tool> for Grant {
    fn from_iter<I: IntoIterator<Item = Tool>>(tools: I) -> Self {
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

/// The tools that no child is granted: the fixed five, and what the
/// configuration adds. Nothing takes one away; [`Blocked::withholds`] has the
/// one exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked(BTreeSet<Tool>);

impl Blocked {
    /// The fixed five and `more`.
    pub fn with(more: impl IntoIterator<Item = Tool>) -> Self {
        let fixed = Tool::ALL.into_iter().filter(|it| it.is_parents_own());
        Self(fixed.chain(more).collect())
    }

    /// Nothing: of a parent, and of no child.
    pub fn of_a_parent() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether the tool is on the list.
    pub fn contains(&self, tool: Tool) -> bool {
        self.0.contains(&tool)
    }

    /// Whether a child of that role may not hold the tool. An orchestrator may
    /// hold `delegate_task`, and nothing else that is blocked.
    pub fn withholds(&self, tool: Tool, role: Role) -> bool {
        self.contains(tool) && (tool, role) != (Tool::DelegateTask, Role::Orchestrator)
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
pub struct Withheld(BTreeMap<Tool, Reason>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reason {
    text: String,
    is_told: bool,
}

impl Withheld {
    /// A tool that nobody gets. Whoever takes the defaults is told, too: they
    /// have less than was promised.
    pub fn add(&mut self, tool: Tool, reason: impl Into<String>) {
        self.0.insert(tool, Reason { text: reason.into(), is_told: true });
    }

    /// The same for a tool that was never set up: only those who ask for it by
    /// name are told.
    pub fn add_quietly(&mut self, tool: Tool, reason: impl Into<String>) {
        self.0.insert(tool, Reason { text: reason.into(), is_told: false });
    }

    /// Why the host has it not; `None` when it has it.
    pub fn reason(&self, tool: Tool) -> Option<&str> {
        self.0.get(&tool).map(|it| it.text.as_str())
    }

    /// Whether somebody who did not name the tool is told.
    pub fn is_told(&self, tool: Tool) -> bool {
        self.0.get(&tool).is_some_and(|it| it.is_told)
    }

    /// What remains of a grant.
    #[must_use]
    pub fn less(&self, grant: &Grant) -> Grant {
        grant.iter().filter(|it| !self.0.contains_key(it)).collect()
    }
}

/// Why a list of toolsets is no request for a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// No tool or toolset has this name.
    #[error("unknown toolset or tool `{name}`: known are {known}")]
    Unknown {
        /// As it was asked for.
        name: String,
        /// The names that can be granted, separated by commas.
        known: String,
    },
}

/// The tools that a list of toolset and tool names stands for, those of
/// `natives` included.
pub fn expand<S: AsRef<str>>(names: &[S], natives: &[Tool]) -> Result<Grant, GrantError> {
    let mut res = BTreeSet::new();
    for name in names.iter().map(AsRef::as_ref) {
        let Some(tools) = tools_named(name, natives) else {
            return Err(GrantError::Unknown { name: name.to_owned(), known: known(natives) });
        };
        res.extend(tools);
    }
    Ok(Grant(res))
}

fn tools_named(name: &str, natives: &[Tool]) -> Option<Vec<Tool>> {
    if let Some(toolset) = Toolset::named(name) {
        return Some(toolset.tools.to_vec());
    }
    let native = || natives.iter().copied().find(|it| it.name() == name);
    Tool::named(name).or_else(native).map(|it| vec![it])
}

/// `grant(child) = expand(requested, or the parent's) ∩ parent ∖ blocked`,
/// and `delegate_task` for an orchestrator whose parent holds it.
///
/// The only place where a child's tools are decided; the last step before the
/// plan. An absent request takes the parent's grant, an empty one takes none.
/// An orchestrator need not ask for `delegate_task`: the role does. A caller
/// whose child is too deep to delegate passes [`Role::Leaf`].
pub fn grant(requested: Option<&Grant>, parent: &Grant, blocked: &Blocked, role: Role) -> Grant {
    let by_role = (role == Role::Orchestrator).then_some(Tool::DelegateTask);
    let wanted = requested.unwrap_or(parent).iter().chain(by_role);
    wanted.filter(|it| parent.contains(*it) && !blocked.withholds(*it, role)).collect()
}

/// Names of toolsets that a child can be granted.
fn known(natives: &[Tool]) -> String {
    let offered = Toolset::ALL.iter().filter(|it| !it.tools.iter().any(|it| it.is_parents_own()));
    let names = offered.map(|it| it.name).chain(natives.iter().map(|it| it.toolset()));
    let names: Vec<String> = names.map(|it| format!("`{it}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(requested: Option<&[&str]>, role: Role, expect: &[&str]) {
        let requested = requested.map(|it| expand(it, &[]).unwrap());
        let res = grant(requested.as_ref(), &Grant::of_parent(), &Blocked::default(), role);
        assert_eq!(res.names(), expect);
    }

    #[test]
    fn a_grant_is_the_request_within_the_parent_less_the_blocked() {
        let file = ["read_file", "write_file", "patch", "search_files"];
        let others = ["terminal", "web_search", "web_extract"];
        check(None, Role::Leaf, &[&file[..], &others].concat());
        check(Some(&[]), Role::Leaf, &[]);
        check(Some(&["file"]), Role::Leaf, &file);
        check(Some(&["file_read"]), Role::Leaf, &["read_file", "search_files"]);
        check(Some(&["patch", "patch"]), Role::Leaf, &["patch"]);
        let blocked = ["file_read", "memory", "delegation"];
        check(Some(&blocked), Role::Leaf, &["read_file", "search_files"]);
        check(Some(&["send_message"]), Role::Leaf, &[]);
    }

    #[test]
    fn an_orchestrator_regains_delegation_and_nothing_else() {
        check(Some(&[]), Role::Orchestrator, &["delegate_task"]);
        check(Some(&["patch"]), Role::Orchestrator, &["patch", "delegate_task"]);
        let all = ["delegation", "clarify", "memory", "messaging", "code_execution"];
        check(Some(&all), Role::Orchestrator, &["delegate_task"]);
        let leaf: Grant = [Tool::ReadFile].into_iter().collect();
        let res = grant(None, &leaf, &Blocked::default(), Role::Orchestrator);
        assert_eq!(res, leaf);
    }

    #[test]
    fn a_name_that_is_not_in_the_catalogue_is_an_error_that_lists_the_known() {
        for name in ["files", "", " file", "File", "file*", "mcp__x__memory", "memоry"] {
            let err = expand(&[name], &[]).unwrap_err().to_string();
            let known = "`file`, `file_read`, `terminal`, `web`";
            assert_eq!(err, format!("unknown toolset or tool `{name}`: known are {known}"));
        }
    }

    #[test]
    fn what_a_host_has_not_is_in_no_grant_and_has_a_reason() {
        let mut withheld = Withheld::default();
        withheld.add(Tool::Terminal, "no sandbox");
        withheld.add_quietly(Tool::WebSearch, "no engine");
        let rest = withheld.less(&expand(&["terminal", "web"], &[]).unwrap());
        assert_eq!(rest.names(), ["web_extract"]);
        let told = [Tool::Terminal, Tool::WebSearch, Tool::WebExtract];
        assert_eq!(told.map(|it| withheld.is_told(it)), [true, false, false]);
        assert_eq!(withheld.reason(Tool::WebSearch), Some("no engine"));
    }

    fn any_grant() -> impl Strategy<Value = Grant> {
        proptest::sample::subsequence(Tool::ALL.to_vec(), 0..=Tool::ALL.len())
            .prop_map(|it| it.into_iter().collect())
    }

    fn any_role() -> impl Strategy<Value = Role> {
        proptest::sample::select(Role::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn a_child_never_holds_more_than_its_parent_nor_anything_blocked(
            requested in proptest::option::of(any_grant()),
            parent in any_grant(),
            more in any_grant(),
            role in any_role(),
        ) {
            let blocked = Blocked::with(more.iter());
            let child = grant(requested.as_ref(), &parent, &blocked, role);
            prop_assert!(child.is_within(&parent));
            let regained: Vec<Tool> = child.iter().filter(|it| blocked.contains(*it)).collect();
            let may_delegate = role == Role::Orchestrator && parent.contains(Tool::DelegateTask);
            let expect = if may_delegate { vec![Tool::DelegateTask] } else { vec![] };
            prop_assert_eq!(regained, expect);
            if let Some(requested) = &requested {
                let asked = requested.iter().chain([Tool::DelegateTask]).collect();
                prop_assert!(child.is_within(&asked));
            }
        }

        #[test]
        fn a_grant_granted_again_is_the_same(
            requested in proptest::option::of(any_grant()),
            parent in any_grant(),
            more in any_grant(),
            role in any_role(),
        ) {
            let blocked = Blocked::with(more.iter());
            let child = grant(requested.as_ref(), &parent, &blocked, role);
            prop_assert_eq!(&grant(None, &child, &blocked, role), &child);
            prop_assert_eq!(&grant(Some(&child), &parent, &blocked, role), &child);
        }

        #[test]
        fn absent_is_what_the_parent_has_and_empty_is_none(
            parent in any_grant(),
            role in any_role(),
        ) {
            let blocked = Blocked::default();
            let inherited = grant(None, &parent, &blocked, role);
            prop_assert_eq!(inherited, grant(Some(&parent), &parent, &blocked, role));
            let none = grant(Some(&Grant::default()), &parent, &blocked, role);
            prop_assert!(none.iter().all(|it| it == Tool::DelegateTask));
            prop_assert!(role == Role::Orchestrator || none == Grant::default());
        }

        #[test]
        fn a_wider_parent_never_narrows_a_child(
            requested in proptest::option::of(any_grant()),
            parent in any_grant(),
            more in any_grant(),
            role in any_role(),
        ) {
            let wider = parent.iter().chain(more.iter()).collect();
            let child = grant(requested.as_ref(), &parent, &Blocked::default(), role);
            let other = grant(requested.as_ref(), &wider, &Blocked::default(), role);
            prop_assert!(child.is_within(&other));
        }
    }
}
