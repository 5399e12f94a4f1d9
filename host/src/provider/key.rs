//! The key of a provider: where it comes from, read when it is first needed.
//!
//! It is kept wiped-on-drop, is in no `Debug` output, and goes into a header
//! that is marked as sensitive. Why there is none is told twice: to the
//! operator, in the log; without the name of a command to the child. What a
//! command says on its standard error is told to nobody: one that fails, or is
//! traced by its shell, may say the key there, in a form that nobody knows.

mod tree;

use std::{
    env::{self, VarError},
    fmt,
    process::Stdio,
    time::Duration,
};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::{io::AsyncReadExt, process::Command, sync::OnceCell, time::timeout};

use super::ProviderError;
use crate::redact::{self, Redactor};
use tree::Tree;

/// Longest output of a command. Bounds a command that prints without end.
const MAX_OUTPUT_BYTES: u64 = 16 << 10;

/// How long a command may take: some ask a person for a passphrase.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the key comes from.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Key {
    /// There is none: a server of one's own.
    #[default]
    None,
    /// An environment variable of the host.
    Env(String),
    /// The output of a program, given with its arguments. No shell takes part:
    /// nothing is split, expanded or quoted; one that is wanted is named
    /// (`["sh", "-c", "…"]`). It runs once, as the operator, with the host's
    /// environment and directory. Its standard error goes nowhere.
    Command(Vec<String>),
}

impl fmt::Debug for Key {
    /// Without a command's arguments, which may hold the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "None"),
            Self::Env(name) => write!(f, "Env({name})"),
            Self::Command(argv) => {
                write!(f, "Command({} …)", argv.first().map_or("", String::as_str))
            }
        }
    }
}

/// Why there is no key. For the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
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
    /// What came is blank, too long, or has characters that no key has.
    #[error("{0} gave no key: one line of printable ASCII is wanted")]
    NoKey(String),
}

impl KeyError {
    /// What a child may read of it.
    fn for_child(&self) -> ProviderError {
        let text = match self {
            Self::NotSet(name) => format!("no key: `{name}` is not set for the host"),
            _ => "no key: the host could not get it; its log says why".to_owned(),
        };
        ProviderError::Key(text)
    }
}

/// A key that is got when it is first needed, then kept.
pub(super) struct KeyCell {
    key: Key,
    /// The provider whose key it is, for the log.
    provider: String,
    limit: Duration,
    value: OnceCell<SecretString>,
}

impl KeyCell {
    pub(super) fn new(key: Key, provider: &str) -> Self {
        let provider = provider.to_owned();
        Self { key, provider, limit: COMMAND_TIMEOUT, value: OnceCell::new() }
    }

    /// Whether there is to be one.
    pub(super) fn is_wanted(&self) -> bool {
        self.key != Key::None
    }

    /// The key behind `prefix`, as the value of a header. `None` when there is
    /// to be none. Of several that ask at a time one gets it for all; a
    /// failure is not kept.
    pub(super) async fn header(&self, prefix: &str) -> Result<Option<HeaderValue>, ProviderError> {
        if !self.is_wanted() {
            return Ok(None);
        }
        let value = self.value.get_or_try_init(|| self.read_and_tell()).await;
        let value = value.map_err(|error| error.for_child())?;
        let text = SecretString::from(format!("{prefix}{}", value.expose_secret()));
        let mut res = HeaderValue::from_str(text.expose_secret())
            .map_err(|_| ProviderError::Key("no key: it has characters no key has".to_owned()))?;
        res.set_sensitive(true);
        Ok(Some(res))
    }

    /// Has the key cut out, once there is one.
    pub(super) fn add_to(&self, redactor: &mut Redactor) {
        if let Some(key) = self.value.get() {
            redactor.add(key.expose_secret());
        }
    }

    async fn read_and_tell(&self) -> Result<SecretString, KeyError> {
        let provider = &self.provider;
        let key = self.read().await.inspect_err(|error| {
            tracing::error!(%provider, %error, "no key for a model provider");
        })?;
        if !redact::is_found(key.expose_secret()) {
            tracing::warn!(
                %provider,
                "a key of less than {} characters is taken for a placeholder, and stays where a \
                 server repeats it",
                redact::MIN_EXACT
            );
        }
        Ok(key)
    }

    async fn read(&self) -> Result<SecretString, KeyError> {
        match &self.key {
            Key::None => Err(KeyError::NoProgram),
            Key::Env(name) => {
                let value = match env::var(name) {
                    Err(VarError::NotUnicode(_)) => {
                        return Err(KeyError::NoKey(format!("`{name}`")));
                    }
                    value => SecretString::from(value.unwrap_or_default()),
                };
                if value.expose_secret().trim().is_empty() {
                    return Err(KeyError::NotSet(name.clone()));
                }
                checked(value, name)
            }
            Key::Command(argv) => {
                let (program, arguments) = argv.split_first().ok_or(KeyError::NoProgram)?;
                let res = timeout(self.limit, output(program, arguments)).await;
                res.map_err(|_| KeyError::TimedOut { program: program.clone(), limit: self.limit })?
            }
        }
    }
}

