//! A program that the host talks with while it runs, over its standard input
//! and output: in a sandbox like a command's, but without the workspace.
//!
//! It sees an empty directory instead, so that whoever may call it has not
//! more of the workspace for that. It has the limits of a command but for the
//! time, and it ends with its [`Life`].

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    io::{self, PipeReader},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::unix::pipe::{Receiver, Sender},
    sync::{oneshot, watch},
    task,
    time::timeout,
};

use super::{
    TerminalConfig, TerminalError, choose,
    command::{self, DRAIN_WITHIN, EndOnDrop},
    hidden::Hidden,
    home::Home,
    keeper::{self, Ended, Running},
    leash::Leash,
    order::{Ends, Order},
    passed_on,
    sandbox::Sandbox,
    scratch::{self, Scratch},
    shell::Shell,
    shown,
    shown::Shown,
};
use crate::{completion::sanitize::clean_line, tools::closed::OwnFiles};

/// Pause between two looks at what such a program takes. There can be many of
/// them, and they stay; the kernel holds each process to its limits meanwhile.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Bytes of its standard error that are kept, the last ones: it may write
/// without end.
const MAX_SAID_BYTES: usize = 4096;

/// Characters of that in the words for how it ended.
const MAX_SAID_CHARS: usize = 400;

/// What is to be started.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// A program by its name or path inside, and its arguments.
    pub command: Vec<String>,
    /// Variables of the host that it sees: none of those that commands see.
    pub environment: Vec<String>,
    /// Its limits, and what it sees of the host.
    pub config: TerminalConfig,
    /// What it must not see.
    pub own_files: OwnFiles,
}

/// A program that runs.
pub struct Talk {
    /// What it reads.
    pub input: Sender,
    /// What it writes.
    pub output: Receiver,
    /// Ends it when it is dropped.
    pub life: Life,
}

/// Of a program that runs.
pub struct Life {
    _leash: EndOnDrop,
    ended: watch::Receiver<Option<String>>,
}

impl Life {
    /// Waits until nothing of it is left, and says why.
    pub async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let why = ended.wait_for(Option::is_some).await;
        why.ok().and_then(|it| it.clone()).unwrap_or_else(|| "it was lost".to_owned())
    }
}

impl Spoken {
    /// Starts it. Fails when there is no sandbox for it, or when it could not
    /// enter: for the operator, since it names host paths.
    pub async fn start(self) -> Result<Talk, TerminalError> {
        let place = task::spawn_blocking(|| {
            let scratch = Arc::new(Scratch::new()?);
            let dir = scratch.directory()?;
            let real = dir.path().canonicalize()?;
            Ok::<_, io::Error>((scratch, dir, real))
        });
        let (scratch, dir, real) = blocked(place.await)?;
        let closed = self.own_files.below(&real, true).map_err(failed)?;
        let closed = Arc::new(closed);
        let shown = shown(&real, &closed, &self.config).await?;
        let hidden = Arc::new(Hidden::new(&real, closed)?);
        let sandbox = choose(&real, &hidden, &shown.read_only, &self.config).await?;
        let (own, mirrors) = (Arc::clone(&scratch), shown.mirrors.clone());
        let made = task::spawn_blocking(move || {
            Ok::<_, io::Error>((own.directory()?, Home::new(&own, &mirrors)?))
        });
        let (own, home) = blocked(made.await)?;
        let (inside, input) = io::pipe().map_err(failed)?;
        let (output, written) = io::pipe().map_err(failed)?;
        let ends = Ends { input: inside, output: written };
        let order = self.order(&sandbox, &shown, own, home, ends)?;
        let Running { leash, started, ended } =
            keeper::start(Arc::new(sandbox), order).map_err(failed)?;
        let held = EndOnDrop(Arc::clone(&leash));
        let errors = started.await.map_err(|_| failed(command::lost()))?.map_err(failed)?;
        let errors = command::receiver(errors).map_err(failed)?;
        let (tell, told) = watch::channel(None);
        let config = self.config;
        let stay = async move {
            let mut said = Said::default();
            let (code, limit) = ended_by(&leash, ended, errors, &config, &mut said).await;
            task::spawn_blocking(move || {
                scratch::remove(&dir.keep());
                drop(scratch);
            });
            // Nobody may be left who wants to know.
            let _ = tell.send(Some(words(code, limit, &said)));
        };
        tokio::spawn(stay);
        let (input, output) = (sender(input.into())?, receiver(output)?);
        Ok(Talk { input, output, life: Life { _leash: held, ended: told } })
    }

