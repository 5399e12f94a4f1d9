//! What came back as text for a model: decoded, readable, clean, and cut.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use super::{
    body::Body,
    failed,
    html::{self, Readable, Unreadable},
    length,
    neutral::neutral,
    target::Target,
};
use crate::{
    completion::sanitize::{clean, clean_line},
    toolset::{ToolError, call::WebPage},
};

/// Characters of a title.
const MAX_TITLE_CHARS: usize = 300;

/// Bytes at the start of a page in which it may say how it is encoded (WHATWG
/// looks at as many).
const PRESCAN_BYTES: usize = 1_024;

/// The page that came from `target`. Blocks, and asks `is_wanted` from time to
/// time whether to go on.
pub(super) fn page(
    target: &Target,
    body: &Body,
    max_bytes: u64,
    is_wanted: &dyn Fn() -> bool,
) -> Result<WebPage, ToolError> {
    let kind = Kind::of(&body.content_type)?;
    // Before it is parsed, which would tear escape sequences apart; and after,
    // for what the page wrote as entities.
    let decoded = decode(body, kind);
    let text = clean(&decoded);
    let readable = match kind {
        Kind::Html => html::read(&text, target, is_wanted).map_err(unreadable)?,
        Kind::Text => Readable { title: String::new(), markdown: text.into_owned() },
    };
    let title = line(&readable.title, MAX_TITLE_CHARS);
    let text = neutral(&clean(&readable.markdown)).into_owned();
    let (text, truncated) = cut(text, length(max_bytes));
    let title = Some(title).filter(|it| !it.is_empty());
    Ok(WebPage { url: target.url().to_string(), title, text, truncated })
}

fn unreadable(error: Unreadable) -> ToolError {
    match error {
        Unreadable::Interrupted => ToolError::Interrupted,
        _ => failed(error.to_string()),
    }
}

/// A text from the web on one line.
pub(super) fn line(text: &str, max_chars: usize) -> String {
    neutral(&clean_line(text, max_chars)).into_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Html,
    Text,
}

impl Kind {
    fn of(content_type: &str) -> Result<Self, ToolError> {
        const TEXTS: [&str; 7] =
            ["json", "xml", "javascript", "yaml", "x-yaml", "toml", "x-ndjson"];
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        match essence.split_once('/') {
            Some(("text", "html") | ("application", "xhtml+xml")) => Ok(Self::Html),
            Some(("text", _)) => Ok(Self::Text),
            Some(("application", it))
                if TEXTS.contains(&it) || it.ends_with("+json") || it.ends_with("+xml") =>
            {
                Ok(Self::Text)
            }
            _ if essence.is_empty() => Err(failed("the answer does not say what it is".to_owned())),
            _ => Err(failed(format!("the answer is `{essence}`: only text can be read"))),
        }
    }
}

/// The text, by a byte order mark, the header, or what the page says itself;
/// UTF-8 otherwise. What is malformed becomes replacement characters.
fn decode(body: &Body, kind: Kind) -> Cow<'_, str> {
    let said = charset(&body.content_type).or_else(|| {
        let begin = body.bytes.get(..PRESCAN_BYTES).unwrap_or(&body.bytes);
        let begin = String::from_utf8_lossy(begin).to_ascii_lowercase();
        charset(&begin).filter(|_| kind == Kind::Html)
    });
    said.unwrap_or(UTF_8).decode(&body.bytes).0
}

fn charset(text: &str) -> Option<&'static Encoding> {
    let (_, after) = text.split_once("charset=")?;
    let after = after.trim_start_matches(['"', '\'']);
    let label = after.split(['"', '\'', ';', '>', ' ', '/', ',']).next()?;
    Encoding::for_label(label.as_bytes())
}

