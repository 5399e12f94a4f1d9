//! Proves a sandbox: a command really runs in it, and does not see what lies
//! outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    TerminalConfig,
    bubblewrap::Bubblewrap,
    command::{self, CommandError},
    landlock::Landlock,
    sandbox::{EnterError, Order, Sandbox, SandboxKind},
    scratch::Scratch,
    shell::{KEPT, Shell},
};

/// For a command that takes some milliseconds, on a machine that is busy.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// Writes to the workspace, reads it back, and tries to read and to write a
/// file that lies beside it.
const PROOF: &str =
    "cat \"$OUTSIDE\"; echo changed >\"$OUTSIDE\"; printf ready >proof && cat proof";

/// What the file beside the workspace holds.
const SECRET: &str = "secret";

/// A sandbox of this kind for a workspace, by its real path. Blocks.
pub(super) fn sandbox(
    kind: SandboxKind,
    workspace: &Path,
    hidden: Option<&Path>,
    config: &TerminalConfig,
) -> Result<Sandbox, EnterError> {
    match kind {
        SandboxKind::Bubblewrap => {
            Bubblewrap::new(workspace, hidden, config).map(Sandbox::Bubblewrap)
        }
        SandboxKind::Landlock => Landlock::new(workspace, config).map(Sandbox::Landlock),
    }
}

/// Tries one kind, and gives its version or why it can't be used.
pub(super) async fn probe(kind: SandboxKind, config: &TerminalConfig) -> Result<String, String> {
    proven(kind, config).await.map_err(|it| it.to_string())
}

/// The same, for a kind that has proved itself in this process already: what
/// holds depends on the machine, and a process may have many hosts.
pub(super) async fn probe_once(kind: SandboxKind, config: &TerminalConfig) -> Result<(), String> {
    static PROVED: Mutex<BTreeSet<(SandboxKind, bool, Option<PathBuf>)>> =
        Mutex::new(BTreeSet::new());
    // A panic while the lock is held leaves nothing half done.
    let proved = || PROVED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (kind, config.network, config.helper.clone());
    if proved().contains(&key) {
        return Ok(());
    }
    probe(kind, config).await?;
    proved().insert(key);
    Ok(())
}

async fn proven(kind: SandboxKind, config: &TerminalConfig) -> Result<String, CommandError> {
    let place = Scratch::new().map_err(EnterError::from)?;
    let outer = place.directory().map_err(EnterError::from)?;
    let real = outer.path().canonicalize().map_err(EnterError::from)?;
    let (workspace, outside) = (real.join("workspace"), real.join("outside"));
    fs::create_dir(&workspace).map_err(EnterError::from)?;
    fs::write(&outside, SECRET).map_err(EnterError::from)?;
    let sandbox = Arc::new(sandbox(kind, &workspace, None, config)?);
    let order = order(&sandbox, &place, &outside)?;
    let cancelled = CancellationToken::new();
    let finished = command::run(&sandbox, order, config, PROBE_TIMEOUT, &cancelled).await?;
    let is_untouched = fs::read_to_string(&outside).is_ok_and(|it| it == SECRET);
    if finished.output.contains(SECRET) || !is_untouched {
        return Err(EnterError::Refused("it does not keep a command inside".to_owned()).into());
    }
    if finished.code != 0 || !finished.output.ends_with("ready") {
        return Err(CommandError::Inside(finished.output));
    }
    Ok(version(&sandbox)?)
}

fn order(sandbox: &Sandbox, place: &Scratch, outside: &Path) -> Result<Order, EnterError> {
    let scratch = place.directory()?;
    let kept = sandbox.places(scratch.path()).scratch.join(KEPT);
    let arguments = Shell::find().line("64", &kept.to_string_lossy(), PROOF);
    let outside = ("OUTSIDE".to_owned(), outside.to_string_lossy().into_owned());
    let environment = BTreeMap::from([outside]);
    Ok(Order { arguments, directory: "".into(), environment, scratch })
}

fn version(sandbox: &Sandbox) -> Result<String, EnterError> {
    match sandbox {
        Sandbox::Bubblewrap(it) => it.version(),
        Sandbox::Landlock(it) => Ok(it.version()),
    }
}
