//! Where a secret comes from, and how it is read.
//!
//! It is wiped when it is dropped, and is in no `Debug` output. What a command
//! says on its standard error is told to nobody: one that fails, or is traced
//! by its shell, may say the secret there, in a form that nobody knows.
//!
//! Must not know what a secret is for, or keep one.

mod tree;

use std::{
    env::{self, VarError},
    fmt, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::geteuid;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{io::AsyncReadExt, process::Command, task::spawn_blocking, time::timeout};

use self::tree::Tree;
use crate::plain_file;

/// Longest output of a command, and longest file. Bounds what never ends.
const MAX_BYTES: u64 = 16 << 10;

/// How long a command may take: some ask a person for a passphrase.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// The bits of a file's mode that let others at it.
const OF_OTHERS: u32 = 0o077;

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// An environment variable of the host.
    Variable(String),
    /// The output of a program, given with its arguments. No shell takes part:
    /// nothing is split, expanded or quoted; one that is wanted is named
    /// (`["sh", "-c", "…"]`). It runs as the operator, with the host's
    /// environment and directory. Its standard error goes nowhere.
    Command(Vec<String>),
    /// A file of this user's that nobody else may read.
    File(PathBuf),
}

impl fmt::Debug for Source {
    /// Without a command's arguments, which may hold the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "Variable({name})"),
            Self::Command(argv) => {
                write!(f, "Command({} …)", argv.first().map_or("", String::as_str))
            }
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

/// Why there is no secret. For the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The variable is not there, or blank.
    #[error("`{0}` is not set\nhint: export it before the host starts")]
    NotSet(String),
    /// No program is named.
    #[error("the command for the key is empty\nhint: name a program and its arguments")]
    NoProgram,
    /// The program can't be started.
    #[error("cannot start `{program}` for the key: {reason}")]
    Start {
        /// Without its arguments.
        program: String,
        /// What the operating system said.
        reason: String,
    },
    /// It took too long.
    #[error("`{program}` gave no key within {} s", limit.as_secs())]
    TimedOut {
        /// Without its arguments.
        program: String,
        /// How long it had.
        limit: Duration,
    },
    /// It ended with an error.
    #[error(
        "`{program}` gave no key ({status})\n\
         hint: run the command in a shell to see why: what it says is not shown here, because \
         the key may be in it"
    )]
    Failed {
        /// Without its arguments.
        program: String,
        /// How it ended.
        status: String,
    },
    /// The file can't be read.
    #[error("cannot read the key from `{}`: {reason}", file.display())]
    File {
        /// As it was given.
        file: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// Somebody else has the file.
    #[error(
        "`{}` holds a key, and is {whose}\nhint: `chmod 600` a file of your own", file.display()
    )]
    Open {
        /// As it was given.
        file: PathBuf,
        /// Why that is no secret.
        whose: &'static str,
    },
    /// What came is blank, too long, or has characters that no key has.
    #[error("{0} gave no key: one line of printable ASCII is wanted")]
    NoKey(String),
}

impl Source {
    /// Reads it. A command has `limit`, and ends with all that it started when
    /// this future is dropped.
    pub(crate) async fn read(&self, limit: Duration) -> Result<SecretString, SourceError> {
        match self {
            Self::Variable(name) => of_variable(name),
            Self::Command(argv) => {
                let (program, arguments) = argv.split_first().ok_or(SourceError::NoProgram)?;
                let late = |_| SourceError::TimedOut { program: program.clone(), limit };
                timeout(limit, output(program, arguments)).await.map_err(late)?
            }
            Self::File(path) => {
                let (own, file) = (path.clone(), path.clone());
                let read = spawn_blocking(move || of_file(&own)).await;
                read.unwrap_or_else(|it| Err(SourceError::File { file, reason: it.to_string() }))
            }
        }
    }
}

fn of_variable(name: &str) -> Result<SecretString, SourceError> {
    let value = match env::var(name) {
        Err(VarError::NotUnicode(_)) => return Err(SourceError::NoKey(format!("`{name}`"))),
        value => SecretString::from(value.unwrap_or_default()),
    };
    if value.expose_secret().trim().is_empty() {
        return Err(SourceError::NotSet(name.to_owned()));
    }
    checked(value, name)
}

/// Whose the file is, is asked of what was opened: the path may be another's
/// a moment later.
fn of_file(path: &Path) -> Result<SecretString, SourceError> {
    let wrong = |it: io::Error| SourceError::File { file: path.to_owned(), reason: it.to_string() };
    let open = |whose| SourceError::Open { file: path.to_owned(), whose };
    let file = plain_file::open(path).map_err(wrong)?;
    let metadata = file.metadata().map_err(wrong)?;
    if metadata.uid() != geteuid().as_raw() {
        return Err(open("another user's"));
    }
    if metadata.mode() & OF_OTHERS != 0 {
        return Err(open("open to others"));
    }
    let bytes = plain_file::bytes(file, MAX_BYTES).map_err(wrong)?;
    checked(of_bytes(bytes), &path.display().to_string())
}

async fn output(program: &str, arguments: &[String]) -> Result<SecretString, SourceError> {
    let start =
        |it: io::Error| SourceError::Start { program: program.to_owned(), reason: it.to_string() };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let tree = Tree::of(&child);
    let out = text_of(child.stdout.take()).await;
    let status = child.wait().await.map_err(start)?;
    tree.leave();
    if !status.success() {
        let (program, status) = (program.to_owned(), status.to_string());
        return Err(SourceError::Failed { program, status });
    }
    checked(out, program)
}

