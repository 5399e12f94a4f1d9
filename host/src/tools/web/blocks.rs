//! Elements that stand on lines of their own, under names that the writer of
//! Markdown knows to do so. It has but a few of them, and glues the texts of
//! all others together.

use dom_query::{Document, NodeRef};

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

/// Cells that are added to the tables of a page.
const MAX_ADDED: usize = 10_000;

/// Makes each row of a table as long as its longest. One with shorter rows, or
/// with cells that span others, would be written without lines and columns, so
/// that `10` and `20` become `1020`.
fn square(document: &Document) {
    let mut added = 0;
    for table in document.select("table").nodes() {
        let rows = rows(table);
        let widest = rows.iter().map(|it| cells(it).count()).max().unwrap_or(0);
        for row in rows {
            for cell in cells(&row) {
                cell.remove_attr("colspan");
                cell.remove_attr("rowspan");
            }
            for _ in cells(&row).count()..widest {
                if MAX_ADDED <= added {
                    return;
                }
                added += 1;
                row.append_child(&document.tree.new_element("td"));
            }
        }
    }
}

/// Those of the table itself, and none of a table within it.
fn rows<'a>(table: &NodeRef<'a>) -> Vec<NodeRef<'a>> {
    let parts = table.children().into_iter();
    let parts = parts.flat_map(|it| if it.has_name("tr") { vec![it] } else { it.children() });
    parts.filter(|it| it.has_name("tr")).collect()
}

fn cells<'a>(row: &NodeRef<'a>) -> impl Iterator<Item = NodeRef<'a>> {
    row.children().into_iter().filter(|it| it.has_name("td") || it.has_name("th"))
}

/// Renames them all. Captions go in front of their tables, which have no place
/// for them, and every cell is one cell.
pub(super) fn rename(document: &Document) {
    for caption in document.select("table > caption").nodes() {
        if let Some(table) = caption.parent() {
            table.insert_before(caption);
        }
    }
    square(document);
    for (from, to) in NAMES {
        document.select(from).rename(to);
    }
}
