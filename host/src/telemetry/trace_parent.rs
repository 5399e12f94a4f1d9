//! The header `traceparent` of the W3C's Trace Context: which trace a caller
//! is in.

use std::{fmt, str::FromStr};

/// Where in which trace a caller is. Nothing of it is nonsense: ids are never
/// all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    /// The caller keeps its spans, and so those below them are kept.
    pub(super) sampled: bool,
}

/// A text that names no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no `traceparent`\nhint: it is `00-TRACE-PARENT-FLAGS` in lower-case hexadecimal digits, of which there are 32, 16 and 2"
)]
pub struct NoTraceParent;

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    /// Of a version to come, the fields that this one has are read, as the
    /// W3C has it.
    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let mut parts = text.splitn(5, '-');
        let mut field = |digits| parts.next().and_then(|it| hex(it, digits)).ok_or(NoTraceParent);
        let version = field(2)?;
        let trace_id = field(32)?;
        let span_id = u64::try_from(field(16)?).map_err(|_| NoTraceParent)?;
        let flags = field(2)?;
        let has_more = parts.next().is_some();
        if version == 0xff || version == 0 && has_more || trace_id == 0 || span_id == 0 {
            return Err(NoTraceParent);
        }
        Ok(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

/// So many digits, none of them a capital.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |it: u8| matches!(it, b'0'..=b'9' | b'a'..=b'f');
    let is_hex = text.len() == digits && text.bytes().all(is_digit);
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, sampled } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(*sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_trace_is_read_as_the_w3c_has_it() {
        let check = |text: &str, expect: Option<&str>| {
            let read = text.parse::<TraceParent>().ok().map(|it| it.to_string());
            assert_eq!(read.as_deref(), expect, "{text}");
        };
        let with = |version: &str, flags: &str| format!("{version}-{TRACE}-{SPAN}-{flags}");
        let (kept, dropped) = (with("00", "01"), with("00", "00"));
        check(&kept, Some(&kept));
        check(&dropped, Some(&dropped));
        // Flags that nobody knows yet, and a version that nobody knows yet.
        check(&with("00", "ff"), Some(&kept));
        check(&with("cc", "01"), Some(&kept));
        check(&with("cc", "01-what-comes"), Some(&kept));
        check(&with("cc", "01x"), None);
        check(&with("00", "01-more"), None);
        check(&with("ff", "01"), None);
        check(&with("00", "1"), None);
        check(&kept.to_uppercase(), None);
        check(&format!("00-{}-{SPAN}-01", "0".repeat(32)), None);
        check(&format!("00-{TRACE}-{}-01", "0".repeat(16)), None);
        check(&format!("00-{TRACE}-{SPAN}"), None);
        check(&format!("00-{TRACE}-+0f067aa0ba902b7-01"), None);
        check(&format!(" {kept}"), None);
        check("", None);
        check("00-ä-ö-ü", None);
    }

    #[test]
    fn an_error_says_what_one_looks_like() {
        assert!(NoTraceParent.to_string().contains("\nhint: "));
    }
}