/// What a stream says, up to the bound; the end of the stream closes it, so a
/// program that goes on is told by the system.
async fn text_of(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> SecretString {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What could be read is judged, whatever came after it.
        let _ = stream.take(MAX_BYTES).read_to_end(&mut bytes).await;
    }
    of_bytes(bytes)
}

fn of_bytes(bytes: Vec<u8>) -> SecretString {
    SecretString::from(String::from_utf8(bytes).unwrap_or_default())
}

fn checked(text: SecretString, source: &str) -> Result<SecretString, SourceError> {
    let key = text.expose_secret().trim();
    let fits = !key.is_empty() && (key.len() as u64) < MAX_BYTES;
    if fits && key.chars().all(|it| it.is_ascii_graphic()) {
        Ok(SecretString::from(key))
    } else {
        Err(SourceError::NoKey(format!("`{source}`")))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt as _,
    };

    use super::*;

    fn command(script: &str) -> Source {
        Source::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    async fn check(source: Source, expect: Result<&str, &str>) {
        let res = source.read(COMMAND_TIMEOUT).await;
        let res = res.as_ref().map(|it| it.expose_secret()).map_err(ToString::to_string);
        assert_eq!(res, expect.map_err(str::to_owned), "{source:?}");
    }

    #[tokio::test]
    async fn a_command_gives_the_key() {
        let check = async |script, expect| check(command(script), expect).await;
        check("echo '  abc '; echo", Ok("abc")).await;
        check("printf abc; echo careful >&2", Ok("abc")).await;
        let none = "`sh` gave no key: one line of printable ASCII is wanted";
        for script in ["true", "echo", "echo a; echo b", "printf 'a b'", r"printf '\377'"] {
            check(script, Err(none)).await;
        }
        check("head -c 1000000 /dev/zero | tr '\\0' x; true", Err(none)).await;
        let failed = "`sh` gave no key (exit status: 3)\nhint: run the command in a shell to see \
                      why: what it says is not shown here, because the key may be in it";
        check("echo no such entry >&2; echo more >&2; exit 3", Err(failed)).await;
        // More than a pipe holds.
        check("head -c 1000000 /dev/zero >&2; echo abc", Ok("abc")).await;
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended() {
        let limit = Duration::from_millis(20);
        let err = command("exec sleep 1000").read(limit).await.unwrap_err();
        assert_eq!(err, SourceError::TimedOut { program: "sh".to_owned(), limit });
    }

    /// What a shell waits for is no child of the host, and would go on alone.
    #[tokio::test]
    async fn a_command_that_is_given_up_ends_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let script = format!(
            "mkfifo {0}/never; cat {0}/never & sh -c 'sleep 1000; :' & echo $! > {0}/new; \
             mv {0}/new {0}/pids; wait",
            dir.path().display()
        );
        let source = command(&script);
        tokio::select! {
            res = source.read(COMMAND_TIMEOUT) => panic!("{:?}", res.map(drop)),
            () = async { while !pids.exists() { tokio::task::yield_now().await } } => (),
        }
        let pid = fs::read_to_string(&pids).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        // Killed, whoever reaps it.
        let is_alive = || fs::read_to_string(&stat).is_ok_and(|it| !it.contains(") Z "));
        while is_alive() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_source_that_is_none_is_said() {
        let program = Source::Command(vec!["no-such-program-here".to_owned()]);
        let err = program.read(COMMAND_TIMEOUT).await.unwrap_err().to_string();
        assert!(err.starts_with("cannot start `no-such-program-here` for the key: "), "{err}");
        check(
            Source::Command(Vec::new()),
            Err("the command for the key is empty\nhint: name a program and its arguments"),
        )
        .await;
        let variable = Source::Variable("HERMITAGE_NO_SUCH_KEY".to_owned());
        let text = "`HERMITAGE_NO_SUCH_KEY` is not set\nhint: export it before the host starts";
        check(variable, Err(text)).await;
    }

    #[tokio::test]
    async fn a_file_gives_the_key_when_nobody_else_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let shown = path.display();
        let file = || Source::File(path.clone());
        let write = |text: &[u8], mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        };
        let missing =
            format!("cannot read the key from `{shown}`: No such file or directory (os error 2)");
        check(file(), Err(&missing)).await;
        write(b"abc\n", 0o600);
        check(file(), Ok("abc")).await;
        write(b"abc", 0o400);
        check(file(), Ok("abc")).await;
        fs::remove_file(&path).unwrap();
        let open = format!(
            "`{shown}` holds a key, and is open to others\nhint: `chmod 600` a file of your own"
        );
        for mode in [0o640, 0o604, 0o620, 0o666, 0o601] {
            write(b"abc", mode);
            check(file(), Err(&open)).await;
        }
        let none = format!("`{shown}` gave no key: one line of printable ASCII is wanted");
        for text in [&b""[..], b"a\nb", b"\xff", b"a b"] {
            write(text, 0o600);
            check(file(), Err(&none)).await;
        }
        write(&[b'x'; 20 << 10], 0o600);
        let long = format!("cannot read the key from `{shown}`: it has more than 16384 bytes");
        check(file(), Err(&long)).await;
        let directory = Source::File(dir.path().to_owned());
        let text =
            format!("cannot read the key from `{}`: it is no regular file", dir.path().display());
        check(directory, Err(&text)).await;
        // What the system itself owns is nobody's secret here, unless the
        // host runs as that user.
        if !geteuid().is_root() {
            let text = "`/etc/passwd` holds a key, and is another user's\n\
                        hint: `chmod 600` a file of your own";
            check(Source::File("/etc/passwd".into()), Err(text)).await;
        }
    }
}
