//! Where notes are kept, and how many.

use std::path::PathBuf;

use crate::setting::{bytes, count, kib, settings, text};

settings! {
    /// The parent's tool `memory`: notes in a Markdown file. No child reaches
    /// it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MemoryConfig in "tools.memory" {
        /// The file.
        ///
        /// Path; an empty text means `hermitage/memory.md` in `$XDG_DATA_HOME`.
        /// Never in a workspace: children could write what the parent
        /// remembers.
        // Another file would be the memory of a parent. It is made with its directory
        // when the first note is added.
        pub file: PathBuf = text("").path(), project: Never;

        /// Notes that are kept; one more is refused.
        ///
        /// Bounds what every run of a parent reads.
        pub max_notes: u32 = count(200, 1..=100_000), project: Never;

        /// Size of one note.
        ///
        /// Bounds a note that is a book.
        pub max_note_bytes: u64 = bytes(2048, 16..=1_048_576), project: Never;

        /// Size of the file, with all that a person wrote there.
        ///
        /// Bounds what one call reads.
        pub max_bytes as "max_kib": u64 = kib(256, 1..=65_536), project: Never;
    }
}
