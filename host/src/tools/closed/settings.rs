//! What a workspace may be.

use crate::setting::{flag, settings};

settings! {
    /// The directory that files are in and commands run in.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct WorkspaceConfig in "workspace" {
        /// Whether the workspace may be your home directory, or one above it or
        /// above the directories of this program. What your shells, editors and
        /// agents obey there (every name with a dot, and `bin`, `go` and
        /// `node_modules`) stays closed to writes, and so does what lies in no
        /// home. A project can't set it.
        // Which directory is meant is the person's to say.
        pub allow_home: bool = flag(false), project: Never;
    }
}
