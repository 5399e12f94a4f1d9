//! Tokens of callers over TCP: files that the user alone can read.
//!
//! A token is a secret of 256 random bits, and has a name, by which its
//! sessions are told apart. It is kept as it is, for whoever runs the command
//! line to hand out; it is compared by its digest, which takes the same time
//! however much of a guess is right.

use std::{
    collections::BTreeSet,
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{id::Random, plain_file};

/// What every token begins with, so that scanners of secrets know one.
const PREFIX: &str = "hermitage_";

/// Random bytes of a token.
const RANDOM_BYTES: usize = 32;

/// Longest name. It is a part of session keys.
const MAX_NAME_BYTES: usize = 32;

/// Longest file that is read as a token.
const MAX_FILE_BYTES: u64 = 256;

/// Tokens that are read. Bounds what a directory full of them costs.
const MAX_TOKENS: usize = 256;

/// After that long without a change, one more shows in the time of a directory.
const SETTLED: Duration = Duration::from_secs(1);

/// The name of a token: lower-case letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenName(Arc<str>);

impl TokenName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TokenName {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let is_char =
            |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-_".contains(&it);
        let starts_well = text.starts_with(|it: char| it.is_ascii_alphanumeric());
        if starts_well && text.len() <= MAX_NAME_BYTES && text.bytes().all(is_char) {
            return Ok(Self(text.into()));
        }
        let shown = text.chars().take(80).flat_map(char::escape_default).collect();
        Err(TokenError::Name(shown))
    }
}

/// A token as it is handed out.
#[derive(Clone, Debug)]
pub struct Token(SecretString);

impl Token {
    fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; RANDOM_BYTES];
        random.fill(&mut bytes);
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// The secret.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn digest(&self) -> blake3::Hash {
        blake3::hash(self.expose().as_bytes())
    }
}

/// Somebody who has shown a token: by its name, as long as it is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: TokenName,
    digest: blake3::Hash,
}

impl Holder {
    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.parse().unwrap(), digest: blake3::hash(name.as_bytes()) }
    }
}

/// Why a token can't be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It has no such name.
    #[error(
        "`{0}` is no name of a token: it takes up to {MAX_NAME_BYTES} of `a-z`, `0-9`, `-` and `_`, \
            and begins with a letter or a digit"
    )]
    Name(String),
    /// There is none.
    #[error("there is no token `{0}`")]
    Unknown(TokenName),
    /// Others can read or replace it.
    #[error("`{0}` is open to others\nhint: take their rights away with `chmod go-rwx`")]
    Open(PathBuf),
    /// It is no token.
    #[error("`{0}` holds no token\nhint: remove it")]
    NoToken(PathBuf),
    /// It can't be read or written.
    #[error("`{0}`: {1}")]
    Io(PathBuf, io::Error),
}

/// The tokens in one directory.
#[derive(Clone, Debug)]
pub struct Tokens {
    dir: PathBuf,
    known: Arc<Mutex<Known>>,
}

/// What was read of the directory, and its state then.
#[derive(Debug, Default)]
struct Known {
    stamp: Option<(u64, i64, i64)>,
    digests: Vec<(blake3::Hash, TokenName)>,
    /// Those of which it was said that they are none.
    told: BTreeSet<TokenName>,
}

