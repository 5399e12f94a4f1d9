//! The findings as text, the most telling first. Lists are cut so that the
//! whole stays well below the 24,000 characters at which a host cuts it.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::{
    findings::{Count, Findings, nearest_first},
    wording::{and_more, clean, plural, size, thousands},
};

/// Stands above a summary of a run that did not reach the end.
pub(crate) const PARTIAL: &str = "Stopped early: not every file was looked at.\n\n";

/// Rows of the lists that can be long.
const LANGUAGES: usize = 15;
const ENTRY_POINTS: usize = 20;
const BUILD_NAMES: usize = 25;
const BUILD_PATHS: usize = 3;
const LICENCES: usize = 3;

pub(crate) fn write(findings: &Findings) -> String {
    if findings.files == 0 {
        return empty(findings);
    }
    let sections = [
        overview(findings),
        languages(findings),
        entry_points(findings),
        build(findings),
        largest(findings),
        unreadable(findings),
    ];
    sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn empty(findings: &Findings) -> String {
    match findings.directories + findings.symlinks + findings.specials {
        0 => "No files found, or `.gitignore` excludes all of them.".to_owned(),
        _ => format!("No files: {}.", contents(findings)),
    }
}

fn contents(findings: &Findings) -> String {
    let mut out = vec![plural(findings.files, "file"), plural(findings.directories, "directory")];
    let rest = [(findings.symlinks, "symbolic link"), (findings.specials, "special file")];
    out.extend(
        rest.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| plural(*count, noun)),
    );
    out.join(", ")
}

fn overview(findings: &Findings) -> String {
    let mut out = Vec::new();
    out.extend(introduction(findings));
    let bytes = format!("{} ({})", plural(findings.bytes, "byte"), size(findings.bytes));
    out.push(format!("- Holds: {}, {bytes}", contents(findings)));
    out.push(format!("- Lines: {}", lines(findings)));
    out.push(format!("- Licence: {}", licences(findings)));
    out.join("\n")
}

fn introduction(findings: &Findings) -> Option<String> {
    let (path, introduction) = findings.introduction.as_ref()?;
    let parts = [introduction.headline.as_ref(), introduction.sentence.as_ref()];
    let parts: Vec<_> = parts.into_iter().flatten().map(|part| clean(part)).collect();
    (!parts.is_empty()).then(|| format!("{} (from {path})\n", parts.join(": ")))
}

fn lines(findings: &Findings) -> String {
    let text = findings.text();
    let mut out =
        vec![format!("{} in {}", plural(text.lines, "line"), plural(text.files, "text file"))];
    let rest = [
        (findings.binary, "binary"),
        (findings.unreadable, "unreadable"),
        (findings.uncounted(), "not counted"),
    ];
    out.extend(
        rest.iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", thousands(*count))),
    );
    out.join(", ")
}

fn licences(findings: &Findings) -> String {
    let mut paths: Vec<_> = findings.licences.iter().collect();
    paths.sort_by_key(|path| nearest_first(path));
    let shown = paths.iter().take(LICENCES).map(|path| match findings.identified.get(*path) {
        Some(name) => format!("{name} ({path})"),
        None => format!("unknown ({path})"),
    });
    let shown: Vec<_> = shown.chain(and_more(paths.len(), LICENCES)).collect();
    if shown.is_empty() { "no file found".to_owned() } else { shown.join(", ") }
}

fn languages(findings: &Findings) -> String {
    let mut rows: Vec<_> = findings.languages.iter().collect();
    rows.sort_by_key(|(name, count)| (Reverse(count.lines), **name));
    let all = findings.text().lines;
    let cells = rows.iter().take(LANGUAGES).map(|(name, count)| {
        let Count { files, lines } = **count;
        [(**name).to_owned(), thousands(files), thousands(lines), share(lines, all)]
    });
    let table = table(["Language", "Files", "Lines", "Share"], cells.collect());
    section("Languages", table.into_iter().chain(and_more(rows.len(), LANGUAGES)).collect())
}

fn share(part: u64, all: u64) -> String {
    if all == 0 { "–".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / all as f64) }
}

fn entry_points(findings: &Findings) -> String {
    let mut rows: Vec<_> = findings.entry_points.iter().collect();
    rows.sort_by_key(|(path, what)| (nearest_first(path), what));
    let shown = rows.iter().take(ENTRY_POINTS);
    let shown = shown.map(|(path, what)| format!("- {path}: {}", clean(what)));
    section("Entry points", shown.chain(and_more(rows.len(), ENTRY_POINTS)).collect())
}

/// One row for each name: a workspace may hold hundreds of manifests.
fn build(findings: &Findings) -> String {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in &findings.build {
        by_name.entry(path.rsplit('/').next().unwrap_or(path)).or_default().push(path);
    }
    let mut rows: Vec<_> = by_name.into_values().collect();
    for paths in &mut rows {
        paths.sort_by_key(|path| nearest_first(path));
    }
    rows.sort_by_key(|paths| paths.first().map(|path| nearest_first(path)));
    let shown = rows.iter().take(BUILD_NAMES).map(|paths| build_row(paths));
    section("Build and configuration", shown.chain(and_more(rows.len(), BUILD_NAMES)).collect())
}

