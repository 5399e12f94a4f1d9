//! The notes over real files: what is changed, and what stays.

use std::{
    fs,
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;
use crate::session::Session;

struct Fixture {
    dir: TempDir,
    tool: MemoryTool,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/er/notes.md");
        let config = MemoryConfig { file, max_notes: 5, max_note_bytes: 1000, max_bytes: 4000 };
        Self { tool: MemoryTool::new(config), dir }
    }

    fn file(&self) -> &Path {
        &self.tool.config.file
    }

    fn put(&self, text: impl AsRef<[u8]>) -> &Self {
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), text).unwrap();
        self
    }

    fn get(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    async fn add(&self, text: &str) -> Result<Vec<String>, ToolError> {
        self.call(MemoryAction::Add, Some(text), None).await
    }

    async fn read(&self) -> Result<Vec<String>, ToolError> {
        self.call(MemoryAction::Read, None, None).await
    }

    async fn call(
        &self,
        action: MemoryAction,
        text: Option<&str>,
        old_text: Option<&str>,
    ) -> Result<Vec<String>, ToolError> {
        let (text, old_text) = (text.map(String::from), old_text.map(String::from));
        self.tool.call(&caller(), Memory { action, text, old_text }).await
    }
}

fn caller() -> Caller {
    Caller::of("parent", Session::Local)
}

fn text_of(res: Result<Vec<String>, ToolError>) -> String {
    res.unwrap_err().to_string()
}

#[tokio::test]
async fn notes_are_added_replaced_and_removed() {
    let it = Fixture::new();
    assert_eq!(it.read().await.unwrap(), [""; 0]);
    assert!(!it.file().parent().unwrap().exists(), "reading makes nothing");
    it.add("likes tea\n").await.unwrap();
    assert_eq!(it.add("uses Rust").await.unwrap(), ["likes tea", "uses Rust"]);
    let replaced = it.call(MemoryAction::Replace, Some("likes coffee"), Some("tea")).await;
    assert_eq!(replaced.unwrap(), ["likes coffee", "uses Rust"]);
    assert_eq!(it.get(), "# Notes\n\n- likes coffee\n- uses Rust\n");
    let left = it.call(MemoryAction::Remove, None, Some("coffee")).await;
    assert_eq!(left.unwrap(), ["uses Rust"]);
    assert_eq!(it.read().await.unwrap(), ["uses Rust"]);
}

#[tokio::test]
async fn the_files_are_the_users_alone() {
    let it = Fixture::new();
    it.add("x").await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = it.file().parent().unwrap();
    assert_eq!(mode(it.file()), 0o600);
    assert_eq!(mode(&directory.join("notes.md.lock")), 0o600);
    assert_eq!((mode(directory), mode(directory.parent().unwrap())), (0o700, 0o700));
    fs::set_permissions(it.file(), fs::Permissions::from_mode(0o644)).unwrap();
    it.add("y").await.unwrap();
    assert_eq!(mode(it.file()), 0o600);
    assert_eq!(fs::read_dir(directory).unwrap().count(), 2, "nothing is left behind");
}

#[tokio::test]
async fn the_same_note_twice_changes_nothing() {
    let it = Fixture::new();
    it.put("* one\n\nmine\n");
    assert_eq!(it.add(" one\r\n").await.unwrap(), ["one"]);
    assert_eq!(it.get(), "* one\n\nmine\n");
    it.add("two").await.unwrap();
    assert_eq!(it.get(), "* one\n- two\n\nmine\n");
    let same = it.call(MemoryAction::Replace, Some("two"), Some("one")).await;
    assert_eq!(text_of(same), "invalid arguments: `two` is noted already: remove the other one");
}

#[tokio::test]
async fn which_note_is_meant_has_to_be_clear() {
    let it = Fixture::new();
    it.put("- red fish\n- blue fish\n- blue fish\n- cat\n");
    let none = it.call(MemoryAction::Remove, None, Some("dog")).await;
    let text = "invalid arguments: `old_text` is in none of the notes: `read` gives them";
    assert_eq!(text_of(none), text);
    let both = it.call(MemoryAction::Replace, Some("x"), Some("fish")).await;
    let text = "invalid arguments: `old_text` is in 2 notes, `blue fish`, `red fish`: give more \
                of one";
    assert_eq!(text_of(both), text);
    let left = it.call(MemoryAction::Remove, None, Some("blue")).await.unwrap();
    assert_eq!(left, ["red fish", "blue fish", "cat"], "one of the two");
}

#[tokio::test]
async fn texts_that_are_no_notes_are_refused() {
    let it = Fixture::new();
    for blank in [None, Some(""), Some(" \n\t"), Some("\u{200b}\u{1b}[31m")] {
        let text = "invalid arguments: `text` is missing, or has nothing to read in it";
        assert_eq!(text_of(it.call(MemoryAction::Add, blank, None).await), text);
        let text = "invalid arguments: `old_text` is missing, or has nothing to read in it";
        assert_eq!(text_of(it.call(MemoryAction::Remove, None, blank).await), text);
    }
    let huge = "x".repeat(10 << 20);
    let text = "invalid arguments: `text` has 10485760 bytes: a note has at most 1000";
    assert_eq!(text_of(it.add(&huge).await), text);
    assert!(!it.file().exists());
}