impl Tokens {
    /// Those below that directory, which need not exist yet.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), known: Arc::default() }
    }

    /// The token of that name.
    ///
    /// # Errors
    ///
    /// There is none, or it can't be read, or others can.
    pub fn get(&self, name: &TokenName) -> Result<Token, TokenError> {
        let path = self.path(name);
        match read(&path) {
            Err(TokenError::Io(_, err)) if err.kind() == io::ErrorKind::NotFound => {
                Err(TokenError::Unknown(name.clone()))
            }
            read => read,
        }
    }

    /// Makes one of that name, in the place of one that there was.
    ///
    /// # Errors
    ///
    /// It can't be written.
    pub fn make(&self, name: &TokenName, random: &dyn Random) -> Result<Token, TokenError> {
        let failed = |it| TokenError::Io(self.dir.clone(), it);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(failed)?;
        check_is_ours(&self.dir)?;
        let token = Token::new(random);
        // Files of this library are the user's alone.
        let mut file = tempfile::NamedTempFile::new_in(&self.dir).map_err(failed)?;
        writeln!(file, "{}", token.expose()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(self.path(name)).map_err(|it| failed(it.error))?;
        Ok(token)
    }

    /// Takes one away. Whoever has it is refused from now on.
    ///
    /// # Errors
    ///
    /// There is none, or it can't be removed.
    pub fn remove(&self, name: &TokenName) -> Result<(), TokenError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => TokenError::Unknown(name.clone()),
            _ => TokenError::Io(path, err),
        })
    }

    /// Their names, in order.
    ///
    /// # Errors
    ///
    /// The directory can't be read.
    pub fn names(&self) -> Result<Vec<TokenName>, TokenError> {
        let failed = |it| TokenError::Io(self.dir.clone(), it);
        let entries = match fs::read_dir(&self.dir) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries.take(MAX_TOKENS) {
            // What a writer that was killed left behind has a dot.
            names
                .extend(entry.map_err(failed)?.file_name().to_str().and_then(|it| it.parse().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Who has the token that somebody gives, if it is one.
    pub(super) fn holder(&self, given: &str) -> Option<Holder> {
        self.find(blake3::hash(given.as_bytes()))
    }

    /// Whether that token was not taken away or made anew since.
    pub(super) fn is_held(&self, holder: &Holder) -> bool {
        self.find(holder.digest).is_some()
    }

    fn find(&self, digest: blake3::Hash) -> Option<Holder> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = fs::metadata(&self.dir).ok().and_then(|it| stamp(&it));
        if stamp.is_none() || stamp != known.stamp {
            known.digests = self.digests(&mut known.told);
            known.stamp = stamp;
        }
        // The comparison of digests takes the same time for all.
        let (digest, name) = known.digests.iter().find(|it| it.0 == digest)?;
        Some(Holder { name: name.clone(), digest: *digest })
    }

    fn digests(&self, told: &mut BTreeSet<TokenName>) -> Vec<(blake3::Hash, TokenName)> {
        let names = self.names().unwrap_or_else(|err| {
            tracing::warn!(%err, "the tokens can't be read");
            Vec::new()
        });
        let mut res = Vec::new();
        for name in names {
            match self.get(&name) {
                Ok(token) => res.push((token.digest(), name)),
                // Once: whoever calls could fill a log with it.
                Err(err) if told.insert(name) => tracing::warn!(%err, "a token is left out"),
                Err(_) => (),
            }
        }
        res
    }

    fn path(&self, name: &TokenName) -> PathBuf {
        self.dir.join(name.as_str())
    }
}

fn read(path: &Path) -> Result<Token, TokenError> {
    let failed = |it| TokenError::Io(path.to_owned(), it);
    let file = plain_file::open(path).map_err(failed)?;
    if !is_ours(&file.metadata().map_err(failed)?) {
        return Err(TokenError::Open(path.to_owned()));
    }
    let bytes = plain_file::bytes(file, MAX_FILE_BYTES).map_err(failed)?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let token = text.trim_end();
    let secret = token.strip_prefix(PREFIX).and_then(|it| URL_SAFE_NO_PAD.decode(it).ok());
    match secret.is_some_and(|it| it.len() == RANDOM_BYTES) {
        true => Ok(Token(token.into())),
        false => Err(TokenError::NoToken(path.to_owned())),
    }
}

/// What changes with every token that is made or taken away. None while it may
/// not: clocks of file systems stand still for some milliseconds.
fn stamp(dir: &fs::Metadata) -> Option<(u64, i64, i64)> {
    let age = dir.modified().ok()?.elapsed().ok()?;
    (age > SETTLED).then(|| (dir.ino(), dir.mtime(), dir.mtime_nsec()))
}

fn check_is_ours(dir: &Path) -> Result<(), TokenError> {
    let data = fs::metadata(dir).map_err(|it| TokenError::Io(dir.to_owned(), it))?;
    if is_ours(&data) { Ok(()) } else { Err(TokenError::Open(dir.to_owned())) }
}

/// Nobody else can read it, or put another in its place.
fn is_ours(data: &fs::Metadata) -> bool {
    data.uid() == rustix::process::geteuid().as_raw() && data.mode() & 0o077 == 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::id::OsRandom;

    fn name_of(tokens: &Tokens, given: &str) -> Option<TokenName> {
        tokens.holder(given).map(|it| it.name)
    }

    fn tokens() -> (tempfile::TempDir, Tokens) {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::at(dir.path().join("tokens"));
        (dir, tokens)
    }

    #[test]
    fn a_token_is_made_read_and_taken_away() {
        let (_dir, tokens) = tokens();
        let name: TokenName = "laptop".parse().unwrap();
        assert!(matches!(tokens.get(&name), Err(TokenError::Unknown(_))));
        let token = tokens.make(&name, &OsRandom).unwrap();
        assert_eq!(tokens.get(&name).unwrap().expose(), token.expose());
        assert_eq!(tokens.names().unwrap(), std::slice::from_ref(&name));
        assert_eq!(name_of(&tokens, token.expose()), Some(name.clone()));
        let shorter = token.expose().strip_prefix("h").unwrap();
        for wrong in ["", "hermitage_", shorter, &format!("{}x", token.expose())] {
            assert_eq!(name_of(&tokens, wrong), None, "{wrong}");
        }
        let holder = tokens.holder(token.expose()).unwrap();
        assert!(tokens.is_held(&holder));
        let second = tokens.make(&name, &OsRandom).unwrap();
        assert!(!tokens.is_held(&holder), "the new one has that name, too");
        assert_eq!(name_of(&tokens, token.expose()), None);
        assert_eq!(name_of(&tokens, second.expose()), Some(name.clone()));
        tokens.remove(&name).unwrap();
        assert_eq!(name_of(&tokens, second.expose()), None);
        assert!(matches!(tokens.remove(&name), Err(TokenError::Unknown(_))));
    }

    #[test]
    fn a_token_that_others_can_read_is_none() {
        let (_dir, tokens) = tokens();
        let name: TokenName = "laptop".parse().unwrap();
        let token = tokens.make(&name, &OsRandom).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&tokens.dir), mode(&tokens.path(&name))), (0o700, 0o600));
        fs::set_permissions(tokens.path(&name), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(tokens.get(&name), Err(TokenError::Open(_))));
        assert_eq!(name_of(&Tokens::at(&tokens.dir), token.expose()), None);
        fs::set_permissions(&tokens.dir, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(tokens.make(&name, &OsRandom), Err(TokenError::Open(_))));
    }

    #[test]
    fn a_file_that_holds_no_token_is_left_out() {
        let (_dir, tokens) = tokens();
        let name: TokenName = "laptop".parse().unwrap();
        let token = tokens.make(&name, &OsRandom).unwrap();
        for text in ["", "secret", "hermitage_short", &"x".repeat(300)] {
            fs::write(tokens.path(&name), text).unwrap();
            assert!(tokens.get(&name).is_err(), "{text}");
            assert_eq!(name_of(&Tokens::at(&tokens.dir), text), None);
        }
        assert_eq!(name_of(&Tokens::at(&tokens.dir), token.expose()), None);
    }

    #[test]
    fn names_are_parts_of_paths_and_keys() {
        for name in ["a", "laptop-2", "ci_1", "0"] {
            assert_eq!(name.parse::<TokenName>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "a/b", "A", "ä", "-x", "a b", ".tmp", &"x".repeat(33)] {
            assert!(name.parse::<TokenName>().is_err(), "{name}");
        }
    }
}
