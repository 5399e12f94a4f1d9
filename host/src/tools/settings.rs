//! What can be set for each toolset.

use super::{
    file::FileConfig,
    memory::MemoryConfig,
    terminal::TerminalConfig,
    web::{SearchConfig, WebConfig},
};
use crate::setting::sections;

sections! {
    /// Limits of the tools, by toolset.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ToolsConfig {
        /// Of the file tools.
        pub file: FileConfig,
        /// Of commands.
        pub terminal: TerminalConfig,
        /// Of pages and searches.
        pub web: WebConfig,
        /// Whom `web_search` asks.
        pub search: Option<SearchConfig>,
        /// Of the parent's notes.
        pub memory: MemoryConfig,
    }
}
