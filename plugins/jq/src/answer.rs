//! Results of a filter as JSON, as many as fit.

use std::io::{self, Write};

use jaq_json::{Num, Val};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap as _},
};
use serde_json::value::RawValue;

use crate::documents::DEEPEST;

/// Bytes of all results together. A model pays for each, and a filter such as
/// `repeat(.)` has no end.
pub(crate) const LARGEST: usize = 64 * 1024;

/// What the filter gave.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Answer {
    results: Vec<Box<RawValue>>,
    /// There are more results, which did not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<String>,
    #[serde(skip)]
    bytes: usize,
}

impl Answer {
    /// `false` when there is no place for it.
    pub(crate) fn take(&mut self, value: &Val) -> Result<bool, String> {
        let room = LARGEST.saturating_sub(self.bytes);
        let text = match write(value, room) {
            Ok(text) => text,
            Err(error) if error.is_io() && self.results.is_empty() => {
                return Err(format!("the result has more than {LARGEST} bytes: select less of it"));
            }
            Err(error) if error.is_io() => {
                self.more = Some(format!("the results together have more than {LARGEST} bytes"));
                return Ok(false);
            }
            Err(error) => return Err(error.to_string()),
        };
        // Each has a comma, so that empty ones are bounded, too.
        self.bytes += text.len() + 1;
        self.results.push(RawValue::from_string(text).map_err(|error| error.to_string())?);
        Ok(true)
    }
}

fn write(value: &Val, room: usize) -> Result<String, serde_json::Error> {
    let mut out = Bounded { text: Vec::new(), room };
    serde_json::to_writer(&mut out, &Json { value, depth: 0 })?;
    String::from_utf8(out.text).map_err(serde_json::Error::custom)
}

struct Bounded {
    text: Vec<u8>,
    room: usize,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.text.len() + piece.len() > self.room {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.text.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value as plain JSON. The crate's own values are more than that: bytes,
/// keys of any type, and numbers that are none.
struct Json<'a> {
    value: &'a Val,
    depth: usize,
}

impl Json<'_> {
    fn within<'a>(&self, value: &'a Val) -> Json<'a> {
        Json { value, depth: self.depth + 1 }
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.depth > DEEPEST {
            return Err(S::Error::custom(format!("the result is nested deeper than {DEEPEST}")));
        }
        match self.value {
            Val::Null => serializer.serialize_unit(),
            Val::Bool(value) => serializer.serialize_bool(*value),
            Val::Num(number) => number_as_json(number, serializer),
            Val::BStr(text) | Val::TStr(text) => {
                serializer.serialize_str(&String::from_utf8_lossy(text))
            }
            Val::Arr(items) => serializer.collect_seq(items.iter().map(|it| self.within(it))),
            Val::Obj(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries.iter() {
                    map.serialize_entry(&text_of_key(key), &self.within(value))?;
                }
                map.end()
            }
        }
    }
}

/// As jq writes them: what is no number is `null`, what is too large is the
/// largest there is.
fn number_as_json<S: Serializer>(number: &Num, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Num::Int(value) => value.serialize(serializer),
        Num::Float(value) if value.is_nan() => serializer.serialize_unit(),
        Num::Float(value) => value.clamp(f64::MIN, f64::MAX).serialize(serializer),
        Num::BigInt(_) | Num::Dec(_) => {
            let text = number.to_string();
            RawValue::from_string(text).map_err(S::Error::custom)?.serialize(serializer)
        }
    }
}

fn text_of_key(key: &Val) -> String {
    match key {
        Val::BStr(text) | Val::TStr(text) => String::from_utf8_lossy(text).into_owned(),
        other => other.to_string(),
    }
}
