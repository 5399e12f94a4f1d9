//! The grant: which tools a child may call, and the one function that decides
//! it (semantics.md §3).

use std::{collections::BTreeSet, fmt};

use super::catalogue::{Availability, Tool, Toolset};

/// A set of tools. What a parent holds and what a child gets are both grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant(BTreeSet<Tool>);

impl Grant {
    /// What a top-level caller holds: every tool this host has, and the
    /// blocked ones, which are the parent's own.
    pub fn of_parent() -> Self {
        Tool::ALL.into_iter().filter(|it| it.availability() != Availability::NotYet).collect()
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

/// The tools that no child is ever granted: the fixed five, and what the
/// configuration adds. Nothing takes one away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked(BTreeSet<Tool>);

impl Blocked {
    /// The fixed five and `more`.
    pub fn with(more: impl IntoIterator<Item = Tool>) -> Self {
        let fixed = Tool::ALL.into_iter().filter(|it| it.availability() == Availability::Blocked);
        Self(fixed.chain(more).collect())
    }

    /// Whether no child may hold the tool.
    pub fn contains(&self, tool: Tool) -> bool {
        self.0.contains(&tool)
    }
}

impl Default for Blocked {
    fn default() -> Self {
        Self::with([])
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
    /// Part of the contract, not implemented by this host.
    #[error("`{name}` is not available in this version: known are {known}")]
    NotYet {
        /// As it was asked for.
        name: String,
        /// The names that can be granted, separated by commas.
        known: String,
    },
}

/// The tools that a list of toolset and tool names stands for.
pub fn expand<S: AsRef<str>>(names: &[S]) -> Result<Grant, GrantError> {
    let mut res = BTreeSet::new();
    for name in names.iter().map(AsRef::as_ref) {
        let tools = match (Toolset::named(name), Tool::named(name)) {
            (Some(toolset), _) => toolset.tools.to_vec(),
            (None, Some(tool)) => vec![tool],
            (None, None) => {
                return Err(GrantError::Unknown { name: name.to_owned(), known: known() });
            }
        };
        if tools.iter().any(|it| it.availability() == Availability::NotYet) {
            return Err(GrantError::NotYet { name: name.to_owned(), known: known() });
        }
        res.extend(tools);
    }
    Ok(Grant(res))
}

/// `grant(child) = expand(requested, or the parent's) ∩ parent ∖ blocked`.
///
/// The only place where a child's tools are decided; the last step before the
/// plan. An absent request takes the parent's grant, an empty one takes none.
pub fn grant(requested: Option<&Grant>, parent: &Grant, blocked: &Blocked) -> Grant {
    let wanted = requested.unwrap_or(parent);
    wanted.iter().filter(|it| parent.contains(*it) && !blocked.contains(*it)).collect()
}

/// Names of toolsets that a child can be granted.
fn known() -> String {
    let offered = Toolset::ALL
        .iter()
        .filter(|it| it.tools.iter().all(|it| it.availability() == Availability::Offered));
    let names: Vec<String> = offered.map(|it| format!("`{}`", it.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(requested: Option<&[&str]>, expect: &[&str]) {
        let requested = requested.map(|it| expand(it).unwrap());
        let res = grant(requested.as_ref(), &Grant::of_parent(), &Blocked::default());
        assert_eq!(res.names(), expect);
    }

    #[test]
    fn a_grant_is_the_request_within_the_parent_less_the_blocked() {
        let file = ["read_file", "write_file", "patch", "search_files"];
        check(None, &file);
        check(Some(&[]), &[]);
        check(Some(&["file"]), &file);
        check(Some(&["file_read"]), &["read_file", "search_files"]);
        check(Some(&["patch", "patch"]), &["patch"]);
        check(Some(&["file_read", "memory", "delegation"]), &["read_file", "search_files"]);
        check(Some(&["send_message"]), &[]);
    }

    #[test]
    fn a_name_that_is_not_in_the_catalogue_is_an_error_that_lists_the_known() {
        for name in ["files", "", " file", "File", "file*", "mcp__x__memory", "memоry"] {
            let err = expand(&[name]).unwrap_err().to_string();
            assert_eq!(
                err,
                format!("unknown toolset or tool `{name}`: known are `file`, `file_read`")
            );
        }
        let err = expand(&["terminal"]).unwrap_err().to_string();
        assert_eq!(
            err,
            "`terminal` is not available in this version: known are `file`, `file_read`"
        );
    }

    fn any_grant() -> impl Strategy<Value = Grant> {
        proptest::sample::subsequence(Tool::ALL.to_vec(), 0..=Tool::ALL.len())
            .prop_map(|it| it.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_child_never_holds_more_than_its_parent_nor_anything_blocked(
            requested in proptest::option::of(any_grant()),
            parent in any_grant(),
            more in any_grant(),
        ) {
            let blocked = Blocked::with(more.iter());
            let child = grant(requested.as_ref(), &parent, &blocked);
            prop_assert!(child.is_within(&parent));
            prop_assert!(child.iter().all(|it| !blocked.contains(it)));
            if let Some(requested) = &requested {
                prop_assert!(child.is_within(requested));
            }
            let grandchild = grant(None, &child, &blocked);
            prop_assert_eq!(grandchild, child);
        }

        #[test]
        fn a_wider_parent_never_narrows_a_child(
            requested in proptest::option::of(any_grant()),
            parent in any_grant(),
            more in any_grant(),
        ) {
            let wider = parent.iter().chain(more.iter()).collect();
            let child = grant(requested.as_ref(), &parent, &Blocked::default());
            let other = grant(requested.as_ref(), &wider, &Blocked::default());
            prop_assert!(child.is_within(&other));
        }
    }
}
