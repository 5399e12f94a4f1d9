//! One command, from its start to its result, and what ends it early.

use std::{fmt, io::PipeReader, os::fd::OwnedFd, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe::Receiver,
    sync::oneshot,
    task,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    TerminalConfig,
    keeper::{self, Ended, Running},
    kept::Kept,
    leash::Leash,
    order::{EnterError, Order},
    output::{Output, grouped},
    process::Load,
    sandbox::Sandbox,
};
use crate::completion::sanitize::clean_line;

/// Pause between two looks at what a command takes.
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// How long the last of the output may take to be read when every process
/// that could write is gone.
pub(super) const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// Characters of one thing that the host tells of a command.
const MAX_TOLD_CHARS: usize = 400;

/// How a command ended by itself.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) code: i32,
    pub(super) output: String,
    pub(super) truncated: bool,
    pub(super) kept: Option<Kept>,
}

/// Why a command was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Cancelled,
    Timeout(Duration),
    Cpu(Duration),
    Memory { used: u64, max: u64 },
    Processes { used: u64, max: u64 },
    Produced { max: u64 },
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Cancelled => f.write_str("it was cancelled"),
            Limit::Timeout(max) => write!(f, "it took longer than its `timeout` of {max:?}"),
            Limit::Cpu(max) => write!(f, "it used more than the `cpu` time of {max:?}"),
            Limit::Memory { used, max } => {
                write!(f, "it held {} bytes of `memory`, over {}", grouped(*used), grouped(*max))
            }
            Limit::Processes { used, max } => {
                write!(f, "it had {used} `processes`, with their threads, over {max}")
            }
            Limit::Produced { max } => {
                write!(f, "it wrote more `output` than {} bytes", grouped(*max))
            }
        }
    }
}

/// Why there is no result of a command.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// For the operator.
    #[error("{0}")]
    Enter(#[from] EnterError),
    /// For the operator: in the words of the sandbox, which name host paths.
    #[error("the sandbox could not start it: {0}")]
    Inside(String),
    #[error("the command was ended: {limit}; its output until then:\n{output}")]
    Ended { limit: Limit, output: String },
}

/// Runs a command and waits until nothing of it is left. To drop the future
/// ends the command.
pub(super) async fn run(
    sandbox: &Arc<Sandbox>,
    order: Order,
    config: &TerminalConfig,
    time: Duration,
    cancelled: &CancellationToken,
) -> Result<Finished, CommandError> {
    let Running { leash, started, mut ended } =
        keeper::start(Arc::clone(sandbox), order).map_err(EnterError::from)?;
    let _guard = EndOnDrop(Arc::clone(&leash));
    let started = tokio::select! {
        started = started => started.map_err(|_| lost())??,
        limit = given_up(time, cancelled) => {
            leash.kill();
            // It did not begin, and was ended: there is nothing to say of it.
            let _ = ended.await;
            return Err(CommandError::Ended { limit, output: String::new() });
        }
    };
    let mut pipe = receiver(started)?;
    let mut output = Output::new(config.max_output_bytes);
    let limit = tokio::select! {
        ended = &mut ended => return finish(ended, pipe, output, config).await,
        limit = collect(&mut pipe, &mut output, config) => limit,
        limit = watch(&leash, config, WATCH_EVERY) => limit,
        limit = given_up(time, cancelled) => limit,
    };
    leash.kill();
    // Whoever is told that it ended can rely on that.
    let told = ended.await.map(|it| it.told).unwrap_or_default();
    drain(&mut pipe, &mut output, config).await;
    Err(CommandError::Ended { limit, output: with_told(output.into_text().0, &told) })
}

/// Whoever waits for it does so no more.
async fn given_up(time: Duration, cancelled: &CancellationToken) -> Limit {
    tokio::select! {
        () = sleep(time) => Limit::Timeout(time),
        () = cancelled.cancelled() => Limit::Cancelled,
    }
}

/// Ends the command when nobody waits for it any more.
pub(super) struct EndOnDrop(pub(super) Arc<Leash>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

async fn finish(
    ended: Result<Ended, oneshot::error::RecvError>,
    mut pipe: Receiver,
    mut output: Output,
    config: &TerminalConfig,
) -> Result<Finished, CommandError> {
    let Ended { code, kept, told } = ended.map_err(|_| lost())?;
    drain(&mut pipe, &mut output, config).await;
    let (output, truncated) = output.into_text();
    let output = with_told(output, &told);
    match code {
        Some(code) => Ok(Finished { code, output, truncated, kept }),
        None => Err(CommandError::Inside(output)),
    }
}

/// The output, and behind it what the host did about files.
fn with_told(mut output: String, told: &[String]) -> String {
    if !told.is_empty() && !output.is_empty() && !output.ends_with('\n') {
        output.push('\n');
    }
    for it in told {
        // Names of files are in it.
        let it = clean_line(it, MAX_TOLD_CHARS);
        output.push_str(&format!("[hermitage] {it}\n"));
    }
    output
}

/// Its keeper panicked, which is a bug of the host.
pub(super) fn lost() -> EnterError {
    EnterError::Refused("its keeper was lost".to_owned())
}

pub(super) fn receiver(pipe: PipeReader) -> Result<Receiver, EnterError> {
    Ok(Receiver::from_owned_fd(OwnedFd::from(pipe))?)
}

/// Reads until there is too much of it.
async fn collect(pipe: &mut Receiver, output: &mut Output, config: &TerminalConfig) -> Limit {
    let max = config.max_produced_bytes;
    let mut buffer = vec![0; 64 << 10];
    while output.produced() <= max {
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => return std::future::pending().await,
            Ok(count) => output.push(buffer.get(..count).unwrap_or_default()),
        }
    }
    Limit::Produced { max }
}

/// Reads what the pipe still holds.
async fn drain(pipe: &mut Receiver, output: &mut Output, config: &TerminalConfig) {
    let mut buffer = vec![0; 64 << 10];
    let rest = async {
        while output.produced() <= config.max_produced_bytes {
            match pipe.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => output.push(buffer.get(..count).unwrap_or_default()),
            }
        }
    };
    // Somebody outside holds the pipe when it does not end; nothing of the
    // command does.
    let _ = timeout(DRAIN_WITHIN, rest).await;
}

/// Looks at all processes of the command until they take too much.
pub(super) async fn watch(leash: &Arc<Leash>, config: &TerminalConfig, every: Duration) -> Limit {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let enough = usize::try_from(config.max_processes).unwrap_or(usize::MAX).saturating_add(1);
    // The first comes at once, when there is nothing to see.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let leash = Arc::clone(leash);
        let load = task::spawn_blocking(move || leash.load(enough)).await;
        match load {
            Ok(Ok(load)) => {
                if let Some(limit) = exceeded(load, config) {
                    return limit;
                }
            }
            // What can't be watched is bound by time, and by the limits of
            // each process.
            Ok(Err(error)) => tracing::warn!(%error, "the processes of a command are not seen"),
            Err(error) => tracing::warn!(%error, "the processes of a command are not seen"),
        }
    }
}

fn exceeded(load: Load, config: &TerminalConfig) -> Option<Limit> {
    let max_processes = u64::from(config.max_processes);
    let Load { threads, bytes, cpu } = load;
    if threads > max_processes {
        Some(Limit::Processes { used: threads, max: max_processes })
    } else if bytes > config.memory_bytes {
        Some(Limit::Memory { used: bytes, max: config.memory_bytes })
    } else {
        (cpu > config.cpu).then_some(Limit::Cpu(config.cpu))
    }
}
