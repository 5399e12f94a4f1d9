//! Elements that stand on lines of their own, under names that the writer of
//! Markdown knows to do so. It has but a few of them, and glues the texts of
//! all others together.

use dom_query::Document;

/// What HTML shows as a block, and what is written for it.
const NAMES: [(&str, &str); 30] = [
    ("address", "div"),
    ("aside", "div"),
    ("caption", "div"),
    ("center", "div"),
    ("dd", "div"),
    ("details", "div"),
    ("dialog", "div"),
    ("dir", "ul"),
    ("dt", "div"),
    ("fieldset", "div"),
    ("figcaption", "div"),
    ("figure", "div"),
    ("footer", "div"),
    ("form", "div"),
    ("header", "div"),
    ("hgroup", "div"),
    ("iframe", "div"),
    ("legend", "div"),
    ("listing", "pre"),
    ("main", "div"),
    ("menu", "ul"),
    ("nav", "div"),
    ("optgroup", "div"),
    ("option", "li"),
    ("plaintext", "pre"),
    ("search", "div"),
    ("summary", "div"),
    ("textarea", "div"),
    ("xmp", "pre"),
    ("dl", "div"),
];

/// Renames them all. Captions go in front of their tables, which have no place
/// for them.
pub(super) fn rename(document: &Document) {
    for caption in document.select("table > caption").nodes() {
        if let Some(table) = caption.parent() {
            table.insert_before(caption);
        }
    }
    for (from, to) in NAMES {
        document.select(from).rename(to);
    }
}
