//! What the examples share: where their agents come from, and a workspace to
//! look at.

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

use hermitage::Library;

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Components up to this size are taken.
const MAX_COMPONENT_BYTES: usize = 32 << 20;

/// The agents that the crate brings along.
pub(crate) fn bundled_agents() -> Library {
    Library::bundled(MAX_COMPONENT_BYTES)
}

/// A small project for the children to look at.
pub(crate) fn project(dir: &Path) -> io::Result<PathBuf> {
    let project = dir.join("project");
    fs::create_dir_all(project.join("src"))?;
    fs::write(project.join("README.md"), "# Tea\n\nBrews tea. See [how](src/main.rs).\n")?;
    fs::write(project.join("src/main.rs"), "fn main() {\n    // TODO: boil the water first\n}\n")?;
    Ok(project)
}
