//! Which directories a plugin finds open, and by which names.
//!
//! It is one directory. It has the name `/`, so that relative paths and those
//! from the root lead into it, and those by which its caller may name what is
//! in it: as commands see the workspace, and as tools do. Such a name is left
//! out when something in the directory has it.

use super::descriptor::{Descriptor, Fd};
use crate::{
    sandbox::cell::Cell,
    tools::file::tree::{Tree, TreeError},
};

/// The workspace as commands see it.
const SHOWN: &str = "workspace";

/// `get-directories`.
pub(super) async fn get_directories(cell: &mut Cell) -> wasmtime::Result<Vec<(Fd, String)>> {
    let Some(tree) = cell.given.files.clone() else { return Ok(Vec::new()) };
    let top = tree.top();
    let names = cell.blocking().start(move || Ok(names(&tree))).await;
    let mut found = Vec::new();
    for name in names.unwrap_or_default() {
        found.push((cell.table.push(Descriptor::Directory(top.clone()))?, name));
    }
    Ok(found)
}

/// Of a tree, the first one being that which every program knows.
pub(super) fn names(tree: &Tree) -> Vec<String> {
    let subtree = tree.subtree();
    let shown = if subtree.is_empty() { SHOWN.to_owned() } else { format!("{SHOWN}/{subtree}") };
    let further = [shown, subtree.to_owned()].into_iter().filter(|it| is_free(tree, it));
    let further = further.map(|it| format!("/{it}"));
    [String::from("/")].into_iter().chain(further).collect()
}

/// Whether a name means nothing in the tree itself.
fn is_free(tree: &Tree, name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    !first.is_empty() && tree.stat(&tree.top(), first, false) == Err(TreeError::NoEntry)
}
