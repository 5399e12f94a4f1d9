//! The bytes of an answer as text.
//!
//! In this order: a byte order mark, the header, the XML declaration, what a
//! page says of itself in a `meta` element, and a guess. UTF-8 that is valid
//! needs no guess.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{body::Body, html, kind::is_binary};

/// Bytes at the start of a page in which it may say how it is encoded: WHATWG
/// wants it within 1,024, and browsers take one that comes later, too.
const SAID_WITHIN: usize = 64 << 10;

/// Bytes of an XML declaration.
const DECLARATION_BYTES: usize = 256;

/// Bytes that UTF-16 without a mark is known by.
const UTF_16_BYTES: usize = 64;

/// Bytes from which the encoding is guessed.
const GUESSED_FROM: usize = 64 << 10;

/// The text; what is malformed becomes replacement characters. Blocks, and
/// asks `is_wanted` from time to time whether to go on.
pub(super) fn decode<'a>(
    body: &'a Body,
    is_html: bool,
    is_wanted: &dyn Fn() -> bool,
) -> Cow<'a, str> {
    let bytes = &body.bytes;
    let said = Encoding::for_bom(bytes).map(|(it, _)| it);
    let said = said.or_else(|| charset(&body.content_type));
    let said = said.or_else(|| utf_16(bytes)).or_else(|| declared(bytes));
    let said = said.or_else(|| html_says(bytes, is_wanted).filter(|_| is_html));
    let Some(said) = said else {
        return guess(bytes).decode(bytes).0;
    };
    let (text, _, has_errors) = said.decode(bytes);
    // Many servers say UTF-8 of whatever they have.
    if has_errors && said == UTF_8 && is_binary(&text) {
        let guessed = guess(bytes).decode(bytes).0;
        return if is_binary(&guessed) { text } else { guessed };
    }
    text
}

/// Of a header, or of what stands for one.
fn charset(text: &str) -> Option<&'static Encoding> {
    let lower = text.to_ascii_lowercase();
    let (_, after) = lower.split_once("charset")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let after = after.trim_start_matches(['"', '\'']);
    let label = after.split(['"', '\'', ';', ' ', ',']).next()?;
    Encoding::for_label(label.as_bytes())
}

/// UTF-16 that does not say so: every other byte of what is ASCII is zero.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let begin = bytes.get(..UTF_16_BYTES).unwrap_or(bytes);
    let zeros = |at: usize| begin.iter().skip(at).step_by(2).all(|it| *it == 0);
    let none = |at: usize| begin.iter().skip(at).step_by(2).all(|it| *it != 0);
    match begin.len() {
        0..4 => None,
        _ if zeros(1) && none(0) => Some(UTF_16LE),
        _ if zeros(0) && none(1) => Some(UTF_16BE),
        _ => None,
    }
}

/// `<?xml … encoding="…"?>`.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let begin = bytes.get(..DECLARATION_BYTES).unwrap_or(bytes);
    let begin = WINDOWS_1252.decode_without_bom_handling(begin).0;
    let (declaration, _) = begin.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, after) = declaration.split_once("encoding")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    let label = after.split(quote).nth(1)?;
    Encoding::for_label(label.as_bytes()).map(of_ascii)
}

/// `<meta charset=…>`, and the older form of it.
fn html_says(bytes: &[u8], is_wanted: &dyn Fn() -> bool) -> Option<&'static Encoding> {
    let begin = bytes.get(..SAID_WITHIN).unwrap_or(bytes);
    let begin = WINDOWS_1252.decode_without_bom_handling(begin).0;
    if !begin.to_ascii_lowercase().contains("charset") {
        return None;
    }
    let labels = html::charsets(&begin, is_wanted);
    let of_label = |it: &String| {
        let whole = Encoding::for_label(it.as_bytes());
        whole.or_else(|| charset(it))
    };
    labels.iter().find_map(of_label).map(of_ascii)
}

