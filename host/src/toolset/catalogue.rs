//! The tools and toolsets of this version, by their canonical names
//! (SEMANTICS.md §3).

use std::fmt;

use super::native::Native;

/// A tool: one of the contract by its canonical id, or one of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// `read_file`
    ReadFile,
    /// `write_file`
    WriteFile,
    /// `patch`
    Patch,
    /// `search_files`
    SearchFiles,
    /// `terminal`
    Terminal,
    /// `web_search`
    WebSearch,
    /// `web_extract`
    WebExtract,
    /// `delegate_task`
    DelegateTask,
    /// `clarify`
    Clarify,
    /// `memory`
    Memory,
    /// `send_message`
    SendMessage,
    /// `execute_code`
    ExecuteCode,
    /// A tool of the application, of whatever name it has.
    Native(Native),
}

impl Tool {
    /// Every tool of the contract.
    pub const ALL: [Tool; 12] = [
        Tool::ReadFile,
        Tool::WriteFile,
        Tool::Patch,
        Tool::SearchFiles,
        Tool::Terminal,
        Tool::WebSearch,
        Tool::WebExtract,
        Tool::DelegateTask,
        Tool::Clarify,
        Tool::Memory,
        Tool::SendMessage,
        Tool::ExecuteCode,
    ];

    /// The canonical name, as in grants, events and schemas.
    pub fn name(self) -> &'static str {
        match self {
            Tool::ReadFile => "read_file",
            Tool::WriteFile => "write_file",
            Tool::Patch => "patch",
            Tool::SearchFiles => "search_files",
            Tool::Terminal => "terminal",
            Tool::WebSearch => "web_search",
            Tool::WebExtract => "web_extract",
            Tool::DelegateTask => "delegate_task",
            Tool::Clarify => "clarify",
            Tool::Memory => "memory",
            Tool::SendMessage => "send_message",
            Tool::ExecuteCode => "execute_code",
            Tool::Native(it) => &it.spec().name,
        }
    }

    /// Whether it is the parent's own: no child is granted it, whatever the
    /// configuration says (SEMANTICS.md §3).
    pub fn is_parents_own(self) -> bool {
        match self {
            Tool::ReadFile
            | Tool::WriteFile
            | Tool::Patch
            | Tool::SearchFiles
            | Tool::Terminal
            | Tool::WebSearch
            | Tool::WebExtract
            | Tool::Native(_) => false,
            Tool::DelegateTask
            | Tool::Clarify
            | Tool::Memory
            | Tool::SendMessage
            | Tool::ExecuteCode => true,
        }
    }

    /// Name of the smallest toolset that holds the tool; a native tool is one
    /// of its own.
    pub fn toolset(self) -> &'static str {
        if let Tool::Native(it) = self {
            return &it.spec().name;
        }
        Toolset::ALL
            .iter()
            .filter(|it| it.tools.contains(&self))
            .min_by_key(|it| it.tools.len())
            .map_or("", |it| it.name)
    }

    /// The tool of the contract that has the name.
    pub fn named(name: &str) -> Option<Self> {
        Tool::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A named set of tools.
#[derive(Debug, PartialEq, Eq)]
pub struct Toolset {
    /// As in a grant list.
    pub name: &'static str,
    /// What it stands for.
    pub tools: &'static [Tool],
}

impl Toolset {
    /// Every toolset of the contract.
    pub const ALL: &[Toolset] = &[
        Toolset {
            name: "file",
            tools: &[Tool::ReadFile, Tool::WriteFile, Tool::Patch, Tool::SearchFiles],
        },
        Toolset { name: "file_read", tools: &[Tool::ReadFile, Tool::SearchFiles] },
        Toolset { name: "terminal", tools: &[Tool::Terminal] },
        Toolset { name: "web", tools: &[Tool::WebSearch, Tool::WebExtract] },
        Toolset { name: "delegation", tools: &[Tool::DelegateTask] },
        Toolset { name: "clarify", tools: &[Tool::Clarify] },
        Toolset { name: "memory", tools: &[Tool::Memory] },
        Toolset { name: "messaging", tools: &[Tool::SendMessage] },
        Toolset { name: "code_execution", tools: &[Tool::ExecuteCode] },
    ];

    /// The toolset of that name.
    pub fn named(name: &str) -> Option<&'static Toolset> {
        Toolset::ALL.iter().find(|it| it.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_in_a_toolset_and_found_by_its_name() {
        for tool in Tool::ALL {
            assert_eq!(Tool::named(tool.name()), Some(tool));
            assert_ne!(tool.toolset(), "", "`{tool}` is in no toolset");
        }
    }

    #[test]
    fn a_toolset_is_the_parents_own_as_a_whole_or_not_at_all() {
        for toolset in Toolset::ALL {
            let first = toolset.tools[0].is_parents_own();
            let is_same = |it: &Tool| it.is_parents_own() == first;
            assert!(toolset.tools.iter().all(is_same), "{}", toolset.name);
        }
    }
}
