//! What a program changes, and how much of it.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn config(max_write_bytes: u64, max_written_bytes: u64, max_created_files: u64) -> FileConfig {
    FileConfig { max_write_bytes, max_written_bytes, max_created_files, ..built_in() }
}

#[test]
fn files_are_made_changed_moved_and_removed() {
    let it = Fixture::new();
    let tree = it.tree("", true);
    let top = tree.top();
    tree.create_directory(&top, "d/").unwrap();
    let file = tree.file("d/f", CREATE).unwrap();
    file.write(b"hello world", 0).unwrap();
    file.write(b"W", 6).unwrap();
    file.append(b"!").unwrap();
    assert_eq!(file.read(0, 100).unwrap(), b"hello World!");
    file.set_size(5).unwrap();
    file.sync().unwrap();
    assert_eq!(it.get("d/f"), "hello");
    file.set_times(NewTime::Keep, NewTime::At((1_000, 5))).unwrap();
    assert_eq!(file.stat().unwrap().times[1], (1_000, 5));
    assert_eq!(file.set_times(NewTime::At((0, u32::MAX)), NewTime::Now), Err(TreeError::Invalid));
    drop(file);
    tree.set_times((&top, "d"), true, (NewTime::Keep, NewTime::At((7, 0)))).unwrap();
    assert_eq!(tree.stat(&top, "d", true).unwrap().times[1], (7, 0));
    tree.put("g", "old").unwrap();
    tree.rename((&top, "d/f"), (&top, "g")).unwrap();
    assert_eq!(it.get("g"), "hello");
    assert_eq!(tree.remove_directory(&top, "g"), Err(TreeError::NotDirectory));
    assert_eq!(tree.unlink(&top, "d"), Err(TreeError::IsDirectory));
    it.put("d/x", "");
    assert_eq!(tree.remove_directory(&top, "d"), Err(TreeError::NotEmpty));
    tree.unlink(&top, "d/x").unwrap();
    tree.remove_directory(&top, "d").unwrap();
    it.link("g", "l");
    tree.unlink(&top, "l").unwrap();
    assert_eq!(tree.names("."), ["g"]);
}

#[test]
fn how_a_file_is_opened_is_how_it_is_used() {
    let it = Fixture::new();
    it.put("f", "old").link("nowhere", "dangling");
    let tree = it.tree("", true);
    let exclusive = How { exclusive: true, ..CREATE };
    assert_eq!(tree.file("f", exclusive).unwrap_err(), TreeError::Exist);
    assert_eq!(
        tree.file("f", How { write: true, ..DIRECTORY }).unwrap_err(),
        TreeError::NotDirectory
    );
    assert_eq!(tree.file("dangling", CREATE).unwrap_err(), TreeError::NoEntry);
    assert_eq!(tree.file("dangling", exclusive).unwrap_err(), TreeError::Exist);
    let only = tree.file("f", How { read: false, ..WRITE }).unwrap();
    assert_eq!(only.read(0, 1), Err(TreeError::BadDescriptor));
    only.write(b"n", 0).unwrap();
    assert_eq!(it.get("f"), "nld");
    let emptied = tree.file("f", How { truncate: true, ..READ }).unwrap();
    assert_eq!(emptied.write(b"x", 0), Err(TreeError::BadDescriptor));
    assert_eq!(it.get("f"), "");
    assert_eq!(tree.file("d/new", CREATE).unwrap_err(), TreeError::NoEntry);
    assert_eq!(tree.file("new/", CREATE).unwrap_err(), TreeError::IsDirectory);
}

#[test]
fn a_file_with_another_name_is_not_changed() {
    let it = Fixture::new();
    fs::hard_link(it.outer.path().join("secret.txt"), it.path("twin")).unwrap();
    it.put("late", "mine");
    let tree = it.tree("", true);
    assert_eq!(tree.text("twin").as_deref(), Ok("secret"));
    assert_eq!(tree.put("twin", "x"), Err(TreeError::NotPermitted));
    let late = tree.file("late", WRITE).unwrap();
    fs::hard_link(it.path("late"), it.path("second")).unwrap();
    assert_eq!(late.write(b"x", 0), Err(TreeError::NotPermitted));
    assert_eq!(it.get("second"), "mine");
    assert_eq!(fs::read_to_string(it.outer.path().join("secret.txt")).unwrap(), "secret");
}

