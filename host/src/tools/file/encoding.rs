//! How the bytes of a text file stand for characters: found out when it is
//! read, and kept when it is written back.
//!
//! UTF-8 is tried first, UTF-16 is known by its byte order mark, and what is
//! neither but looks like text is taken for Windows-1252, which is Latin-1 with
//! a few more characters. Each way back is exact: a text that is not changed
//! becomes the same bytes.

use std::borrow::Cow;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

/// One of those that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    #[default]
    Utf8,
    Utf8WithMark,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

/// The byte order mark, as a character.
pub(super) const MARK: char = '\u{feff}';

/// Control characters that are found in text.
const TEXT_CONTROLS: &[u8] = b"\t\n\r\x08\x0c\x1b";

/// Bytes that are no character in Windows-1252.
const UNASSIGNED: &[u8] = b"\x81\x8d\x8f\x90\x9d";

impl Encoding {
    /// Of a file that starts so, and the length of its byte order mark. `None`
    /// without one.
    fn marked(start: &[u8]) -> Option<(Self, usize)> {
        match start {
            [0xef, 0xbb, 0xbf, ..] => Some((Encoding::Utf8WithMark, 3)),
            [0xff, 0xfe, ..] => Some((Encoding::Utf16Le, 2)),
            [0xfe, 0xff, ..] => Some((Encoding::Utf16Be, 2)),
            _ => None,
        }
    }

    /// The name for the caller; `None` for plain UTF-8.
    pub(super) fn name(self) -> Option<&'static str> {
        Some(match self {
            Encoding::Utf8 => return None,
            Encoding::Utf8WithMark => "utf-8 with byte order mark",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Windows1252 => "windows-1252",
        })
    }

    /// The bytes of a file with the text `text`.
    ///
    /// # Errors
    ///
    /// The first character that has no place in this encoding.
    pub(super) fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, char> {
        // A caller may have seen the mark elsewhere and repeat it.
        let unmarked = || text.strip_prefix(MARK).unwrap_or(text);
        let marked = |bytes: fn(u16) -> [u8; 2]| {
            let units = std::iter::once(0xfeff).chain(unmarked().encode_utf16());
            Cow::Owned(units.flat_map(bytes).collect())
        };
        match self {
            Encoding::Utf8 => Ok(Cow::Borrowed(text.as_bytes())),
            Encoding::Utf8WithMark => Ok(Cow::Owned(format!("{MARK}{}", unmarked()).into_bytes())),
            Encoding::Utf16Le => Ok(marked(u16::to_le_bytes)),
            Encoding::Utf16Be => Ok(marked(u16::to_be_bytes)),
            Encoding::Windows1252 => match WINDOWS_1252.encode(text) {
                (bytes, _, false) => Ok(bytes),
                _ => Err(text.chars().find(|it| !is_in_windows_1252(*it)).unwrap_or_default()),
            },
        }
    }
}

/// The text of a whole file; `None` when it is none.
pub(super) fn decode(bytes: &[u8]) -> Option<(Encoding, Cow<'_, str>)> {
    let (encoding, mark) = Encoding::marked(bytes).unwrap_or_default();
    let body = bytes.get(mark..).unwrap_or_default();
    let (encoding, text) = match encoding {
        Encoding::Utf16Le => {
            (encoding, UTF_16LE.decode_without_bom_handling_and_without_replacement(body)?)
        }
        Encoding::Utf16Be => {
            (encoding, UTF_16BE.decode_without_bom_handling_and_without_replacement(body)?)
        }
        _ => match str::from_utf8(body) {
            Ok(text) => (encoding, Cow::Borrowed(text)),
            Err(_) if mark == 0 && is_windows_1252(body) => {
                (Encoding::Windows1252, WINDOWS_1252.decode_without_bom_handling(body).0)
            }
            Err(_) => return None,
        },
    };
    (!text.contains('\0')).then_some((encoding, text))
}

/// Whether it looks like a text of single bytes. One in which a part is good
/// UTF-8 beyond ASCII is a broken file, and a character put into it would be
/// of the wrong kind.
fn is_windows_1252(bytes: &[u8]) -> bool {
    let is_text = |it: &u8| match it {
        0..0x20 | 0x7f => TEXT_CONTROLS.contains(it),
        _ => !UNASSIGNED.contains(it),
    };
    bytes.iter().all(is_text) && bytes.utf8_chunks().all(|it| it.valid().is_ascii())
}

fn is_in_windows_1252(it: char) -> bool {
    !WINDOWS_1252.encode(it.encode_utf8(&mut [0; 4])).2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: Option<(Encoding, &str)>) {
        let decoded = decode(bytes);
        let actual = decoded.as_ref().map(|(encoding, text)| (*encoding, &**text));
        assert_eq!(actual, expect, "{bytes:?}");
        if let Some((encoding, text)) = decoded {
            assert_eq!(encoding.encode(&text).as_deref(), Ok(bytes), "{text:?} written back");
        }
    }

    #[test]
    fn texts_are_read_and_written_back_to_the_byte() {
        for (bytes, encoding, text) in [
            (&b"caf\xc3\xa9\n"[..], Encoding::Utf8, "caf\u{e9}\n"),
            (b"", Encoding::Utf8, ""),
            (b"\xef\xbb\xbfa\n", Encoding::Utf8WithMark, "a\n"),
            (b"\xff\xfea\0\n\0\x3d\xd8\0\xde", Encoding::Utf16Le, "a\n\u{1f600}"),
            (b"\xfe\xff\0a\0\r\0\n", Encoding::Utf16Be, "a\r\n"),
            (b"\xff\xfe", Encoding::Utf16Le, ""),
            (b"caf\xe9 \x80\n", Encoding::Windows1252, "caf\u{e9} \u{20ac}\n"),
            (b"\x1b[1m\xfc\t\r\n", Encoding::Windows1252, "\u{1b}[1m\u{fc}\t\r\n"),
        ] {
            check(bytes, Some((encoding, text)));
        }
    }

    #[test]
    fn what_is_no_text_is_none() {
        for bytes in [
            &b"a\0b"[..],
            // UTF-16 without its mark, with half a pair, with half a unit.
            b"a\0\n\0",
            b"\xff\xfe\x3d\xd8a\0",
            b"\xff\xfea\0b",
            // UTF-32.
            b"\xff\xfe\0\0a\0\0\0",
            // Good UTF-8 with a broken place in it.
            b"\xc3\xa9 and \xe9\n",
            b"\xef\xbb\xbf\xff",
            b"\xe9\x01",
            b"\xe9\x81",
            b"\x89PNG\r\n\x1a\n",
        ] {
            check(bytes, None);
        }
    }

    #[test]
    fn a_character_without_a_place_is_named() {
        assert_eq!(Encoding::Windows1252.encode("\u{e9}\u{2192}a"), Err('\u{2192}'));
        assert_eq!(Encoding::Windows1252.encode("\u{20ac}").as_deref(), Ok(&b"\x80"[..]));
        assert_eq!(
            Encoding::Utf8WithMark.encode("\u{feff}a").as_deref(),
            Ok(&b"\xef\xbb\xbfa"[..])
        );
    }
}
