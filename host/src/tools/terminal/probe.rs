//! Proves a sandbox: a command really runs in it, and does not see what lies
//! outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    TerminalConfig,
    bubblewrap::Bubblewrap,
    command::{self, CommandError},
    hidden::Cover,
    home::Home,
    landlock::Landlock,
    order::{EnterError, Order},
    sandbox::{Sandbox, SandboxKind},
    scratch::Scratch,
    shell::{KEPT, Shell},
};

/// For a command that takes some milliseconds, on a machine that is busy.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// Tries what no command may do, and says what it could; then writes to the
/// workspace and reads that back. Nothing that it tries would do harm: a
/// setting of the kernel is opened and not written, and a file system that is
/// not frozen is thawed. Beside the workspace lies `$OUTSIDE`; `$HOST` is the
/// host's process, where it has a number inside.
const PROOF: &str = "\
cat \"$OUTSIDE\"; echo changed >\"$OUTSIDE\"; chmod 777 \"$OUTSIDE\"; \
touch -t 200101010101 \"$OUTSIDE\"; \
[ \"$(id -u)\" != 0 ] || echo 'breach: it runs as root'; \
for it in kernel/core_pattern kernel/hostname vm/overcommit_memory net/core/somaxconn; do \
{ true >>\"/proc/sys/$it\"; } 2>/dev/null && echo \"breach: it writes /proc/sys/$it\"; done; \
for it in $HOST ${HOST:+$PPID}; do \
kill -0 \"$it\" 2>/dev/null && echo 'breach: it signals the host'; done; \
[ \"$(nice -n -15 nice 2>/dev/null)\" -lt \"$(nice)\" ] 2>/dev/null && \
echo 'breach: it raises its priority'; \
case \"$(fsfreeze -u . 2>&1)\" in *'nvalid argument'*) echo 'breach: it freezes file systems';; esac; \
printf ready >proof && cat proof";

/// How a line of the proof begins that tells what could be done.
const BREACH: &str = "breach: ";

/// What the file beside the workspace holds.
const SECRET: &str = "secret";

/// A sandbox of this kind for a workspace, by its real path. Blocks.
pub(super) fn sandbox(
    kind: SandboxKind,
    workspace: &Path,
    hidden: &[Cover],
    read_only: &[PathBuf],
    config: &TerminalConfig,
) -> Result<Sandbox, EnterError> {
    match kind {
        SandboxKind::Bubblewrap => {
            Bubblewrap::new(workspace, hidden, read_only, config).map(Sandbox::Bubblewrap)
        }
        SandboxKind::Landlock => Landlock::new(workspace, read_only, config).map(Sandbox::Landlock),
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
    let place = Arc::new(Scratch::new().map_err(EnterError::from)?);
    let outer = place.directory().map_err(EnterError::from)?;
    let real = outer.path().canonicalize().map_err(EnterError::from)?;
    let (workspace, outside) = (real.join("workspace"), real.join("outside"));
    fs::create_dir(&workspace).map_err(EnterError::from)?;
    fs::write(&outside, SECRET).map_err(EnterError::from)?;
    let sandbox = Arc::new(sandbox(kind, &workspace, &[], &[], config)?);
    let order = order(&sandbox, &place, &outside)?;
    let before = facts(&outside).map_err(EnterError::from)?;
    let cancelled = CancellationToken::new();
    let finished = command::run(&sandbox, order, config, PROBE_TIMEOUT, &cancelled).await?;
    if let Some(what) = breach(&finished.output) {
        return Err(EnterError::Refused(format!("it does not hold a command: {what}")).into());
    }
    let is_untouched = facts(&outside).is_ok_and(|it| it == before);
    if finished.output.contains(SECRET) || !is_untouched {
        return Err(EnterError::Refused("it does not keep a command inside".to_owned()).into());
    }
    if finished.code != 0 || !finished.output.ends_with("ready") {
        return Err(CommandError::Inside(finished.output));
    }
    Ok(version(&sandbox)?)
}

/// What the proof could do.
fn breach(output: &str) -> Option<&str> {
    output.lines().find_map(|it| it.strip_prefix(BREACH))
}

/// All that can be changed of a file.
fn facts(file: &Path) -> io::Result<(Vec<u8>, u32, u32, i64)> {
    let found = fs::metadata(file)?;
    Ok((fs::read(file)?, found.mode(), found.uid(), found.mtime()))
}

fn order(sandbox: &Sandbox, place: &Arc<Scratch>, outside: &Path) -> Result<Order, EnterError> {
    let (scratch, home) = (place.directory()?, Arc::new(Home::new(place, &[])?));
    let kept = sandbox.places(scratch.path(), home.path()).scratch.join(KEPT);
    let arguments = Shell::find().line("64", &kept.to_string_lossy(), PROOF);
    let outside = ("OUTSIDE".to_owned(), outside.to_string_lossy().into_owned());
    let host = match sandbox {
        // Its processes are not there, and the number may be another's.
        Sandbox::Bubblewrap(_) => String::new(),
        Sandbox::Landlock(_) => std::process::id().to_string(),
    };
    let environment = BTreeMap::from([outside, ("HOST".to_owned(), host)]);
    let directory = PathBuf::new();
    Ok(Order { arguments, directory, environment, scratch, home, watch: None, ends: None })
}

fn version(sandbox: &Sandbox) -> Result<String, EnterError> {
    match sandbox {
        Sandbox::Bubblewrap(it) => it.version(),
        Sandbox::Landlock(it) => Ok(it.version()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Without a sandbox it must find what it looks for, or it proves nothing.
    #[test]
    fn a_command_that_nothing_holds_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        fs::write(&outside, SECRET).unwrap();
        let before = facts(&outside).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", PROOF]).env("OUTSIDE", &outside).current_dir(dir.path());
        let output = shell.env("HOST", std::process::id().to_string()).output().unwrap().stdout;
        let output = String::from_utf8(output).unwrap();
        assert!(output.starts_with(SECRET) && output.ends_with("ready"), "{output}");
        let after = facts(&outside).unwrap();
        assert!(before.0 != after.0 && before.1 != after.1 && before.3 != after.3);
        let of_root =
            ["runs as root", "writes /proc/sys/kernel/core_pattern", "raises its priority"];
        let is_root = rustix::process::geteuid().is_root();
        let expected = of_root.iter().filter(|_| is_root).chain(&["signals the host"]);
        for what in expected {
            assert!(output.contains(&format!("{BREACH}it {what}\n")), "{what}: {output}");
        }
        assert!(breach(&output).is_some());
    }
}
