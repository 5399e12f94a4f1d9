//! How a program opens a file.

/// How something is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// A symbolic link is followed when it is the last name of the path.
    pub follow: bool,
    /// A file that is missing is made.
    pub create: bool,
    /// It must be missing.
    pub exclusive: bool,
    /// It must be a directory.
    pub directory: bool,
    /// It is emptied.
    pub truncate: bool,
    /// It will be read.
    pub read: bool,
    /// It will be written.
    pub write: bool,
}
