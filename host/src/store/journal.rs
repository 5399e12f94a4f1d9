//! What children were told by their host, line by line, so that they can be
//! run again; and what they were started with.
//!
//! The store knows neither what a line says nor what a head says: both are
//! text of whoever writes them.

use std::{fmt, sync::Arc};

use crate::id::DelegationId;

/// Bytes that several lines and heads share by their digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    digest: [u8; 32],
    bytes: Arc<[u8]>,
}

impl Blob {
    /// Takes the digest.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { digest: *blake3::hash(&bytes).as_bytes(), bytes }
    }

    /// Of which the digest is known.
    pub(crate) fn of(digest: &blake3::Hash, bytes: Arc<[u8]>) -> Self {
        Self { digest: *digest.as_bytes(), bytes }
    }

    /// BLAKE3 of the bytes.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes, {})", self.bytes.len(), blake3::Hash::from(self.digest))
    }
}

/// What a unit was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of whoever wrote it.
    pub text: String,
    /// The components of its children, each once.
    pub components: Vec<Blob>,
}

/// A head, and how often its unit went on since.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptHead {
    /// As it was written.
    pub head: Head,
    /// When another host took the unit over (epoch seconds), in its order.
    pub resumed: Vec<f64>,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The unit.
    pub unit: DelegationId,
    /// The task of the child, from 0.
    pub task: usize,
    /// Lines of that child before it.
    pub line: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Of whoever wrote it.
    pub text: String,
    /// What is too long for the text, or may be told more than once.
    pub blob: Option<Blob>,
}
