//! The sandbox of namespaces, by the program `bwrap`.
//!
//! What a command sees is built from nothing: system directories read-only,
//! the workspace, a few files made up, and everything else is not there.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{self, BufRead as _, BufReader, PipeReader, Read as _, Write as _},
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Pid, PidfdFlags, pidfd_open, setpriority_process};
use tempfile::TempDir;

use super::{
    TerminalConfig, filter,
    leash::{Leash, Reach},
    sandbox::{
        EnterError, Entered, NETWORK_SETTINGS, NICE, Order, Places, SETTINGS, SYSTEM, inherited,
    },
    shell::{BUBBLEWRAP_PREAMBLE, Shell},
};

/// The workspace, as a command sees it.
pub(super) const WORKSPACE: &str = "/workspace";

/// The command's own directory.
const SCRATCH: &str = "/run/command";

/// Bytes in `/tmp`, and again in shared memory. Both take memory of the
/// machine that belongs to no process, so the watcher does not see it.
const MAX_TMP_BYTES: u64 = 256 << 20;

/// The user that a command is, in its own eyes.
const USER: &str = "1000";

/// Files of `/etc` that are made up: the host's would tell who works there.
const MADE_UP: [(&str, &str); 4] = [
    ("passwd", "user:x:1000:1000::/workspace:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"),
    ("group", "user:x:1000:\nnogroup:x:65534:\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
];

/// Bytes of `bwrap`'s own words that are read.
const MAX_WORDS: u64 = 16 << 10;

/// Everything that is the same for all commands of a workspace.
pub(super) struct Bubblewrap {
    program: PathBuf,
    shell: Shell,
    workspace: PathBuf,
    /// A directory below the workspace that is not shown, relative to it.
    hidden: Option<PathBuf>,
    config: TerminalConfig,
    /// Whether `bwrap` can itself forbid namespaces inside.
    no_namespaces: bool,
    /// Filters, and made-up files.
    files: TempDir,
}

impl Bubblewrap {
    /// Prepares what all commands share. Blocks.
    pub(super) fn new(
        workspace: &Path,
        hidden: Option<&Path>,
        config: &TerminalConfig,
    ) -> Result<Self, EnterError> {
        let program = find().ok_or_else(|| {
            EnterError::Refused(
                "there is no `bwrap` in the PATH; install the package `bubblewrap`".to_owned(),
            )
        })?;
        let help = Command::new(&program).arg("--help").env_clear().output()?;
        let files = TempDir::new()?;
        for (name, text) in MADE_UP {
            fs::write(files.path().join(name), text)?;
        }
        let families = vec![libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
        let filters = filter::programs(&filter::Scope { families, group: None });
        let filters = filters.map_err(|it| EnterError::Refused(it.to_string()))?;
        for (name, program) in FILTERS.iter().zip(&filters) {
            fs::write(files.path().join(name), filter::to_bytes(program))?;
        }
        Ok(Self {
            program,
            shell: Shell::find(),
            workspace: workspace.to_owned(),
            hidden: hidden.map(Path::to_owned),
            config: config.clone(),
            no_namespaces: contains(&help.stdout, b"--disable-userns"),
            files,
        })
    }

    /// What `bwrap` says of its version.
    pub(super) fn version(&self) -> Result<String, EnterError> {
        let output = Command::new(&self.program).arg("--version").env_clear().output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().replace("bubblewrap ", ""))
    }

    pub(super) fn places() -> Places {
        let [workspace, scratch, tmp] = [WORKSPACE, SCRATCH, "/tmp"].map(PathBuf::from);
        Places { workspace, scratch, tmp }
    }

    /// See [`super::sandbox::Sandbox::enter`].
    pub(super) fn enter(
        &self,
        order: &Order,
        leash: &Leash,
    ) -> Result<(Entered, PipeReader), EnterError> {
        let (report, report_writer) = io::pipe()?;
        let (output, output_writer) = io::pipe()?;
        let mut command = self.command(order)?;
        let mut leader =
            command.stdin(Stdio::piped()).stdout(report_writer).stderr(output_writer).spawn()?;
        // Its ends of the pipes would keep them open.
        drop(command);
        // Until there is a namespace: whoever waits for that can give up.
        leash.hold(Reach::Group { leader: Pid::from_child(&leader) });
        let _ = setpriority_process(Some(Pid::from_child(&leader)), NICE);
        // Now it begins.
        if let Some(mut stdin) = leader.stdin.take() {
            // It fails when `bwrap` did, which then says why.
            let _ = stdin.write_all(&self.arguments(order));
        }
        let mut report = BufReader::new(report);
        match first_process(&mut report) {
            Some(init) => {
                match pidfd_open(init, PidfdFlags::empty()) {
                    Ok(handle) => leash.hold(Reach::Namespace { init, handle }),
                    // It ended already, and with it all others.
                    Err(rustix::io::Errno::SRCH) => leash.let_go(),
                    Err(error) => {
                        leash.end();
                        let _ = leader.wait();
                        return Err(io::Error::from(error).into());
                    }
                }
                Ok((Entered { leader, report: Some(report), holder: None }, output))
            }
            None => {
                // Before its number is another's.
                leash.end();
                let _ = leader.wait();
                Err(EnterError::Refused(words(output)))
            }
        }
    }

    /// `bwrap` behind the preamble, with a clean environment: it is visible
    /// to the command as that of its first process.
    fn command(&self, order: &Order) -> Result<Command, EnterError> {
        let mut words = self.shell.preamble(BUBBLEWRAP_PREAMBLE).into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(Shell::limits(&self.config)).arg(inherited(&self.shell)?);
        command.args(FILTERS.map(|it| self.files.path().join(it)));
        command.arg(&self.program).args(["--args", "3", "--"]).args(&order.arguments);
        command.env_clear().current_dir("/").process_group(0);
        Ok(command)
    }

    /// Arguments of `bwrap`, each with a NUL after it. They go through a
    /// pipe, since other users can read a command line, and there are
    /// variables among them.
    fn arguments(&self, order: &Order) -> Vec<u8> {
        let mut res = Arguments::default();
        self.isolation(&mut res);
        self.system(&mut res);
        res.push(["--bind".as_ref(), self.workspace.as_os_str(), WORKSPACE.as_ref()]);
        self.close_git(&mut res);
        if let Some(hidden) = &self.hidden {
            let hidden = Path::new(WORKSPACE).join(hidden);
            res.push(["--size", "4096", "--tmpfs"].map(OsStr::new));
            res.push([hidden.as_os_str(), "--remount-ro".as_ref(), hidden.as_os_str()]);
        }
        let scratch = order.scratch.path().as_os_str();
        res.push(["--bind".as_ref(), scratch, SCRATCH.as_ref()]);
        res.push(["--remount-ro", "/", "--chdir"].map(OsStr::new));
        res.push([Path::new(WORKSPACE).join(&order.directory).as_os_str()]);
        for (name, value) in &order.environment {
            res.push(["--setenv", name, value].map(OsStr::new));
        }
        res.0
    }

    /// What git runs, or obeys, when the person works here the next time is
    /// read and not written. Its directory is a mount as well: one that is
    /// none could be moved away, and another one be put in its place.
    fn close_git(&self, res: &mut Arguments) {
        let is = |path: &Path, what: fn(&fs::Metadata) -> bool| {
            path.symlink_metadata().is_ok_and(|it| what(&it))
        };
        let (real, shown) = (self.workspace.join(".git"), Path::new(WORKSPACE).join(".git"));
        if !is(&real, fs::Metadata::is_dir) {
            return;
        }
        res.push(["--bind".as_ref(), real.as_os_str(), shown.as_os_str()]);
        let hooks = (real.join("hooks"), shown.join("hooks"));
        let config = (real.join("config"), shown.join("config"));
        for (real, shown) in [&hooks, &config] {
            if is(real, |it| it.is_dir() || it.is_file()) {
                res.push(["--ro-bind".as_ref(), real.as_os_str(), shown.as_os_str()]);
            }
        }
        if !is(&hooks.0, fs::Metadata::is_dir) {
            res.push(["--size", "4096", "--tmpfs"].map(OsStr::new));
            res.push([hooks.1.as_os_str(), "--remount-ro".as_ref(), hooks.1.as_os_str()]);
        }
    }

    fn isolation(&self, res: &mut Arguments) {
        res.text(&["--unshare-all", "--unshare-user", "--uid", USER, "--gid", USER]);
        if self.no_namespaces {
            res.text(&["--disable-userns"]);
        }
        if self.config.network {
            res.text(&["--share-net"]);
        }
        res.text(&["--die-with-parent", "--new-session", "--hostname", "sandbox"]);
        res.text(&["--cap-drop", "ALL", "--clearenv", "--json-status-fd", "4"]);
        res.text(&["--add-seccomp-fd", "5", "--add-seccomp-fd", "6"]);
    }

    fn system(&self, res: &mut Arguments) {
        for path in SYSTEM {
            match fs::read_link(path) {
                Ok(target) => {
                    res.push(["--symlink".as_ref(), target.as_os_str(), path.as_ref()]);
                }
                Err(_) => res.text(&["--ro-bind-try", path, path]),
            }
        }
        for path in SETTINGS {
            res.text(&["--ro-bind-try", path, path]);
        }
        for (name, _) in MADE_UP {
            let real = self.files.path().join(name);
            let shown = Path::new("/etc").join(name);
            res.push(["--ro-bind".as_ref(), real.as_os_str(), shown.as_os_str()]);
        }
        if self.config.network {
            for path in NETWORK_SETTINGS {
                res.text(&["--ro-bind-try", path, path]);
            }
        }
        let size = MAX_TMP_BYTES.min(self.config.memory_bytes).to_string();
        res.text(&["--proc", "/proc", "--dev", "/dev"]);
        res.text(&["--size", &size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
        res.text(&["--size", &size, "--tmpfs", "/tmp"]);
    }
}

/// Names of the files with the filters.
const FILTERS: [&str; 2] = ["refused.bpf", "absent.bpf"];

#[derive(Default)]
struct Arguments(Vec<u8>);

impl Arguments {
    fn text(&mut self, words: &[&str]) {
        words.iter().for_each(|it| self.push([OsStr::new(*it)]));
    }

    fn push<const N: usize>(&mut self, words: [&OsStr; N]) {
        for it in words {
            self.0.extend_from_slice(it.as_bytes());
            self.0.push(0);
        }
    }
}

/// By the PATH of the host; a relative entry of it is passed over.
fn find() -> Option<PathBuf> {
    let path: OsString = env::var_os("PATH")?;
    let places = env::split_paths(&path).filter(|it| it.is_absolute());
    places.map(|it| it.join("bwrap")).find(|it| it.is_file())
}

/// Waits for the word that the namespace is there, `None` when none comes.
fn first_process(report: &mut BufReader<PipeReader>) -> Option<Pid> {
    let mut line = String::new();
    report.take(MAX_WORDS).read_line(&mut line).ok()?;
    Pid::from_raw(number(&line, "child-pid")?)
}

/// The exit code, `None` when the command did not even start.
pub(super) fn exit_code(report: BufReader<PipeReader>) -> Option<i32> {
    let lines = report.take(MAX_WORDS).lines().map_while(Result::ok);
    lines.filter_map(|it| number(&it, "exit-code")).last()
}

fn number(line: &str, name: &str) -> Option<i32> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    i32::try_from(value.get(name)?.as_i64()?).ok()
}

fn words(output: PipeReader) -> String {
    let mut bytes = Vec::new();
    let _ = output.take(MAX_WORDS).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|it| it == wanted)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap, os::unix::fs::PermissionsExt as _, sync::Arc, time::Duration,
    };

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::tools::terminal::{
        SandboxChoice,
        command::{self, CommandError, Limit},
        sandbox::Sandbox,
        tests::roomy,
    };

    #[tokio::test]
    async fn a_sandbox_that_never_begins_is_given_up_and_ended() {
        let dir = tempfile::tempdir().unwrap();
        let (program, told) = (dir.path().join("bwrap"), dir.path().join("pid"));
        let script = format!("#!/bin/sh\necho $$ >{}\nsleep 1000\n", told.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let config = roomy(SandboxChoice::Bubblewrap);
        let files = TempDir::new().unwrap();
        FILTERS.iter().for_each(|it| fs::write(files.path().join(it), "").unwrap());
        let sandbox = Arc::new(Sandbox::Bubblewrap(Bubblewrap {
            program,
            shell: Shell::find(),
            workspace: dir.path().to_owned(),
            hidden: None,
            config: config.clone(),
            no_namespaces: false,
            files,
        }));
        let check = async |time, cancelled: CancellationToken, expect| {
            let (directory, environment) = (PathBuf::new(), BTreeMap::new());
            let scratch = TempDir::new().unwrap();
            let order = Order { arguments: Vec::new(), directory, environment, scratch };
            let res = command::run(&sandbox, order, &config, time, &cancelled).await;
            let Err(CommandError::Ended { limit, .. }) = res else { panic!("{res:?}") };
            assert_eq!(limit, expect);
        };
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        check(Duration::MAX, cancelled, Limit::Cancelled).await;
        let time = Duration::from_millis(300);
        check(time, CancellationToken::new(), Limit::Timeout(time)).await;
        let pid = fs::read_to_string(&told).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "it goes on");
    }
}
