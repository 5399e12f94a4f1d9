//! The terminal as a whole, with real commands: every test runs in each kind
//! of sandbox, and fails on a machine that lacks one.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    process::Command,
    sync::LazyLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    session::Session,
    setting::built_in,
    toolset::{Caller, ToolError},
};

mod attack;
mod end;
mod git;
mod hidden;
mod killed;
mod parity;
mod session;
mod shown;

/// Limits that no test meets by accident.
pub(super) fn roomy(sandbox: SandboxChoice) -> TerminalConfig {
    TerminalConfig {
        sandbox,
        network: false,
        timeout: Duration::from_secs(60),
        max_timeout: Duration::from_secs(120),
        cpu: Duration::from_secs(60),
        memory_bytes: 1 << 30,
        max_processes: 64,
        max_file_bytes: 64 << 20,
        max_output_bytes: 64 << 10,
        max_produced_bytes: 64 << 20,
        tool_chains: Vec::new(),
        ..built_in()
    }
}

/// A terminal in a directory that holds a secret beside the workspace.
struct Fixture {
    outer: TempDir,
    tools: TerminalTools,
    session: TerminalSession,
    caller: Caller,
}

/// Installs the one kind of sandbox that is a program, where that is possible.
fn install_bubblewrap() {
    static INSTALLED: LazyLock<bool> = LazyLock::new(|| {
        let is_there = || Command::new("bwrap").arg("--version").output().is_ok();
        let apt = |args: &[&str]| {
            let ran = Command::new("apt-get").args(args).output();
            ran.is_ok_and(|it| it.status.success())
        };
        let install = || apt(&["install", "--yes", "bubblewrap"]);
        is_there() || install() || (apt(&["update"]) && install())
    });
    assert!(*INSTALLED, "install `bubblewrap`: both kinds of sandbox are tested");
}

impl Fixture {
    fn with(config: TerminalConfig) -> Self {
        install_bubblewrap();
        let outer = tempfile::tempdir().unwrap();
        std::fs::create_dir(outer.path().join("workspace")).unwrap();
        std::fs::write(outer.path().join("secret.txt"), "CANARY-outside\n").unwrap();
        let workspace = outer.path().join("workspace");
        let open = TerminalTools::open(&workspace, config, Arc::default());
        // A machine without one of the kinds tests half of what it promises.
        let tools = block_on(open).unwrap_or_else(|error| {
            panic!("both kinds of sandbox must be there to be tested (on Debian, `bubblewrap`): {error}")
        });
        let session = tools.session();
        let caller = Caller::of("child", Session::Local);
        Self { outer, tools, session, caller }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.outer.path().canonicalize().unwrap().join("workspace").join(path)
    }

    fn is_bubblewrap(&self) -> bool {
        self.tools.kind() == SandboxKind::Bubblewrap
    }

    fn call(&self, call: Terminal) -> Result<CommandResult, ToolError> {
        block_on(self.session.run(&self.caller, call))
    }

    fn run(&self, command: &str) -> Result<CommandResult, ToolError> {
        self.call(Terminal { command: command.to_owned(), ..Terminal::default() })
    }

    /// The output of a command, whatever its exit code.
    fn text(&self, command: &str) -> String {
        self.run(command).unwrap_or_else(|it| panic!("`{command}`: {it}")).output
    }

    fn execute(&self, language: &str, source: &str) -> Result<CommandResult, ToolError> {
        block_on(self.session.execute(&self.caller, language, source.to_owned()))
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(future)
}

/// Does the same in each kind of sandbox.
fn each(change: impl Fn(&mut TerminalConfig), test: impl Fn(&Fixture)) {
    for sandbox in [SandboxChoice::Bubblewrap, SandboxChoice::Landlock] {
        let mut config = roomy(sandbox);
        change(&mut config);
        test(&Fixture::with(config));
    }
}

/// Runs each line in a session of its own, and compares exit code and output.
fn check(cases: &[(&str, i32, &str)]) {
    each(
        |_| {},
        |fixture| {
            for (command, exit_code, output) in cases {
                let session = fixture.tools.session();
                let call = Terminal { command: (*command).to_owned(), ..Terminal::default() };
                let found = block_on(session.run(&fixture.caller, call));
                let expected = CommandResult {
                    exit_code: *exit_code,
                    output: (*output).to_owned(),
                    truncated: false,
                };
                assert_eq!(found, Ok(expected), "{}: `{command}`", fixture.tools.kind());
            }
        },
    );
}
