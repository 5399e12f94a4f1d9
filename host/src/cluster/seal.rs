//! A session of a worker with the host that it runs children for: both prove
//! who they are once, and seal every message with what only they know.

use std::sync::Arc;

use ring::{
    agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral},
    rand::SystemRandom,
};
use serde::{Deserialize, Serialize};

use super::{
    key::HostKey,
    settings::{KEY_BYTES, PublicKey},
};
use crate::id::{HostId, OsRandom, Random as _};

/// Bytes of a seal, which a message begins with.
pub(super) const SEAL_BYTES: usize = 32;
/// Bytes of the id of a session.
pub(super) const ID_BYTES: usize = 16;

/// What a session is known by.
pub(super) type SessionId = [u8; ID_BYTES];

/// Who a host is, and its half of a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Greeting {
    key: PublicKey,
    half: [u8; KEY_BYTES],
    session: SessionId,
    signature: Vec<u8>,
}

/// The worker's side, until it is answered.
pub(super) struct Knock {
    private: EphemeralPrivateKey,
    half: [u8; KEY_BYTES],
    key: PublicKey,
}

/// What two hosts share.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) id: SessionId,
    /// Who is on the other side.
    pub(super) peer: PublicKey,
    secret: Arc<[u8; 32]>,
}

/// Which way a message goes: none can be sent back as an answer.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// A worker asks, at that subject.
    Ask(&'a str),
    /// The answer to what had that seal.
    Answer(&'a [u8]),
    /// The host tells a worker.
    Tell,
}

fn half(private: &EphemeralPrivateKey) -> Option<[u8; KEY_BYTES]> {
    private.compute_public_key().ok()?.as_ref().try_into().ok()
}

fn private() -> Option<EphemeralPrivateKey> {
    EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).ok()
}

impl Knock {
    /// A worker that greets a host.
    pub(super) fn new(key: &HostKey, host: HostId) -> Option<(Self, Greeting)> {
        let private = private()?;
        let half = half(&private)?;
        let text = [host.to_string().as_bytes(), &half].concat();
        let signature = key.sign("hermitage greets", &text);
        let greeting = Greeting { key: key.public(), half, session: [0; ID_BYTES], signature };
        Some((Self { private, half, key: key.public() }, greeting))
    }

    /// The host has answered.
    pub(super) fn answered(self, answer: &Greeting, trusted: &[PublicKey]) -> Option<Session> {
        let text = [&self.half[..], &answer.half, &answer.session, &self.key.0].concat();
        let is_it = trusted.contains(&answer.key)
            && answer.key.has_signed("hermitage welcomes", &text, &answer.signature);
        is_it.then(|| agreed(self.private, &answer.half, answer.session, answer.key, &text))?
    }
}

impl Session {
    /// A host that was greeted, and what it answers. `None` for whoever it does
    /// not trust.
    pub(super) fn welcome(
        key: &HostKey,
        host: HostId,
        greeting: &Greeting,
        trusted: &[PublicKey],
    ) -> Option<(Self, Greeting)> {
        let text = [host.to_string().as_bytes(), &greeting.half].concat();
        let peer = greeting.key;
        if !trusted.contains(&peer)
            || !peer.has_signed("hermitage greets", &text, &greeting.signature)
        {
            return None;
        }
        let (mut session, private) = ([0; ID_BYTES], private()?);
        OsRandom.fill(&mut session);
        let half = half(&private)?;
        let text = [&greeting.half[..], &half, &session, &peer.0].concat();
        let signature = key.sign("hermitage welcomes", &text);
        let answer = Greeting { key: key.public(), half, session, signature };
        Some((agreed(private, &greeting.half, session, peer, &text)?, answer))
    }

    /// The seal of a message.
    pub(super) fn seal(&self, way: Way<'_>, body: &[u8]) -> [u8; SEAL_BYTES] {
        let (kind, about) = match way {
            Way::Ask(subject) => (0_u8, subject.as_bytes()),
            Way::Answer(seal) => (1, seal),
            Way::Tell => (2, &[][..]),
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(&[kind]).update(&(about.len() as u64).to_le_bytes());
        *hasher.update(about).update(body).finalize().as_bytes()
    }

    /// A message with its seal.
    pub(super) fn sealed(&self, way: Way<'_>, body: &[u8]) -> Vec<u8> {
        [&self.seal(way, body)[..], body].concat()
    }

    /// What is in a message, if it is sealed.
    pub(super) fn open<'a>(&self, way: Way<'_>, message: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, body) = message.split_at_checked(SEAL_BYTES)?;
        let expect = blake3::Hash::from_bytes(self.seal(way, body));
        // Compared in constant time.
        (expect == *<&[u8; SEAL_BYTES]>::try_from(seal).ok()?).then_some(body)
    }
}

fn agreed(
    private: EphemeralPrivateKey,
    half: &[u8; KEY_BYTES],
    id: SessionId,
    peer: PublicKey,
    both: &[u8],
) -> Option<Session> {
    let other = UnparsedPublicKey::new(&X25519, half);
    let secret = agree_ephemeral(private, &other, |shared| {
        blake3::derive_key("hermitage 2026-12 session", &[shared, both].concat())
    });
    Some(Session { id, peer, secret: Arc::new(secret.ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Session, Session) {
        let [worker, host] = [0, 1].map(|_| HostKey::fresh().unwrap());
        let id = HostId::new(&OsRandom);
        let (knock, greeting) = Knock::new(&worker, id).unwrap();
        let (of_host, answer) = Session::welcome(&host, id, &greeting, &[worker.public()]).unwrap();
        (knock.answered(&answer, &[host.public()]).unwrap(), of_host)
    }

    #[test]
    fn both_sides_seal_alike_and_nobody_else_does() {
        let (worker, host) = pair();
        let sealed = worker.sealed(Way::Ask("a"), b"text");
        assert_eq!(host.open(Way::Ask("a"), &sealed), Some(&b"text"[..]));
        let (_, other) = pair();
        assert_eq!(other.open(Way::Ask("a"), &sealed), None);
        // Not of another child, not as an answer, not changed.
        assert_eq!(host.open(Way::Ask("b"), &sealed), None);
        assert_eq!(host.open(Way::Answer(b"a"), &sealed), None);
        let mut changed = sealed;
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(host.open(Way::Ask("a"), &changed), None);
    }

    #[test]
    fn whoever_is_not_trusted_has_no_session() {
        let [worker, host] = [0, 1].map(|_| HostKey::fresh().unwrap());
        let id = HostId::new(&OsRandom);
        let (knock, greeting) = Knock::new(&worker, id).unwrap();
        assert!(Session::welcome(&host, id, &greeting, &[host.public()]).is_none());
        // What was said to one host is nothing to another.
        let other = HostId::new(&OsRandom);
        assert!(Session::welcome(&host, other, &greeting, &[worker.public()]).is_none());
        let (_, answer) = Session::welcome(&host, id, &greeting, &[worker.public()]).unwrap();
        assert!(knock.answered(&answer, &[worker.public()]).is_none());
    }
}
