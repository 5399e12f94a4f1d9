//! Decides which links are broken, and why.

use std::collections::{BTreeMap, BTreeSet};

use hermitage_guest::ToolError;

use crate::{
    findings::{Broken, Findings},
    markdown::{self, Link},
    target::{self, Place, Target},
};

/// What has to be asked of the host. The tests have one in memory.
pub(crate) trait Workspace {
    /// The text of a file, or the reason why this one can't be read. The outer
    /// error ends the run.
    fn text(&mut self, path: &str) -> Result<Result<String, String>, ToolError>;

    /// Whether there is something at a path that the listing does not hold.
    fn exists(&mut self, path: &str) -> Result<bool, ToolError>;
}

pub(crate) struct Checker<W> {
    pub(crate) workspace: W,
    /// Paths that exist. Others may too: see [`Workspace::exists`].
    pub(crate) known: BTreeSet<String>,
    pub(crate) findings: Findings,
    /// What the host answered for the others, so that it is asked once.
    asked: BTreeMap<String, bool>,
    /// Anchors of files that links with a `#` lead to; none for a file that
    /// can't be read.
    anchors: BTreeMap<String, Option<BTreeSet<String>>>,
}

impl<W: Workspace> Checker<W> {
    pub(crate) fn new(workspace: W) -> Self {
        Checker {
            workspace,
            known: BTreeSet::new(),
            findings: Findings::default(),
            asked: BTreeMap::new(),
            anchors: BTreeMap::new(),
        }
    }

    /// Checks every link of one Markdown file.
    pub(crate) fn check_file(&mut self, path: &str) -> Result<(), ToolError> {
        let text = match self.workspace.text(path)? {
            Ok(text) => text,
            Err(reason) => {
                self.findings.add_unreadable(path, reason);
                return Ok(());
            }
        };
        let document = markdown::parse(&text);
        self.findings.files += 1;
        for link in document.links {
            self.check_link(path, link, &document.anchors)?;
        }
        Ok(())
    }

    fn check_link(
        &mut self,
        from: &str,
        link: Link,
        own_anchors: &BTreeSet<String>,
    ) -> Result<(), ToolError> {
        let why = match target::resolve(from, &link.destination) {
            Target::External => {
                self.findings.external += 1;
                return Ok(());
            }
            Target::Outside => Some("outside the workspace"),
            Target::Inside(place) if place.path == from => {
                place.fragment.and_then(|fragment| missing(own_anchors, &fragment))
            }
            Target::Inside(place) => self.check_place(place)?,
        };
        self.findings.links += 1;
        if let Some(why) = why {
            let Link { line, destination } = link;
            self.findings.add_broken(Broken { path: from.to_owned(), line, destination, why });
        }
        Ok(())
    }

    fn check_place(&mut self, place: Place) -> Result<Option<&'static str>, ToolError> {
        if !self.exists(&place.path)? {
            return Ok(Some("no such file or directory"));
        }
        let Some(fragment) = place.fragment else {
            return Ok(None);
        };
        let anchors = self.anchors_of(&place.path)?;
        Ok(anchors.and_then(|anchors| missing(anchors, &fragment)))
    }

    fn exists(&mut self, path: &str) -> Result<bool, ToolError> {
        if path.is_empty() || self.known.contains(path) {
            return Ok(true);
        }
        if let Some(answer) = self.asked.get(path) {
            return Ok(*answer);
        }
        let answer = self.workspace.exists(path)?;
        self.asked.insert(path.to_owned(), answer);
        Ok(answer)
    }

    /// `None` where anchors can't be checked: no Markdown, or not readable.
    fn anchors_of(&mut self, path: &str) -> Result<Option<&BTreeSet<String>>, ToolError> {
        let Some(path) = self.shown_for(path) else {
            return Ok(None);
        };
        if !self.anchors.contains_key(&path) {
            let text = self.workspace.text(&path)?.ok();
            let anchors = text.map(|text| markdown::parse(&text).anchors);
            self.anchors.insert(path.clone(), anchors);
        }
        Ok(self.anchors.get(&path).and_then(Option::as_ref))
    }

    /// The Markdown file that a reader sees at `path`: of a directory, its
    /// README.
    fn shown_for(&self, path: &str) -> Option<String> {
        let readme =
            if path.is_empty() { "README.md".to_owned() } else { format!("{path}/README.md") };
        [path.to_owned(), readme]
            .into_iter()
            .find(|path| is_markdown(path) && self.known.contains(path))
    }
}

pub(crate) fn is_markdown(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("md" | "markdown"))
}

