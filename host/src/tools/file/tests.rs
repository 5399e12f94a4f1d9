//! The file tools as a whole, over real directories: one check per tool, and
//! the attacks one by one.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{session::Session, setting::built_in, toolset::Tool as _};

mod attack;
mod closed;
mod diffs;
mod encodings;
mod gitignore;
mod mounted;
mod patch;
mod quota;
mod read;
mod search;
mod write;

/// Limits that no test meets by accident, and no rules that close files.
pub(super) fn roomy() -> FileConfig {
    FileConfig { secret_globs: Vec::new(), protected_globs: Vec::new(), ..built_in() }
}

/// The same with the rules that close files.
fn guarded() -> FileConfig {
    built_in()
}

/// A workspace in a directory that holds a secret beside it.
struct Fixture {
    outer: TempDir,
    tools: FileTools,
}

impl Fixture {
    fn new() -> Self {
        Self::with(roomy())
    }

    fn with(config: FileConfig) -> Self {
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir(outer.path().join("workspace")).unwrap();
        fs::write(outer.path().join("secret.txt"), "secret\n").unwrap();
        let tools = FileTools::open(&outer.path().join("workspace"), config).unwrap();
        Self { outer, tools }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.outer.path().join("workspace").join(path)
    }

    fn secret(&self) -> PathBuf {
        self.outer.path().join("secret.txt")
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn link(&self, target: impl AsRef<Path>, path: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    fn get(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Every entry below the workspace, sorted, so that a test sees what was
    /// left behind.
    fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut todo = vec![self.path("")];
        while let Some(directory) = todo.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let below = path.strip_prefix(self.path("")).unwrap();
                found.push(below.to_str().unwrap().to_owned());
                if entry.file_type().unwrap().is_dir() {
                    todo.push(path);
                }
            }
        }
        found.sort();
        found
    }

    fn read(&self, call: ReadFile) -> Result<FileSlice, ToolError> {
        block_on(call.call(&self.tools, &caller()))
    }

    fn write(&self, path: &str, content: &str) -> Result<Written, ToolError> {
        let call = WriteFile { path: path.to_owned(), content: content.to_owned() };
        block_on(call.call(&self.tools, &caller()))
    }

    fn patch(&self, call: Patch) -> Result<Patched, ToolError> {
        block_on(call.call(&self.tools, &caller()))
    }

    fn search(&self, call: SearchFiles) -> Result<SearchPage, ToolError> {
        block_on(call.call(&self.tools, &caller()))
    }
}

fn caller() -> Caller {
    Caller::of("child", Session::Local)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(future)
}

fn whole(path: &str) -> ReadFile {
    ReadFile { path: path.to_owned(), offset: None, limit: None }
}

fn replacement(path: &str, search: &str, replace: &str) -> Patch {
    Patch {
        path: path.to_owned(),
        search: Some(search.to_owned()),
        replace: Some(replace.to_owned()),
        all: false,
        diff: None,
    }
}

fn diff(path: &str, diff: &str) -> Patch {
    Patch {
        path: path.to_owned(),
        search: None,
        replace: None,
        all: false,
        diff: Some(diff.to_owned()),
    }
}

fn failed<T>(text: &str) -> Result<T, ToolError> {
    Err(ToolError::Failed(text.to_owned()))
}

fn invalid<T>(text: &str) -> Result<T, ToolError> {
    Err(ToolError::InvalidArguments(text.to_owned()))
}

#[test]
fn a_missing_workspace_is_named_to_the_operator() {
    let outer = tempfile::tempdir().unwrap();
    let path = outer.path().join("missing");
    let error = FileTools::open(&path, roomy()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open the workspace `{}`", path.display()));
    fs::write(&path, "").unwrap();
    assert!(FileTools::open(&path, roomy()).is_err());
}

#[test]
fn the_handle_outlives_the_path_of_the_workspace() {
    let it = Fixture::new();
    it.put("a", "mine\n");
    fs::rename(it.path(""), it.outer.path().join("moved")).unwrap();
    fs::create_dir(it.path("")).unwrap();
    it.put("a", "planted\n");
    assert_eq!(it.read(whole("a")).unwrap().text, "mine\n");
}

#[test]
fn a_cancelled_call_is_interrupted() {
    let it = Fixture::new();
    it.put("a", "x\n");
    let caller = caller();
    caller.cancelled.cancel();
    let interrupted = ToolError::Interrupted;
    let read = block_on(whole("a").call(&it.tools, &caller));
    assert_eq!(read.unwrap_err(), interrupted);
    let call = WriteFile { path: "b".to_owned(), content: String::new() };
    assert_eq!(block_on(call.call(&it.tools, &caller)).unwrap_err(), interrupted);
    let call = replacement("a", "x", "y");
    assert_eq!(block_on(call.call(&it.tools, &caller)).unwrap_err(), interrupted);
    let search = block_on(SearchFiles::default().call(&it.tools, &caller));
    assert_eq!(search.unwrap_err(), interrupted);
    assert_eq!(it.tree(), ["a"]);
    assert_eq!(it.get("a"), "x\n");
}

#[test]
fn a_panic_of_the_work_is_a_failed_call() {
    let it = Fixture::new();
    let outcome = block_on(it.tools.blocking::<()>(&caller(), |_| panic!("on purpose")));
    assert_eq!(outcome, failed("the tool stopped unexpectedly"));
    it.write("a", "x").unwrap();
}

#[test]
fn a_dropped_call_cancels_its_work() {
    let it = Fixture::new();
    let (started, on_start) = std::sync::mpsc::channel();
    let (stopped, on_stop) = std::sync::mpsc::channel();
    let caller = caller();
    let work = move |job: &Job| {
        started.send(()).unwrap();
        while job.check().is_ok() {
            std::thread::yield_now();
        }
        stopped.send(()).unwrap();
        Ok(())
    };
    block_on(async {
        let mut call = Box::pin(it.tools.blocking(&caller, work));
        std::future::poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        on_start.recv().unwrap();
        drop(call);
        on_stop.recv().unwrap();
    });
    assert!(!caller.cancelled.is_cancelled());
}
