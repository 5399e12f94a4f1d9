//! The person at the terminal, who answers what the parent asks (`clarify`).
//!
//! Asks on `/dev/tty` and not on standard input, which may be a pipe with the
//! tasks. Where there is no terminal, or this process is in its background,
//! the answer is a refusal at once: it neither waits for somebody who can't
//! come nor answers for them. What was typed before the question was shown is
//! no answer to it. The terminal stays as it is, so that Ctrl-C is a signal.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use futures_util::future::BoxFuture;
use rustix::{
    fs::OFlags,
    io::Errno,
    process::getpgrp,
    termios::{QueueSelector, isatty, tcflush, tcgetpgrp},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::screen::{Held, Screen};
use crate::{tools::clarify::Person, toolset::call::ToolError};

/// The terminal that started this process, whatever its streams are.
const TERMINAL: &str = "/dev/tty";

/// Bytes of an answer that are waited for. A terminal sends lines of 4 KiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Bytes of one read.
const READ_BYTES: usize = 4096;

/// Whoever sits at the terminal of this process.
pub(super) struct TerminalPerson {
    screen: Screen,
    terminal: PathBuf,
}

impl TerminalPerson {
    /// Asks where that display is shown, which pauses meanwhile.
    pub(super) fn new(screen: Screen) -> Self {
        Self { screen, terminal: TERMINAL.into() }
    }
}

impl Person for TerminalPerson {
    fn ask(
        &self,
        question: &str,
        choices: &[String],
    ) -> BoxFuture<'static, Result<String, ToolError>> {
        let text = laid_out(question, choices);
        let (screen, path) = (self.screen.clone(), self.terminal.clone());
        Box::pin(async move {
            let terminal = open(&path).ok_or_else(nobody)?;
            let mut prompt = Prompt { terminal, _held: screen.hold(), is_answered: false };
            prompt.ask(&text).await
        })
    }
}

/// The question with its choices, the cursor behind it.
fn laid_out(question: &str, choices: &[String]) -> String {
    let mut text = format!("\n? {}\n", question.replace('\n', "\n  "));
    for (choice, number) in choices.iter().zip(1..) {
        text.push_str(&format!("  {number}) {choice}\n"));
    }
    text.push_str("> ");
    text
}

/// The terminal, if a person can be asked on it now.
fn open(path: &PathBuf) -> Option<AsyncFd<File>> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).ok()?;
    // A process in the background that reads is stopped by the system.
    let is_behind = tcgetpgrp(&file).is_ok_and(|it| it != getpgrp());
    if !isatty(&file) || is_behind {
        return None;
    }
    watched(file).ok()
}

#[expect(deprecated, reason = "what takes its place is unsafe, and a file keeps its descriptor")]
fn watched(file: File) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(file)
}

fn nobody() -> ToolError {
    ToolError::Denied(
        "there is no terminal to ask a person on: decide without, or say what is open in the \
         result"
            .to_owned(),
    )
}

/// A question on the screen.
struct Prompt {
    terminal: AsyncFd<File>,
    _held: Held,
    is_answered: bool,
}

impl Prompt {
    async fn ask(&mut self, text: &str) -> Result<String, ToolError> {
        self.show(text.as_bytes()).await.map_err(|_| nobody())?;
        let line = self.line().await.map_err(|_| nobody())?;
        // The person has typed the end of the line.
        self.is_answered = line.ends_with(['\n', '\r']);
        match self.is_answered {
            true => Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
            false => Err(ToolError::Failed("the person closed the question".to_owned())),
        }
    }

