//! What is read of what was written, and of anything else.

use std::{collections::BTreeSet, fmt::Debug, fs, path::Path, time::Duration};

use arbitrary::{Result, Unstructured};

use super::{
    EventBody, EventFilter, Finish, Leave, StoreError, Tables,
    codec::{self, CodecError},
    record::{
        decode_body, decode_result, decode_summary, decode_unit, encode_body, encode_result,
        encode_summary, encode_unit,
    },
    sqlite::{self, Sqlite},
};
use crate::{
    id::{HostId, OsRandom},
    noise,
};

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

/// Most pages of a file that are looked at for damage.
const MAX_DAMAGE: usize = 6;

/// What a damaged file still gives is what was written: an event is the one
/// that it was, or is set aside by name, or the file is refused.
pub(crate) fn recovery(u: &mut Unstructured<'_>) -> Result<()> {
    let Ok(dir) = tempfile::tempdir() else { return Ok(()) };
    let path = dir.path().join("store.db");
    let mut written = BTreeSet::new();
    let host = HostId::new(&OsRandom);
    let events = noise::list(u, 4, |u| noise::unit(u, WORDS))?;
    let filled = opened(&path).and_then(|mut tables| {
        for unit in &events {
            // Some have the ids of others.
            if kept(&mut tables, |it| it.insert_unit(unit, host)).is_err() {
                continue;
            }
            for (group, tasks) in
                unit.groups.iter().enumerate().skip(usize::from(u.ratio(1, 3).unwrap_or(false)))
            {
                let result = noise::result(u, WORDS).ok();
                let results = result
                    .into_iter()
                    .map(|it| crate::event::ChildResult { task_index: group, ..it })
                    .collect();
                let event = unit.completion(tasks, results, 7.0, Duration::from_secs(1));
                let finish = Finish { id: unit.id, group, event: event.into(), acked: false };
                kept(&mut tables, |it| it.finish(&finish))?;
            }
        }
        written = told(&mut tables)?;
        Ok(())
    });
    assert!(filled.is_ok(), "{filled:?}");
    for name in ["store.db", "store.db-wal"] {
        damage(u, &dir.path().join(name))?;
    }
    let seen = opened(&path).and_then(|mut tables| {
        let before = told(&mut tables)?;
        let recovered = kept(&mut tables, |it| it.recover(host, 9.0, Leave::Nothing))?;
        let after = told(&mut tables)?;
        let aside = kept(&mut tables, |it| it.set_aside())?;
        assert!(
            recovered
                .corrupt
                .iter()
                .chain(&aside)
                .all(|it| !it.row.is_empty() && !it.why.is_empty())
        );
        Ok((before, after))
    });
    // What can't be opened says why.
    let Ok((before, after)) = seen else { return Ok(()) };
    assert!(
        before.is_subset(&written),
        "events that nobody wrote: {:?}",
        before.difference(&written)
    );
    let of_dead = |it: &&String| !written.contains(*it) && !it.contains("status: Unknown");
    assert_eq!(after.iter().find(of_dead), None, "an end that nobody saw");
    Ok(())
}

fn opened(path: &Path) -> std::result::Result<Sqlite, StoreError> {
    Ok(Sqlite::find(&sqlite::prepare(path)?)?.set_up()?.unsynchronised())
}

/// In a transaction of its own.
fn kept<T>(
    tables: &mut Sqlite,
    op: impl FnOnce(&mut Sqlite) -> std::result::Result<T, StoreError>,
) -> std::result::Result<T, StoreError> {
    tables.begin()?;
    match op(tables) {
        Ok(res) => tables.commit().map(|()| res),
        Err(err) => {
            tables.rollback();
            Err(err)
        }
    }
}

/// The bodies of all events that can be read.
fn told(tables: &mut Sqlite) -> std::result::Result<BTreeSet<String>, StoreError> {
    let all = EventFilter { session: None, state: None, limit: 1_000 };
    let rows = tables.events(&all)?;
    Ok(rows.into_iter().map(|it| format!("{:?}", it.event.body)).collect())
}

/// Bytes of a file that a disk has lost, or exchanged for others.
fn damage(u: &mut Unstructured<'_>, path: &Path) -> Result<()> {
    let Ok(mut bytes) = fs::read(path) else { return Ok(()) };
    for _ in 0..u.int_in_range(0..=MAX_DAMAGE)? {
        let at = u.int_in_range(0..=bytes.len().saturating_sub(1))?;
        let with: [u8; 4] = u.arbitrary()?;
        bytes.iter_mut().skip(at).zip(with).for_each(|(it, with)| *it = with);
    }
    if u.ratio(1, 8)? {
        bytes.truncate(u.int_in_range(0..=bytes.len())?);
    }
    // A file that can't be written is as good as one without damage.
    let _ = fs::write(path, bytes);
    Ok(())
}
