//! The service for a command that needs one: found, or started.
//!
//! It is started as a process that outlives the command and its terminal, and
//! ends by itself when nobody needs it any more. Several commands may start
//! one at the same time: one of them becomes the service, the others end
//! without a word.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    again,
    args::Global,
    client::{Client, ClientError},
    error::CliError,
    log_file,
    place::{Found, Holder},
    setup::Setup,
};
use crate::{completion::sanitize::clean_line, id::unguessable};

/// How long a service may take until it answers: it opens the store and
/// settles what others left behind.
const READY: Duration = Duration::from_secs(30);

/// Between two looks at whether it answers.
const LOOK: Duration = Duration::from_millis(10);

/// Before another one is started, where the last one found that it was not
/// alone: the other is about to answer, or about to be gone.
const AGAIN: Duration = Duration::from_millis(200);

/// Bytes at the end of a log that are looked at for why a start failed.
const TAIL_BYTES: u64 = 4 << 10;

/// Characters of the last line of a log.
const MAX_WHY_CHARS: usize = 500;

/// The service that runs, if there is one.
pub(super) async fn running(setup: &Setup) -> Option<Client> {
    let client = Client::of(setup.place().ok()?.found()?).ok()?;
    client.is_answered().await.then_some(client)
}

/// The service that runs, or a new one: that workspace is then the one of
/// callers who name none.
pub(super) async fn service(
    setup: &Setup,
    global: &Global,
    workspace: &Path,
) -> Result<Client, CliError> {
    if let Some(client) = running(setup).await {
        if !is_outdated(client.holder()) {
            return Ok(client);
        }
        match client.retire().await {
            Ok(_) | Err(ClientError::Gone(_)) => (),
            Err(error) => return Err(error.into()),
        }
    }
    let place = setup.place()?;
    place.make()?;
    let log = place.log();
    let end = Instant::now() + READY;
    let mut starting = Starting::new(global, workspace, &log)?;
    while Instant::now() < end {
        if let Some(found) = place.found().filter(|it| !is_outdated(&it.holder) && it.is_there()) {
            let client = Client::of(found)?;
            if client.is_answered().await {
                return Ok(client);
            }
        }
        starting.look_after()?;
        tokio::time::sleep(LOOK).await;
    }
    let error = anyhow::anyhow!("the service did not answer within {} seconds", READY.as_secs());
    Err(CliError::host(error).hint(format!("see `{}`", log.display())))
}

/// Whether a service gives way to one of this version.
fn is_outdated(holder: &Holder) -> bool {
    holder.on_demand && !holder.is_of_this_version()
}

/// Asks it, and once more where it ended at that very moment: with the same key,
/// so that what it had taken is not begun again.
pub(super) async fn ask<T: DeserializeOwned>(
    setup: &Setup,
    global: &Global,
    workspace: &Path,
    path: &str,
    body: &impl Serialize,
) -> Result<T, CliError> {
    let key = unguessable();
    let ask = async || {
        let client = service(setup, global, workspace).await?;
        Ok::<_, CliError>(client.post_once(path, body, &key).await)
    };
    match ask().await? {
        Err(ClientError::Gone(_)) => Ok(ask().await??),
        answer => Ok(answer?),
    }
}

/// A service that runs, and would not do what this command does.
pub(super) struct Other {
    /// In which way it is another.
    pub(super) how: String,
    /// What to do about that.
    pub(super) hint: String,
}

/// The service that runs, if it is another than this command would start, and
/// stays.
pub(super) fn other(global: &Global) -> Result<Option<Other>, CliError> {
    let setup = Setup::again(global, None)?;
    let found = setup.place()?.found().filter(Found::is_there);
    let Some(Found { holder, .. }) = found.filter(|it| !is_outdated(&it.holder)) else {
        return Ok(None);
    };
    let (how, hint) = match holder.is_of_this_version() {
        false => (holder.versions(), holder.how_to_restart()),
        true if holder.settings == setup.digest() => return Ok(None),
        true => {
            let hint = format!("use the same, or end it first (`kill {}`)", holder.process);
            ("the service that runs has other settings than this command".to_owned(), hint)
        }
    };
    Ok(Some(Other { how, hint }))
}

/// A process that is about to be the service, or to find that it is not
/// needed.
struct Starting<'a> {
    global: &'a Global,
    workspace: &'a Path,
    log: &'a Path,
    process: Child,
    since: Instant,
}

impl<'a> Starting<'a> {
    fn new(global: &'a Global, workspace: &'a Path, log: &'a Path) -> Result<Self, CliError> {
        let process = spawn(global, workspace, log)
            .map_err(|it| CliError::host(it).context("the service can't be started"))?;
        Ok(Self { global, workspace, log, process, since: Instant::now() })
    }

    fn look_after(&mut self) -> Result<(), CliError> {
        match self.process.try_wait().map_err(CliError::host)? {
            Some(status) if !status.success() => return Err(failed(self.log)),
            Some(_) if self.since.elapsed() >= AGAIN => {
                *self = Self::new(self.global, self.workspace, self.log)?;
            }
            _ => (),
        }
        Ok(())
    }
}

fn spawn(global: &Global, workspace: &Path, log: &Path) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(["serve", "--on-demand"])
        .args(again::path_option("--workspace", workspace)?)
        .args(again::options(global)?)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log_file::open(log)?)
        .spawn()
}

/// Why it ended, in its own words.
fn failed(log: &Path) -> CliError {
    let tail = tail(log).unwrap_or_default();
    let (mut why, mut hint) = (None, None);
    for line in tail.lines() {
        if let Some(it) = line.strip_prefix("error: ") {
            (why, hint) = (Some(it), None);
        } else if let Some(it) = line.strip_prefix("hint: ") {
            hint = Some(it);
        }
    }
    let why = clean_line(why.unwrap_or("nobody said why"), MAX_WHY_CHARS);
    let error = CliError::host(anyhow::Error::msg(why)).context("the service did not start");
    error.hint(
        hint.map_or_else(|| format!("see `{}`", log.display()), |it| clean_line(it, MAX_WHY_CHARS)),
    )
}

fn tail(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn why_a_start_failed_is_the_last_error_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("service.log");
        fs::write(&log, "error: old\nhint: old one\nWARN x\nerror: new\u{1b}[31m\n").unwrap();
        let error = failed(&log);
        assert_eq!(error.text(), "the service did not start: new");
        assert!(error.how().unwrap().starts_with("see `"));
        fs::write(&log, "error: new\nhint: mend it\n").unwrap();
        assert_eq!(failed(&log).how().as_deref(), Some("mend it"));
    }
}
