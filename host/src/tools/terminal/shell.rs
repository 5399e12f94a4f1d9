//! The constant scripts around a command. What a child wrote is an argument
//! of them, never a part.

use std::{path::Path, sync::LazyLock};

/// Where programs are, in the sandbox as on the host: read-only there.
pub(super) const PROGRAM_DIRS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Inside: runs the line in this shell, and writes where it ended and what it
/// exports. Arguments: processes, the file for what is kept, the line.
static LINE: LazyLock<String> = LazyLock::new(|| folded(include_str!("shell/line.sh")));

/// Inside: becomes a program. Arguments: processes; then the program.
const PROGRAM: &str = "\
ulimit -u \"$1\" 2>/dev/null || ulimit -p \"$1\" 2>/dev/null; shift; exec \"$@\"";

/// Name of the file for what is kept, in a command's own directory.
pub(super) const KEPT: &str = "kept";

/// The shell for the child's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shell {
    path: &'static str,
    is_bash: bool,
}

impl Shell {
    /// `bash` when there is one.
    pub(super) fn find() -> Self {
        let bash = ["/usr/bin/bash", "/bin/bash"].into_iter().find(|it| Path::new(it).exists());
        match bash {
            Some(path) => Self { path, is_bash: true },
            None => Self { path: "/bin/sh", is_bash: false },
        }
    }

    /// Runs `line`, and keeps what it leaves in `kept`.
    pub(super) fn line(&self, processes: &str, kept: &str, line: &str) -> Vec<String> {
        let name = if self.is_bash { "bash" } else { "sh" };
        [self.path, "-c", &LINE, name, processes, kept, line].map(str::to_owned).into()
    }

    /// Runs a program with arguments.
    pub(super) fn program(&self, processes: &str, program: &[&str]) -> Vec<String> {
        let name = if self.is_bash { "bash" } else { "sh" };
        let before = [self.path, "-c", PROGRAM, name, processes];
        before.into_iter().chain(program.iter().copied()).map(str::to_owned).collect()
    }
}

/// A script on one line, without its comments.
fn folded(script: &str) -> String {
    let lines = script.lines().map(str::trim);
    lines.filter(|it| !it.is_empty() && !it.starts_with('#')).collect::<Vec<_>>().join(" ")
}