/// What can't be, as ASCII was read to see it said (WHATWG).
fn of_ascii(said: &'static Encoding) -> &'static Encoding {
    match said {
        it if it == UTF_16LE || it == UTF_16BE => UTF_8,
        it if it.name() == "x-user-defined" => WINDOWS_1252,
        it => it,
    }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    // ISO-2022-JP is ASCII with escape sequences.
    if !bytes.contains(&0x1b) && std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    let (begin, is_whole) = match bytes.get(..GUESSED_FROM) {
        Some(begin) => (begin, false),
        None => (bytes, true),
    };
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(begin, is_whole);
    detector.guess(None, Utf8Detection::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content_type: &str, bytes: &[u8], expect: &str) {
        let body = Body {
            content_type: content_type.to_owned(),
            refresh: String::new(),
            bytes: bytes.to_vec(),
        };
        assert_eq!(decode(&body, true, &|| true), expect, "{content_type}");
    }

    #[test]
    fn the_first_that_says_it_counts() {
        check("text/html; charset=koi8-r", b"\xef\xbb\xbf\xc3\xa9", "é");
        check(
            "text/html; charset = \"ISO-8859-1\"",
            b"<meta charset=utf-8>\xe9",
            "<meta charset=utf-8>é",
        );
        check("text/html", b"<meta charset=latin1>\xe9", "<meta charset=latin1>é");
        check("text/html", b"<META CHARSET='KOI8-R'>\xc1", "<META CHARSET='KOI8-R'>а");
        let old = "<meta content='text/html; charset=windows-1251' http-equiv=Content-Type>";
        check("text/html", &[old.as_bytes(), b"\xe0"].concat(), &format!("{old}а"));
        check(
            "",
            b"<?xml version='1.0' encoding='koi8-r'?>\xc1",
            "<?xml version='1.0' encoding='koi8-r'?>а",
        );
        check("", b"<?xml encoding=\"utf-16\"?>x", "<?xml encoding=\"utf-16\"?>x");
    }

    #[test]
    fn what_is_no_element_says_nothing() {
        for html in [
            "<!-- <meta charset=koi8-r> -->é",
            "<script charset=koi8-r></script>é",
            "<p>charset=koi8-r é",
            "<script>'<meta charset=koi8-r>'</script>é",
            "<meta name=x content='charset=koi8-r'>é",
            "<meta charset=unheard-of>é",
            "<meta charset=utf-16>é",
        ] {
            check("text/html", html.as_bytes(), html);
        }
    }

    #[test]
    fn a_label_that_comes_late_is_found() {
        let late = format!("<head><style>{}</style><meta charset=koi8-r>", "x".repeat(9_000));
        check("text/html", &[late.as_bytes(), b"\xc1"].concat(), &format!("{late}а"));
    }

    #[test]
    fn what_says_nothing_is_guessed() {
        check("", "čeština".as_bytes(), "čeština");
        check("text/plain", b"caf\xe9 au lait, d\xe9j\xe0 vu", "café au lait, déjà vu");
        let russian = "Все счастливые семьи похожи друг на друга";
        check("text/plain", &encoding_rs::WINDOWS_1251.encode(russian).0, russian);
        let japanese = "吾輩は猫である。名前はまだ無い。";
        for it in [encoding_rs::SHIFT_JIS, encoding_rs::EUC_JP, encoding_rs::ISO_2022_JP] {
            check("text/plain", &it.encode(japanese).0, japanese);
        }
        let utf_16 =
            |order: fn(u16) -> [u8; 2]| "plain".encode_utf16().flat_map(order).collect::<Vec<_>>();
        check("text/plain", &utf_16(u16::to_le_bytes), "plain");
        check("text/plain", &utf_16(u16::to_be_bytes), "plain");
    }

    #[test]
    fn a_server_that_says_utf_8_of_everything_is_not_believed() {
        let russian = "Все счастливые семьи похожи друг на друга";
        check("text/html; charset=utf-8", &encoding_rs::WINDOWS_1251.encode(russian).0, russian);
        check(
            "text/html; charset=utf-8",
            b"almost only ASCII here, caf\xe9",
            "almost only ASCII here, caf\u{fffd}",
        );
    }
}
