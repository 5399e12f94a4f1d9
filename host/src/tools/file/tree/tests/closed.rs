//! What stays closed to a program.

use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

/// None of the changes of what is at a path is made. That it is there may be
/// said.
fn check_unchanged(tree: &Tree, path: &str, is_expected: impl Fn(TreeError) -> bool) {
    for (at, change) in tree.changes(path).into_iter().enumerate() {
        let error = change.unwrap_err();
        let is_expected = is_expected(error) || error == TreeError::Exist;
        assert!(is_expected, "{path}, change {at}: {error:?}");
    }
}

/// Nothing at a path is read or changed, for this reason.
fn check_closed(tree: &Tree, path: &str, reason: TreeError) {
    assert_eq!(tree.text(path), Err(reason), "{path}");
    check_unchanged(tree, path, |error| error == reason);
}

#[test]
fn nothing_outside_is_reached() {
    let it = Fixture::new();
    it.put("mine", "").put("d/x", "").put("other/x", "other").put("d/sub/y", "");
    it.link("../secret.txt", "out")
        .link("..", "up")
        .link("/etc", "etc")
        .link("/proc/self/fd", "fd");
    it.link("../other", "d/aside").link("../../secret.txt", "d/out");
    let tree = it.tree("", true);
    for path in [
        "..",
        "../secret.txt",
        "d/../../secret.txt",
        "/etc/passwd",
        "/",
        "up/secret.txt",
        "etc/passwd",
        "fd/0",
        "d/../..",
        "d/../../workspace/d/x",
    ] {
        check_closed(&tree, path, TreeError::NotPermitted);
    }
    assert_eq!(tree.text("out"), Err(TreeError::NotPermitted));
    // The same for what is in the workspace, and not in the subtree.
    let tree = it.tree("d", true);
    tree.put("mine", "").unwrap();
    for path in ["../other/x", "aside/x", "../mine", "/x", "sub/../../other/x"] {
        check_closed(&tree, path, TreeError::NotPermitted);
    }
    assert_eq!(tree.text("out"), Err(TreeError::NotPermitted));
    assert_eq!(tree.stat(&tree.top(), "aside", true), Err(TreeError::NotPermitted));
    // And of a directory of the tree.
    let sub = tree.directory("sub").unwrap();
    assert_eq!(tree.open(&sub, "../x", READ).unwrap_err(), TreeError::NotPermitted);
    assert_eq!(it.get("other/x"), "other");
    assert_eq!(fs::read_to_string(it.outer.path().join("secret.txt")).unwrap(), "secret");
}

#[test]
fn a_directory_that_became_a_link_leads_nowhere() {
    let it = Fixture::new();
    it.put("d/sub/x", "x").put("other/x", "other");
    let tree = it.tree("d", true);
    let sub = tree.directory("sub").unwrap();
    fs::rename(it.path("d/sub"), it.path("kept")).unwrap();
    it.link("../other", "d/sub");
    assert_eq!(tree.open(&sub, "x", READ).unwrap_err(), TreeError::NotPermitted);
    fs::rename(it.path("d"), it.path("moved")).unwrap();
    it.link("other", "d");
    assert_eq!(tree.text("x"), Err(TreeError::NotPermitted));
    assert_eq!(tree.put("x", "new"), Err(TreeError::NotPermitted));
    assert_eq!(it.get("other/x"), "other");
}

#[test]
fn secrets_are_closed_under_every_name() {
    let it = Fixture::new();
    it.put("mine", "").put(".env", "key").put("tls/a.pem", "key").put(".ssh/config", "key");
    it.link(".env", "innocent").link("tls", "alias").link(".ssh", "home");
    let tree = it.tree("", true);
    for path in [".env", ".ENV", "tls/a.pem", ".ssh/config", "alias/a.pem", "home/config"] {
        if tree.stat(&tree.top(), path, true).is_ok() {
            assert_eq!(tree.text(path), Err(TreeError::Access), "{path}");
        }
        let told = [TreeError::Access, TreeError::NoEntry, TreeError::NotDirectory];
        check_unchanged(&tree, path, |it| told.contains(&it));
    }
    assert_eq!(tree.text("innocent"), Err(TreeError::Access));
    assert_eq!(tree.file("innocent", WRITE).unwrap_err(), TreeError::Access);
    assert_eq!(tree.put("new.key", ""), Err(TreeError::Access));
    let top = tree.top();
    assert_eq!(tree.rename((&top, "mine"), (&top, "mine.pem")), Err(TreeError::Access));
    // A closed file in a directory can't be had by renaming that.
    it.put("x/.docker/config.json", "key");
    let moved = tree.rename((&top, "x/.docker"), (&top, "docker"));
    assert_eq!(moved, Err(TreeError::CrossDevice));
}

#[test]
fn git_is_neither_seen_nor_written() {
    let it = Fixture::new();
    it.put("mine", "").put(".git/config", "x").put(".git/HEAD", "x").put("sub/.git/config", "x");
    it.link(".git", "alias");
    let tree = it.tree("", true);
    for path in [".git/config", ".git/HEAD", ".GIT/hooks", ".git", "sub/.git/config", "git~1/x"] {
        let told = [TreeError::Access, TreeError::NoEntry];
        assert!(tree.text(path).is_err_and(|it| told.contains(&it)), "{path}");
        check_unchanged(&tree, path, |it| told.contains(&it));
    }
    assert_eq!(tree.text("alias/HEAD"), Err(TreeError::Access));
    assert_eq!(tree.put("alias/new", ""), Err(TreeError::Access));
    assert_eq!(tree.names("sub"), [""; 0]);
    assert_eq!(it.get(".git/config"), "x");
}

