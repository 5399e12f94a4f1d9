//! [`Cli`]: a place to run commands in, with nothing of the machine's own
//! settings.

use std::{
    env,
    ffi::OsStr,
    fmt,
    fs::{self, File, TryLockError},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use hermitage_tests::{checkout, guest};
use rustix::{
    fs::OFlags,
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;
use tempfile::TempDir;

/// What differs between two runs.
pub(crate) const FILTERS: [(&str, &str); 9] = [
    (r"/\S*/\.tmp\w{6}/(work/)?", "/[DIR]/"),
    (r"deleg_[0-9a-f]{32}", "deleg_[ID]"),
    (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
    (r"\b[0-9a-f]{8}\b", "[SHORT]"),
    (r"\b\d+(\.\d+)?s\b", "[TIME]"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[DATE]"),
    (r"\(\d+ bytes\)", "([SIZE] bytes)"),
    (r#""bytes": \d+"#, r#""bytes": [SIZE]"#),
    (r"damaged at byte \d+", "damaged at byte [N]"),
];

/// For tests of what is reported of a host that was killed.
pub(crate) const NOTHING_GOES_ON: &str = "[delegation]\nresume = \"off\"";

/// Where the service of the usual store is.
pub(crate) const PLACE: &str = "home/state/hermitage/hermitage.db.service";

/// The user's own file.
pub(crate) const CONFIG: &str = "home/config/hermitage/config.toml";

/// A fresh directory to run commands in, and beside it a home for its user.
pub(crate) struct Cli {
    dir: TempDir,
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cli {
    /// With `hello.txt`, and the guests as `NAME.wasm`.
    pub(crate) fn new(guests: &[&str]) -> Self {
        let cli = Self { dir: tempfile::tempdir().unwrap() };
        cli.file("hello.txt", "hello");
        for name in guests {
            cli.file(&format!("{name}.wasm"), guest(name));
        }
        cli
    }

    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// With a model that plays a cassette of `cassettes/`, and a dearer one
    /// that plays the same.
    pub(crate) fn taped(cassette: &str) -> Self {
        let cli = Self::new(&[]);
        let file = checkout().join("tests/cli/cassettes").join(cassette);
        cli.config(&format!(
            "[model]
             default = 'plain'
             [providers.tape]
             kind = 'scripted'
             cassette = '{}'
             [models.plain]
             provider = 'tape'
             id = 'plain-1'
             [models.dear]
             provider = 'tape'
             id = 'dear-1'
             input_price = 1.0
             output_price = 10.0
            ",
            file.display(),
        ));
        cli
    }

    /// Writes the user's own file.
    pub(crate) fn config(&self, text: &str) {
        self.file(CONFIG, text);
    }

    /// A path of the directory, or below `home`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        let is_home = Path::new(path).starts_with("home");
        if is_home { self.dir.path().join(path) } else { self.dir.path().join("work").join(path) }
    }

    /// All that it has.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A command in the directory, with nothing to read.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hermitage-under-test"));
        let home = self.dir.path().join("home");
        command
            .args(args)
            .current_dir(self.path(""))
            .env_remove("HERMITAGE_LOG")
            .env_remove("COLUMNS")
            .env_remove("OPENAI_API_KEY")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC")
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            // Compiling the bundled agents again for each test takes long.
            .env("XDG_CACHE_HOME", checkout().join("target/components/cache"))
            // Should they be built, that needs the tool chain of the machine.
            .env("CARGO_HOME", home_of("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", home_of("RUSTUP_HOME", ".rustup"))
            .env("HOME", home)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    /// With a text on standard input.
    pub(crate) fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        Ran::from(child.wait_with_output().unwrap())
    }
}

impl Cli {
    /// The services that run for this user, of the usual store and of those
    /// in the directory.
    pub(crate) fn services(&self) -> Vec<Pid> {
        let dirs = [self.path(PLACE).parent().unwrap().to_owned(), self.path("")];
        let entries = dirs.iter().flat_map(|it| fs::read_dir(it).into_iter().flatten());
        let paths = entries.map(|it| it.unwrap().path());
        let places = paths.filter(|it| it.extension().is_some_and(|it| it == "service"));
        let holder = |place: PathBuf| {
            let path = place.join("lock");
            let lock = File::open(&path).ok()?;
            let is_held = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
            let said: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).ok()?;
            let id = said["process"].as_i64().filter(|_| is_held)?;
            Pid::from_raw(id.try_into().unwrap())
        };
        places.filter_map(holder).collect()
    }
}

impl Drop for Cli {
    /// A service that was started on demand ends with its test.
    fn drop(&mut self) {
        for service in self.services() {
            // It may have ended by itself.
            let _ = kill_process(service, Signal::KILL);
        }
    }
}

/// A terminal: the end of the person, and that of the program.
pub(crate) fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let flags = OFlags::NOCTTY.bits().cast_signed();
    let end = File::options().read(true).write(true).custom_flags(flags).open(name).unwrap();
    (File::from(master), end)
}

fn home_of(variable: &str, dir: &str) -> PathBuf {
    let default = || env::home_dir().unwrap_or_default().join(dir);
    env::var_os(variable).map_or_else(default, |it| Path::new(&it).to_owned())
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}\n{self}"))
    }

    /// With two blanks between columns: how wide they are is chance.
    pub(crate) fn squeezed(mut self) -> Self {
        let line = |line: &str| {
            let words = line.trim_start();
            let indent = " ".repeat(line.len() - words.len());
            let cells = words.split("  ").map(str::trim).filter(|it| !it.is_empty());
            format!("{indent}{}", cells.collect::<Vec<_>>().join("  "))
        };
        self.stdout = self.stdout.lines().map(line).collect::<Vec<_>>().join("\n");
        self
    }

    /// The lines of standard error in a fixed order: that of children that
    /// run at once is chance.
    pub(crate) fn sorted(mut self) -> Self {
        let mut lines: Vec<&str> = self.stderr.lines().collect();
        lines.sort_by_key(|it| it.split_once('[').map(|(_, rest)| rest));
        self.stderr = lines.join("\n");
        self
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exit, stdout, stderr } = self;
        let exit = exit.map_or("by a signal".to_owned(), |it| it.to_string());
        let (stdout, stderr) = (stdout.trim_end(), stderr.trim_end());
        write!(f, "exit: {exit}\n----- stdout\n{stdout}\n----- stderr\n{stderr}")
    }
}
