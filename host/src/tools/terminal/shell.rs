//! The constant scripts around a command. What a child wrote is an argument
//! of them, never a part.

use std::path::Path;

use super::TerminalConfig;

/// Where programs are, in the sandbox as on the host: read-only there.
pub(super) const PROGRAM_DIRS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Outside of the sandbox, before it is entered: limits the process and closes
/// what the host inherited from whoever started it. Run by a shell, since
/// nothing else can do that between a fork and an exec without unsafe code.
/// Arguments: seconds of CPU, KiB of data, blocks of a file, open files, file
/// descriptors to close; then the program. A limit that can't be set is
/// stricter already.
pub(super) const PREAMBLE: &str = "\
{ ulimit -c 0; ulimit -t \"$1\"; ulimit -d \"$2\"; ulimit -f \"$3\"; ulimit -n \"$4\"; } 2>/dev/null; \
for it in $5; do eval \"exec $it>&-\"; done; shift 5; exec \"$@\"";

/// The same for bubblewrap, whose own arguments come through standard input
/// and whose word on the command goes to standard output. Two more arguments:
/// files with the filters.
pub(super) const BUBBLEWRAP_PREAMBLE: &str = "\
{ ulimit -c 0; ulimit -t \"$1\"; ulimit -d \"$2\"; ulimit -f \"$3\"; ulimit -n \"$4\"; } 2>/dev/null; \
for it in $5; do eval \"exec $it>&-\"; done; shift 5; \
exec 5<\"$1\" 6<\"$2\"; shift 2; exec \"$@\" 3<&0 0</dev/null 4>&1 1>&2";

/// Inside: runs the line in this shell, and writes where it ended and what it
/// exports. On one line, so that the shell counts the child's lines from 1.
/// Arguments: processes, the file for what is kept, the line.
const LINE: &str = "\
ulimit -u \"$1\" 2>/dev/null || ulimit -p \"$1\" 2>/dev/null; _kept=$2 _line=$3; set --; \
trap '_code=$?; { printf \"%s\\0\" \"$(pwd -P)\"; env -0; } >\"$_kept\" 2>/dev/null; \
exit \"$_code\"' EXIT; eval \"$_line\"";

/// Inside: becomes a program. Arguments: processes; then the program.
const PROGRAM: &str = "\
ulimit -u \"$1\" 2>/dev/null || ulimit -p \"$1\" 2>/dev/null; shift; exec \"$@\"";

/// Name of the file for what is kept, in a command's own directory.
pub(super) const KEPT: &str = "kept";

/// Seconds beyond the limit, so that the watcher, which can say why, is first.
const CPU_GRACE: u64 = 1;

/// Bytes in one block of `ulimit -f`, in a shell that follows POSIX.
const FILE_BLOCK: u64 = 512;

/// File descriptors of a process. Bounds what open pipes and sockets take of
/// the kernel.
const MAX_OPEN_FILES: u32 = 1024;

/// The shell for the child's lines and for the preambles.
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

    /// For a preamble: by POSIX, in which the unit of a file's size is one.
    pub(super) fn preamble(&self, script: &str) -> Vec<String> {
        let mut res = vec![self.path];
        res.extend(self.is_bash.then_some("--posix"));
        res.extend(["-c", script, "sh"]);
        res.into_iter().map(str::to_owned).collect()
    }

    /// Arguments of a preamble that are limits.
    pub(super) fn limits(config: &TerminalConfig) -> [String; 4] {
        let cpu = config.cpu.as_secs().max(1).saturating_add(CPU_GRACE);
        [
            cpu.to_string(),
            (config.memory_bytes / 1024).max(1).to_string(),
            (config.max_file_bytes / FILE_BLOCK).to_string(),
            MAX_OPEN_FILES.to_string(),
        ]
    }

    /// Whether a preamble can close this descriptor: other shells than bash
    /// read one digit.
    pub(super) fn closes(&self, descriptor: u32) -> bool {
        self.is_bash || descriptor < 10
    }

    /// Runs `line`, and keeps what it leaves in `kept`.
    pub(super) fn line(&self, processes: &str, kept: &str, line: &str) -> Vec<String> {
        let name = if self.is_bash { "bash" } else { "sh" };
        [self.path, "-c", LINE, name, processes, kept, line].map(str::to_owned).into()
    }

    /// Runs a program with arguments.
    pub(super) fn program(&self, processes: &str, program: &[&str]) -> Vec<String> {
        let name = if self.is_bash { "bash" } else { "sh" };
        let before = [self.path, "-c", PROGRAM, name, processes];
        before.into_iter().chain(program.iter().copied()).map(str::to_owned).collect()
    }
}
