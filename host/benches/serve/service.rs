//! The service that is measured: the program itself, with a state of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::caller::Caller;

const CONFIG: &str = "[delegation]\nmax_async_children = 64\nmax_queued = 1000\n";

/// The program as it is installed, in the directory of its state.
const PROGRAM: &str = "hermitage";

fn command(dir: &Path) -> Command {
    let mut command = Command::new(dir.join(PROGRAM));
    for (name, value) in [("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")] {
        command.env(name, dir.join(value));
    }
    command
}

pub(crate) struct Service {
    process: Child,
    address: SocketAddr,
    token: String,
    socket: PathBuf,
    dir: TempDir,
}

impl Service {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workspace = dir.path().join("workspace");
        for name in ["workspace", "config/hermitage"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        fs::write(workspace.join("note.txt"), "one\ntwo\nthree\n").unwrap();
        fs::write(dir.path().join("config/hermitage/config.toml"), CONFIG).unwrap();
        // As it is installed: in a checkout it would use the sources of agents.
        fs::copy(env!("CARGO_BIN_EXE_hermitage"), dir.path().join(PROGRAM)).unwrap();
        let command = || command(dir.path());
        let mut process = command()
            .args(["serve", "--listen", "127.0.0.1:0", "--workspace"])
            .arg(&workspace)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut at =
            said.filter_map(|it| it.strip_prefix("note: listening at ").map(str::to_owned));
        let socket = at.next().unwrap().into();
        let address = at.next().unwrap();
        let address = address.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        // What it says later is read by nobody, and must not hold it up.
        std::thread::spawn(move || at.for_each(drop));
        let token = command().arg("token").output().unwrap().stdout;
        let token = String::from_utf8(token).unwrap().trim().to_owned();
        Self { process, address, token, socket, dir }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// One more with the token, with connections of its own.
    pub(crate) fn caller(&self) -> Caller {
        Caller::over_tcp(self.address, &self.token)
    }

    /// The owner, over the socket.
    pub(crate) fn owner(&self) -> Caller {
        Caller::over_socket(&self.socket)
    }

    /// A parent's way to it over stdio.
    pub(crate) fn parent(&self) -> Child {
        let mut command = command(self.dir.path());
        command.args(["mcp", "--workspace"]).arg(self.dir.path().join("workspace"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn peak_mebibytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let peak = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
