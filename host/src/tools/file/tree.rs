//! A part of the workspace, for programs that know files and no tools.

/// A directory of the workspace with all that is in it.
#[derive(Clone, Debug)]
pub struct Tree {}
