//! The process of a host that is attacked.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use hermitage_tests::attack::{Answer, CANARY, Say, VARIABLE};

use crate::world::give;

/// How long a case may take: far more than any does.
const SOON: Duration = Duration::from_secs(40);

/// The user that no file belongs to.
const NOBODY: u32 = 65_534;

/// Whose process the host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// That of whoever runs the tests.
    Own,
    /// An ordinary one, when that is root.
    Nobody,
}

impl Who {
    /// What tells the outcomes of its hosts from those of others.
    pub(crate) fn word(self) -> Option<&'static str> {
        (self == Who::Nobody || !is_root()).then_some("ordinary user")
    }

    pub(crate) fn id(self) -> Option<u32> {
        (self == Who::Nobody).then_some(NOBODY)
    }
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The process of a host.
pub(crate) struct Attacked {
    pub(crate) process: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    pub(crate) log: PathBuf,
    pub(crate) temporary: PathBuf,
}

impl Attacked {
    pub(crate) fn start(base: &Path, who: Who, number: u32) -> Self {
        let temporary = base.join(format!("tmp-{number}"));
        fs::create_dir(&temporary).unwrap();
        give(&temporary, who.id());
        let log = base.join(format!("log-{number}"));
        let mut command = Command::new(program(base, who));
        command.env_clear().env("HOME", base.join("home")).env("TMPDIR", &temporary);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env(VARIABLE, format!("{CANARY}-variable"));
        command.env("OPENAI_API_KEY", format!("{CANARY}-api-key")).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        if let Some(id) = who.id() {
            command.uid(id).gid(id);
        }
        let mut process = command.spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (said, lines) = mpsc::channel();
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|it| said.send(it))
        });
        let stdin = process.stdin.take().unwrap();
        Self { process, stdin, lines, log, temporary }
    }

    pub(crate) fn ask(&mut self, say: &Say) -> Result<Answer, String> {
        let line = serde_json::to_string(say).unwrap();
        let sent = writeln!(self.stdin, "{line}");
        let answer = sent.ok().and_then(|()| self.lines.recv_timeout(SOON).ok());
        match answer {
            Some(line) => Ok(serde_json::from_str(&line).unwrap()),
            None => Err(self.obituary()),
        }
    }

    fn obituary(&mut self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(4).collect();
        match self.process.try_wait().unwrap() {
            Some(status) => format!("the host is dead: {status}: {last:?}"),
            None => format!("the host hangs: {last:?}"),
        }
    }
}

impl Drop for Attacked {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where whoever it is may start it from.
fn program(base: &Path, who: Who) -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_attacked-host"));
    let copy = base.join("attacked-host");
    if who == Who::Own {
        return built;
    }
    if !copy.exists() {
        fs::copy(&built, &copy).unwrap();
    }
    copy
}
