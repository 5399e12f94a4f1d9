//! One host process, from its start to its death.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Lines},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use hermitage_tests::facts::{Fact, Facts};

/// A running `crash-host`. Killed when it is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    dir: PathBuf,
}

impl Process {
    pub(crate) fn start(dir: &Path, name: &str, seed: u64, retained: usize, mode: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crash-host"));
        command.arg(dir).args([name, &seed.to_string(), &retained.to_string()]).args(mode);
        let log: File = OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name: name.to_owned(), child, lines, dir: dir.to_owned() }
    }

    /// Waits until it is up, and gives how long its store and host took.
    /// `None` when it died before.
    pub(crate) fn up(&mut self) -> Option<Duration> {
        let line = self.lines.next()?.unwrap();
        let millis = line.strip_prefix("up ").unwrap_or_else(|| panic!("{line}"));
        Some(Duration::from_millis(millis.parse().unwrap()))
    }

    /// Waits until its store has failed.
    pub(crate) fn failed(&mut self) {
        let line = self.lines.next();
        assert_eq!(line.map(Result::unwrap).as_deref(), Some("failed"), "{}", self.log());
    }

    pub(crate) fn kill(mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended by itself: {status}\n{}", self.name, self.log());
        }
        self.child.kill().unwrap();
        self.wait();
    }

    /// Waits for its own end by SIGKILL.
    pub(crate) fn dies(mut self) {
        let status = self.wait();
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{status}\n{}", self.log());
    }

    /// Waits for its own end by success.
    pub(crate) fn ends(mut self) {
        let status = self.wait();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        Facts::open(&self.dir.join("facts"), &self.name).add(&Fact::Gone);
        status
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Of no effect on one that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
