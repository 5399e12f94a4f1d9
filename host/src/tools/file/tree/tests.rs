//! A tree over real directories: what a program does there, and everything
//! that it must not.

use std::{fs, os::unix::fs::symlink, path::PathBuf, sync::Arc};

use tempfile::TempDir;

use super::{scope::MAX_OPEN, *};
use crate::{
    setting::built_in,
    tools::{closed::OwnFiles, file::FileConfig},
};

mod closed;
mod written;

/// A workspace in a directory that holds a secret beside it.
struct Fixture {
    outer: TempDir,
    tools: FileTools,
}

impl Fixture {
    fn new() -> Self {
        Self::with(built_in(), |_, _| {})
    }

    fn with(config: FileConfig, close: impl FnOnce(&mut OwnFiles, PathBuf)) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let workspace = outer.path().join("workspace");
        fs::create_dir(&workspace).unwrap();
        fs::write(outer.path().join("secret.txt"), "secret").unwrap();
        let mut own = OwnFiles::default();
        close(&mut own, workspace.clone());
        let closed = Arc::new(own.below(&workspace, false).unwrap());
        let tools = FileTools::open_closed(&workspace, config, closed).unwrap();
        Self { outer, tools }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.outer.path().join("workspace").join(path)
    }

    fn put(&self, path: &str, content: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn link(&self, target: &str, path: &str) -> &Self {
        symlink(target, self.path(path)).unwrap();
        self
    }

    fn get(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn tree(&self, subtree: &str, writable: bool) -> Tree {
        self.tools.tree(subtree, writable).unwrap()
    }

    fn refused(&self, subtree: &str, writable: bool) -> String {
        self.tools.tree(subtree, writable).unwrap_err().to_string()
    }
}

const READ: How = How {
    follow: true,
    create: false,
    exclusive: false,
    directory: false,
    truncate: false,
    read: true,
    write: false,
};
const DIRECTORY: How = How { directory: true, ..READ };
const WRITE: How = How { write: true, ..READ };
const CREATE: How = How { create: true, ..WRITE };
const REPLACE: How = How { truncate: true, ..CREATE };

impl Tree {
    fn file(&self, path: &str, how: How) -> Result<OpenFile, TreeError> {
        match self.open(&self.top(), path, how)? {
            Node::File(file) => Ok(file),
            Node::Directory(_) => Err(TreeError::IsDirectory),
        }
    }

    fn directory(&self, path: &str) -> Result<Directory, TreeError> {
        match self.open(&self.top(), path, DIRECTORY)? {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => Err(TreeError::NotDirectory),
        }
    }

    fn text(&self, path: &str) -> Result<String, TreeError> {
        let bytes = self.file(path, READ)?.read(0, 1000)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    fn put(&self, path: &str, text: &str) -> Result<(), TreeError> {
        self.file(path, REPLACE)?.write(text.as_bytes(), 0)
    }

    fn names(&self, path: &str) -> Vec<String> {
        let listing = self.list(&self.directory(path).unwrap()).unwrap();
        let mut names = Vec::new();
        while let Some(more) = listing.next(2).unwrap() {
            names.extend(more.into_iter().map(|it| it.0));
        }
        names.sort();
        names
    }

    /// Everything that would change what is at a path, or put it there.
    fn changes(&self, path: &str) -> Vec<Result<(), TreeError>> {
        let top = self.top();
        vec![
            self.file(path, WRITE).map(drop),
            self.file(path, CREATE).map(drop),
            self.file(path, How { truncate: true, ..READ }).map(drop),
            self.file(path, How { create: true, exclusive: true, ..READ }).map(drop),
            self.create_directory(&top, path),
            self.remove_directory(&top, path),
            self.unlink(&top, path),
            self.rename((&top, path), (&top, "moved")),
            self.rename((&top, "mine"), (&top, path)),
            self.set_times((&top, path), true, (NewTime::Now, NewTime::Now)),
        ]
    }
}

#[test]
fn files_are_read_from_any_place_on() {
    let it = Fixture::new();
    it.put("d/f", "0123456789");
    let tree = it.tree("", false);
    let file = tree.file("d/f", READ).unwrap();
    for (offset, max, expect) in
        [(0, 4, "0123"), (8, 100, "89"), (10, 1, ""), (u64::MAX, u64::MAX, ""), (3, 0, "")]
    {
        assert_eq!(file.read(offset, max).unwrap(), expect.as_bytes(), "{offset} {max}");
    }
    assert_eq!(file.write(b"x", 0), Err(TreeError::BadDescriptor));
    assert_eq!(file.set_size(0), Err(TreeError::BadDescriptor));
    assert_eq!(file.set_times(NewTime::Now, NewTime::Now), Err(TreeError::BadDescriptor));
    let stat = file.stat().unwrap();
    assert_eq!((stat.kind, stat.size, stat.links), (NodeKind::File, 10, 1));
}

#[test]
fn paths_are_taken_as_systems_take_them() {
    let it = Fixture::new();
    it.put("d/e/f", "text").link("d/e", "l").link("d/e/f", "lf").link("../f", "d/e/up");
    let tree = it.tree("", false);
    for path in ["d/e/f", "./d//e/./f", "d/../d/e/f", "d/e/../e/f", "l/f", "lf", "l/../e/f"] {
        assert_eq!(tree.text(path).as_deref(), Ok("text"), "{path}");
    }
    let deep = tree.directory("d/e").unwrap();
    assert!(matches!(tree.open(&deep, "f", READ), Ok(Node::File(_))));
    for (path, how, expect) in [
        ("", READ, TreeError::NoEntry),
        ("x", READ, TreeError::NoEntry),
        ("d/e/f/", READ, TreeError::NotDirectory),
        ("d/e/f", DIRECTORY, TreeError::NotDirectory),
        ("d/e/f/x", READ, TreeError::NotDirectory),
        ("lf", How { follow: false, ..READ }, TreeError::Loop),
        ("d/x", How { create: true, ..DIRECTORY }, TreeError::Invalid),
        ("a\0b", READ, TreeError::Invalid),
    ] {
        assert_eq!(tree.file(path, how).unwrap_err(), expect, "{path:?}");
    }
    let deep = vec!["d"; 100].join("/");
    assert_eq!(tree.text(&"x".repeat(5000)), Err(TreeError::NameTooLong));
    assert_eq!(tree.text(&deep), Err(TreeError::NoEntry));
}

#[test]
fn a_directory_is_listed_and_known() {
    let it = Fixture::new();
    it.put("d/a", "").put("d/b/c", "").put("d/.env", "").link("a", "d/l");
    it.put("d/.hermitage-0123456789abcdef.tmp", "").put("d/.git/config", "");
    let tree = it.tree("", false);
    assert_eq!(tree.names("d"), [".env", "a", "b", "l"]);
    let kinds = tree.list(&tree.directory("d").unwrap()).unwrap().next(9).unwrap().unwrap();
    for (name, kind) in kinds {
        let stat = tree.stat(&tree.top(), &format!("d/{name}"), false).unwrap();
        assert_eq!(stat.kind, kind, "{name}");
    }
    let followed = tree.stat(&tree.top(), "d/l", true).unwrap();
    assert_eq!(followed.identity, tree.stat(&tree.top(), "d/a", true).unwrap().identity);
    assert_eq!(tree.stat(&tree.top(), "d/a/", true), Err(TreeError::NotDirectory));
    let d = tree.directory("d").unwrap();
    assert_eq!(tree.stat_directory(&d).unwrap().kind, NodeKind::Directory);
}

#[test]
fn a_link_tells_where_it_leads_when_that_is_inside() {
    let it = Fixture::new();
    it.put("d/f", "").link("d/f", "inner").link("../secret.txt", "outer");
    it.link(it.path("d/f").to_str().unwrap(), "absolute");
    let tree = it.tree("", false);
    let read = |path| tree.read_link(&tree.top(), path);
    assert_eq!(read("inner").as_deref(), Ok("d/f"));
    assert_eq!(read("d/f"), Err(TreeError::Invalid));
    assert_eq!(read("outer"), Err(TreeError::NotPermitted));
    assert_eq!(read("absolute"), Err(TreeError::NotPermitted));
    assert_eq!(read("missing"), Err(TreeError::NoEntry));
}

#[test]
fn what_is_open_at_once_has_an_end() {
    let it = Fixture::new();
    it.put("f", "x");
    let tree = it.tree("", true);
    let mut open: Vec<_> = (0..MAX_OPEN).map(|_| tree.file("f", READ).unwrap()).collect();
    assert_eq!(tree.text("f"), Err(TreeError::TooManyOpen));
    assert_eq!(open[0].stream().unwrap_err(), TreeError::TooManyOpen);
    assert_eq!(tree.put("new", "x"), Err(TreeError::TooManyOpen));
    assert_eq!(tree.list(&tree.top()).unwrap_err(), TreeError::TooManyOpen);
    assert!(!it.path("new").exists());
    open.pop();
    assert_eq!(tree.text("f").as_deref(), Ok("x"));
}

#[test]
fn what_is_no_directory_is_told_to_the_person() {
    let it = Fixture::new();
    it.put("f", "").put(".git/x", "").put(".ssh/x", "").put(".github/workflows/x", "");
    for (subtree, writable, expect) in [
        ("out", true, "`out` does not exist: make this directory of the workspace first"),
        ("out", false, "`out` does not exist: make this directory of the workspace first"),
        ("f", false, "`f` is a file: a program is given a directory"),
        (".git", false, "`.git` is closed: no program is given it"),
        ("../x", false, "`../x` leaves the workspace: give a path below it, without `..`"),
        ("/etc", false, "`/etc` is absolute: give a path relative to the workspace"),
    ] {
        let error = it.refused(subtree, writable);
        assert!(error.contains(expect), "{subtree}: {error}");
    }
    assert!(it.refused(".ssh", false).contains("is closed by `.ssh/`"));
    assert!(it.refused(".github/workflows", true).contains("is closed by"));
    it.tree(".github/workflows", false);
    assert_eq!(it.tree("./.github//workflows/", false).subtree(), ".github/workflows");
}
