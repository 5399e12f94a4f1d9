//! The terminal of one child: its commands, one after the other, and what one
//! leaves for the next.

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, task};

use super::{
    Shared,
    command::{self, CommandError, Finished, Limit},
    home::Home,
    kept::Kept,
    language::interpreter,
    order::{EnterError, Order, Places},
    sandbox::SandboxKind,
    shell::KEPT,
    tool::{CommandResult, Terminal},
};
use crate::{
    completion::sanitize::{clean_line, is_blank},
    toolset::{Caller, ToolError},
};

/// Bytes of a line: the kernel takes no longer argument than 128 KiB.
const MAX_LINE_BYTES: usize = 96 << 10;

/// Bytes of a script, which is written to the host's disk.
const MAX_SCRIPT_BYTES: usize = 1 << 20;

/// Name of the file for the script, in a command's own directory.
const SCRIPT: &str = "script";

/// What git's "Device or resource busy" means here.
const GIT_IS_CLOSED: &str = "[hermitage] commands can't change the configuration and the hooks of \
                             the workspace's own repository; `git -c KEY=VALUE` sets a key for \
                             one call, and `git fetch URL` needs no remote\n";

/// The terminal of one child. Clones are the same terminal.
#[derive(Clone)]
pub struct TerminalSession {
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
}

/// What one command leaves for the next.
#[derive(Default)]
struct State {
    /// Relative to the workspace, and once inside of it.
    directory: PathBuf,
    /// All that the last command had, `None` before there was one.
    variables: Option<BTreeMap<String, String>>,
    /// Made with the first command.
    home: Option<Arc<Home>>,
}

