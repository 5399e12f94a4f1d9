//! What came back as text for a model: decoded, readable, clean, and cut.

use super::{
    body::Body,
    encoding::decode,
    failed,
    html::{self, Readable, Unreadable},
    kind::{self, Kind},
    length,
    neutral::neutral,
    page::WebPage,
    refresh::Refresh,
    target::Target,
};
use crate::{
    completion::sanitize::{clean, clean_line},
    toolset::ToolError,
};

/// Characters of a title.
const MAX_TITLE_CHARS: usize = 300;

/// What an answer is good for.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// To be read.
    Page(WebPage),
    /// It only leads on to another page.
    Onward(Target),
}

/// Reads what came from `target`. Blocks, and asks `is_wanted` from time to
/// time whether to go on.
pub(super) fn read(
    target: &Target,
    body: &Body,
    max_bytes: u64,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Read, ToolError> {
    let kind = Kind::of(&body.content_type, &body.bytes)?;
    // Before it is parsed, which would tear escape sequences apart; and after,
    // for what the page wrote as entities.
    let decoded = decode(body, kind == Kind::Html, is_wanted);
    kind::check(&body.content_type, &body.bytes, &decoded)?;
    let text = clean(&decoded);
    let Readable { title, markdown, refresh } = match kind {
        Kind::Html => html::read(&text, target, is_wanted).map_err(unreadable)?,
        Kind::Text => Readable { markdown: text.into_owned(), ..Readable::default() },
    };
    let refresh = refresh.or_else(|| Refresh::parse(&body.refresh, target));
    // A page that loads itself anew is there already.
    let refresh = refresh.filter(|it| it.to != *target);
    let leads_on = match refresh {
        Some(it) if it.is_soon() => return Ok(Read::Onward(it.to)),
        Some(Refresh { seconds, to }) => {
            format!("[after {seconds} s this page leads on to {}]\n\n", to.url())
        }
        None => String::new(),
    };
    let title = line(&title, MAX_TITLE_CHARS);
    let text = neutral(&clean(&format!("{leads_on}{markdown}"))).into_owned();
    let (text, truncated) = cut(text, length(max_bytes));
    let title = Some(title).filter(|it| !it.is_empty());
    Ok(Read::Page(WebPage { url: target.url().to_string(), title, text, truncated }))
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
        let (content_type, refresh) = (content_type.to_owned(), String::new());
        let body = Body { content_type, refresh, bytes: bytes.to_vec() };
        let target = Target::parse("https://docs.rs/a").unwrap();
        match read(&target, &body, max_bytes, &|| true)? {
            Read::Page(page) => Ok(page),
            Read::Onward(to) => panic!("it leads on to {to:?}"),
        }
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
        for essence in ["image/png", "application/pdf", "image/svg+xml", "image/*"] {
            check(essence, &format!("the answer is `{essence}`: only text can be read"));
        }
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