/// The text up to the last line that fits, and a mark when some is left out.
fn cut(text: String, max_bytes: usize) -> (String, bool) {
    if text.len() <= max_bytes {
        return (text, false);
    }
    let total = text.len();
    let (kept, _) = text.split_at(text.floor_char_boundary(max_bytes));
    // A line that is longer than the limit is cut within.
    let kept = kept.rsplit_once('\n').map_or(kept, |(it, _)| it);
    (format!("{kept}\n\n[cut: {} of {total} bytes]", kept.len()), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(content_type: &str, bytes: &[u8], max_bytes: u64) -> Result<WebPage, ToolError> {
        let body = Body { content_type: content_type.to_owned(), bytes: bytes.to_vec() };
        page(&Target::parse("https://docs.rs/a").unwrap(), &body, max_bytes, &|| true)
    }

    fn check(content_type: &str, bytes: &[u8], expect: &str) {
        let text = page_of(content_type, bytes, 1_000).map(|it| it.text);
        assert_eq!(text.as_deref(), Ok(expect), "{content_type}");
    }

    #[test]
    fn text_stays_and_html_becomes_markdown() {
        for content_type in [
            "text/plain",
            "text/markdown; charset=utf-8",
            "text/csv",
            "application/json",
            "application/problem+json",
            "application/atom+xml",
        ] {
            check(content_type, b"<b>a</b>\n  *b*", "<b>a</b>\n  *b*");
        }
        for content_type in ["text/html", "text/html;charset=utf-8", "application/xhtml+xml"] {
            check(content_type, b"<title>t</title><b>a</b>", "**a**");
        }
    }

    #[test]
    fn what_is_no_text_is_named() {
        let check = |content_type: &str, expect: &str| {
            let error = page_of(content_type, b"x", 1_000).unwrap_err();
            assert_eq!(error, ToolError::Failed(expect.to_owned()));
        };
        check("", "the answer does not say what it is");
        for essence in ["image/png", "application/pdf", "image/svg+xml", "html", "*/*"] {
            check(essence, &format!("the answer is `{essence}`: only text can be read"));
        }
    }

    #[test]
    fn a_page_is_decoded_as_it_says() {
        check("text/plain; charset=iso-8859-1", b"caf\xe9", "café");
        check("text/plain; charset=\"windows-1252\"", b"\x80", "€");
        check("text/html", b"<meta charset=latin1><p>caf\xe9", "café");
        check("text/plain", b"caf\xe9 charset=latin1", "caf\u{fffd} charset=latin1");
        check("text/plain; charset=unheard-of", "é".as_bytes(), "é");
        check("text/plain", b"\xff\xfea\0", "a");
    }

    #[test]
    fn what_nobody_sees_and_what_loads_is_gone() {
        let hostile = "a\u{1b}[31mb\u{202e}c\u{200b}d\u{e0041}e\0 !\u{200b}[x](//evil.org)";
        check("text/plain", hostile.as_bytes(), "abcde x");
        check("text/html", format!("<p>{hostile}").as_bytes(), "abcde \\!\\[x\\](//evil.org)");
        check("text/html", b"a&#7;b&#x202e;c&#x200b;d&#xe0041;e&#0;", "abcde\u{fffd}");
        let html = "<title>a\n\u{1b}[1m![b](//evil.org)</title><p>x";
        let page = page_of("text/html", html.as_bytes(), 1_000).unwrap();
        assert_eq!(page.title.as_deref(), Some("a b"));
        check("text/html", b"<pre><code>![x](//evil.org)</code></pre>", "```\nx\n```");
    }

    #[test]
    fn a_long_text_is_cut_between_lines() {
        let check = |text: &str, max_bytes, expect: &str| {
            let page = page_of("text/plain", text.as_bytes(), max_bytes).unwrap();
            assert_eq!((page.text.as_str(), page.truncated), (expect, true));
        };
        check("one\ntwo\nthree", 9, "one\ntwo\n\n[cut: 7 of 13 bytes]");
        check("ääää", 5, "ää\n\n[cut: 4 of 8 bytes]");
        check("x", 0, "\n\n[cut: 0 of 1 bytes]");
        let whole = page_of("text/plain", b"one\n", 4).unwrap();
        assert_eq!((whole.text.as_str(), whole.truncated), ("one\n", false));
    }
}
