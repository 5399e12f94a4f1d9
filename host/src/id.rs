//! Identities, and the randomness they are made of.
//!
//! A delegation's id has 128 random bits (SEMANTICS.md §6.1), so that it can
//! be guessed by nobody and needs no counter that survives a restart.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

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

/// 128 bits of the operating system's in hexadecimal: what nobody else has.
#[cfg(any(feature = "cluster", feature = "serve"))]
pub(crate) fn unguessable() -> String {
    let mut bytes = [0; 16];
    OsRandom.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// `deleg_` and 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no id")]
pub struct IdError(String);

impl IdError {
    fn new(text: &str) -> Self {
        Self(text.chars().take(80).flat_map(char::escape_default).collect())
    }
}

/// Exactly that many lower-case hexadecimal digits: one text for each id.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
    let is_hex = text.len() == digits && text.bytes().all(is_digit);
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl FromStr for DelegationId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let id = text.strip_prefix("deleg_").and_then(|it| hex(it, 32));
        id.map(Self).ok_or_else(|| IdError::new(text))
    }
}

/// One running host: who owns the units that it dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(u128);

impl HostId {
    /// No host: whoever holds a claim outside of all of them, and outlives them.
    pub(crate) const OUTSIDE: Self = Self(u128::MAX);

    /// A new id.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host_{:032x}", self.0)
    }
}

impl Serialize for HostId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl FromStr for HostId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let id = text.strip_prefix("host_").and_then(|it| hex(it, 32));
        id.map(Self).ok_or_else(|| IdError::new(text))
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

impl FromStr for ChildId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parse = || {
            let (index, random) = text.strip_prefix("sa-")?.split_once('-')?;
            let id = Self {
                task_index: index.parse().ok()?,
                random: u32::try_from(hex(random, 8)?).ok()?,
            };
            // `+1` and `01` are numbers, too.
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| IdError::new(text))
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

impl<'de> Deserialize<'de> for DelegationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ChildId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for DelegationId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DelegationId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^deleg_[0-9a-f]{32}$"})
    }
}

impl JsonSchema for ChildId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ChildId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^sa-[0-9]+-[0-9a-f]{8}$"})
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
    fn an_id_is_read_as_it_is_printed_and_in_no_other_form() {
        let delegation = DelegationId::new(&Fixed(0xab));
        assert_eq!(delegation.to_string().parse(), Ok(delegation));
        let host = HostId::new(&Fixed(0xab));
        assert_eq!(host.to_string().parse(), Ok(host));
        let child = ChildId::new(12, &Fixed(0xab));
        assert_eq!(child.to_string().parse(), Ok(child));
        for text in ["", "deleg_", "deleg_AB", &delegation.to_string().to_uppercase()] {
            assert!(text.parse::<DelegationId>().is_err(), "{text}");
        }
        for text in ["sa-1", "sa-+1-0b0b0b0b", "sa-01-0b0b0b0b", "sa-1-0b0b0b0", "sa-1-+b0b0b0b"] {
            assert!(text.parse::<ChildId>().is_err(), "{text}");
        }
    }

    #[test]
    fn two_ids_differ() {
        assert_ne!(DelegationId::new(&OsRandom), DelegationId::new(&OsRandom));
    }
}