/// Runs the program; it ends with all that it started when this future is
/// dropped.
async fn output(program: &str, arguments: &[String]) -> Result<SecretString, KeyError> {
    let start = |it: std::io::Error| KeyError::Start {
        program: program.to_owned(),
        reason: it.to_string(),
    };
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
        return Err(KeyError::Failed { program, status });
    }
    checked(out, program)
}

/// What a stream says, up to the bound; the end of the stream closes it, so a
/// program that goes on is told by the system.
async fn text_of(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> SecretString {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What could be read is judged, whatever came after it.
        let _ = stream.take(MAX_OUTPUT_BYTES).read_to_end(&mut bytes).await;
    }
    SecretString::from(String::from_utf8(bytes).unwrap_or_default())
}

fn checked(text: SecretString, source: &str) -> Result<SecretString, KeyError> {
    let key = text.expose_secret().trim();
    let fits = !key.is_empty() && key.len() < length(MAX_OUTPUT_BYTES);
    if fits && key.chars().all(|it| it.is_ascii_graphic()) {
        Ok(SecretString::from(key))
    } else {
        Err(KeyError::NoKey(format!("`{source}`")))
    }
}

fn length(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "sk-canary-5up3r53cr37";

    fn command(script: &str) -> KeyCell {
        KeyCell::new(Key::Command(["sh", "-c", script].map(str::to_owned).to_vec()), "local")
    }

    async fn check(script: &str, expect: Result<&str, &str>) {
        let res = command(script).read().await;
        let res = res.as_ref().map(ExposeSecret::expose_secret).map_err(ToString::to_string);
        assert_eq!(res, expect.map_err(str::to_owned), "{script}");
    }

    #[tokio::test]
    async fn a_command_gives_the_key() {
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
        let mut cell = command("exec sleep 1000");
        cell.limit = Duration::from_millis(20);
        let err = cell.read().await.unwrap_err();
        assert_eq!(err, KeyError::TimedOut { program: "sh".to_owned(), limit: cell.limit });
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
        let cell = command(&script);
        tokio::select! {
            res = cell.read() => panic!("{:?}", res.map(drop)),
            () = async { while !pids.exists() { tokio::task::yield_now().await } } => (),
        }
        let pid = std::fs::read_to_string(&pids).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        // Killed, whoever reaps it.
        let is_alive = || std::fs::read_to_string(&stat).is_ok_and(|it| !it.contains(") Z "));
        while is_alive() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_command_that_is_none_is_said() {
        let program = vec!["no-such-program-here".to_owned()];
        let cell = KeyCell::new(Key::Command(program), "local");
        let err = cell.read().await.unwrap_err().to_string();
        assert!(err.starts_with("cannot start `no-such-program-here` for the key: "), "{err}");
        let err = KeyCell::new(Key::Command(Vec::new()), "local").read().await.unwrap_err();
        assert_eq!(err, KeyError::NoProgram);
        let variable = Key::Env("HERMITAGE_NO_SUCH_KEY".to_owned());
        let err = KeyCell::new(variable, "local").header("").await;
        let text = "no key: `HERMITAGE_NO_SUCH_KEY` is not set for the host";
        assert_eq!(err, Err(ProviderError::Key(text.to_owned())));
    }

    #[tokio::test]
    async fn a_command_runs_once() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("runs");
        let cell = command(&format!("echo x >> {}; echo abc", runs.display()));
        let (one, other) = tokio::join!(cell.header("Bearer "), cell.header(""));
        assert_eq!(one.unwrap().unwrap(), "Bearer abc");
        assert_eq!(other.unwrap().unwrap(), "abc");
        assert_eq!(std::fs::read_to_string(runs).unwrap(), "x\n");
    }

    #[tokio::test]
    async fn nothing_shows_the_key() {
        let cell = command(&format!("echo {CANARY}"));
        let header = cell.header("Bearer ").await.unwrap().unwrap();
        assert!(header.is_sensitive());
        let shown = format!("{header:?} {:?} {:?}", cell.key, cell.value.get());
        assert!(!shown.contains(CANARY), "{shown}");
        let mut redactor = Redactor::default();
        cell.add_to(&mut redactor);
        assert_eq!(redactor.text(&format!("bad key {CANARY}!")), "bad key [key]!");
    }

    #[tokio::test]
    async fn a_child_does_not_read_what_the_command_said() {
        let err = command("echo /home/someone/secret >&2; exit 1").header("").await.unwrap_err();
        let text = "no key: the host could not get it; its log says why".to_owned();
        assert_eq!(err, ProviderError::Key(text));
    }
}
