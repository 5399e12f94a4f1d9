//! A page in HTML as Markdown: its readable part, or else its whole body.
//!
//! The page is hostile. Parsing, and everything that is done with the tree
//! afterwards, takes time that grows with the number of nodes times their
//! depth, and Markdown is written by functions that call themselves for each
//! nested list, quote or table. So the page is parsed in pieces and given up
//! when it grows too large, too deep or too slow, and its exact depth is known
//! before anything else looks at it.

use std::time::{Duration, Instant};

use dom_query::{Document, NodeRef};
use dom_smoothie::{Config, Readability, TextMode};
use html5ever::{
    ParseOpts, driver::Parser, tendril::TendrilSink as _, tree_builder::TreeBuilderOpts,
};
use reqwest::Url;

use super::target::Target;

/// Nodes of a page. A long page of documentation has some ten thousand; this
/// many take half a second when they are nested as badly as they may be.
const MAX_NODES: usize = 100_000;

/// Elements around an element. Pages have 30, and seldom 60.
const MAX_DEPTH: usize = 100;

/// Lists, quotes and tables around an element. Each puts its mark before every
/// line within it: without a bound of its own, a page of 1 MB became 140 MB of
/// Markdown.
const MAX_QUOTES: usize = 24;

/// Time to parse a page, looked at after each piece. Bounds what takes the
/// parser long for its size: a million attributes of one element.
const MAX_PARSE_TIME: Duration = Duration::from_secs(1);

/// Bytes parsed at a time; a piece opens at most a third as many elements.
const PIECE_BYTES: usize = 1_024;

/// The readable part of a page. Not cleaned yet.
#[derive(Debug)]
pub(super) struct Readable {
    pub(super) title: String,
    pub(super) markdown: String,
}

/// Why a page can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the page has more than {MAX_NODES} elements and texts")]
    TooLarge,
    #[error(
        "the page nests its elements deeper than {MAX_DEPTH}, or its lists deeper than {MAX_QUOTES}"
    )]
    TooDeep,
    #[error("the page takes too long to parse")]
    TooSlow,
    #[error("interrupted")]
    Interrupted,
}