impl TerminalSession {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, state: Arc::default() }
    }

    /// Runs a line in the shell and waits until nothing of it is left. A
    /// second call waits for the first.
    ///
    /// Fails on a line that is blank, too long or holds a NUL, on a timeout of
    /// 0, on a directory that is none of the workspace, when the command met
    /// a limit, and when the caller is cancelled. To drop the future ends the
    /// command.
    pub async fn run(&self, caller: &Caller, call: Terminal) -> Result<CommandResult, ToolError> {
        check_line(&call.command)?;
        let time = self.time(call.timeout)?;
        let mut state = interruptible(caller, self.state.lock()).await?;
        let directory = match &call.directory {
            Some(named) => self.named_directory(named).await?,
            None => self.last_directory(&state.directory).await,
        };
        let arguments = |places: &Places, processes: &str| {
            let kept = places.scratch.join(KEPT);
            self.shared.shell.line(processes, &kept.to_string_lossy(), &call.command)
        };
        let order = self.order(directory, &mut state, &arguments, None).await?;
        let finished = self.finished(caller, order, time).await?;
        if let Some(kept) = finished.kept {
            self.keep(&mut state, kept);
        }
        let Finished { code, mut output, truncated, .. } = finished;
        if code != 0 && self.meets_closed_git(&output) {
            output.push_str(GIT_IS_CLOSED);
        }
        Ok(CommandResult { exit_code: code, output, truncated })
    }

    /// Whether git says of a file that is shown read-only what nobody would
    /// understand.
    fn meets_closed_git(&self, output: &str) -> bool {
        self.shared.sandbox.kind() == SandboxKind::Bubblewrap
            && output.contains(".git/config")
            && output.contains("Device or resource busy")
    }

    /// Runs a script like a command, where the last command ended. It leaves
    /// nothing for the next.
    ///
    /// Fails on a language that can't be run here, on a script that is too
    /// long, and as [`Self::run`] does.
    pub async fn execute(
        &self,
        caller: &Caller,
        language: &str,
        source: String,
    ) -> Result<CommandResult, ToolError> {
        if source.len() > MAX_SCRIPT_BYTES {
            return Err(invalid(format!("`source` is longer than {MAX_SCRIPT_BYTES} bytes")));
        }
        let program = interpreter(language, &self.shared.shown)?;
        let time = self.time(None)?;
        let mut state = interruptible(caller, self.state.lock()).await?;
        let directory = self.last_directory(&state.directory).await;
        let arguments = |places: &Places, processes: &str| {
            let script = places.scratch.join(SCRIPT);
            let program = [program.to_string_lossy(), script.to_string_lossy()];
            self.shared.shell.program(processes, &program.each_ref().map(|it| &**it))
        };
        let order = self.order(directory, &mut state, &arguments, Some(source)).await?;
        let Finished { code, output, truncated, .. } = self.finished(caller, order, time).await?;
        Ok(CommandResult { exit_code: code, output, truncated })
    }

    fn time(&self, asked: Option<u32>) -> Result<Duration, ToolError> {
        let config = &self.shared.config;
        match asked {
            Some(0) => Err(invalid("`timeout` is 0; leave it out or give seconds".to_owned())),
            Some(seconds) => Ok(Duration::from_secs(seconds.into()).min(config.max_timeout)),
            None => Ok(config.timeout.min(config.max_timeout)),
        }
    }

    /// A directory that the child names: relative, or as the sandbox shows it.
    async fn named_directory(&self, named: &str) -> Result<PathBuf, ToolError> {
        let shown = self.shared.sandbox.workspace();
        let below = Path::new(named).strip_prefix(&shown).unwrap_or(Path::new(named));
        let error = || {
            let named = clean_line(named, 200);
            invalid(format!("`{named}` is no directory of the workspace; give a relative path"))
        };
        let lexical = lexical(below).ok_or_else(error)?;
        self.existing(&lexical).await.ok_or_else(error)
    }

    /// The workspace itself when the directory is there no more.
    async fn last_directory(&self, last: &Path) -> PathBuf {
        self.existing(last).await.unwrap_or_default()
    }

    /// The real path of a directory, relative to the workspace. That it may
    /// be another when the command starts gives a command nothing that its
    /// sandbox did not.
    async fn existing(&self, below: &Path) -> Option<PathBuf> {
        let workspace = &self.shared.workspace;
        let real = tokio::fs::canonicalize(workspace.join(below)).await.ok()?;
        let is_dir = tokio::fs::metadata(&real).await.is_ok_and(|it| it.is_dir());
        real.strip_prefix(workspace).ok().filter(|_| is_dir).map(Path::to_owned)
    }

    async fn order(
        &self,
        directory: PathBuf,
        state: &mut State,
        arguments: &(dyn Fn(&Places, &str) -> Vec<String> + Sync),
        script: Option<String>,
    ) -> Result<Order, ToolError> {
        let (shared, home) = (Arc::clone(&self.shared), state.home.clone());
        let prepared = task::spawn_blocking(move || {
            let home = match home {
                Some(home) => home,
                None => Arc::new(Home::new(&shared.scratch, &shared.shown.mirrors)?),
            };
            let scratch = shared.scratch.directory()?;
            if let Some(script) = script {
                fs::write(scratch.path().join(SCRIPT), script)?;
            }
            io::Result::Ok((scratch, home, Some(shared.guard.begin())))
        });
        let prepared = prepared.await.map_err(io::Error::other).and_then(|it| it);
        let (scratch, home, watch) = prepared.map_err(|it| not_started(&EnterError::from(it)))?;
        state.home = Some(Arc::clone(&home));
        let places = self.shared.sandbox.places(scratch.path(), home.path());
        let Shared { sandbox, config, .. } = &*self.shared;
        let arguments = arguments(&places, &sandbox.kernel_processes(config.max_processes));
        let environment = self.environment(&places, state);
        Ok(Order { arguments, directory, environment, scratch, home, watch, ends: None })
    }

    fn environment(&self, places: &Places, state: &State) -> BTreeMap<String, String> {
        let mut res = state.variables.clone().unwrap_or_else(|| {
            let mut res = self.shared.passed_on.clone();
            let shown = &self.shared.shown;
            res.extend(shown.variables.iter().map(|(name, it)| ((*name).to_owned(), it.clone())));
            res.insert("HOME".to_owned(), places.home.to_string_lossy().into_owned());
            res.insert("PATH".to_owned(), shown.search_path());
            res.insert("LANG".to_owned(), "C.UTF-8".to_owned());
            res.insert("TERM".to_owned(), "dumb".to_owned());
            // That of the system is not shown, and git stops at a file that it
            // may not read.
            res.insert("GIT_CONFIG_NOSYSTEM".to_owned(), "1".to_owned());
            res
        });
        res.insert("TMPDIR".to_owned(), places.tmp.to_string_lossy().into_owned());
        res
    }

    async fn finished(
        &self,
        caller: &Caller,
        order: Order,
        time: Duration,
    ) -> Result<Finished, ToolError> {
        let Shared { sandbox, config, .. } = &*self.shared;
        let hidden = Arc::clone(&self.shared.hidden);
        let checked = task::spawn_blocking(move || hidden.check()).await;
        checked.map_err(|it| not_started(&it))??;
        match command::run(sandbox, order, config, time, &caller.cancelled).await {
            Ok(finished) => Ok(finished),
            Err(CommandError::Ended { limit: Limit::Cancelled, .. }) => Err(ToolError::Interrupted),
            Err(error @ CommandError::Ended { .. }) => Err(ToolError::Failed(error.to_string())),
            Err(error) => Err(not_started(&error)),
        }
    }

    fn keep(&self, state: &mut State, kept: Kept) {
        let workspace = self.shared.sandbox.workspace();
        let directory = kept.directory.unwrap_or_default();
        let below = directory.strip_prefix(workspace).ok().and_then(lexical);
        state.directory = below.unwrap_or_default();
        // An environment is never empty, but `env` may be another program.
        if !kept.variables.is_empty() {
            state.variables = Some(kept.variables);
        }
    }
}

/// The path without `.` and `..`, `None` when it leads out.
fn lexical(path: &Path) -> Option<PathBuf> {
    let mut res = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => res.push(name),
            Component::CurDir => {}
            Component::ParentDir if res.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(res)
}

fn check_line(line: &str) -> Result<(), ToolError> {
    if is_blank(line) {
        return Err(invalid("`command` is blank".to_owned()));
    }
    if line.contains('\0') {
        return Err(invalid("`command` holds a NUL, which no shell takes".to_owned()));
    }
    if line.len() > MAX_LINE_BYTES {
        return Err(invalid(format!(
            "`command` is longer than {MAX_LINE_BYTES} bytes; write it to a file and run that"
        )));
    }
    Ok(())
}

fn invalid(text: String) -> ToolError {
    ToolError::InvalidArguments(text)
}

/// The reason is for the operator, since it may name host paths.
fn not_started(error: &dyn std::error::Error) -> ToolError {
    tracing::error!(%error, "a command did not start");
    ToolError::Failed("the sandbox did not start the command; the host's log says why".to_owned())
}

async fn interruptible<T>(caller: &Caller, work: impl Future<Output = T>) -> Result<T, ToolError> {
    tokio::select! {
        biased;
        () = caller.cancelled.cancelled() => Err(ToolError::Interrupted),
        res = work => Ok(res),
    }
}