#[test]
fn nothing_becomes_a_repository_or_is_obeyed() {
    let it = Fixture::new();
    it.put("x.git/HEAD", "x").put("x.git/objects/a", "x").put("x.git/refs/a", "x");
    it.put("mine", "x").put("r/.git/config", "[core]\nhooksPath = hooks\n").put("r/hooks/a", "x");
    let tree = it.tree("", true);
    let top = tree.top();
    for path in ["x.git/config", "x.git/hooks/a", "r/hooks/b", "r/hooks/a"] {
        let told = [TreeError::Access, TreeError::NoEntry];
        check_unchanged(&tree, path, |it| told.contains(&it));
    }
    tree.create_directory(&top, "d").unwrap();
    tree.create_directory(&top, "d/objects").unwrap();
    tree.create_directory(&top, "d/refs").unwrap();
    assert_eq!(tree.put("d/HEAD", "x"), Err(TreeError::Access));
    assert_eq!(tree.rename((&top, "mine"), (&top, "d/HEAD")), Err(TreeError::Access));
    tree.remove_directory(&top, "d/refs").unwrap();
    tree.put("d/HEAD", "x").unwrap();
    assert_eq!(tree.create_directory(&top, "d/refs"), Err(TreeError::Access));
    tree.create_directory(&top, "e").unwrap();
    assert_eq!(tree.rename((&top, "e"), (&top, "d/refs")), Err(TreeError::Access));
}

#[test]
fn what_others_obey_is_read_and_not_written() {
    let it = Fixture::new();
    it.put("mine", "").put("AGENTS.md", "x").put(".github/workflows/ci.yml", "x");
    let tree = it.tree("", true);
    for path in ["AGENTS.md", ".github/workflows/ci.yml"] {
        assert_eq!(tree.text(path).as_deref(), Ok("x"));
        check_unchanged(&tree, path, |it| it == TreeError::Access);
    }
    assert_eq!(tree.put("sub.pth", ""), Err(TreeError::Access));
    let top = tree.top();
    assert_eq!(tree.create_directory(&top, ".vscode"), Err(TreeError::Access));
    // Nor by a directory with such a file in it that takes another name.
    tree.create_directory(&top, "x").unwrap();
    tree.create_directory(&top, "x/workflows").unwrap();
    tree.put("x/workflows/new.yml", "").unwrap();
    assert_eq!(tree.rename((&top, "x"), (&top, "y")), Err(TreeError::CrossDevice));
}

#[test]
fn the_hosts_own_files_are_closed_and_not_listed() {
    let it = Fixture::with(built_in(), |own, workspace| {
        fs::create_dir_all(workspace.join("state")).unwrap();
        fs::write(workspace.join("state/key"), "key").unwrap();
        fs::hard_link(workspace.join("state/key"), workspace.join("innocent")).unwrap();
        own.directory(workspace.join("state"));
    });
    it.put("mine", "").link("state", "alias");
    let tree = it.tree("", true);
    for path in ["state/key", "innocent", "alias/key", "state/new", "state"] {
        let told = [TreeError::Access, TreeError::NoEntry];
        assert!(tree.text(path).is_err_and(|it| told.contains(&it)), "{path}");
        check_unchanged(&tree, path, |it| told.contains(&it));
        assert!(tree.stat(&tree.top(), path, true).is_err(), "{path}");
    }
    assert_eq!(tree.names("."), ["alias", "mine"]);
    assert!(it.refused("state", false).contains("is closed"));
}

#[test]
fn what_is_read_only_is_not_changed() {
    let it = Fixture::new();
    it.put("mine", "x").put("d/x", "x");
    let tree = it.tree("", false);
    for path in ["mine", "d", "d/x", "new", "d/new"] {
        let told =
            [TreeError::ReadOnly, TreeError::NoEntry, TreeError::Exist, TreeError::IsDirectory];
        check_unchanged(&tree, path, |it| told.contains(&it));
    }
    assert_eq!(tree.put("mine", "y"), Err(TreeError::ReadOnly));
    assert_eq!(tree.unlink(&tree.top(), "mine"), Err(TreeError::ReadOnly));
    assert_eq!(tree.file("new", CREATE).unwrap_err(), TreeError::ReadOnly);
    assert_eq!(tree.names("."), ["d", "mine"]);
    assert_eq!(tree.text("mine").as_deref(), Ok("x"));
}

#[test]
fn what_is_no_file_is_not_opened() {
    let it = Fixture::new();
    let _listener = UnixListener::bind(it.path("socket")).unwrap();
    mknodat(CWD, it.path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let tree = it.tree("", true);
    for path in ["socket", "pipe"] {
        for how in [READ, WRITE, CREATE, REPLACE] {
            assert_eq!(tree.file(path, how).unwrap_err(), TreeError::NoDevice, "{path}");
        }
        assert_eq!(tree.unlink(&tree.top(), path), Err(TreeError::NoDevice));
    }
}
