//! Inputs out of bytes: what the oracles of all modules are fed with.
//!
//! A fuzzer or a seed has chosen the bytes. When they are used up, every
//! choice is the first one and every list ends, so that no input is refused
//! for being short.

mod records;

use std::{cell::RefCell, ops::RangeInclusive};

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Value};

pub(crate) use records::{completion, failure, result, unit};

/// Most parts of one text, entries of one list, fields of one object.
const MAX_PARTS: usize = 12;

/// Deepest JSON.
const MAX_DEPTH: usize = 4;

/// A text of such words, blanks, and characters of every kind.
pub(crate) fn text(u: &mut Unstructured<'_>, words: &[&str]) -> Result<String> {
    list(u, MAX_PARTS, |u| part(u, words)).map(|it| it.concat())
}

fn part(u: &mut Unstructured<'_>, words: &[&str]) -> Result<String> {
    Ok(match u.int_in_range(0..=9)? {
        0..=4 if !words.is_empty() => (*u.choose(words)?).to_owned(),
        0..=6 => list(u, 6, |u| Ok(char::from(u.int_in_range(b' '..=b'~')?)))?.iter().collect(),
        7 => (*u.choose(&["\n", " ", "\t", "\r\n", "\\", "\"", "\0", "\u{1b}[0m"])?).to_owned(),
        8 => (*u.choose(&["\u{200b}", "\u{202e}", "\u{301}", "\u{2028}", "ä", "日", "🦀"])?)
            .to_owned(),
        _ => u.arbitrary::<char>()?.to_string(),
    })
}

/// The same, or nothing.
pub(crate) fn maybe(u: &mut Unstructured<'_>, words: &[&str]) -> Result<Option<String>> {
    Ok(if u.arbitrary()? { Some(text(u, words)?) } else { None })
}

/// At most so many.
pub(crate) fn list<'a, T>(
    u: &mut Unstructured<'a>,
    most: usize,
    mut one: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..u.int_in_range(0..=most)?).map(|_| one(u)).collect()
}

/// One of these.
pub(crate) fn one_of<T: Copy>(u: &mut Unstructured<'_>, all: &[T]) -> Result<T> {
    u.choose(all).copied()
}

/// A number in that range more often than any other.
pub(crate) fn seconds(u: &mut Unstructured<'_>, usual: RangeInclusive<u32>) -> Result<f64> {
    Ok(if u.ratio(3, 4)? { u.int_in_range(usual)?.into() } else { u.arbitrary()? })
}

/// Bytes in pieces, which may be empty.
pub(crate) fn pieces<'a>(u: &mut Unstructured<'_>, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>> {
    let mut ends = list(u, MAX_PARTS, |u| u.int_in_range(0..=bytes.len()))?;
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut start = 0;
    Ok(ends
        .into_iter()
        .filter_map(|end| bytes.get(std::mem::replace(&mut start, end)..end))
        .collect())
}

/// Any JSON, with these words as keys and texts.
pub(crate) fn json(u: &mut Unstructured<'_>, words: &[&str]) -> Result<Value> {
    value(u, words, MAX_DEPTH)
}

fn value(u: &mut Unstructured<'_>, words: &[&str], depth: usize) -> Result<Value> {
    let most = if depth == 0 { 5 } else { 8 };
    Ok(match u.int_in_range(0..=most)? {
        0 => Value::Null,
        1 => u.arbitrary::<bool>()?.into(),
        2 => u.arbitrary::<i64>()?.into(),
        3 => u.int_in_range(0..=3)?.into(),
        4 => u.arbitrary::<f64>()?.into(),
        5 | 6 => text(u, words)?.into(),
        7 => list(u, 4, |u| value(u, words, depth.saturating_sub(1)))?.into(),
        _ => Value::Object(fields(u, words, depth.saturating_sub(1))?),
    })
}

fn fields(u: &mut Unstructured<'_>, words: &[&str], depth: usize) -> Result<Map<String, Value>> {
    let field = |u: &mut Unstructured<'_>| {
        let name = if words.is_empty() || u.ratio(1, 8)? {
            text(u, words)?
        } else {
            one_of(u, words)?.to_owned()
        };
        Ok((name, value(u, words, depth)?))
    };
    Ok(Map::from_iter(list(u, 6, field)?))
}

/// Waits for a future on a runtime of this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: RefCell<Option<tokio::runtime::Runtime>> = const { RefCell::new(None) };
    }
    let new = || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(it) => it,
        Err(err) => unreachable!("no runtime: {err}"),
    };
    RUNTIME.with_borrow_mut(|it| it.get_or_insert_with(new).block_on(future))
}
