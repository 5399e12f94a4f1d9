//! What a hostile child or a hostile workspace tries.

use std::{
    os::unix::net::UnixListener,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use super::*;
use crate::tools::file;

/// Tries every tool on `path`: each must fail, with a text that ends in
/// `text`, and soon.
fn check_refused(it: &Fixture, path: &str, text: &str) {
    let started = Instant::now();
    let search = SearchFiles { path: Some(path.to_owned()), ..SearchFiles::default() };
    let errors = [
        it.read(whole(path)).unwrap_err(),
        it.patch(replacement(path, "s", "x")).unwrap_err(),
        it.search(search).unwrap_err(),
    ];
    for error in errors {
        check_text(it, &error, text);
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{path} took too long");
}

fn check_text(it: &Fixture, error: &ToolError, text: &str) {
    let (ToolError::Failed(shown) | ToolError::InvalidArguments(shown)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(shown, text);
    assert!(!shown.contains(it.outer.path().to_str().unwrap()), "{shown} names a host path");
}

fn node(it: &Fixture, path: &str, kind: FileType) {
    mknodat(CWD, it.path(path), kind, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn a_path_that_leaves_the_workspace_is_refused() {
    let it = Fixture::new();
    it.put("d/x", "");
    for path in ["../secret.txt", "d/../../secret.txt", "d/..", "..", "d/../d/x"] {
        let text = format!("`{path}` leaves the workspace: give a path below it, without `..`");
        check_refused(&it, path, &text);
        check_text(&it, &it.write(path, "x").unwrap_err(), &text);
    }
    for path in ["/etc/passwd", "//etc/passwd", "/"] {
        let text = format!("`{path}` is absolute: give a path relative to the workspace");
        check_refused(&it, path, &text);
        check_text(&it, &it.write(path, "x").unwrap_err(), &text);
    }
    assert_eq!(fs::read_to_string(it.secret()).unwrap(), "secret\n");
}

#[test]
fn a_malformed_path_is_refused() {
    let it = Fixture::new();
    let text = "`a\\u{0}b` holds a NUL character: give a path without it";
    check_refused(&it, "a\0b", text);
    check_text(&it, &it.write("a\0b", "").unwrap_err(), text);
    let long = "x/".repeat(2049);
    let text = format!("`{}…` is longer than 4096 bytes: give a shorter path", "x/".repeat(128));
    check_refused(&it, &long, &text);
    let deep = "x/".repeat(65) + "x";
    let text = format!("`{deep}` is nested too deeply: give a path of at most 64 names");
    check_refused(&it, &deep, &text);
    check_text(&it, &it.write(&deep, "").unwrap_err(), &text);
    assert!(it.tree().is_empty());
}

#[test]
fn a_backslash_is_a_character_like_any_other() {
    let it = Fixture::new();
    it.write("..\\secret.txt", "mine").unwrap();
    assert_eq!(it.tree(), ["..\\secret.txt"]);
    assert_eq!(it.read(whole("..\\secret.txt")).unwrap().text, "mine");
}

#[test]
fn a_link_that_leads_out_is_refused() {
    let it = Fixture::new();
    it.link(it.secret(), "absolute")
        .link("../secret.txt", "relative")
        .link("..", "up")
        .link("/", "root")
        .link("relative", "chain")
        .link("../../secret.txt", "d/deep")
        .link("/proc/self/root", "magic")
        .link("/proc/self/fd/0", "descriptor");
    let text = "leads out of the workspace through a symbolic link: give a path that stays in it";
    for path in [
        "absolute",
        "relative",
        "up/secret.txt",
        "up",
        "root/etc/passwd",
        "chain",
        "d/deep",
        "magic/etc/passwd",
        "descriptor",
    ] {
        check_refused(&it, path, &format!("`{path}` {text}"));
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let it = Fixture::new();
    it.put("f", "f").link("f", "inner").link("../secret.txt", "outer").link("..", "up");
    it.link("../new.txt", "dangling").link(it.outer.path().join("planted"), "far");
    let before = it.tree();
    for path in ["inner", "outer", "dangling", "far"] {
        let text = format!("`{path}` is a symbolic link: write to the file it points to");
        check_text(&it, &it.write(path, "x").unwrap_err(), &text);
    }
    let text = "`inner` is a symbolic link: write to the file it points to";
    check_text(&it, &it.patch(replacement("inner", "f", "x")).unwrap_err(), text);
    for path in ["up/secret.txt", "up/new.txt", "up/new/er/x", "far/x", "dangling/x"] {
        assert!(it.write(path, "x").is_err(), "{path}");
    }
    assert_eq!(it.tree(), before);
    assert_eq!(it.get("f"), "f");
    assert_eq!(fs::read_to_string(it.secret()).unwrap(), "secret\n");
    assert_eq!(fs::read_dir(it.outer.path()).unwrap().count(), 2);
}

#[test]
fn a_link_that_stays_inside_may_be_read() {
    let it = Fixture::new();
    it.put("d/f", "text\n").link("d/f", "file").link("d", "dir").link("../d/f", "e/up");
    for path in ["file", "dir/f", "e/up"] {
        assert_eq!(it.read(whole(path)).unwrap().text, "text\n", "{path}");
    }
    it.write("dir/new", "x").unwrap();
    assert_eq!(it.get("d/new"), "x");
}

#[test]
fn links_in_a_circle_are_an_error() {
    let it = Fixture::new();
    it.link("b", "a").link("a", "b").link("self", "self");
    for path in ["a", "b", "self", "a/x"] {
        let text = "goes through symbolic links that cannot be followed: give a direct path";
        check_refused(&it, path, &format!("`{path}` {text}"));
    }
}

#[test]
fn a_pipe_answers_at_once() {
    let it = Fixture::new();
    node(&it, "pipe", FileType::Fifo);
    check_refused(&it, "pipe", NOT_REGULAR_PIPE);
    let text = "`pipe` is a device, a socket or a pipe: only regular files can be used";
    check_text(&it, &it.write("pipe", "x").unwrap_err(), text);
    let call = SearchFiles { content: Some("x".to_owned()), ..SearchFiles::default() };
    assert!(it.search(call).unwrap().hits.is_empty());
}

const NOT_REGULAR_PIPE: &str =
    "`pipe` is a device, a socket or a pipe: only regular files can be used";

#[test]
fn a_socket_answers_at_once() {
    let it = Fixture::new();
    let _listener = UnixListener::bind(it.path("socket")).unwrap();
    let text = "`socket` is a device, a socket or a pipe: only regular files can be used";
    check_refused(&it, "socket", text);
    check_text(&it, &it.write("socket", "x").unwrap_err(), text);
}

#[test]
fn a_device_is_out_of_reach() {
    let it = Fixture::new();
    it.link("/dev/null", "null").link("/dev/zero", "zero").link("/dev/tty", "tty");
    for path in ["null", "zero", "tty"] {
        let text =
            "leads out of the workspace through a symbolic link: give a path that stays in it";
        check_refused(&it, path, &format!("`{path}` {text}"));
    }
    // The rest holds for a device in the workspace, which takes a privilege.
    let device = rustix::fs::makedev(1, 5);
    let made = mknodat(CWD, it.path("dev"), FileType::CharacterDevice, Mode::RUSR, device);
    if made.is_ok() {
        let text = "`dev` is a device, a socket or a pipe: only regular files can be used";
        if fs::File::open(it.path("dev")).is_ok() {
            check_refused(&it, "dev", text);
        }
        check_text(&it, &it.write("dev", "x").unwrap_err(), text);
    }
}

#[test]
fn a_directory_is_not_a_file() {
    let it = Fixture::new();
    it.put("d/x", "");
    let text = "`d` is a directory: give the path of a file";
    check_text(&it, &it.read(whole("d")).unwrap_err(), text);
    check_text(&it, &it.write("d", "").unwrap_err(), text);
    check_text(&it, &it.patch(replacement("d", "a", "b")).unwrap_err(), text);
    for path in ["d/", ".", "./", "d/."] {
        let text = format!("`{path}` names a directory: give the path of a file");
        check_text(&it, &it.read(whole(path)).unwrap_err(), &text);
        check_text(&it, &it.write(path, "").unwrap_err(), &text);
    }
    let text = "`d/x/y` has a file where a directory is needed: give another path";
    check_refused(&it, "d/x/y", text);
}

#[test]
fn a_sparse_file_does_not_fill_memory() {
    let it = Fixture::new();
    fs::File::create(it.path("sparse")).unwrap().set_len(1 << 40).unwrap();
    let size = 1_u64 << 40;
    let text = format!(
        "`sparse` is a binary file of {size} bytes: only text in UTF-8, UTF-16 with a byte order mark, or Latin-1 can be used"
    );
    check_text(&it, &it.read(whole("sparse")).unwrap_err(), &text);
    let text = "`sparse` has more than 8388608 bytes: too large to patch";
    check_text(&it, &it.patch(replacement("sparse", "a", "b")).unwrap_err(), text);
    let call = SearchFiles { content: Some("x".to_owned()), ..SearchFiles::default() };
    assert!(it.search(call).unwrap().hits.is_empty());
}

#[test]
fn a_flooded_directory_is_an_error() {
    let it = Fixture::with(FileConfig { max_dir_entries: 3, ..roomy() });
    for name in ["1", "2", "3"] {
        it.put(&format!("d/{name}"), "");
    }
    assert_eq!(it.search(SearchFiles::default()).unwrap().hits.len(), 4);
    it.put("d/4", "");
    let text =
        "`d` has more than 3 entries: search another directory, or exclude it in `.gitignore`";
    check_text(&it, &it.search(SearchFiles::default()).unwrap_err(), text);
    it.put(".gitignore", "/d\n");
    assert_eq!(it.search(SearchFiles::default()).unwrap().hits.len(), 1);
}

#[test]
fn a_deep_tree_is_walked_as_far_as_paths_go() {
    let it = Fixture::with(FileConfig { max_depth: 3, ..roomy() });
    it.put("a/b/c/d/e", "");
    let hits = it.search(SearchFiles::default()).unwrap().hits;
    let paths: Vec<&str> = hits.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["a", "a/b", "a/b/c"]);
}

#[test]
fn a_name_that_is_not_text_is_passed_over() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let it = Fixture::new();
    it.put("a", "x");
    fs::write(it.path("").join(OsStr::from_bytes(b"\xff")), "x").unwrap();
    let hits = it.search(SearchFiles::default()).unwrap().hits;
    assert_eq!(hits.len(), 1);
}

#[test]
fn what_is_being_written_is_not_found() {
    let it = Fixture::new();
    it.put("a", "").put(".hermitage-0123456789abcdef.tmp", "").put(".hermitage-x.tmp", "");
    let hits = it.search(SearchFiles::default()).unwrap().hits;
    let paths: Vec<&str> = hits.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, [".hermitage-x.tmp", "a"]);
}

#[test]
fn a_pattern_that_stands_for_a_huge_automaton_is_refused() {
    let it = Fixture::new();
    it.put("a", "a".repeat(1000));
    let nested = "(".repeat(2000) + &")".repeat(2000);
    for pattern in [
        "(a{1000}){1000}",
        "((a{100}){100}){100}",
        "\\pL{1000}",
        "(\\w{100}){100}",
        "a{99999999}",
        "[\\w\\W]{10000}",
        &nested,
    ] {
        let started = Instant::now();
        let call = SearchFiles { content: Some(pattern.to_owned()), ..SearchFiles::default() };
        let error = it.search(call).unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{pattern}");
        assert!(started.elapsed() < Duration::from_secs(1), "{pattern}");
    }
}

#[test]
fn a_pattern_that_backtracking_would_never_finish_is_searched() {
    let it = Fixture::new();
    it.put("a", "a".repeat(10_000) + "b\n");
    for pattern in ["(a*)*c", "(a|a)*c", "(a|aa)+$c", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
        let started = Instant::now();
        let call = SearchFiles { content: Some(pattern.to_owned()), ..SearchFiles::default() };
        assert!(it.search(call).unwrap().hits.is_empty(), "{pattern}");
        assert!(started.elapsed() < Duration::from_secs(1), "{pattern}");
    }
}

/// One thread swaps `d` and a link that leads out, another reads, writes and
/// searches through `d`: nothing outside is ever seen or touched.
#[test]
fn a_link_swapped_for_a_parent_leads_nowhere() {
    let it = Fixture::new();
    it.put("d/f", "inside\n").link("..", "l");
    fs::write(it.outer.path().join("f"), "outside\n").unwrap();
    let done = AtomicBool::new(false);
    let (mut inside, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let (d, l) = (it.path("d"), it.path("l"));
                renameat_with(CWD, d, CWD, l, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let _stop = Stop(&done);
        // The work itself, without a task for each call.
        let job = Job { shared: Arc::clone(&it.tools.shared), cancelled: CancellationToken::new() };
        let lookup = SearchFiles {
            path: Some("d".to_owned()),
            content: Some("side".to_owned()),
            ..SearchFiles::default()
        };
        // On a loaded machine the other thread may be late.
        for round in 0..2_000_000 {
            if round >= 20_000 && inside > 0 && refused > 0 {
                break;
            }
            match file::read_file::read(&job, &whole("d/f")) {
                Ok(slice) if slice.text == "inside\n" => inside += 1,
                Ok(slice) => panic!("round {round} read {slice:?}"),
                Err(_) => refused += 1,
            }
            if round % 10 == 0
                && let Ok(page) = file::search_files::search(&job, &lookup)
            {
                assert!(page.hits.iter().all(|it| it.text.as_deref() == Some("inside")));
            }
            if round % 100 == 0 {
                let call = WriteFile { path: "d/new".to_owned(), content: "x".to_owned() };
                let _ = file::write_file::write(&job, &call);
            }
        }
    });
    assert!(inside > 0 && refused > 0, "{inside} inside, {refused} refused: no race");
    assert_eq!(fs::read_to_string(it.outer.path().join("f")).unwrap(), "outside\n");
    assert_eq!(fs::read_dir(it.outer.path()).unwrap().count(), 3);
}

/// Ends the other thread, also when this one panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
