//! What `bwrap` says: of the command, and when it does not begin.

use std::io::{BufRead as _, BufReader, PipeReader, Read as _};

use rustix::process::Pid;

/// Bytes of `bwrap`'s own words that are read.
const MAX_WORDS: u64 = 16 << 10;

/// What `bwrap` says of the command.
pub(super) struct Status(BufReader<PipeReader>);

impl Status {
    pub(super) fn new(report: PipeReader) -> Self {
        Self(BufReader::new(report))
    }

    /// Waits for the word that the namespace is there, `None` when none
    /// comes.
    pub(super) fn first_process(&mut self) -> Option<Pid> {
        let mut line = String::new();
        (&mut self.0).take(MAX_WORDS).read_line(&mut line).ok()?;
        Pid::from_raw(value(&line, "child-pid")?)
    }

    /// The exit code, `None` when the command did not even start.
    pub(super) fn exit_code(self) -> Option<i32> {
        let lines = self.0.take(MAX_WORDS).lines().map_while(Result::ok);
        lines.filter_map(|it| value(&it, "exit-code")).last()
    }
}

/// What `bwrap` says when it does not begin.
pub(super) fn words(output: PipeReader) -> String {
    let mut bytes = Vec::new();
    let _ = output.take(MAX_WORDS).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn value(line: &str, name: &str) -> Option<i32> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    i32::try_from(value.get(name)?.as_i64()?).ok()
}
