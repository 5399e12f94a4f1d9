//! The sandbox of namespaces, by the program `bwrap`.
//!
//! What a command sees is built from nothing: system directories read-only,
//! the workspace, a few files made up, and everything else is not there.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::PipeReader,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    TerminalConfig, filter,
    hidden::Cover,
    launcher::{self, Identity, Inside, Launch, Launched, Limits, Word},
    leash::Leash,
    order::{EnterError, Order, Places},
    system::{NETWORK_SETTINGS, SETTINGS, SYSTEM},
};
use crate::helper::Program;

/// The workspace, as a command sees it.
pub(super) const WORKSPACE: &str = "/workspace";

/// The command's own directory.
const SCRATCH: &str = "/run/command";

/// The home directory of a command.
const HOME: &str = "/run/home";

/// Bytes in `/tmp`, and again in shared memory. Both take memory of the
/// machine that belongs to no process, so the watcher does not see it.
const MAX_TMP_BYTES: u64 = 256 << 20;

/// The user that a command is, in its own eyes.
const USER: &str = "1000";

/// Files of `/etc` that are made up: the host's would tell who works there.
const MADE_UP: [(&str, &str); 4] = [
    ("passwd", "user:x:1000:1000::/run/home:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"),
    ("group", "user:x:1000:\nnogroup:x:65534:\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
];

/// Everything that is the same for all commands of a workspace.
pub(super) struct Bubblewrap {
    launcher: Program,
    program: PathBuf,
    workspace: PathBuf,
    /// What is not shown of the workspace, or not writable.
    hidden: Vec<Cover>,
    /// What of the host it sees besides the system.
    read_only: Vec<PathBuf>,
    config: TerminalConfig,
    /// Whether `bwrap` can itself forbid namespaces inside.
    no_namespaces: bool,
    filters: Vec<Vec<u8>>,
}

impl Bubblewrap {
    /// Prepares what all commands share. Blocks.
    pub(super) fn new(
        workspace: &Path,
        hidden: &[Cover],
        read_only: &[PathBuf],
        config: &TerminalConfig,
    ) -> Result<Self, EnterError> {
        let program = find(workspace).ok_or_else(|| {
            EnterError::Refused(
                "there is no `bwrap` in the PATH; install the package `bubblewrap`".to_owned(),
            )
        })?;
        let help = Command::new(&program).arg("--help").env_clear().output()?;
        // Without a network there is one inside, of this command alone.
        let filters = filter::programs(&filter::Scope { internet: true, is_covered: true });
        let filters = filters.map_err(|it| EnterError::Refused(it.to_string()))?;
        Ok(Self {
            launcher: launcher::program(config)?,
            program,
            workspace: workspace.to_owned(),
            hidden: hidden.to_vec(),
            read_only: read_only.to_vec(),
            config: config.clone(),
            no_namespaces: contains(&help.stdout, b"--disable-userns"),
            filters: filters.iter().map(filter::to_bytes).collect(),
        })
    }

    /// What `bwrap` says of its version.
    pub(super) fn version(&self) -> Result<String, EnterError> {
        let output = Command::new(&self.program).arg("--version").env_clear().output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().replace("bubblewrap ", ""))
    }

    pub(super) fn places() -> Places {
        let [workspace, scratch, tmp, home] = [WORKSPACE, SCRATCH, "/tmp", HOME].map(PathBuf::from);
        Places { workspace, scratch, tmp, home }
    }

    /// See `Sandbox::enter`.
    pub(super) fn enter(
        &self,
        order: &Order,
        leash: &Leash,
    ) -> Result<(Launched, PipeReader), EnterError> {
        let launch = Launch {
            limits: Limits::new(&self.config),
            identity: Identity::of(order, &self.workspace, &self.read_only, self.config.defences),
            talks: order.ends.is_some(),
            inside: Inside::Namespaces {
                program: self.program.clone(),
                words: self.arguments(order),
                command: order.arguments.clone(),
            },
        };
        launcher::start(&self.launcher, &launch, order.ends.as_ref(), leash)
    }

    /// Arguments of `bwrap`.
    fn arguments(&self, order: &Order) -> Vec<Word> {
        let mut res = Arguments::default();
        self.isolation(&mut res);
        self.system(&mut res);
        for it in &self.read_only {
            res.push(["--ro-bind".as_ref(), it.as_os_str(), it.as_os_str()]);
        }
        res.push(["--bind".as_ref(), self.workspace.as_os_str(), WORKSPACE.as_ref()]);
        self.hidden.iter().for_each(|it| self.cover(it, &mut res));
        // In a home directory it is read-only already.
        if !self.hidden.contains(&Cover::ReadOnly(PathBuf::new())) {
            self.close_git(&mut res);
        }
        let scratch = order.scratch.path().as_os_str();
        res.push(["--bind".as_ref(), scratch, SCRATCH.as_ref()]);
        res.push(["--bind".as_ref(), order.home.path().as_os_str(), HOME.as_ref()]);
        res.push(["--remount-ro", "/", "--chdir"].map(OsStr::new));
        res.push([Path::new(WORKSPACE).join(&order.directory).as_os_str()]);
        for (name, value) in &order.environment {
            res.push(["--setenv", name, value].map(OsStr::new));
        }
        res.0
    }

    /// Puts something over a path of the workspace.
    fn cover(&self, cover: &Cover, res: &mut Arguments) {
        let shown = |below: &Path| Path::new(WORKSPACE).join(below);
        let mut bind = |how: &str, real: &Path, below: &Path| {
            res.push([how.as_ref(), real.as_os_str(), shown(below).as_os_str()]);
        };
        match cover {
            Cover::Same(it) => bind("--bind", &self.workspace.join(it), it),
            Cover::ReadOnly(it) => bind("--ro-bind", &self.workspace.join(it), it),
            Cover::NoDirectory(it) => self.empty(&shown(it), res),
            Cover::NoFile(it) => {
                res.text(&["--ro-bind-data"]);
                res.file(b"");
                res.push([shown(it).as_os_str()]);
            }
        }
    }

    /// A directory without anything in it.
    fn empty(&self, shown: &Path, res: &mut Arguments) {
        res.push(["--size", "4096", "--tmpfs"].map(OsStr::new));
        res.push([shown.as_os_str(), "--remount-ro".as_ref(), shown.as_os_str()]);
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
            self.empty(&hooks.1, res);
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
        res.text(&["--cap-drop", "ALL", "--clearenv"]);
        for filter in &self.filters {
            res.text(&["--add-seccomp-fd"]);
            res.file(filter);
        }
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
        // The host's own name for itself is one that a network knows it by.
        let is_real = |name: &str| self.config.network && name == "hosts";
        for (name, text) in MADE_UP.iter().filter(|(name, _)| !is_real(name)) {
            res.text(&["--ro-bind-data"]);
            res.file(text.as_bytes());
            res.push([Path::new("/etc").join(name).as_os_str()]);
        }
        if self.config.network {
            for path in NETWORK_SETTINGS {
                res.text(&["--ro-bind-try", path, path]);
            }
        }
        let size = MAX_TMP_BYTES.min(self.config.memory_bytes).to_string();
        // Settings of the kernel, some of which a user could write.
        res.text(&["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]);
        res.text(&["--size", &size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
        res.text(&["--size", &size, "--tmpfs", "/tmp"]);
    }
}

#[derive(Default)]
struct Arguments(Vec<Word>);

impl Arguments {
    fn text(&mut self, words: &[&str]) {
        words.iter().for_each(|it| self.push([OsStr::new(*it)]));
    }

    fn push<const N: usize>(&mut self, words: [&OsStr; N]) {
        self.0.extend(words.map(|it| Word::Text(it.as_bytes().to_vec())));
    }

    /// A file with this content, in the place of a number.
    fn file(&mut self, content: &[u8]) {
        self.0.push(Word::File(content.to_vec()));
    }
}

/// By the PATH of the host; an entry of it that is relative, or leads into the
/// workspace, is passed over: a child would choose what the host runs.
fn find(workspace: &Path) -> Option<PathBuf> {
    let path: OsString = env::var_os("PATH")?;
    let places = env::split_paths(&path).filter(|it| it.is_absolute());
    let programs = places.map(|it| it.join("bwrap")).filter(|it| it.is_file());
    let is_outside = |it: &PathBuf| it.canonicalize().is_ok_and(|it| !it.starts_with(workspace));
    programs.filter(is_outside).find(|it| it.parent().is_some_and(|it| is_outside(&it.into())))
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
        home::Home,
        sandbox::Sandbox,
        scratch::Scratch,
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
        let sandbox = Arc::new(Sandbox::Bubblewrap(Bubblewrap {
            launcher: launcher::program(&config).unwrap(),
            program,
            workspace: dir.path().to_owned(),
            hidden: Vec::new(),
            read_only: Vec::new(),
            config: config.clone(),
            no_namespaces: false,
            filters: Vec::new(),
        }));
        let check = async |time, cancelled: CancellationToken, expect| {
            let (directory, environment) = (PathBuf::new(), BTreeMap::new());
            let place = Arc::new(Scratch::new().unwrap());
            let (scratch, home) = (place.directory().unwrap(), Home::new(&place, &[]).unwrap());
            let (arguments, home) = (Vec::new(), Arc::new(home));
            let (watch, ends) = (None, None);
            let order = Order { arguments, directory, environment, scratch, home, watch, ends };
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
