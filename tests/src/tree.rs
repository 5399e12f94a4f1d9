//! All that is in a directory, to see what changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

/// Files by their paths, with what is in them; of a link, where it leads.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// Everything below a directory.
pub fn tree(dir: &Path) -> Tree {
    let mut res = Tree::new();
    collect(dir, "", &mut res);
    res
}

fn collect(dir: &Path, prefix: &str, tree: &mut Tree) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            let to = fs::read_link(entry.path()).unwrap();
            tree.insert(path, to.into_os_string().into_encoded_bytes());
        } else if kind.is_dir() {
            tree.insert(format!("{path}/"), Vec::new());
            collect(&entry.path(), &format!("{path}/"), tree);
        } else if kind.is_file() {
            tree.insert(path, fs::read(entry.path()).unwrap());
        } else {
            // A pipe would be waited for.
            tree.insert(path, format!("{kind:?}").into_bytes());
        }
    }
}

/// Owner, mode and time of everything below a directory: what a change that
/// leaves no trace in any content shows in.
pub fn marks(dir: &Path) -> BTreeMap<String, String> {
    let paths = tree(dir).into_keys();
    paths
        .map(|path| {
            let it = fs::symlink_metadata(dir.join(&path)).unwrap();
            let mode = it.permissions().mode();
            let mark = format!("{}:{} {mode:o} {}", it.uid(), it.gid(), it.mtime());
            (path, mark)
        })
        .collect()
}

/// What was made, changed or removed.
pub fn changes<T: PartialEq>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
) -> BTreeSet<String> {
    let differs = |path: &&String| before.get(*path) != after.get(*path);
    before.keys().chain(after.keys()).filter(differs).cloned().collect()
}
