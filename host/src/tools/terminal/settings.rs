//! Limits of commands.

use std::{path::PathBuf, time::Duration};

use super::{SandboxChoice, ToolChain};
use crate::{
    defence::Defences,
    setting::{
        FromText, Wrong, count, flag, is_variable, kib, mib, seconds, settings, text, texts, word,
    },
};

settings! {
    /// The tools `terminal` and `execute_code`: commands, each in a sandbox of
    /// its own. A command is whatever a model wrote.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TerminalConfig in "tools.terminal" {
        /// What keeps a command inside: `bubblewrap`, `landlock` (with
        /// seccomp), or `auto` for the first of them that proves itself on this
        /// machine.
        ///
        /// Without one there is no terminal: commands never run bare.
        pub sandbox: SandboxChoice = text("auto"), project: Never;

        /// Whether commands may use the network of this machine, the local one
        /// included, past all rules of `tools.web`.
        ///
        /// true or false.
        pub network: bool = flag(false), project: Lower;

        /// Time of a command that names none.
        ///
        /// at most `max_timeout_seconds`.
        pub timeout as "timeout_seconds": Duration = seconds(120, 1..=86_400), project: Lower;

        /// Time of a command, whatever it names.
        ///
        /// Bounds a command that waits for ever.
        pub max_timeout as "max_timeout_seconds": Duration =
            seconds(600, 1..=86_400), project: Lower;

        /// Processor time of all processes of a command together.
        ///
        /// Bounds a command that computes without end.
        pub cpu as "cpu_seconds": Duration = seconds(600, 1..=86_400), project: Lower;

        /// Memory of all processes of a command together.
        ///
        /// Bounds what a command takes of the machine.
        // By a look every 50 ms, and each process's own data by the kernel. Below the
        // floor no shell starts.
        pub memory_bytes as "memory_mib": u64 = mib(2048, 16..=1_048_576), project: Lower;

        /// Processes and threads of a command at a time, as the kernel counts
        /// them.
        ///
        /// Bounds a fork bomb.
        // A shell and one command.
        pub max_processes: u32 = count(512, 2..=100_000), project: Lower;

        /// Size of one file that a command writes.
        ///
        /// Bounds how fast the disk fills.
        // The sum of all files is not bounded.
        pub max_file_bytes as "max_file_mib": u64 = mib(1024, 1..=1_048_576), project: Lower;

        /// Output that is kept, its beginning and its end.
        ///
        /// Bounds what an answer takes of a child's context.
        // The first two fifths and the last three.
        pub max_output_bytes as "max_output_kib": u64 = kib(32, 1..=65_536), project: Lower;

        /// Output after which a command is ended.
        ///
        /// Bounds a command that writes without end.
        pub max_produced_bytes as "max_produced_mib": u64 = mib(64, 1..=1_048_576), project: Lower;

        /// Variables of this program's environment that commands see, besides a
        /// few that every program needs.
        ///
        /// Names of variables. What is in them, a child can read.
        pub environment: Vec<String> = texts(&[]).checked(variable), project: Subset;

        /// Tool chains in your home directory that commands may read and run,
        /// where they are: `rustup` (with the programs of `cargo install`),
        /// `cargo` (packages from registries), `cargo-git` (packages from git),
        /// `nvm`, `pyenv`. Those that you have not are passed over.
        ///
        /// Names of tool chains. What is in them, a child can read.
        pub tool_chains: Vec<ToolChain> =
            texts(&["rustup", "cargo", "nvm", "pyenv"]), project: Subset;

        /// Further files and directories that commands may read and run, and
        /// never write.
        ///
        /// Paths; those of a file start where the file is. What is in them, a
        /// child can read; so none that holds your home directory, keys and
        /// passwords, or files of this host.
        pub read_only: Vec<PathBuf> = texts(&[]).path(), project: Subset;

        /// Further directories of programs, searched before those of the
        /// system; they are shown like `read_only`.
        ///
        /// Paths; those of a file start where the file is.
        pub path: Vec<PathBuf> = texts(&[]).path(), project: Subset;
    } besides {
        /// The program that starts commands, when it is not this process's own or
        /// `hermitage` beside it (see [`crate::helper`]).
        pub helper: Option<PathBuf> = None;

        /// All of them, but in tests.
        pub defences: Defences = Defences::ALL;
    }
}

impl FromText for SandboxChoice {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let words = [
            ("auto", SandboxChoice::Auto),
            ("bubblewrap", SandboxChoice::Bubblewrap),
            ("landlock", SandboxChoice::Landlock),
        ];
        word(text, &words)
    }
}

impl FromText for ToolChain {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        word(text, &ToolChain::ALL.map(|it| (it.name(), it)))
    }
}

fn variable(text: &str) -> Result<(), Wrong> {
    let expected = "a list of names of variables: letters, digits and `_`";
    is_variable(text).then_some(()).ok_or(Wrong::Malformed(expected))
}