    fn order(
        &self,
        sandbox: &Sandbox,
        shown: &Shown,
        scratch: TempDir,
        home: Home,
        ends: Ends,
    ) -> Result<Order, TerminalError> {
        let places = sandbox.places(scratch.path(), home.path());
        let mut environment = passed_on(&self.environment)?;
        environment.extend(usual(shown, &places.home, &places.tmp));
        let processes = sandbox.kernel_processes(self.config.max_processes);
        let words: Vec<&str> = self.command.iter().map(String::as_str).collect();
        Ok(Order {
            arguments: Shell::find().program(&processes, &words),
            directory: PathBuf::new(),
            environment,
            scratch,
            home: Arc::new(home),
            watch: None,
            ends: Some(ends),
        })
    }
}

/// What every program needs.
fn usual(shown: &Shown, home: &Path, tmp: &Path) -> BTreeMap<String, String> {
    let own = shown.variables.iter().map(|(name, it)| ((*name).to_owned(), it.clone()));
    let text = |it: &Path| it.to_string_lossy().into_owned();
    let usual = [
        ("HOME", text(home)),
        ("PATH", shown.search_path()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TERM", "dumb".to_owned()),
        ("TMPDIR", text(tmp)),
    ];
    own.chain(usual.map(|(name, it)| (name.to_owned(), it))).collect()
}

/// Waits until nothing of it is left: its exit code, and the limit that it was
/// ended for.
async fn ended_by(
    leash: &Arc<Leash>,
    mut ended: oneshot::Receiver<Ended>,
    mut errors: Receiver,
    config: &TerminalConfig,
    said: &mut Said,
) -> (Option<i32>, Option<command::Limit>) {
    let (early, limit) = tokio::select! {
        it = &mut ended => (Some(it), None),
        limit = command::watch(leash, config, WATCH_EVERY) => (None, Some(limit)),
        () = said.listen_for_ever(&mut errors) => (None, None),
    };
    let ended = match early {
        Some(it) => it,
        None => {
            leash.kill();
            ended.await
        }
    };
    // Somebody outside holds the pipe when it does not end.
    let _ = timeout(DRAIN_WITHIN, said.listen(&mut errors)).await;
    (ended.ok().and_then(|it| it.code), limit)
}

fn words(code: Option<i32>, limit: Option<command::Limit>, said: &Said) -> String {
    let how = match (limit, code) {
        (Some(limit), _) => format!("it was ended: {limit}"),
        (None, Some(code)) => format!("it ended with exit code {code}"),
        (None, None) => "the sandbox could not start it".to_owned(),
    };
    match said.words() {
        words if words.is_empty() => how,
        words => format!("{how}; the last that it said: {words}"),
    }
}

/// The last that it wrote to its standard error.
#[derive(Default)]
pub struct Said(VecDeque<u8>);

impl Said {
    /// Until there is no more of it.
    pub async fn listen(&mut self, errors: &mut (impl AsyncRead + Unpin)) {
        let mut buffer = vec![0; MAX_SAID_BYTES];
        while let Ok(count) = errors.read(&mut buffer).await
            && count > 0
        {
            self.0.extend(buffer.get(..count).unwrap_or_default());
            self.0.drain(..self.0.len().saturating_sub(MAX_SAID_BYTES));
        }
    }

    /// The same, and then for ever.
    pub async fn listen_for_ever(&mut self, errors: &mut (impl AsyncRead + Unpin)) {
        self.listen(errors).await;
        pending().await
    }

    /// As a line for a person.
    pub fn words(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let from = text.char_indices().rev().nth(MAX_SAID_CHARS - 1).map_or(0, |it| it.0);
        clean_line(text.get(from..).unwrap_or_default(), MAX_SAID_CHARS)
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TerminalError {
    TerminalError::Scratch(io::Error::other(source))
}

fn blocked<T>(done: Result<io::Result<T>, task::JoinError>) -> Result<T, TerminalError> {
    done.map_err(io::Error::other).flatten().map_err(TerminalError::Scratch)
}

fn sender(pipe: OwnedFd) -> Result<Sender, TerminalError> {
    Sender::from_owned_fd(pipe).map_err(failed)
}

fn receiver(pipe: PipeReader) -> Result<Receiver, TerminalError> {
    Receiver::from_owned_fd(OwnedFd::from(pipe)).map_err(failed)
}
