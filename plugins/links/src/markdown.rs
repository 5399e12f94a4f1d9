//! The links and the anchors of one Markdown file.

use std::{collections::BTreeSet, ops::Range};

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::{html, slug::Slugs};

#[derive(Debug, Default)]
pub(crate) struct Document {
    /// In the order of the text.
    pub(crate) links: Vec<Link>,
    /// What `#…` may name.
    pub(crate) anchors: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    /// Counted from 1.
    pub(crate) line: usize,
    /// As written, before any decoding.
    pub(crate) destination: String,
}

pub(crate) fn parse(text: &str) -> Document {
    let parser = Parser::new_ext(text, Options::ENABLE_GFM | extensions());
    let mut reader = Reader::new(text);
    // A definition is checked where it stands, once, whoever uses it.
    for (_, definition) in parser.reference_definitions().iter() {
        reader.add_link(definition.span.start, &definition.dest);
    }
    for (event, range) in parser.into_offset_iter() {
        reader.read(event, range);
    }
    reader.document.links.sort();
    reader.document
}

/// What GitHub understands. Footnotes matter most: `[^1]: text` would be the
/// definition of a link otherwise.
fn extensions() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
}

struct Reader<'a> {
    text: &'a str,
    line_ends: Vec<usize>,
    slugs: Slugs,
    /// The text of the heading that is open.
    heading: Option<String>,
    /// Images that are open: their text is no part of a heading.
    images: u32,
    document: Document,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        let (slugs, document) = (Slugs::default(), Document::default());
        Reader { text, line_ends, slugs, heading: None, images: 0, document }
    }

    fn read(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                self.read_link(link_type, &dest_url, range.start);
            }
            Event::Start(Tag::Image { link_type, dest_url, .. }) => {
                self.images += 1;
                self.read_link(link_type, &dest_url, range.start);
            }
            Event::End(TagEnd::Image) => self.images = self.images.saturating_sub(1),
            // Taken as a whole: the events within are single lines, and a
            // comment may run over many.
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => self.read_html(range),
            Event::Start(Tag::Heading { .. }) => self.heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Text(text) | Event::Code(text) => self.read_text(&text),
            _ => {}
        }
    }

    fn read_link(&mut self, link_type: LinkType, destination: &str, at: usize) {
        // The other kinds refer to a definition, or hold an address in full.
        if link_type == LinkType::Inline {
            self.add_link(at, destination);
        }
    }

    fn read_html(&mut self, range: Range<usize>) {
        let start = range.start;
        for attribute in html::attributes(self.text.get(range).unwrap_or_default()) {
            match attribute.name.to_ascii_lowercase().as_str() {
                "href" | "src" => self.add_link(start + attribute.offset, attribute.value),
                "id" | "name" => _ = self.document.anchors.insert(attribute.value.to_owned()),
                _ => {}
            }
        }
    }

    fn read_text(&mut self, text: &str) {
        if let (Some(heading), 0) = (&mut self.heading, self.images) {
            heading.push_str(text);
        }
    }

    fn end_heading(&mut self) {
        if let Some(heading) = self.heading.take() {
            self.document.anchors.insert(self.slugs.next(&heading));
        }
    }

    fn add_link(&mut self, at: usize, destination: &str) {
        let line = self.line_ends.partition_point(|end| *end < at) + 1;
        self.document.links.push(Link { line, destination: destination.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_links(text: &str, expect: &[(usize, &str)]) {
        let document = parse(text);
        let found: Vec<_> =
            document.links.iter().map(|link| (link.line, link.destination.as_str())).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[track_caller]
    fn check_anchors(text: &str, expect: &[&str]) {
        let document = parse(text);
        let found: Vec<_> = document.anchors.iter().map(String::as_str).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn every_form_of_link_is_found() {
        check_links("a\n[b](c.md \"t\") ![d](<e f.png>)", &[(2, "c.md"), (2, "e f.png")]);
        check_links("[![a](b.svg)](c.md)", &[(1, "b.svg"), (1, "c.md")]);
        check_links("| a |\n|---|\n| [b](c) |", &[(3, "c")]);
        check_links("> - [a](b)", &[(1, "b")]);
    }

    #[test]
    fn a_definition_counts_once_where_it_stands() {
        check_links("[a][x] [x] [b][]\n\n[x]: y.md 't'\n[b]: <z>", &[(3, "y.md"), (4, "z")]);
        check_links("text[^1]\n\n[^1]: note.md", &[]);
    }

    #[test]
    fn code_and_autolinks_are_no_links() {
        check_links("`[a](b)`\n\n```\n[a](b)\n```\n\n    [a](b)\n\n<https://a.b>", &[]);
    }

    #[test]
    fn html_links_count_with_their_own_line() {
        check_links(
            "<p>\n<img src=\"a.png\">\n</p>\n\nb <a href='c'>d</a>",
            &[(2, "a.png"), (5, "c")],
        );
        check_links("<!--\n<a href=\"b\">\n\n[a](b)\n-->", &[]);
    }

    #[test]
    fn headings_and_html_make_anchors() {
        check_anchors("# A `b` *c*\n\nA b c\n---\n", &["a-b-c", "a-b-c-1"]);
        check_anchors("# [A](b) ![c](d)", &["a-"]);
        check_anchors("<a name=\"x\"></a>\n\n<h2 id=\"y\">z</h2>", &["x", "y"]);
        check_anchors("```\n# no\n```", &[]);
    }
}
