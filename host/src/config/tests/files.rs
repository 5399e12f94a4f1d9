//! Reading a file that the user named, and one that somebody else put there.

use std::{fs, os::unix::fs::symlink, path::Path};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

fn project(dir: &Path) -> String {
    match Source::read_project(dir) {
        Ok(None) => "absent".to_owned(),
        Ok(Some(source)) => source.text,
        Err(err) => err.to_string().replace(&*dir.to_string_lossy(), "DIR"),
    }
}

#[test]
fn a_file_of_the_user_has_to_be_there_and_may_be_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    assert!(matches!(Source::read(&path), Err(ConfigError::Read { .. })));
    fs::write(dir.path().join("real.toml"), "[sandbox]\nguest_threads = 7\n").unwrap();
    symlink("real.toml", &path).unwrap();
    let layers = Layers { user: Some(Source::read(&path).unwrap()), ..Layers::default() };
    assert_eq!(Config::load(&layers).unwrap().sandbox.guest_threads, 7);
    fs::write(&path, vec![b'#'; 300 << 10]).unwrap();
    assert!(matches!(Source::read(&path), Err(ConfigError::TooLarge { max_kib: 256, .. })));
}

#[test]
fn a_project_without_a_file_has_none() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(project(dir.path()), "absent");
    assert_eq!(project(&dir.path().join("none")), "absent");
    fs::write(dir.path().join("file"), "").unwrap();
    assert_eq!(project(&dir.path().join("file")), "absent");
    // Not that of a directory above.
    fs::write(dir.path().join(PROJECT_FILE), "x").unwrap();
    fs::create_dir(dir.path().join("inner")).unwrap();
    assert_eq!(project(&dir.path().join("inner")), "absent");
    assert_eq!(project(dir.path()), "x");
}

#[test]
fn a_project_file_is_a_short_text_in_a_regular_file() {
    let regular = "DIR/.hermitage.toml is not a regular file";
    type Make = fn(&Path);
    let checks: [(&str, Make, &str); 7] = [
        ("directory", |it| fs::create_dir(it).unwrap(), regular),
        (
            "pipe",
            |it| mknodat(CWD, it, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
            regular,
        ),
        ("link to a file", |it| symlink("/etc/passwd", it).unwrap(), regular),
        ("link without an end", |it| symlink("/dev/zero", it).unwrap(), regular),
        ("link to itself", |it| symlink(PROJECT_FILE, it).unwrap(), regular),
        (
            "large",
            |it| fs::File::create(it).unwrap().set_len(10 << 20).unwrap(),
            "DIR/.hermitage.toml is larger than 256 KiB",
        ),
        (
            "bytes",
            |it| fs::write(it, b"model.default = '\xff'").unwrap(),
            "DIR/.hermitage.toml is not valid UTF-8",
        ),
    ];
    for (what, make, expected) in checks {
        let dir = tempfile::tempdir().unwrap();
        make(&dir.path().join(PROJECT_FILE));
        assert_eq!(project(dir.path()), expected, "{what}");
    }
}

#[test]
fn text_that_is_nested_deeply_is_an_error_like_any_other() {
    let deep = 100_000;
    for text in [
        format!("a = {}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}", "{a = ".repeat(deep)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        "[a]\n[a.a]\n".repeat(deep / 10),
    ] {
        let layers = Layers { project: source(".hermitage.toml", &text), ..Layers::default() };
        let err = Config::load(&layers).unwrap_err();
        let is_told = matches!(err, ConfigError::Toml { .. } | ConfigError::UnknownKey { .. });
        assert!(is_told && err.to_string().len() < 100, "{err}");
    }
}
