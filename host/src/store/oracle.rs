//! What is read of what was written, and of anything else.

use std::{fmt::Debug, time::Duration};

use arbitrary::{Result, Unstructured};

use super::{
    EventBody,
    codec::{self, CodecError},
    record::{
        decode_body, decode_result, decode_summary, decode_unit, encode_body, encode_result,
        encode_summary, encode_unit,
    },
};
use crate::noise;

const WORDS: &[&str] = &["a", "file.read", "\u{0}", "\u{10ffff}", "deleg_0"];

/// Everything is read as it was written; damage is an error or another record
/// of the same kind, and never a panic or memory without end.
pub(crate) fn record(u: &mut Unstructured<'_>) -> Result<()> {
    let unit = noise::unit(u, WORDS)?;
    let result = noise::result(u, WORDS)?;
    let at = f64::from(u.arbitrary::<u32>()?);
    let summary = noise::text(u, WORDS)?;
    let json = noise::json(u, WORDS)?.to_string();
    let results = vec![result.clone()];
    let bodies = [
        EventBody::Completion(match unit.groups.first() {
            Some(group) => unit.completion(group, results, at, Duration::from_secs(3)).into(),
            None => return Ok(()),
        }),
        EventBody::Failure(Box::new(unit.failure(result.clone(), 2, at))),
        EventBody::Other(json),
    ];
    let mut written = vec![encode_unit(&unit), encode_result(&result), encode_summary(&summary)];
    written.extend(bodies.iter().map(encode_body));
    let written: Vec<Vec<u8>> = written.into_iter().flatten().collect();
    let [of_unit, of_result, of_summary, of_bodies @ ..] = written.as_slice() else {
        unreachable!("something was not written");
    };
    same(decode_unit(of_unit), &unit);
    same(decode_result(of_result), &result);
    assert_eq!(of_bodies.len(), bodies.len());
    for (bytes, body) in of_bodies.iter().zip(&bodies) {
        same(decode_body(bytes), body);
    }
    assert_eq!(decode_summary(of_summary), Ok(summary));
    let which = u.choose_index(written.len())?;
    damaged(u, written.get(which).cloned().unwrap_or_default())
}

/// Also where something is no number, which equals nothing.
fn same<T: Debug>(read: std::result::Result<T, CodecError>, written: &T) {
    assert_eq!(format!("{read:?}"), format!("Ok({written:?})"));
}

/// What is left of a record after a fault of a disk, with a checksum that is
/// right: it proves nothing.
fn damaged(u: &mut Unstructured<'_>, mut bytes: Vec<u8>) -> Result<()> {
    for _ in 0..u.int_in_range(1..=4)? {
        let place = u.choose_index(bytes.len().max(1))?;
        if let Some(byte) = bytes.get_mut(place) {
            *byte = u.arbitrary()?;
        }
    }
    bytes.truncate(u.int_in_range(0..=bytes.len())?.max(bytes.len() / 2));
    bytes.extend(u.bytes(u.len().min(32))?);
    for bytes in [codec::resealed(&bytes), bytes] {
        let read = (decode_unit(&bytes).ok(), decode_result(&bytes).ok(), decode_body(&bytes).ok());
        // What can be read can be written, or is told to be too large.
        let again = [
            read.0.map(|it| encode_unit(&it)),
            read.1.map(|it| encode_result(&it)),
            read.2.map(|it| encode_body(&it)),
        ];
        assert!(again.iter().flatten().count() <= 1, "bytes of two kinds");
        let _ = decode_summary(&bytes);
    }
    Ok(())
}