fn missing(anchors: &BTreeSet<String>, fragment: &str) -> Option<&'static str> {
    // GitHub's own prefix; and the mark that only asks for a coloured emoji,
    // which some editors keep in anchors and some do not.
    let plain = |anchor: &str| anchor.replace('\u{fe0f}', "");
    let wanted = plain(fragment.strip_prefix("user-content-").unwrap_or(fragment));
    let has = |wanted: &str| anchors.contains(wanted) || anchors.iter().any(|a| plain(a) == wanted);
    // Every page has a top, and every file has lines.
    if wanted.is_empty() || wanted == "top" || is_line(&wanted) || has(&wanted) {
        return None;
    }
    if has(&wanted.to_lowercase()) {
        return Some("no such heading: anchors are in lower case");
    }
    Some("no such heading")
}

/// `L10`, `L10-L20`, `L10C5-L20C7`: lines of a file, as GitHub shows it.
fn is_line(fragment: &str) -> bool {
    let valid = |c: char| c.is_ascii_digit() || "LC-".contains(c);
    fragment.strip_prefix('L').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        && fragment.chars().all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in memory. Those that start with `ignored` are not listed.
    struct Memory {
        files: BTreeMap<&'static str, &'static str>,
        questions: usize,
    }

    impl Workspace for Memory {
        fn text(&mut self, path: &str) -> Result<Result<String, String>, ToolError> {
            let text = self.files.get(path).map(|text| (*text).to_owned());
            Ok(text.ok_or_else(|| "not there".to_owned()))
        }

        fn exists(&mut self, path: &str) -> Result<bool, ToolError> {
            self.questions += 1;
            Ok(self.files.contains_key(path))
        }
    }

    fn checked(text: &'static str) -> Checker<Memory> {
        let files = BTreeMap::from([
            ("docs/a.md", text),
            ("docs/b.md", "# Hello, World\n\n<a id=\"Own\"></a>"),
            ("docs/sub/README.md", "# Sub"),
            ("src/lib.rs", ""),
            ("ignored.png", ""),
        ]);
        let mut checker = Checker::new(Memory { files, questions: 0 });
        let listed = checker.workspace.files.keys().filter(|path| !path.starts_with("ignored"));
        checker.known = listed.map(|path| (*path).to_owned()).collect();
        checker.known.extend(["docs", "docs/sub", "src"].map(str::to_owned));
        checker.check_file("docs/a.md").unwrap();
        checker
    }

    #[track_caller]
    fn check(text: &'static str, expect: &[(usize, &str, &str)]) {
        let findings = checked(text).findings;
        let found: Vec<_> =
            findings.listed.iter().map(|b| (b.line, b.destination.as_str(), b.why)).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn files_and_directories_must_exist() {
        check("[x](b.md) [x](sub/) [x](..) [x](/src/lib.rs#L1) [x](../ignored.png)", &[]);
        check(
            "[x](c.md)\n![x](b.png)",
            &[(1, "c.md", "no such file or directory"), (2, "b.png", "no such file or directory")],
        );
        check("[x](../../c.md)", &[(1, "../../c.md", "outside the workspace")]);
    }

    #[test]
    fn anchors_must_exist_in_markdown() {
        check("# Top one\n[x](#top-one) [x](b.md#hello-world) [x](b.md#Own) [x](sub#sub)", &[]);
        check("[x](#) [x](#top) [x](b.md#L3-L5) [x](../src/lib.rs#main)", &[]);
        check(
            "[x](#nope)\n\n[x](b.md#Hello-World)\n\n[x](sub#nope)",
            &[
                (1, "#nope", "no such heading"),
                (3, "b.md#Hello-World", "no such heading: anchors are in lower case"),
                (5, "sub#nope", "no such heading"),
            ],
        );
    }

    #[test]
    fn external_links_are_counted_apart() {
        let findings = checked("[x](https://a.b) [x](mailto:a@b.c) [x](b.md)").findings;
        assert_eq!((findings.external, findings.links, findings.broken), (2, 1, 0));
    }

    #[test]
    fn the_host_is_asked_once_for_a_path() {
        let checker = checked("[x](c.md) [y](c.md#z) [z](./c.md) [b](b.md)");
        assert_eq!((checker.workspace.questions, checker.findings.broken), (1, 3));
    }

    #[test]
    fn an_unreadable_file_is_counted_and_passed_over() {
        let mut checker = checked("");
        checker.check_file("docs/gone.md").unwrap();
        assert_eq!((checker.findings.files, checker.findings.unreadable), (1, 1));
    }
}
