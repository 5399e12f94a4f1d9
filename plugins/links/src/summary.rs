//! The findings as text: counts first, then each broken link.

use crate::findings::{Broken, Findings};

/// Stands above a summary of a run that did not reach the end.
pub(crate) const PARTIAL: &str = "Stopped early: these are the links checked until then.\n\n";

/// Characters of a destination that are shown; `data:` addresses and mistakes
/// can be very long.
const LONGEST: usize = 200;

pub(crate) fn write(findings: &Findings) -> String {
    if findings.files + findings.unreadable == 0 {
        return "No Markdown files found.".to_owned();
    }
    let mut out = vec![overview(findings)];
    if findings.broken > 0 {
        let listed = findings.listed.iter().map(broken);
        out.push(section("Broken links", listed, findings.broken));
    }
    if findings.unreadable > 0 {
        let named = findings.unreadable_named.iter();
        let named = named.map(|(path, reason)| clean(&format!("{path}: {reason}")));
        out.push(section("Could not be read", named, findings.unreadable));
    }
    out.join("\n\n")
}

fn overview(findings: &Findings) -> String {
    format!(
        "{} broken of {} in {}; {} not checked",
        findings.broken,
        plural(findings.links, "relative link"),
        plural(findings.files, "Markdown file"),
        plural(findings.external, "external link"),
    )
}

fn broken(broken: &Broken) -> String {
    let Broken { path, line, destination, why } = broken;
    let destination = clean(destination);
    format!("{path}:{line}: {destination} — {why}")
}

fn section(title: &str, lines: impl Iterator<Item = String>, all: u64) -> String {
    let mut lines: Vec<_> = lines.collect();
    let rest = all.saturating_sub(lines.len() as u64);
    lines.extend((rest > 0).then(|| format!("… and {rest} more")));
    format!("## {title}\n\n{}", lines.join("\n"))
}

/// One printable line: a file may hold anything, and this ends on a terminal.
fn clean(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

pub(crate) fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_markdown_is_said() {
        assert_eq!(write(&Findings::default()), "No Markdown files found.");
    }

    #[test]
    fn counts_come_first_and_a_cut_list_says_so() {
        let mut findings = Findings { files: 1, links: 140, external: 1, ..Default::default() };
        for line in 1..=137 {
            let (path, destination) = ("a.md".to_owned(), "b\u{1b}.md#c".to_owned());
            findings.add_broken(Broken { path, line, destination, why: "no such heading" });
        }
        findings.add_unreadable("c.md", "not UTF-8".into());
        let summary = write(&findings);
        assert!(summary.starts_with(
            "137 broken of 140 relative links in 1 Markdown file; 1 external link not checked\n\n\
             ## Broken links\n\na.md:1: b .md#c — no such heading\na.md:2: "
        ));
        assert!(summary.ends_with(
            "no such heading\n… and 37 more\n\n## Could not be read\n\nc.md: not UTF-8"
        ));
    }
}
