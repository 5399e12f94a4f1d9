//! Streams over real files, and the words of WASI.

use std::{fs, sync::Arc};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use wasmtime_wasi::p2::{
    InputStream, OutputStream, Pollable as _, StreamError, bindings::filesystem::types::ErrorCode,
};

use super::{convert, input::FileInput, output::FileOutput, preopens};
use crate::{
    sandbox::{
        blocking::Blocking,
        stop::{Halt, StopReason},
    },
    setting::built_in,
    tools::file::{
        FileConfig, FileTools,
        tree::{How, Node, NodeKind, NodeStat, OpenFile, Tree, TreeError},
    },
};

/// More than a stream holds at a time.
const LARGE: usize = 200_000;

struct Fixture {
    workspace: TempDir,
    tracker: TaskTracker,
    halt: Arc<Halt>,
    tools: FileTools,
}

impl Fixture {
    fn new() -> Self {
        let workspace = tempfile::tempdir().unwrap();
        let config = FileConfig { max_write_bytes: LARGE as u64, ..built_in() };
        let tools = FileTools::open(workspace.path(), config).unwrap();
        Self { workspace, tracker: TaskTracker::new(), halt: Halt::new(), tools }
    }

    fn put(&self, path: &str, content: &[u8]) {
        let path = self.workspace.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn tree(&self, subtree: &str) -> Tree {
        self.tools.tree(subtree, true).unwrap()
    }

    fn open(&self, path: &str) -> Arc<OpenFile> {
        let how = How { create: true, read: true, write: true, ..How::default() };
        let tree = self.tree("");
        match tree.open(&tree.top(), path, how).unwrap() {
            Node::File(file) => Arc::new(file),
            Node::Directory(_) => panic!("{path} is a directory"),
        }
    }

    fn blocking(&self) -> Blocking {
        Blocking::new(&Handle::current(), &self.tracker, &self.halt)
    }

    fn input(&self, path: &str, at: u64) -> FileInput {
        FileInput::new(self.blocking(), self.open(path), at).unwrap()
    }

    fn output(&self, path: &str, at: Option<u64>) -> FileOutput {
        FileOutput::new(self.blocking(), self.open(path), at).unwrap()
    }
}

fn failure(error: StreamError) -> Option<TreeError> {
    match error {
        StreamError::LastOperationFailed(error) => error.downcast_ref().copied(),
        StreamError::Closed | StreamError::Trap(_) => None,
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

#[tokio::test]
async fn a_file_is_read_piece_by_piece_to_its_end() {
    let it = Fixture::new();
    let content = pattern(LARGE);
    it.put("f", &content);
    for (at, size) in [(0, usize::MAX), (0, 1_000), (7, 65_537)] {
        let (mut input, mut read) = (it.input("f", at as u64), Vec::new());
        let end = loop {
            match input.blocking_read(size).await {
                Ok(bytes) => {
                    assert!(!bytes.is_empty() && bytes.len() <= size);
                    read.extend_from_slice(&bytes);
                }
                Err(end) => break end,
            }
        };
        assert!(matches!(end, StreamError::Closed));
        assert!(read == content[at..], "{at} {size}");
    }
}

#[tokio::test]
async fn who_polls_gets_the_same() {
    let it = Fixture::new();
    it.put("f", b"0123456789");
    let mut input = it.input("f", 2);
    assert!(input.read(0).unwrap().is_empty());
    assert!(input.read(4).unwrap().is_empty());
    input.ready().await;
    assert_eq!(input.read(3).unwrap(), "234");
    assert_eq!(input.read(9).unwrap(), "5");
    input.ready().await;
    assert_eq!(input.read(9).unwrap(), "6789");
    input.ready().await;
    assert!(matches!(input.read(9), Err(StreamError::Closed)));
    it.input("f", 0).cancel().await;
}

#[tokio::test]
async fn a_file_is_written_at_a_place_or_at_its_end() {
    let it = Fixture::new();
    it.put("f", b"0123456789");
    let mut output = it.output("f", Some(2));
    for text in ["ab", "cd"] {
        output.blocking_write_and_flush(Bytes::from(text)).await.unwrap();
    }
    let mut end = it.output("f", None);
    end.blocking_write_and_flush(Bytes::from("!")).await.unwrap();
    output.blocking_write_and_flush(Bytes::from("e")).await.unwrap();
    end.blocking_write_and_flush(Bytes::from("?")).await.unwrap();
    assert_eq!(fs::read(it.workspace.path().join("f")).unwrap(), b"01abcde789!?");
}

#[tokio::test]
async fn a_stream_that_is_dropped_has_written() {
    let it = Fixture::new();
    let mut output = it.output("f", Some(0));
    output.write(Bytes::from("text")).unwrap();
    assert_eq!(output.check_write().unwrap(), 0);
    output.cancel().await;
    assert_eq!(fs::read(it.workspace.path().join("f")).unwrap(), b"text");
}

#[tokio::test]
async fn more_than_was_permitted_ends_the_guest() {
    let it = Fixture::new();
    let mut output = it.output("f", Some(0));
    let permitted = output.check_write().unwrap();
    let trapped = |it| matches!(it, Err(StreamError::Trap(_)));
    assert!(trapped(output.write(vec![0; permitted + 1].into())));
    output.write(vec![0; permitted].into()).unwrap();
    // Not before that is written.
    assert!(trapped(output.write(Bytes::from("x"))));
}

#[tokio::test]
async fn a_failure_is_told_once_with_its_code() {
    let it = Fixture::new();
    let mut output = it.output("f", Some(LARGE as u64));
    let error = output.blocking_write_and_flush(Bytes::from("x")).await.unwrap_err();
    assert_eq!(failure(error), Some(TreeError::FileTooLarge));
    assert!(matches!(output.check_write(), Err(StreamError::Closed)));
    assert!(matches!(output.write(Bytes::new()), Err(StreamError::Closed)));
}

#[tokio::test]
async fn nothing_begins_for_a_call_that_has_ended() {
    let it = Fixture::new();
    it.put("f", b"text");
    let (mut input, mut output) = (it.input("f", 0), it.output("g", Some(0)));
    it.halt.stop(StopReason::Interrupted);
    let read = input.blocking_read(9).await.unwrap_err();
    let written = output.blocking_write_and_flush(Bytes::from("x")).await.unwrap_err();
    assert_eq!([failure(read), failure(written)], [Some(TreeError::Stopped); 2]);
    it.tracker.close();
    it.tracker.wait().await;
    assert_eq!(fs::read(it.workspace.path().join("g")).unwrap(), b"");
}

#[test]
fn a_directory_is_known_by_every_name_that_a_caller_may_use() {
    let it = Fixture::new();
    it.put("data/in/x", b"");
    it.put("other/workspace/x", b"");
    it.put("same/same/x", b"");
    for (subtree, expect) in [
        ("", &["/", "/workspace"][..]),
        ("data/in", &["/", "/workspace/data/in", "/data/in"]),
        ("other", &["/", "/other"]),
        ("same", &["/", "/workspace/same"]),
    ] {
        assert_eq!(preopens::names(&it.tree(subtree)), expect, "{subtree}");
    }
}

#[test]
fn times_are_coarse_and_begin_in_1970() {
    let stat = NodeStat {
        kind: NodeKind::File,
        size: 5,
        links: 1,
        times: [(-1, 0), (7, 123_456_789), (8, 999_999)],
        identity: (1, 2),
    };
    let told = convert::stat(&stat);
    let times = [
        told.data_access_timestamp,
        told.data_modification_timestamp,
        told.status_change_timestamp,
    ];
    let times = times.map(|it| it.map(|it| (it.seconds, it.nanoseconds)));
    assert_eq!(times, [None, Some((7, 123_000_000)), Some((8, 0))]);
    let other = NodeStat { identity: (2, 1), ..stat };
    let words = |it| (convert::hash(it).lower, convert::hash(it).upper);
    assert_ne!(words(&stat), words(&other));
    assert_eq!(words(&stat), words(&NodeStat { size: 6, ..stat }));
}

#[test]
fn no_program_tries_a_stopped_call_again() {
    assert_eq!(convert::code(TreeError::Stopped), ErrorCode::NotRecoverable);
}
