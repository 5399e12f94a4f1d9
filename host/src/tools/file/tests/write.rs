//! `write_file`.

use super::*;

#[test]
fn a_file_is_created_with_the_directories_above_it() {
    let it = Fixture::new();
    assert_eq!(it.write("a/b/c.txt", "x\n"), Ok(Written { bytes: 2, created: true }));
    assert_eq!(it.write("./a//d", ""), Ok(Written { bytes: 0, created: true }));
    assert_eq!(it.tree(), ["a", "a/b", "a/b/c.txt", "a/d"]);
    assert_eq!(it.get("a/b/c.txt"), "x\n");
}

#[test]
fn a_file_is_replaced_as_a_whole_and_keeps_its_mode() {
    let it = Fixture::new();
    it.put("a", "a long text");
    for mode in [0o600, 0o755, 0o666, 0o640] {
        fs::set_permissions(it.path("a"), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(it.write("a", "x"), Ok(Written { bytes: 1, created: false }));
        assert_eq!(fs::metadata(it.path("a")).unwrap().permissions().mode() & 0o7777, mode);
    }
    assert_eq!(it.get("a"), "x");
    assert_eq!(it.tree(), ["a"]);
}

#[test]
fn a_written_file_loses_its_set_user_id() {
    let it = Fixture::new();
    it.put("a", "x");
    fs::set_permissions(it.path("a"), fs::Permissions::from_mode(0o6755)).unwrap();
    it.write("a", "y").unwrap();
    assert_eq!(fs::metadata(it.path("a")).unwrap().permissions().mode() & 0o7777, 0o755);
}

#[test]
fn writing_to_one_name_leaves_its_other_hard_links_alone() {
    let it = Fixture::new();
    fs::hard_link(it.secret(), it.path("a")).unwrap();
    it.write("a", "x").unwrap();
    assert_eq!(it.get("a"), "x");
    assert_eq!(fs::read_to_string(it.secret()).unwrap(), "secret\n");
}

#[test]
fn too_much_content_leaves_nothing_behind() {
    let it = Fixture::with(FileConfig { max_write_bytes: 3, ..roomy() });
    assert_eq!(it.write("d/a", "abc"), Ok(Written { bytes: 3, created: true }));
    let text = "`e/a` would have 4 bytes: at most 3 can be written";
    assert_eq!(it.write("e/a", "abcd"), failed(text));
    assert_eq!(it.tree(), ["d", "d/a"]);
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let it = Fixture::new();
    it.put("d/x", "").put("f", "");
    let long = "n".repeat(256);
    for (path, text) in [
        ("d".to_owned(), "`d` is a directory: give the path of a file".to_owned()),
        (
            "f/x/y".to_owned(),
            "`f/x/y` has a file where a directory is needed: give another path".to_owned(),
        ),
        (
            format!("new/er/{long}"),
            format!(
                "`new/er/{}…` holds a name that is too long: give a shorter one",
                "n".repeat(256 - "new/er/".len())
            ),
        ),
    ] {
        assert_eq!(it.write(&path, "x"), failed(&text));
        assert_eq!(it.tree(), ["d", "d/x", "f"]);
    }
}

#[test]
fn nothing_is_written_to_git() {
    let it = Fixture::new();
    it.put(".git/config", "").link(".git", "alias").link("sub/../.git", "deep");
    fs::create_dir(it.path("sub")).unwrap();
    let before = it.tree();
    for path in [
        ".git",
        ".git/hooks/post-commit",
        ".GIT/config",
        "sub/.git/config",
        "alias/config",
        "alias/hooks/post-commit",
        "deep/config",
    ] {
        assert_eq!(
            it.write(path, "x"),
            failed(&format!("`{path}` belongs to git: write outside `.git`"))
        );
    }
    assert_eq!(it.tree(), before);
    it.write(".gitignore", "x").unwrap();
}

#[test]
fn a_reader_meets_the_old_or_the_new_content() {
    let it = Fixture::new();
    let contents = ["a".repeat(100_000), "b".repeat(50_000)];
    it.write("f", &contents[0]).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..20 {
                it.write("f", &contents[round % 2]).unwrap();
            }
        });
        while !writer.is_finished() {
            assert!(contents.contains(&it.get("f")));
        }
    });
    assert_eq!(it.tree(), ["f"]);
}

#[test]
fn a_read_only_file_stays_as_it_is() {
    let it = Fixture::new();
    it.put("a", "old");
    fs::set_permissions(it.path("a"), fs::Permissions::from_mode(0o444)).unwrap();
    let expect = ToolError::Failed("`a` is read-only and stays as it is".to_owned());
    assert_eq!(it.write("a", "new"), Err(expect));
    assert_eq!(it.get("a"), "old");
}
