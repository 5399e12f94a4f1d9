//! The processes of a cluster: a NATS server and workers, each with a directory
//! of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{LazyLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use hermitage::cluster::{HostKey, PublicKey};
use hermitage_tests::checkout;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a process has to say what it is waited for.
const SAID_WITHIN: Duration = Duration::from_secs(60);

/// Where the server's program is.
fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let found = Command::new(checkout().join("tests/cluster/nats")).output().unwrap();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
    });
    &PROGRAM
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// A NATS server on this machine alone.
pub(crate) struct Nats {
    child: Child,
    port: u16,
    dir: TempDir,
}

impl Nats {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        Self { child: Self::run(port, dir.path()), port, dir }
    }

    fn run(port: u16, dir: &Path) -> Child {
        let mut command = Command::new(program());
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream"]);
        command.arg("--store_dir").arg(dir);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + SAID_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the server does not start");
            thread::yield_now();
        }
        child
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Killed, and started again on what it has on its disk.
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::run(self.port, self.dir.path());
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory with a key.
pub(crate) struct Home(pub(crate) TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Of a host whose store is `hermitage/hermitage.db` in it.
    pub(crate) fn key(&self) -> PublicKey {
        HostKey::at(&self.0.path().join("hermitage/cluster.key")).unwrap().public()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.path().join("hermitage/hermitage.db")
    }
}

/// `hermitage worker`.
pub(crate) struct Worker {
    child: Child,
    said: mpsc::Receiver<String>,
    _home: Home,
}

impl Worker {
    /// One that trusts a host, once it takes children.
    pub(crate) fn start(home: Home, nats: &Nats, trusted: PublicKey, more: &str) -> Self {
        Self::at(&nats.url(), home, trusted, more)
    }

    /// The same, with another way to the server.
    pub(crate) fn at(url: &str, home: Home, trusted: PublicKey, more: &str) -> Self {
        let config = format!(
            "[cluster]\nnats = '{url}'\ntrusted = ['{trusted}']\nlease_seconds = 2\n{more}\n"
        );
        let file = home.0.path().join("config.toml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hermitage-under-test"));
        command
            .args(["worker", "--config"])
            .arg(file)
            .env("NO_COLOR", "1")
            .env("HOME", home.0.path())
            .env("XDG_STATE_HOME", home.0.path())
            .env("XDG_CONFIG_HOME", home.0.path())
            .env("XDG_DATA_HOME", home.0.path())
            .env("XDG_CACHE_HOME", checkout().join("target/components/cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (told, said) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = told.send(line);
            }
        });
        let worker = Self { child, said, _home: home };
        worker.until_it_says("takes children");
        worker
    }

    /// Waits for a line with that in it.
    pub(crate) fn until_it_says(&self, what: &str) -> String {
        let until = Instant::now() + SAID_WITHIN;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(line) if line.contains(what) => return line,
                Ok(_) => (),
                Err(_) => panic!("a worker does not say `{what}`"),
            }
        }
    }

    pub(crate) fn signal(&self, which: Signal) {
        signal(&self.child, which);
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.signal(Signal::INT);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
