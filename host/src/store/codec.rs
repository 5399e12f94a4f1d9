//! The envelope of every body, and the one place that knows its codec.
//!
//! ```text
//! 'H' | codec u8 | schema u16 LE | crc32 u32 LE | payload
//! ```
//!
//! The codec is 1: `bincode` 2 with its standard configuration. It is not
//! self-describing, so the schema says which record of which version the
//! payload is; a field that is added, removed or moved makes a new version.
//! The checksum covers all but itself: a flipped bit is an error with a name,
//! never another record.

use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;

const MAGIC: u8 = b'H';

const BINCODE_2_STANDARD: u8 = 1;

const HEADER: usize = 8;

/// The most that one decode takes. Without it a corrupt length asks for
/// memory that nobody has, and the allocator ends the process.
const LIMIT: usize = 16 << 20;

/// The most that is encoded. Below [`LIMIT`], because a decoder counts whole
/// integers where the payload has their short forms.
pub(super) const MOST: usize = LIMIT / 2;

/// A record that is kept in an envelope.
pub(super) trait Record: Serialize + DeserializeOwned {
    /// High byte: which record. Low byte: which version.
    const SCHEMA: u16;
    /// For people.
    const NAME: &'static str;
    /// Largest payload.
    const MOST: usize = MOST;
}

/// Why a body can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CodecError {
    #[error("it has {0} bytes, fewer than an envelope")]
    Short(usize),
    #[error("it does not begin like an envelope")]
    Magic,
    #[error("the codec {0} is not known")]
    Codec(u8),
    #[error("its checksum is wrong")]
    Checksum,
    #[error("the schema {0:#06x} is not known here")]
    Schema(u16),
    #[error("its payload is no {name}: {why}")]
    Payload { name: &'static str, why: String },
    #[error("`{value}` is no {what}")]
    Value { what: &'static str, value: String },
}

/// A checked envelope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) schema: u16,
    payload: &'a [u8],
}

/// Puts a record into an envelope.
pub(super) fn encode<R: Record>(record: &R) -> Result<Vec<u8>, StoreError> {
    let payload = bincode::serde::encode_to_vec(record, bincode::config::standard())
        .map_err(|err| StoreError::Io(format!("{} can't be encoded: {err}", R::NAME)))?;
    if R::MOST < payload.len() {
        let (what, bytes, most) = (R::NAME, payload.len(), R::MOST);
        return Err(StoreError::TooLarge { what, bytes, most });
    }
    let [low, high] = R::SCHEMA.to_le_bytes();
    let head = [MAGIC, BINCODE_2_STANDARD, low, high];
    let mut res = Vec::with_capacity(HEADER + payload.len());
    res.extend(head);
    res.extend(checksum(&head, &payload).to_le_bytes());
    res.extend(payload);
    Ok(res)
}

/// The same bytes with the checksum that they should have.
#[cfg(any(test, feature = "oracles"))]
pub(super) fn resealed(bytes: &[u8]) -> Vec<u8> {
    let Some((head, rest)) = bytes.split_first_chunk::<4>() else { return bytes.to_vec() };
    let payload = rest.get(4..).unwrap_or_default();
    [&head[..], &checksum(head, payload).to_le_bytes(), payload].concat()
}

/// Checks an envelope.
pub(super) fn open(bytes: &[u8]) -> Result<Envelope<'_>, CodecError> {
    let short = || CodecError::Short(bytes.len());
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or_else(short)?;
    let (sum, payload) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let [magic, codec, low, high] = *head;
    if magic != MAGIC {
        return Err(CodecError::Magic);
    }
    if codec != BINCODE_2_STANDARD {
        return Err(CodecError::Codec(codec));
    }
    if u32::from_le_bytes(*sum) != checksum(head, payload) {
        return Err(CodecError::Checksum);
    }
    Ok(Envelope { schema: u16::from_le_bytes([low, high]), payload })
}