#[tokio::test]
async fn a_note_drives_no_terminal_and_forges_no_note() {
    let it = Fixture::new();
    let escapes = "\u{1b}[31m".repeat(200) + "red\n- forged\n\u{202e}# Heading\u{1b}]0;x\u{7}";
    // Escapes count while they are there.
    assert!(it.add(&escapes).await.is_err());
    let escapes = "\u{1b}[m".repeat(200) + "red\n- forged\n\u{202e}# Heading\u{1b}]0;x\u{7}";
    assert_eq!(it.add(&escapes).await.unwrap(), ["red\n- forged\n# Heading"]);
    assert_eq!(it.get(), "# Notes\n\n- red\n  \\- forged\n  \\# Heading\n");
    assert_eq!(it.read().await.unwrap(), ["red\n- forged\n# Heading"]);
    // What another program put there is cleaned, too.
    it.put("- a\u{1b}[2J\u{202e}b\n");
    assert_eq!(it.read().await.unwrap(), ["ab"]);
}

#[tokio::test]
async fn there_is_an_end_to_notes() {
    let it = Fixture::new();
    for number in 0..5 {
        it.add(&format!("note {number}")).await.unwrap();
    }
    let full = it.get();
    assert_eq!(
        text_of(it.add("more").await),
        "the notes are full: 5 of them, remove or replace one"
    );
    it.add("note 4").await.unwrap();
    it.put(format!("{}\n", "x".repeat(3_995)));
    let text = "the notes are full: their file may have 4000 bytes, remove some";
    assert_eq!(text_of(it.add("more").await), text);
    assert_eq!(it.get().len(), 3_996);
    assert_eq!(full.lines().count(), 7);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_stays() {
    let it = Fixture::new();
    let cases: [(&[u8], &str); 3] = [
        (
            b"- a\xff\n",
            "the notes can't be read: their file is no UTF-8 text, a person has to look",
        ),
        (b"- a\0\n", "the notes can't be read: their file is no UTF-8 text, a person has to look"),
        (&[b'x'; 4001], "the notes can't be read: their file has more than 4000 bytes"),
    ];
    for (content, text) in cases {
        it.put(content);
        assert_eq!(text_of(it.read().await), text);
        assert_eq!(text_of(it.add("x").await), text);
        assert_eq!(fs::read(it.file()).unwrap(), content);
    }
}

#[tokio::test]
async fn only_a_plain_file_holds_notes() {
    let it = Fixture::new();
    let real = it.dir.path().join("real.md");
    fs::write(&real, "- secret\n").unwrap();
    fs::create_dir_all(it.file().parent().unwrap()).unwrap();
    let text = "the notes can't be used: their file, or its directory, is closed to this host or no \
         plain file";
    let check = async || {
        assert_eq!(text_of(it.read().await), text);
        assert_eq!(text_of(it.add("x").await), text);
        fs::remove_file(it.file()).or_else(|_| fs::remove_dir(it.file())).unwrap();
    };
    symlink(&real, it.file()).unwrap();
    check().await;
    fs::create_dir(it.file()).unwrap();
    check().await;
    mknodat(CWD, it.file(), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    check().await;
    assert_eq!(fs::read_to_string(real).unwrap(), "- secret\n");
    // Nor is the lock followed anywhere.
    let lock = it.file().with_file_name("notes.md.lock");
    fs::remove_file(&lock).unwrap();
    symlink(it.dir.path().join("elsewhere"), &lock).unwrap();
    assert_eq!(text_of(it.add("x").await), text);
    assert!(!it.dir.path().join("elsewhere").exists());
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_another_process_keeps_is_waited_for_and_given_up() {
    let it = Fixture::new();
    it.put("- a\n");
    let lock = try_lock(it.file()).unwrap().unwrap();
    // The lock lives as long as an open handle on it: that of the child.
    let (stdin, stdout) = (Stdio::piped(), Stdio::null());
    let mut other = Command::new("cat").stdin(stdin).stdout(stdout).stderr(lock).spawn().unwrap();
    let started = time::Instant::now();
    let text = "the notes are being changed by another program, for more than 3 s: try again";
    assert_eq!(text_of(it.add("b").await), text);
    assert!((LOCK_WAIT..LOCK_WAIT * 2).contains(&started.elapsed()));
    assert_eq!(it.read().await.unwrap(), ["a"], "reading waits for nobody");
    drop(other.stdin.take());
    other.wait().unwrap();
    assert_eq!(it.add("b").await.unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn a_cancelled_call_waits_no_longer() {
    let it = Fixture::new();
    it.put("- a\n");
    let _lock = try_lock(it.file()).unwrap().unwrap();
    let caller = caller();
    let call =
        Memory { action: MemoryAction::Add, text: Some("b".to_owned()), ..Memory::default() };
    let (res, ()) = tokio::join!(it.tool.call(&caller, call), async { caller.cancelled.cancel() });
    assert_eq!(res, Err(ToolError::Interrupted));
    assert_eq!(it.get(), "- a\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_note_at_a_time_lose_nothing() {
    let it = Arc::new(Fixture::new());
    let add = |number: usize| {
        let it = Arc::clone(&it);
        async move { it.add(&format!("note {number}")).await.unwrap() }
    };
    let adds: Vec<_> = (0..5).map(|number| tokio::spawn(add(number))).collect();
    for add in adds {
        add.await.unwrap();
    }
    let mut notes = it.read().await.unwrap();
    notes.sort();
    assert_eq!(notes, ["note 0", "note 1", "note 2", "note 3", "note 4"]);
}
