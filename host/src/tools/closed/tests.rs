use std::os::unix::fs::symlink;

use super::*;

/// The place of the host that closes each path, in a workspace `w` that lies
/// beside a directory `elsewhere`.
fn check(own: impl Fn(&mut OwnFiles, &Path), cases: &[(&str, bool)]) {
    let outer = tempfile::tempdir().unwrap();
    let outer = outer.path().canonicalize().unwrap();
    fs::create_dir_all(outer.join("w/real")).unwrap();
    fs::create_dir_all(outer.join("elsewhere")).unwrap();
    symlink("real", outer.join("w/alias")).unwrap();
    symlink(outer.join("w"), outer.join("way")).unwrap();
    let mut files = OwnFiles::default();
    own(&mut files, &outer);
    let closed = files.below(&outer.join("w"), false).unwrap();
    for (path, expected) in cases {
        assert_eq!(closed.is_own(Path::new(path)), *expected, "{path}");
    }
}

#[test]
fn a_place_is_closed_as_far_as_it_goes() {
    check(
        |it, outer| {
            it.directory(outer.join("w/state"));
            it.file(outer.join("w/config.toml"));
            it.family(outer.join("w/db/store.db"));
            it.directory(outer.join("elsewhere"));
        },
        &[
            ("state", true),
            ("state/a/b", true),
            ("STATE/a", true),
            ("states", false),
            ("config.toml", true),
            ("config.toml.bak", false),
            ("Config.TOML", true),
            ("db", false),
            ("db/store.db", true),
            ("db/store.db-wal", true),
            ("db/store.db.hosts/x", true),
            ("elsewhere", false),
        ],
    );
}

#[test]
fn a_place_behind_links_is_closed_by_its_real_path() {
    check(
        |it, outer| {
            it.directory(outer.join("way/alias/state"));
            it.file(outer.join("w/../w/./alias/c.toml"));
        },
        &[("real/state/x", true), ("real/c.toml", true), ("alias", true), ("real", false)],
    );
}

#[test]
fn a_workspace_of_the_host_itself_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    let outer = outer.path().canonicalize().unwrap();
    fs::create_dir_all(outer.join("state/deep")).unwrap();
    let mut files = OwnFiles::default();
    files.usual_directory(outer.join("state"));
    for (path, allow, expected) in [
        ("state", true, Some(HomeError::Own { path: outer.join("state") })),
        ("state/deep", false, Some(HomeError::Own { path: outer.join("state/deep") })),
        ("", true, None),
    ] {
        assert_eq!(files.below(&outer.join(path), allow).err(), expected, "{path}");
    }
    let refused = files.below(&outer, false).unwrap_err();
    assert!(matches!(refused, HomeError::Home { .. }), "{refused}");
    for path in ["/", env::home_dir().unwrap().to_str().unwrap()] {
        let refused = OwnFiles::default().below(Path::new(path), false);
        assert!(matches!(refused, Err(HomeError::Home { .. })), "{path}");
    }
}

#[test]
fn a_workspace_among_the_files_of_git_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    let outer = outer.path().canonicalize().unwrap();
    fs::create_dir_all(outer.join("repo/.git/hooks")).unwrap();
    std::os::unix::fs::symlink("repo/.git/hooks", outer.join("innocent")).unwrap();
    let refused = |path: &str| OwnFiles::default().below(&outer.join(path), true).err();
    for path in ["repo/.git", "repo/.git/hooks", "innocent"] {
        let path_of = outer.join(path).canonicalize().unwrap();
        assert_eq!(refused(path), Some(HomeError::Git { path: path_of }), "{path}");
    }
    assert_eq!(refused("repo"), None);
}

#[test]
fn another_name_of_a_file_of_the_host_is_known() {
    let outer = tempfile::tempdir().unwrap();
    let outer = outer.path().canonicalize().unwrap();
    fs::create_dir_all(outer.join("w")).unwrap();
    fs::create_dir_all(outer.join("own/deep")).unwrap();
    for name in ["own/deep/key", "own/single"] {
        fs::write(outer.join(name), "").unwrap();
    }
    fs::hard_link(outer.join("own/deep/key"), outer.join("w/innocent")).unwrap();
    let mut files = OwnFiles::default();
    files.directory(outer.join("own"));
    let closed = files.below(&outer.join("w"), false).unwrap();
    let is_own = |path: &str| {
        let metadata = outer.join(path).symlink_metadata().unwrap();
        let is_linked = metadata.is_file() && metadata.nlink() > 1;
        closed.is_own_file((metadata.dev(), metadata.ino()), is_linked)
    };
    assert!(is_own("w/innocent") && is_own("own"));
    assert!(!is_own("own/single"), "it has no other name");
}