fn checksum(head: &[u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

impl Envelope<'_> {
    /// The record in it.
    pub(super) fn decode<R: Record>(&self) -> Result<R, CodecError> {
        if self.schema != R::SCHEMA {
            return Err(CodecError::Schema(self.schema));
        }
        payload(self.payload).map_err(|why| CodecError::Payload { name: R::NAME, why })
    }
}

fn payload<R: Record>(bytes: &[u8]) -> Result<R, String> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    let (res, read) = bincode::serde::decode_from_slice(bytes, config).map_err(text)?;
    match bytes.len().saturating_sub(read) {
        0 => Ok(res),
        left => Err(format!("{left} bytes are left")),
    }
}

fn text(err: bincode::error::DecodeError) -> String {
    err.to_string()
}

/// Opens an envelope that has one record alone.
pub(super) fn decode<R: Record>(bytes: &[u8]) -> Result<R, CodecError> {
    open(bytes)?.decode()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        text: String,
        list: Vec<u64>,
        option: Option<f64>,
    }

    impl Record for Sample {
        const SCHEMA: u16 = 0x7f01;
        const NAME: &'static str = "sample";
        const MOST: usize = 1000;
    }

    fn sample() -> Sample {
        Sample { text: "grün".to_owned(), list: vec![1, 300, u64::MAX], option: Some(0.5) }
    }

    fn sealed(schema: u16, payload: &[u8]) -> Vec<u8> {
        let [low, high] = schema.to_le_bytes();
        let head = [MAGIC, BINCODE_2_STANDARD, low, high];
        [&head[..], &checksum(&head, payload).to_le_bytes(), payload].concat()
    }

    #[test]
    fn the_envelope_has_the_bytes_that_other_versions_read() {
        let bytes = encode(&sample()).unwrap();
        let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
        insta::assert_snapshot!(hex, @"4801017fb428bd10056772c3bc6e0301fb2c01fdffffffffffffffff01000000000000e03f");
    }

    #[test]
    fn what_is_no_envelope_of_this_version_says_why() {
        let good = encode(&sample()).unwrap();
        let check = |bytes: &[u8], why: &str| {
            assert_eq!(decode::<Sample>(bytes).unwrap_err().to_string(), why);
        };
        check(&[], "it has 0 bytes, fewer than an envelope");
        check(&good[..7], "it has 7 bytes, fewer than an envelope");
        check(&[b"D", &good[1..]].concat(), "it does not begin like an envelope");
        check(&[b"H\x02", &good[2..]].concat(), "the codec 2 is not known");
        check(&good[..good.len() - 1], "its checksum is wrong");
        check(&sealed(0x7f02, &good[HEADER..]), "the schema 0x7f02 is not known here");
        let longer = [&good[HEADER..], &[0]].concat();
        check(&sealed(0x7f01, &longer), "its payload is no sample: 1 bytes are left");
    }

    #[test]
    fn a_length_beyond_all_memory_is_an_error() {
        // A string of 2^60 bytes.
        let payload = [&[253][..], &(1_u64 << 60).to_le_bytes()].concat();
        let err = decode::<Sample>(&sealed(Sample::SCHEMA, &payload)).unwrap_err().to_string();
        assert!(err.contains("LimitExceeded"), "{err}");
    }

    #[test]
    fn a_record_that_could_not_be_read_again_is_not_written() {
        let large = Sample { text: "x".repeat(1000), ..sample() };
        let err = encode(&large).unwrap_err().to_string();
        assert_eq!(err, "sample has 1026 bytes: 1000 are kept");
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = encode(&sample()).unwrap();
        for idx in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[idx] ^= 1 << bit;
                assert!(decode::<Sample>(&bad).is_err(), "bit {bit} of byte {idx}");
            }
        }
    }

    #[test]
    fn another_implementation_reads_the_same_bytes() {
        let bytes = encode(&sample()).unwrap();
        let config = bincode_next::config::standard();
        let (res, read): (Sample, usize) =
            bincode_next::serde::decode_from_slice(&bytes[HEADER..], config).unwrap();
        assert_eq!((res, read), (sample(), bytes.len() - HEADER));
    }

    proptest! {
        #[test]
        fn no_payload_panics(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Sample>(&payload);
            let _ = decode::<Sample>(&sealed(Sample::SCHEMA, &payload));
        }
    }
}
