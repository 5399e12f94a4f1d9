//! Names of plugins and of their tools: what a person grants them by, and what
//! a model calls them by.

use crate::{
    completion::sanitize::clean_line,
    tools,
    toolset::native::{
        MAX_PLUGIN_BYTES, MAX_PLUGIN_TOOL_BYTES, is_plugin_name, is_plugin_tool_name,
    },
};

/// Characters of a wrong name that are quoted.
const MAX_QUOTED_CHARS: usize = 64;

/// Why a text is no name of a plugin, or of a tool of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not in snake case, or too long.
    #[error(
        "`{name}` is no name for a {what}\n\
         hint: a lower-case letter, then letters, digits and single `_`, at most {max} bytes; \
         `all`, `none`, `default`, `hermitage`, `toolbox` and `model` mean something else"
    )]
    Form {
        /// As it was given, cut.
        name: String,
        /// A plugin or a tool.
        what: &'static str,
        /// Bytes that it may have.
        max: usize,
    },
    /// The host's own.
    #[error(
        "`{name}` is a tool or toolset of the host\n\
         hint: the {what} needs another name, such as `my_{name}`"
    )]
    Reserved {
        /// The name.
        name: String,
        /// A plugin or a tool.
        what: &'static str,
    },
}

/// Whether a plugin can have that name.
///
/// # Errors
///
/// Why not.
pub fn check_plugin(name: &str) -> Result<(), NameError> {
    check(name, "plugin", MAX_PLUGIN_BYTES, is_plugin_name(name))
}

/// Whether a tool of a plugin can have that name.
///
/// # Errors
///
/// Why not.
pub fn check_tool(name: &str) -> Result<(), NameError> {
    check(name, "tool", MAX_PLUGIN_TOOL_BYTES, is_plugin_tool_name(name))
}

fn check(name: &str, what: &'static str, max: usize, is_one: bool) -> Result<(), NameError> {
    if !is_one {
        let name = clean_line(name, MAX_QUOTED_CHARS);
        return Err(NameError::Form { name, what, max });
    }
    let host = tools::bundled();
    if host.get(name).is_some() || host.toolset(name).is_some() {
        return Err(NameError::Reserved { name: name.to_owned(), what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_in_snake_case_and_not_the_hosts() {
        let check = |name: &str, expect: &str| {
            let error = check_plugin(name).map_err(|it| it.to_string()).err().unwrap_or_default();
            assert_eq!(error.lines().next().unwrap_or_default(), expect, "{name:?}");
        };
        for name in ["jq", "git_hub2", "a", &"a".repeat(MAX_PLUGIN_BYTES)] {
            check(name, "");
        }
        let long = "a".repeat(MAX_PLUGIN_BYTES + 1);
        for name in ["", "Jq", "2jq", "_jq", "jq_", "a__b", "all", "a-b", "a/b", "..", "ä", &long]
        {
            check(name, &format!("`{name}` is no name for a plugin"));
        }
        check("a\u{1b}[31m\nb", "`a b` is no name for a plugin");
        for name in ["read_file", "delegate_task", "file", "file_read", "web", "memory"] {
            check(name, &format!("`{name}` is a tool or toolset of the host"));
        }
        assert!(check_tool(&"a".repeat(MAX_PLUGIN_TOOL_BYTES)).is_ok());
        assert!(check_tool("read_file").is_err());
    }
}