#[test]
fn a_file_that_went_elsewhere_is_not_changed() {
    let it = Fixture::new();
    it.put("f", "mine").put("g", "mine").put(".git/hooks/x", "");
    let tree = it.tree("", true);
    let (moved, gone) = (tree.file("f", WRITE).unwrap(), tree.file("g", WRITE).unwrap());
    fs::rename(it.path("f"), it.path(".git/hooks/post-checkout")).unwrap();
    for _ in 0..2 {
        assert_eq!(moved.write(b"x", 0), Err(TreeError::BadDescriptor));
        assert_eq!(moved.append(b"x"), Err(TreeError::BadDescriptor));
        assert_eq!(moved.set_size(0), Err(TreeError::BadDescriptor));
        // Nor when another file has its name.
        it.put("f", "other");
    }
    assert_eq!(it.get(".git/hooks/post-checkout"), "mine");
    // One without any name is the program's alone.
    fs::remove_file(it.path("g")).unwrap();
    gone.write(b"x", 0).unwrap();
    assert_eq!(gone.read(0, 9).unwrap(), b"xine");
}

#[test]
fn permissions_stay() {
    let it = Fixture::new();
    it.put("closed", "x").put("special", "x").put("mine", "x");
    let set = |path, mode| fs::set_permissions(it.path(path), fs::Permissions::from_mode(mode));
    set("closed", 0o444).unwrap();
    set("special", 0o4755).unwrap();
    let tree = it.tree("", true);
    let top = tree.top();
    assert_eq!(tree.put("closed", "y"), Err(TreeError::Access));
    assert_eq!(tree.unlink(&top, "closed"), Err(TreeError::Access));
    assert_eq!(tree.rename((&top, "mine"), (&top, "closed")), Err(TreeError::Access));
    assert_eq!(tree.put("special", "y"), Err(TreeError::NotPermitted));
    assert_eq!((it.get("closed"), it.get("special")), ("x".to_owned(), "x".to_owned()));
}

#[test]
fn bytes_have_an_end_however_they_are_written() {
    let it = Fixture::with(config(1_000, 100, 9), |_, _| {});
    let tree = it.tree("", true);
    let file = tree.file("f", CREATE).unwrap();
    file.write(&[1; 60], 0).unwrap();
    // What does not grow costs nothing.
    file.write(&[2; 60], 0).unwrap();
    for refused in [file.write(&[3; 41], 60), file.append(&[3; 41]), file.set_size(101)] {
        assert_eq!(refused, Err(TreeError::Quota));
    }
    // A hole is paid for.
    assert_eq!(file.write(b"x", 100), Err(TreeError::Quota));
    file.append(&[4; 40]).unwrap();
    file.set_size(0).unwrap();
    assert_eq!(file.write(b"x", 0), Err(TreeError::Quota));
    assert_eq!(fs::metadata(it.path("f")).unwrap().len(), 0);
    // Trees of one workspace share what is left, and so do its tools.
    assert_eq!(it.tree("", true).put("g", "x"), Err(TreeError::Quota));
}

#[test]
fn a_file_has_a_largest_size() {
    let it = Fixture::with(config(100, 1_000_000, 9), |_, _| {});
    it.put("old", &"x".repeat(200));
    let tree = it.tree("", true);
    let file = tree.file("f", CREATE).unwrap();
    for refused in [
        file.write(b"x", 100),
        file.write(b"x", u64::MAX),
        file.write(b"x", u64::MAX - 1),
        file.set_size(101),
        file.set_size(u64::MAX),
    ] {
        assert_eq!(refused, Err(TreeError::FileTooLarge));
    }
    file.write(b"x", 99).unwrap();
    assert_eq!(file.append(b"x"), Err(TreeError::FileTooLarge));
    // One that was larger before may be changed, and cut.
    let old = tree.file("old", WRITE).unwrap();
    old.write(b"y", 150).unwrap();
    old.set_size(150).unwrap();
    assert_eq!(old.append(b"y"), Err(TreeError::FileTooLarge));
}

#[test]
fn new_files_and_directories_have_an_end() {
    let it = Fixture::with(config(100, 100, 2), |_, _| {});
    let tree = it.tree("", true);
    tree.create_directory(&tree.top(), "d").unwrap();
    tree.put("d/f", "").unwrap();
    tree.put("d/f", "").unwrap();
    assert_eq!(tree.put("d/g", ""), Err(TreeError::Quota));
    assert_eq!(tree.create_directory(&tree.top(), "e"), Err(TreeError::Quota));
    assert_eq!(tree.names("d"), ["f"]);
}