fn build_row(paths: &[&str]) -> String {
    let shown = paths.iter().take(BUILD_PATHS).map(|path| (*path).to_owned());
    let shown: Vec<_> = shown.chain(and_more(paths.len(), BUILD_PATHS)).collect();
    format!("- {}", shown.join(", "))
}

fn largest(findings: &Findings) -> String {
    let cells = findings.largest.iter().map(|(bytes, path)| [size(bytes.0), path.clone()]);
    let width = cells.clone().map(|[size, _]| size.len()).max().unwrap_or_default();
    section(
        "Largest files",
        cells.map(|[size, path]| format!("- {size:>width$}  {path}")).collect(),
    )
}

fn unreadable(findings: &Findings) -> String {
    let named = &findings.unreadable_named;
    let shown = named.iter().map(|(path, reason)| format!("- {path}: {}", clean(reason)));
    let all = usize::try_from(findings.unreadable).unwrap_or(usize::MAX);
    section("Could not be read", shown.chain(and_more(all, named.len())).collect())
}

fn section(title: &str, rows: Vec<String>) -> String {
    if rows.is_empty() { String::new() } else { format!("## {title}\n\n{}", rows.join("\n")) }
}

/// A Markdown table; the first column is text, the others are numbers.
fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let head = head.map(str::to_owned);
    let width = |column: usize| {
        let cells = [&head].into_iter().chain(&rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let rule = widths.iter().enumerate().map(|(column, width)| match column {
        0 => "-".repeat(*width),
        _ => format!("{}:", "-".repeat(width.saturating_sub(1))),
    });
    let mut out =
        vec![row(&head, &widths), format!("| {} |", rule.collect::<Vec<_>>().join(" | "))];
    out.extend(rows.iter().map(|cells| row(cells, &widths)));
    out
}

fn row(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
        0 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    });
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readme::Introduction;

    #[test]
    fn an_empty_directory_has_a_summary_too() {
        let mut findings = Findings::default();
        assert_eq!(write(&findings), "No files found, or `.gitignore` excludes all of them.");
        findings.directories = 2;
        assert_eq!(write(&findings), "No files: 0 files, 2 directories.");
    }

    #[test]
    fn the_whole_summary_reads_well() {
        let mut findings = Findings { directories: 1, symlinks: 1, ..Default::default() };
        for (path, bytes) in [
            ("Cargo.toml", 100),
            ("LICENSE", 11_000),
            ("README.md", 2_000),
            ("logo.png", 5_000_000),
            ("secret", 10),
            ("src/main.rs", 40_000),
        ] {
            findings.add_file(path, bytes);
        }
        for (path, lines) in
            [("Cargo.toml", 9), ("LICENSE", 200), ("README.md", 50), ("src/main.rs", 1_204)]
        {
            findings.add_lines(path, lines);
        }
        findings.binary += 1;
        findings.add_unreadable("secret", "permission denied".into());
        findings.identified.insert("LICENSE".into(), "Apache-2.0");
        findings.introduction = Some((
            "README.md".into(),
            Introduction { headline: Some("Name".into()), sentence: Some("It does this.".into()) },
        ));
        let expect = "\
Name: It does this. (from README.md)

- Holds: 6 files, 1 directory, 1 symbolic link, 5,053,110 bytes (4.8 MiB)
- Lines: 1,463 lines in 4 text files, 1 binary, 1 unreadable
- Licence: Apache-2.0 (LICENSE)

## Languages

| Language | Files | Lines |  Share |
| -------- | ----: | ----: | -----: |
| Rust     |     1 | 1,204 | 82.3 % |
| Text     |     1 |   200 | 13.7 % |
| Markdown |     1 |    50 |  3.4 % |
| TOML     |     1 |     9 |  0.6 % |

## Entry points

- src/main.rs: Rust program

## Build and configuration

- Cargo.toml

## Largest files

-  4.8 MiB  logo.png
- 39.1 KiB  src/main.rs
- 10.7 KiB  LICENSE
-  2.0 KiB  README.md
-    100 B  Cargo.toml
-     10 B  secret

## Could not be read

- secret: permission denied";
        assert_eq!(write(&findings), expect);
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let mut findings = Findings::default();
        for i in 0..300 {
            findings.add_file(&format!("crates/{i:03}/src/lib.rs"), 1);
            findings.add_file(&format!("crates/{i:03}/Cargo.toml"), 1);
        }
        let summary = write(&findings);
        assert!(summary.contains("- crates/019/src/lib.rs: Rust library\n… and 280 more"));
        assert!(summary.contains("crates/002/Cargo.toml, … and 297 more"));
        assert!(summary.contains("0 text files, 600 not counted"));
    }
}
