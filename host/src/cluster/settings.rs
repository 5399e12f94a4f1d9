//! How hosts find one another. Declared here, and there without the feature:
//! the keys of a configuration do not depend on how a program was built.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::setting::{FromText, Wrong, seconds, settings, text, texts};

/// Bytes of a public key of Ed25519.
pub(super) const KEY_BYTES: usize = 32;

const PREFIX: &str = "ed25519:";

/// What another host is known by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub(super) [u8; KEY_BYTES]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|it| write!(f, "{it:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`ed25519:` and 64 lower-case hexadecimal digits are needed")]
pub struct NoKey;

impl FromStr for PublicKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let hash = text.strip_prefix(PREFIX).and_then(|it| blake3::Hash::from_hex(it).ok());
        let key = hash.map(|it| Self(*it.as_bytes())).ok_or(NoKey)?;
        // One text for each key.
        if key.to_string() == text { Ok(key) } else { Err(NoKey) }
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl ClusterConfig {
    /// The server that hosts meet at, if there is one.
    pub fn server(&self) -> Option<&str> {
        Some(self.nats.as_str()).filter(|it| !it.is_empty())
    }
}

impl FromText for PublicKey {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| Wrong::Malformed("`ed25519:` and 64 hexadecimal digits"))
    }
}

// Which hosts are trusted is a person's to say, and no project's.
settings! {
    /// Other hosts that run children for this one, or that this one runs
    /// children for. Without `nats` there are none, and none of this costs
    /// anything.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ClusterConfig in "cluster" {
        /// The NATS server that hosts meet at, 2.10.25 or later with JetStream.
        /// With it, every child runs on a worker (`hermitage worker`). Use
        /// `tls://` and a user on a network that others are on.
        ///
        /// URL, such as `nats://127.0.0.1:4222`; empty: there are no other hosts.
        pub nats: String = text(""), project: Never;

        /// Public keys of the hosts that this one works with: workers that it
        /// gives children to, and hosts that it takes children from. Each prints
        /// its own with `hermitage worker --key`.
        pub trusted: Vec<PublicKey> = texts(&[]), project: Never;

        /// How long a worker that says nothing keeps its children: then another
        /// one goes on with them. A worker that is only slow loses them, too.
        pub lease as "lease_seconds": Duration = seconds(30, 1..=3_600), project: Never;

        /// How long a child waits for a worker that it fits to be there, before it
        /// is first given to one.
        pub wait as "wait_seconds": Duration = seconds(30, 1..=86_400), project: Never;

        /// Labels that a worker must have to be given children of this host.
        pub labels: Vec<String> = texts(&[]), project: Never;
    }
}

settings! {
    /// What this host offers as a worker.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct WorkerConfig in "worker" {
        /// What it is called by those who want their children on such hosts.
        pub labels: Vec<String> = texts(&[]), project: Never;

        /// Toolsets that children may hold which run here; all of them, when
        /// there are none in the list. The tools do their work on the host that
        /// was asked.
        pub toolsets: Vec<String> = texts(&[]), project: Never;
    }
}