/// Reads the page that came from `target`. Blocks for up to some seconds, and
/// asks `is_wanted` from time to time whether to go on.
pub(super) fn read(
    html: &str,
    target: &Target,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Readable, Unreadable> {
    let document = parse(html, MAX_PARSE_TIME, is_wanted)?;
    check_depth(&document)?;
    make_safe(&document, target);
    if !is_wanted() {
        return Err(Unreadable::Interrupted);
    }
    Ok(readable(document))
}

fn parse(
    html: &str,
    limit: Duration,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Document, Unreadable> {
    let begin = Instant::now();
    let mut parser = html5ever::parse_document(Document::default(), without_scripts());
    let mut rest = html;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        rest = after;
        parser.process(piece.into());
        check_growth(document_of(&parser))?;
        if limit <= begin.elapsed() {
            return Err(Unreadable::TooSlow);
        }
        if !is_wanted() {
            return Err(Unreadable::Interrupted);
        }
    }
    Ok(parser.finish())
}

/// As a reader sees a page that runs no scripts: with its `noscript`.
fn without_scripts() -> ParseOpts {
    let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    ParseOpts { tree_builder, ..ParseOpts::default() }
}

fn document_of(parser: &Parser<Document>) -> &Document {
    // The tokenizer feeds the builder of the tree, and it the document.
    &parser.tokenizer.sink.sink
}

/// Gives a page up while it is parsed: what is open now is the last of all.
fn check_growth(document: &Document) -> Result<(), Unreadable> {
    // One for each wrong byte, and nobody reads them.
    document.errors.borrow_mut().clear();
    if MAX_NODES < document.tree.len() {
        return Err(Unreadable::TooLarge);
    }
    let open = std::iter::successors(Some(document.root()), NodeRef::last_child);
    if MAX_DEPTH < open.skip(1).take(MAX_DEPTH + 1).count() {
        Err(Unreadable::TooDeep)
    } else {
        Ok(())
    }
}

/// Goes through the whole tree, without calling itself.
fn check_depth(document: &Document) -> Result<(), Unreadable> {
    let mut open: Vec<(Option<NodeRef<'_>>, usize)> = vec![(document.root().first_child(), 0)];
    while let Some((next, quotes)) = open.pop() {
        let Some(node) = next else { continue };
        open.push((node.next_sibling(), quotes));
        let quotes = quotes + usize::from(is_quote(&node));
        if MAX_DEPTH < open.len() || MAX_QUOTES < quotes {
            return Err(Unreadable::TooDeep);
        }
        open.push((node.first_child(), quotes));
    }
    Ok(())
}

/// Whether Markdown is written for it by a function that calls itself.
fn is_quote(node: &NodeRef<'_>) -> bool {
    const QUOTES: [&str; 13] = [
        "ul",
        "ol",
        "li",
        "blockquote",
        "table",
        "pre",
        "a",
        "code",
        "b",
        "i",
        "strong",
        "em",
        "dl",
    ];
    node.qual_name_ref().is_some_and(|it| QUOTES.contains(&it.local.as_ref()))
}

/// Leaves links to pages alone, and texts in place of images.
fn make_safe(document: &Document, target: &Target) {
    let base = base(document, target);
    for link in document.select("[href]").nodes() {
        let href = link.attr("href").and_then(|it| page(&base, &it));
        match href {
            Some(url) => link.set_attr("href", url.as_str()),
            None => link.remove_attr("href"),
        }
    }
    for image in document.select("img").nodes() {
        let alt = image.attr("alt").unwrap_or_default();
        image.rename("span");
        image.set_text(alt);
    }
}

fn base(document: &Document, target: &Target) -> Target {
    let base = document.base_uri().and_then(|it| target.join(&it).ok());
    base.unwrap_or_else(|| target.clone())
}

/// The address of a page that a link leads to; not that of a script.
fn page(base: &Target, href: &str) -> Option<Url> {
    base.join(href.trim()).ok().map(|it| it.url().clone())
}

fn readable(document: Document) -> Readable {
    let whole = document.clone();
    let config =
        Config { text_mode: TextMode::Markdown, disable_json_ld: true, ..Config::default() };
    let mut readability = Readability { doc: document, doc_url: None, config };
    let title = readability.get_article_title().to_string();
    match readability.parse() {
        Ok(article) if !article.text_content.trim().is_empty() => {
            Readable { title: article.title, markdown: article.text_content.to_string() }
        }
        _ => {
            let body = whole.body().map(|it| it.md(None).to_string());
            Readable { title, markdown: body.unwrap_or_default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(html: &str, is_wanted: &dyn Fn() -> bool) -> Result<Readable, Unreadable> {
        read(html, &Target::parse("https://docs.rs/a/b?c").unwrap(), is_wanted)
    }

    fn markdown(html: &str) -> String {
        read_with(html, &|| true).unwrap().markdown
    }

    /// As long as it takes: what time is enough depends on the machine.
    fn bounded(html: &str) -> Result<(), Unreadable> {
        check_depth(&parse(html, Duration::MAX, &|| true)?)
    }

    fn check_error(html: &str, expect: Unreadable) {
        assert_eq!(bounded(html), Err(expect));
    }

    #[test]
    fn the_readable_part_is_markdown() {
        let text =
            "A sentence, with some commas, that is long enough to count as text. ".repeat(10);
        let html = format!(
            "<html><head><title>Of texts</title><style>p {{}}</style></head><body>\
             <nav><ul><li><a href='/x'>Menu</a></ul></nav>\
             <article><h2>Head</h2><p>{text}</p><p>{text}<a href='../x?y#z'>link</a> \
             <b>bold</b></p><script>alert(1)</script></article></body></html>"
        );
        let page = read_with(&html, &|| true).unwrap();
        assert_eq!(page.title, "Of texts");
        assert!(page.markdown.starts_with("## Head\n\nA sentence"), "{}", page.markdown);
        assert!(page.markdown.contains("[link](https://docs.rs/x?y"), "{}", page.markdown);
        assert!(page.markdown.contains("**bold**"), "{}", page.markdown);
        for absent in ["Menu", "alert", "p {}"] {
            assert!(!page.markdown.contains(absent), "{absent}: {}", page.markdown);
        }
    }

    #[test]
    fn a_page_without_a_readable_part_is_its_body() {
        assert_eq!(markdown("<title>t</title><body><ul><li>a<li>b</ul>"), "- a\n- b");
        assert_eq!(markdown("plain"), "plain");
        assert_eq!(markdown(""), "");
        assert_eq!(markdown("<script>x</script><style>y</style><!--z-->"), "");
    }

    #[test]
    fn links_lead_to_pages_and_images_are_texts() {
        let check = |html: &str, expect: &str| assert_eq!(markdown(html), expect, "{html}");
        check("<a href='javascript:alert(1)'>x</a>", "x");
        check("<a href='data:text/html,x'>x</a>", "x");
        check("<a href='https://u:p@docs.rs'>x</a>", "x");
        check("<a href=' d '>x</a>", "[x](https://docs.rs/a/d)");
        check("<base href='https://tokio.rs/e/'><a href='d'>x</a>", "[x](https://tokio.rs/e/d)");
        check("<img src='https://evil.org/x' alt='a chart'>", "a chart");
        check("<picture><source srcset='//evil.org/x'><img src='//evil.org/y'></picture>z", "z");
        check("<noscript><img src='//evil.org/x' alt='n'></noscript>", "n");
    }

    #[test]
    fn a_page_that_grows_without_end_is_given_up() {
        let repeat = |text: &str, times: usize| text.repeat(times);
        check_error(&repeat("<div>", 100_000), Unreadable::TooDeep);
        check_error(&repeat("<ul><li>", 20_000), Unreadable::TooDeep);
        check_error(&repeat("<br>", 500_000), Unreadable::TooLarge);
        check_error(&repeat("<!-->", 200_000), Unreadable::TooLarge);
        check_error(&repeat("<blockquote>", MAX_QUOTES + 1), Unreadable::TooDeep);
        assert_eq!(bounded(&repeat("<blockquote>", MAX_QUOTES)), Ok(()));
        // Elements outside of where they were written, and copied ones.
        check_error(&format!("<table>{}", repeat("<div>", 2_000)), Unreadable::TooDeep);
        let bold: String = (0..5_000).map(|it| format!("<p><b a={it}></p>")).collect();
        for html in [bold, repeat("<b>x<p>", 20_000)] {
            let res = bounded(&html);
            assert!(matches!(res, Err(Unreadable::TooDeep | Unreadable::TooLarge)), "{res:?}");
        }
    }

    #[test]
    fn attributes_without_end_take_no_time_without_end() {
        let attributes: String = (0..200_000).map(|it| format!(" a{it}")).collect();
        let res = read_with(&format!("<p{attributes}>"), &|| true).map(|_| ());
        assert_eq!(res, Err(Unreadable::TooSlow));
        assert_eq!(markdown(&format!("<p class='{}'>x", "a ".repeat(500_000))), "x");
    }

    /// At the bounds, on a thread with the smallest stack that a host may give
    /// the tools: an overflow would end the process, and this test with it.
    #[test]
    fn the_deepest_page_fits_the_stack() {
        let nested = |tags: &str, times: usize, copies: usize| {
            let closed = tags.replace('<', "</");
            let one = format!("{}text<br>text{}", tags.repeat(times), closed.repeat(times));
            format!("<body>{}", one.repeat(copies))
        };
        let quotes = MAX_QUOTES - 1;
        let pages = [
            nested("<div>", MAX_DEPTH - 5, 4),
            nested("<blockquote>", quotes, 4),
            nested("<ul><li>", quotes / 2, 4),
            nested("<table><tr><td>", quotes, 4),
            nested("<b>", quotes, 4),
            nested("<pre>", quotes, 4),
            nested("<a href=x><table><tr><td>", quotes / 2, 4),
            nested("<section><div>", MAX_DEPTH / 2 - 3, 4),
        ];
        let work = move || pages.map(|it| markdown(&it).contains("text"));
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap();
        assert_eq!(thread.join().unwrap(), [true; 8]);
    }

    #[test]
    fn an_unwanted_page_is_not_read_on() {
        let asked = std::cell::Cell::new(0);
        let is_wanted = || {
            asked.set(asked.get() + 1);
            asked.get() < 3
        };
        let res = read_with(&"<p>x</p>".repeat(10_000), &is_wanted);
        assert_eq!(res.map(|_| ()), Err(Unreadable::Interrupted));
        assert_eq!(asked.get(), 3);
    }
}
