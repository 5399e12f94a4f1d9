//! The process of a server: in a sandbox, or with all of the person's rights.

use std::{env, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    process::Command,
    sync::watch,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Place, Server};
use crate::tools::terminal::talk::{self, Said, Spoken};

/// Variables that a program needs to find its own things.
const USUAL: [&str; 5] = ["PATH", "HOME", "LANG", "TMPDIR", "TERM"];

/// How long the last that a server said may take to be read when it is gone.
const SAID_WITHIN: Duration = Duration::from_secs(1);

/// A server that runs.
pub(super) struct Process {
    pub(super) input: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) output: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) life: Life,
}

/// Ends it when it is dropped.
pub(super) enum Life {
    Sandboxed(talk::Life),
    Bare {
        ended: watch::Receiver<Option<String>>,
        _kill: DropGuard,
    },
    /// Of a server that is no process of this host.
    Elsewhere,
}

impl Life {
    /// Waits until it is gone, and says why, where that can be known.
    pub(super) async fn ended(&self) -> Option<String> {
        match self {
            Self::Elsewhere => None,
            Self::Sandboxed(life) => Some(life.ended().await),
            Self::Bare { ended, .. } => {
                let mut ended = ended.clone();
                let why = ended.wait_for(Option::is_some).await;
                why.ok().and_then(|it| it.clone())
            }
        }
    }
}

/// Starts it. The error is for the operator: it may name host paths.
pub(super) async fn start(server: &Server, place: &Place) -> Result<Process, String> {
    if !server.sandbox {
        return bare(server);
    }
    let mut config = place.terminal.clone();
    config.network = server.network;
    config.read_only.extend(server.read_only.iter().cloned());
    let spoken = Spoken {
        command: server.command.clone(),
        environment: server.environment.clone(),
        config,
        own_files: place.own_files.clone(),
    };
    let talk = spoken.start().await.map_err(|it| match std::error::Error::source(&it) {
        Some(source) => format!("{it}: {source}"),
        None => it.to_string(),
    })?;
    let (input, output) = (Box::new(talk.input), Box::new(talk.output));
    Ok(Process { input, output, life: Life::Sandboxed(talk.life) })
}

fn bare(server: &Server) -> Result<Process, String> {
    let (program, arguments) = server.command.split_first().ok_or("no program is named")?;
    let mut command = Command::new(program);
    let named = server.environment.iter().map(String::as_str);
    let variables = USUAL.into_iter().chain(named).filter_map(|it| Some((it, env::var_os(it)?)));
    command.args(arguments).env_clear().envs(variables).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|it| format!("`{program}` can't be started: {it}"))?;
    let lost = || format!("`{program}` has no standard input or output");
    let (input, output) = child.stdin.take().zip(child.stdout.take()).ok_or_else(lost)?;
    let mut errors = child.stderr.take().ok_or_else(lost)?;
    let group = child.id().and_then(|it| Pid::from_raw(i32::try_from(it).ok()?));
    let kill = CancellationToken::new();
    let (tell, ended) = watch::channel(None);
    let killed = kill.clone();
    tokio::spawn(async move {
        let mut said = Said::default();
        let status = tokio::select! {
            status = child.wait() => status.ok(),
            () = killed.cancelled() => None,
            () = said.listen_for_ever(&mut errors) => None,
        };
        // What it started goes with it.
        let _ = group.map(|it| kill_process_group(it, Signal::KILL));
        let status = match status {
            Some(it) => Some(it),
            None => child.wait().await.ok(),
        };
        let how = status.map_or_else(|| "it was lost".to_owned(), |it| format!("it ended ({it})"));
        // Somebody outside holds the pipe when it does not end.
        let _ = timeout(SAID_WITHIN, said.listen(&mut errors)).await;
        let words = said.words();
        let how =
            if words.is_empty() { how } else { format!("{how}; the last that it said: {words}") };
        // Nobody may be left who wants to know.
        let _ = tell.send(Some(how));
    });
    let life = Life::Bare { ended, _kill: kill.drop_guard() };
    Ok(Process { input: Box::new(input), output: Box::new(output), life })
}
