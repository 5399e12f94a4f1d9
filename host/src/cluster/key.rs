//! The key of this host: others know it by the public half.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

use super::{error::ClusterError, settings::PublicKey};

/// Bytes of the file of a key.
const MAX_FILE_BYTES: u64 = 1 << 10;

/// A key that signs.
#[derive(Clone)]
pub struct HostKey {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

impl HostKey {
    /// That of a file, which is made when there is none.
    ///
    /// # Errors
    ///
    /// It can't be made, or is damaged.
    pub fn at(path: &Path) -> Result<Self, ClusterError> {
        let wrong = |why: String| ClusterError::Key { path: path.to_owned(), why };
        match read(path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                make(path).map_err(|it| wrong(it.to_string()))?;
                let bytes = read(path).map_err(|it| wrong(it.to_string()))?;
                Self::of(&bytes).map_err(wrong)
            }
            bytes => Self::of(&bytes.map_err(|it| wrong(it.to_string()))?).map_err(wrong),
        }
    }

    /// One that is kept nowhere.
    #[cfg(test)]
    pub(super) fn fresh() -> Result<Self, ClusterError> {
        let wrong = |why| ClusterError::Key { path: "fresh".into(), why };
        Self::of(&document().map_err(|it| wrong(it.to_string()))?).map_err(wrong)
    }

    fn of(document: &[u8]) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_pkcs8(document).map_err(|it| it.to_string())?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| "it is no key")?;
        Ok(Self { pair: Arc::new(pair), public: PublicKey(public) })
    }

    /// What others know it by.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs what is said for one purpose.
    pub(super) fn sign(&self, purpose: &str, text: &[u8]) -> Vec<u8> {
        self.pair.sign(&said(purpose, text)).as_ref().to_vec()
    }
}

impl PublicKey {
    /// Whether it signed that for that purpose.
    pub(super) fn has_signed(&self, purpose: &str, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(&said(purpose, text), signature).is_ok()
    }
}

/// A signature for one purpose is none for another.
fn said(purpose: &str, text: &[u8]) -> Vec<u8> {
    [purpose.as_bytes(), b"\0", text].concat()
}

fn document() -> io::Result<Vec<u8>> {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
    Ok(made.map_err(|_| io::Error::other("the system has no randomness"))?.as_ref().to_vec())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() || meta.len() > MAX_FILE_BYTES {
        return Err(io::Error::other("it is no file of a key"));
    }
    fs::read(path)
}

/// As a whole or not at all; another process may make one at the same moment.
fn make(path: &Path) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let partial = tempfile::Builder::new()
        .prefix(".key")
        .make_in(dir, |it| OpenOptions::new().write(true).create_new(true).mode(0o600).open(it))?;
    partial.as_file().write_all(&document()?)?;
    partial.as_file().sync_all()?;
    match partial.persist_noclobber(path) {
        Err(err) if err.error.kind() != io::ErrorKind::AlreadyExists => Err(err.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/cluster.key");
        let [one, other] = [0, 1].map(|_| HostKey::at(&path).unwrap().public());
        assert_eq!(one, other);
        assert_eq!(one.to_string().parse(), Ok(one));
        fs::write(&path, "nonsense").unwrap();
        assert!(HostKey::at(&path).is_err());
    }

    #[test]
    fn a_signature_is_of_one_key_one_text_and_one_purpose() {
        let [key, other] = [0, 1].map(|_| HostKey::fresh().unwrap());
        let signature = key.sign("grant", b"text");
        assert!(key.public().has_signed("grant", b"text", &signature));
        assert!(!key.public().has_signed("grant", b"texts", &signature));
        assert!(!key.public().has_signed("offer", b"text", &signature));
        assert!(!other.public().has_signed("grant", b"text", &signature));
    }
}
