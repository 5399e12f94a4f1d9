//! What an answer is: by what it says, or by its first bytes when it does not
//! say it; and whether it is text at all, whatever it says.

use super::failed;
use crate::toolset::ToolError;

/// Bytes in which an answer that does not say what it is has to begin like
/// HTML, and characters in which binary data has to show (WHATWG looks at
/// 1,445 bytes).
const BEGIN: usize = 1_500;

/// Of so many characters, one may be what no text holds: a stray zero is no
/// reason to refuse a page, and of compressed data every tenth is.
const ONE_OF: usize = 20;

/// So few are none, in a text however short.
const FEW: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Text,
}

impl Kind {
    /// By the header of that name, in lower case, and by the first bytes.
    pub(super) fn of(content_type: &str, bytes: &[u8]) -> Result<Self, ToolError> {
        const TEXTS: [&str; 7] =
            ["json", "xml", "javascript", "yaml", "x-yaml", "toml", "x-ndjson"];
        let essence = essence(content_type);
        match essence.split_once('/') {
            Some(("text", "html") | ("application", "xhtml+xml")) => Ok(Self::Html),
            Some(("text", _)) => Ok(Self::Text),
            Some(("application", it))
                if TEXTS.contains(&it) || it.ends_with("+json") || it.ends_with("+xml") =>
            {
                Ok(Self::Text)
            }
            None | Some(("*", "*") | ("unknown" | "application", "unknown")) => {
                Ok(if begins_like_html(bytes) { Self::Html } else { Self::Text })
            }
            _ => Err(failed(format!("the answer is `{essence}`: only text can be read"))),
        }
    }
}

/// The type without its parameters: of several headers that of the last one,
/// as browsers have it.
fn essence(content_type: &str) -> &str {
    let types = content_type.rsplit(',').map(|it| it.split(';').next().unwrap_or_default().trim());
    let mut types = types.filter(|it| it.contains('/'));
    types.next().unwrap_or_default()
}

/// Whether the first thing in it is an element of HTML, or its doctype.
fn begins_like_html(bytes: &[u8]) -> bool {
    const NAMES: [&str; 20] = [
        "!doctype html",
        "html",
        "head",
        "body",
        "title",
        "meta",
        "link",
        "script",
        "style",
        "h1",
        "h2",
        "p",
        "div",
        "table",
        "a",
        "b",
        "br",
        "font",
        "iframe",
        "noscript",
    ];
    let begin = String::from_utf8_lossy(bytes.get(..BEGIN).unwrap_or(bytes)).to_ascii_lowercase();
    let mut rest = begin.trim_start_matches('\u{feff}').trim_start();
    // What may stand in front of it.
    while rest.starts_with("<!--") || rest.starts_with("<?") {
        let end = if rest.starts_with("<?") { ">" } else { "-->" };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    let Some(tag) = rest.strip_prefix('<') else { return false };
    let ends = |it: &str| it.is_empty() || it.starts_with([' ', '>', '/', '\n', '\t', '\r']);
    NAMES.iter().any(|name| tag.strip_prefix(name).is_some_and(ends))
}

/// Fails on what is no text, whatever it says that it is.
pub(super) fn check(content_type: &str, bytes: &[u8], text: &str) -> Result<(), ToolError> {
    let Some(found) = signature(bytes).or_else(|| is_binary(text).then_some("binary data")) else {
        return Ok(());
    };
    let says = match essence(content_type) {
        "" => "does not say what it is".to_owned(),
        essence => format!("says that it is `{essence}`"),
    };
    Err(failed(format!("the answer {says}, and holds {found}: only text can be read")))
}

/// What files of well-known formats begin with. Some are small, or begin with
/// text.
fn signature(bytes: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 14] = [
        (b"%PDF-", "a PDF file"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"GIF87a", "an image"),
        (b"GIF89a", "an image"),
        (b"\xff\xd8\xff", "an image"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "gzip data"),
        (b"BZh", "bzip2 data"),
        (b"\xfd7zXZ\0", "xz data"),
        (b"\x28\xb5\x2f\xfd", "zstd data"),
        (b"\x7fELF", "a program"),
        (b"\0asm", "a WebAssembly file"),
        (b"SQLite format 3\0", "a database"),
        (b"wOF2", "a font"),
    ];
    SIGNATURES.iter().find(|(begin, _)| bytes.starts_with(begin)).map(|(_, it)| *it)
}

/// Whether there is too much in it that no text holds.
pub(super) fn is_binary(text: &str) -> bool {
    let is_bad = |it: char| {
        let is_text = matches!(it, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
        it == '\u{fffd}' || (it.is_ascii_control() && !is_text)
    };
    let (mut n_chars, mut n_bad) = (0_usize, 0_usize);
    for c in text.chars().take(BEGIN) {
        n_chars += 1;
        n_bad += usize::from(is_bad(c));
    }
    FEW < n_bad && n_chars < n_bad * ONE_OF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_it_says_or_begins_like() {
        let check = |content_type: &str, bytes: &[u8], expect: Result<Kind, &str>| {
            let expect = expect.map_err(|it| ToolError::Failed(it.to_owned()));
            assert_eq!(Kind::of(content_type, bytes), expect, "{content_type}");
        };
        let html = b" \n<!-- a --><?xml version='1.0'?>\n<HTML lang=en>";
        for none in ["", "html", "*/*", "unknown/unknown", "application/unknown", ";charset=x"] {
            check(none, html, Ok(Kind::Html));
            check(none, b"<!DOCTYPE html>", Ok(Kind::Html));
            check(none, b"\xef\xbb\xbf<p>x", Ok(Kind::Html));
            for text in [&b"x"[..], b"", b"<para>x", b"<?xml version='1.0'?><rss>", b"{}", b"<!--"]
            {
                check(none, text, Ok(Kind::Text));
            }
        }
        check("text/plain", html, Ok(Kind::Text));
        check("text/plain, text/html; charset=utf-8", b"x", Ok(Kind::Html));
        check("text/html, text/html;charset=\"a,b\"", b"x", Ok(Kind::Html));
        check("image/png", html, Err("the answer is `image/png`: only text can be read"));
    }

    #[test]
    fn a_stray_control_character_is_no_binary_data() {
        assert!(!is_binary("a\0\u{1}\u{2}"));
        assert!(!is_binary(&format!("{}\0\0\0\0", "x".repeat(100))));
        assert!(is_binary(&format!("{}\0\0\0\0", "x".repeat(60))));
        assert!(is_binary(&"\u{fffd}".repeat(9)));
        assert!(!is_binary("\u{1b}[1mbold\u{1b}[0m\r\n\t\u{c}"));
        assert!(!is_binary(""));
    }
}