    async fn show(&self, mut text: &[u8]) -> io::Result<()> {
        tcflush(self.terminal.get_ref(), QueueSelector::IFlush)?;
        while !text.is_empty() {
            let write = |mut it: &File| it.write(text);
            let written = self.terminal.async_io(Interest::WRITABLE, write).await?;
            text = text.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// What is typed up to the end of the line, or of the input (Ctrl-D).
    async fn line(&self) -> io::Result<String> {
        let mut line = Vec::new();
        while line.len() < MAX_ANSWER_BYTES && !line.ends_with(b"\n") && !line.ends_with(b"\r") {
            let mut piece = [0; READ_BYTES];
            let read = |mut it: &File| it.read(&mut piece);
            match self.terminal.async_io(Interest::READABLE, read).await {
                Ok(0) => break,
                Ok(read) => line.extend_from_slice(piece.get(..read).unwrap_or_default()),
                Err(error) if Errno::from_io_error(&error) == Some(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        if !self.is_answered {
            // What comes next is not written behind the prompt.
            let _ = self.terminal.get_ref().write(b"\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

    use futures_util::FutureExt as _;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    /// The other end of a terminal.
    struct Keyboard {
        master: AsyncFd<File>,
        person: TerminalPerson,
    }

    impl Keyboard {
        fn new() -> Self {
            let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            grantpt(&master).unwrap();
            unlockpt(&master).unwrap();
            let name = ptsname(&master, Vec::new()).unwrap();
            let terminal = PathBuf::from(OsStr::from_bytes(name.as_bytes()));
            rustix::io::ioctl_fionbio(&master, true).unwrap();
            let master = watched(File::from(master)).unwrap();
            Self {
                master,
                person: TerminalPerson { terminal, ..TerminalPerson::new(Screen::quiet()) },
            }
        }

        async fn types(&self, text: &str) {
            let write = |mut it: &File| it.write(text.as_bytes());
            let written = self.master.async_io(Interest::WRITABLE, write).await.unwrap();
            assert_eq!(written, text.len());
        }

        /// What is on the screen once it ends like that.
        async fn sees(&self, end: &str) -> String {
            let mut seen = String::new();
            while !seen.ends_with(end) {
                let mut piece = [0; 1000];
                let read = |mut it: &File| it.read(&mut piece);
                let read = self.master.async_io(Interest::READABLE, read).await.unwrap();
                seen.push_str(str::from_utf8(&piece[..read]).unwrap());
            }
            seen
        }

        fn asks(&self, choices: &[&str]) -> BoxFuture<'static, Result<String, ToolError>> {
            let choices: Vec<String> = choices.iter().map(|it| (*it).to_owned()).collect();
            self.person.ask("Which one?\nSay it.", &choices)
        }
    }

    #[tokio::test]
    async fn a_question_is_shown_and_a_line_is_the_answer() {
        let it = Keyboard::new();
        let person = async {
            let seen = it.sees("> ").await;
            assert_eq!(seen, "\r\n? Which one?\r\n  Say it.\r\n  1) red\r\n  2) blue\r\n> ");
            assert!(it.person.screen.is_held());
            it.types("the bl").await;
            it.types("ue\u{e9} one\n").await;
        };
        let (answer, ()) = tokio::join!(it.asks(&["red", "blue"]), person);
        assert_eq!(answer, Ok("the blue\u{e9} one".to_owned()));
        assert!(!it.person.screen.is_held());
    }

    #[tokio::test]
    async fn what_was_typed_before_the_question_is_no_answer() {
        let it = Keyboard::new();
        let slave = open(&it.person.terminal).unwrap();
        it.types("yes\n").await;
        // It has arrived.
        let _ready = slave.readable().await.unwrap();
        let person = async {
            it.sees("> ").await;
            it.types("no\n").await;
        };
        let (answer, ()) = tokio::join!(it.asks(&[]), person);
        assert_eq!(answer, Ok("no".to_owned()));
    }

    #[tokio::test]
    async fn a_question_can_be_closed() {
        let it = Keyboard::new();
        let person = async {
            it.sees("> ").await;
            it.types("\u{4}").await;
        };
        let (answer, ()) = tokio::join!(it.asks(&[]), person);
        let closed = ToolError::Failed("the person closed the question".to_owned());
        assert_eq!(answer, Err(closed));
        assert!(!it.person.screen.is_held());
    }

    #[tokio::test]
    async fn a_question_that_is_taken_back_gives_the_screen_back() {
        let it = Keyboard::new();
        let mut question = it.asks(&[]);
        tokio::select! {
            _ = &mut question => panic!("nobody answered"),
            _ = it.sees("> ") => assert!(it.person.screen.is_held()),
        }
        drop(question);
        assert!(!it.person.screen.is_held());
        assert_eq!(it.sees("\n").await, "\r\n");
    }

    #[tokio::test]
    async fn nobody_is_asked_without_a_terminal() {
        let check = |path: &Path| {
            let person = TerminalPerson {
                terminal: path.to_owned(),
                ..TerminalPerson::new(Screen::quiet())
            };
            assert_eq!(person.ask("?", &[]).now_or_never(), Some(Err(nobody())), "at once");
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        check(Path::new("/dev/null/no"));
        check(Path::new("/dev/null"));
        check(file.path());
    }

    #[tokio::test]
    async fn a_terminal_that_goes_ends_the_question() {
        let it = Keyboard::new();
        let mut question = it.asks(&[]);
        tokio::select! {
            _ = &mut question => panic!("nobody answered"),
            _ = it.sees("> ") => {}
        }
        drop(it);
        assert!(question.await.is_err());
    }
}
