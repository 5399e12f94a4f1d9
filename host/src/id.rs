//! Identities, and the randomness they are made of.
//!
//! A delegation's id has 128 random bits (semantics.md §6.1), so that it can
//! be guessed by nobody and needs no counter that survives a restart.

use std::fmt;

use serde::{Serialize, Serializer};

/// A source of random bytes. Passed in, so that tests can repeat a run.
pub trait Random: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    /// Ends the process when the operating system has no randomness to give:
    /// there is no safe way to go on without it.
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(err) = getrandom::fill(bytes) {
            tracing::error!(%err, "the operating system gives no random bytes");
            std::process::abort();
        }
    }
}

/// `deleg_` and 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DelegationId(u128);

impl DelegationId {
    /// A new id.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for DelegationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deleg_{:032x}", self.0)
    }
}

/// `sa-`, the place of the task in its batch, and 8 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChildId {
    task_index: usize,
    random: u32,
}

impl ChildId {
    /// A new id for the task at that place.
    pub fn new(task_index: usize, random: &dyn Random) -> Self {
        let mut bytes = [0; 4];
        random.fill(&mut bytes);
        Self { task_index, random: u32::from_be_bytes(bytes) }
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sa-{}-{:08x}", self.task_index, self.random)
    }
}

impl Serialize for DelegationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for ChildId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn ids_have_the_form_that_callers_know() {
        let delegation = DelegationId::new(&Fixed(0x0a)).to_string();
        assert_eq!(delegation, "deleg_0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
        assert_eq!(ChildId::new(2, &Fixed(0x0b)).to_string(), "sa-2-0b0b0b0b");
    }

    #[test]
    fn two_ids_differ() {
        assert_ne!(DelegationId::new(&OsRandom), DelegationId::new(&OsRandom));
    }
}
