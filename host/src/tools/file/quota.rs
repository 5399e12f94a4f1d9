//! What children may leave on the disk, in all: a limit for each file says
//! nothing about how many there are.

use super::FileConfig;
use crate::toolset::ToolError;

/// Written through these tools since they were opened. Nothing is given back
/// for what shrinks or goes: a child that writes and empties a file wears the
/// disk all the same.
#[derive(Debug, Default)]
pub(super) struct Spent {
    bytes: u64,
    entries: u64,
}

impl Spent {
    /// What will be spent when so much more is written.
    ///
    /// # Errors
    ///
    /// When that is more than the workspace has.
    pub(super) fn with(
        &self,
        bytes: u64,
        entries: u64,
        config: &FileConfig,
    ) -> Result<Self, ToolError> {
        let spent = Self {
            bytes: self.bytes.saturating_add(bytes),
            entries: self.entries.saturating_add(entries),
        };
        for (what, spent, max, key) in [
            ("bytes", spent.bytes, config.max_written_bytes, "tools.file.max_written_mib"),
            ("new files", spent.entries, config.max_created_files, "tools.file.max_created_files"),
        ] {
            if spent > max {
                return Err(ToolError::Exhausted(format!(
                    "quota exceeded: the children of this host may write {max} {what} in all \
                     (`{key}`)"
                )));
            }
        }
        Ok(spent)
    }
}
