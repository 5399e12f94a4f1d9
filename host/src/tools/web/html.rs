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

use super::{blocks, refresh::Refresh, target::Target};

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
#[derive(Debug, Default)]
pub(super) struct Readable {
    pub(super) title: String,
    pub(super) markdown: String,
    /// Where the page leads to by itself.
    pub(super) refresh: Option<Refresh>,
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
    let base = base(&document, target);
    let refresh = refresh(&document, &base);
    make_safe(&document, &base);
    if !is_wanted() {
        return Err(Unreadable::Interrupted);
    }
    readable(document).map(|it| Readable { refresh, ..it })
}

/// What the page that begins so says of its encoding, in its own order; the
/// bytes that are no ASCII may be read wrongly for that.
pub(super) fn charsets(begin: &str, is_wanted: &dyn Fn() -> bool) -> Vec<String> {
    let Ok(document) = parse(begin, MAX_PARSE_TIME, is_wanted) else {
        return Vec::new();
    };
    let said = |meta: &NodeRef<'_>| match meta.attr("charset") {
        Some(label) => Some(label.to_string()),
        None => meta_content(meta, "content-type"),
    };
    document.select("meta").nodes().iter().filter_map(said).collect()
}

/// What stands for the header of that name.
fn meta_content(meta: &NodeRef<'_>, name: &str) -> Option<String> {
    let is_it = meta.attr("http-equiv").is_some_and(|it| it.trim().eq_ignore_ascii_case(name));
    meta.attr("content").filter(|_| is_it).map(|it| it.to_string())
}

fn refresh(document: &Document, base: &Target) -> Option<Refresh> {
    let metas = document.select("meta");
    let mut values = metas.nodes().iter().filter_map(|it| meta_content(it, "refresh"));
    values.find_map(|it| Refresh::parse(&it, base))
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
    const QUOTES: [&str; 19] = [
        "ul",
        "ol",
        "li",
        "menu",
        "dir",
        "option",
        "xmp",
        "listing",
        "plaintext",
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
fn make_safe(document: &Document, base: &Target) {
    for link in document.select("[href]").nodes() {
        let href = link.attr("href").and_then(|it| page(base, &it));
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
    let base = document.base_uri().and_then(|it| target.leads_to(&it).ok());
    base.unwrap_or_else(|| target.clone())
}

/// The address of a page that a link leads to; not that of a script.
fn page(base: &Target, href: &str) -> Option<Url> {
    base.leads_to(href).ok().map(|it| it.url().clone())
}

fn readable(document: Document) -> Result<Readable, Unreadable> {
    let whole = document.clone();
    let config = Config { text_mode: TextMode::Raw, disable_json_ld: true, ..Config::default() };
    let mut readability = Readability { doc: document, doc_url: None, config };
    let title = readability.get_article_title().to_string();
    let (title, document) = match readability.parse() {
        Ok(article) if !article.text_content.trim().is_empty() => {
            (article.title, Document::from(article.content))
        }
        _ => (title, whole),
    };
    // Readability looks at the names of elements, so they change only now.
    blocks::rename(&document);
    check_depth(&document)?;
    let markdown = document.body().map(|it| it.md(None).to_string()).unwrap_or_default();
    Ok(Readable { title, markdown, refresh: None })
}

#[cfg(test)]
mod tests;
