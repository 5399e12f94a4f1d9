//! The tally as text: counts first, then the lines by kind and file, then the
//! files with the most markers.

use crate::{
    marker::Marker,
    tally::{Kind, Line, Tally},
};

/// Files in the closing list.
const BUSIEST: usize = 10;

/// With the path above it, a line fits a terminal of 100 columns.
const TEXT_WIDTH: usize = 88;

pub(crate) fn write(tally: &Tally) -> String {
    if tally.total() == 0 {
        return "No TODO, FIXME, HACK or XXX markers found.".to_owned();
    }
    let mut out = vec![headline(tally)];
    for (marker, kind) in &tally.kinds {
        out.push(section(*marker, kind));
    }
    // One file has been named already; a ranking says something from two on.
    if tally.files.len() > 1 {
        out.push(busiest(tally));
    }
    out.join("\n\n")
}

fn headline(tally: &Tally) -> String {
    let kinds: Vec<_> = tally
        .kinds
        .iter()
        .map(|(marker, kind)| format!("{} {}", kind.count, marker.name()))
        .collect();
    format!(
        "{} in {}: {}",
        plural(tally.total(), "marker"),
        plural(tally.files.len() as u64, "file"),
        kinds.join(", ")
    )
}

fn section(marker: Marker, kind: &Kind) -> String {
    let mut out = vec![format!("## {} ({})\n", marker.name(), kind.count)];
    for file in kind.listed.chunk_by(|a, b| a.path == b.path) {
        out.extend(file.first().map(|line| line.path.clone()));
        out.extend(file.iter().map(entry));
    }
    out.extend(and_more(kind.count, kind.listed.len()));
    out.join("\n")
}

fn entry(line: &Line) -> String {
    format!("{:>6}: {}", line.number, clean(&line.text))
}

fn busiest(tally: &Tally) -> String {
    let mut files: Vec<_> = tally.files.iter().collect();
    files.sort_by_key(|(path, count)| (std::cmp::Reverse(**count), *path));
    let mut out = vec!["## Files with the most markers\n".to_owned()];
    out.extend(files.iter().take(BUSIEST).map(|(path, count)| format!("{count:>6}  {path}")));
    out.extend(and_more(files.len() as u64, BUSIEST));
    out.join("\n")
}

fn and_more(all: u64, shown: usize) -> Option<String> {
    let rest = all.saturating_sub(shown as u64);
    (rest > 0).then(|| format!("… and {rest} more"))
}

/// One printable line: a file may hold anything, and this ends on a terminal.
fn clean(text: &str) -> String {
    let text = text.trim().replace(char::is_control, " ");
    if text.chars().count() <= TEXT_WIDTH {
        return text;
    }
    text.chars().take(TEXT_WIDTH - 1).chain(['…']).collect()
}

fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[(&str, u64, &str)], expect: &str) {
        let mut tally = Tally::default();
        for (path, number, text) in lines {
            tally.add(Line { path: (*path).into(), number: *number, text: (*text).into() });
        }
        assert_eq!(write(&tally), expect);
    }

    #[test]
    fn nothing_found_is_said() {
        check(&[], "No TODO, FIXME, HACK or XXX markers found.");
    }

    #[test]
    fn kinds_come_in_order_of_urgency_and_lines_below_their_file() {
        check(
            &[
                ("a.rs", 3, "  // TODO: one"),
                ("a.rs", 12, "// FIXME\u{1b}[31m"),
                ("b.rs", 7, "// TODO two"),
                ("b.rs", 8, "// TODO three"),
            ],
            "\
4 markers in 2 files: 1 FIXME, 3 TODO

## FIXME (1)

a.rs
    12: // FIXME [31m

## TODO (3)

a.rs
     3: // TODO: one
b.rs
     7: // TODO two
     8: // TODO three

## Files with the most markers

     2  a.rs
     2  b.rs",
        );
    }

    #[test]
    fn a_cut_list_says_how_much_is_missing() {
        let lines: Vec<_> = (1..=62).map(|number| ("a.rs", number, "// HACK")).collect();
        let mut tally = Tally::default();
        for (path, number, text) in lines {
            tally.add(Line { path: path.into(), number, text: text.into() });
        }
        assert!(write(&tally).starts_with("62 markers in 1 file: 62 HACK"));
        assert!(write(&tally).ends_with("… and 37 more"));
    }

    #[test]
    fn a_long_line_is_cut() {
        let text = clean(&format!("// TODO {}", "é".repeat(200)));
        assert_eq!(text.chars().count(), TEXT_WIDTH);
    }
}
