//! References that lead somewhere: links, paths and functions in documents,
//! and what comments say of other files and of the sections of a page.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Names of files that are not of this repository, and are spoken of: those
/// of a workspace, of a user, and the one that stands for any.
const OF_OTHERS: &[&str] = &["AGENTS.md", "CLAUDE.md", "NAME.md", "memory.md"];

/// Where a path in a comment or a document may begin.
const ROOTS: &[&str] = &["", "host", "host/src", "guest-sdk", "guest-sdk/build", "tests"];

/// Endings of files that a path in backticks is held to.
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".txt", ".wit", ".json"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every file, from the root, but what is built or installed and what git keeps.
fn files(dir: &Path, res: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["target", ".git", "node_modules"].contains(&name) {
            files(&path, res);
        } else if path.is_file() {
            res.push(path);
        }
    }
}

/// The lines that people read: all of a document, the comments of a source.
fn prose(path: &Path, text: &str) -> Vec<(usize, String)> {
    let mark = match path.extension().and_then(|it| it.to_str()) {
        Some("md") => "",
        Some("rs" | "wit") => "//",
        Some("toml") => "#",
        _ => return Vec::new(),
    };
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_start()));
    let mut in_code = false;
    let is_prose = |line: &str| {
        let fence = line.trim_start_matches(['/', '!', ' ']).starts_with("```");
        in_code ^= fence;
        !in_code && !fence && line.starts_with(mark)
    };
    let mut is_prose = is_prose;
    lines.filter(|it| is_prose(it.1)).map(|(number, line)| (number, line.to_owned())).collect()
}

/// The targets of links in a line of a document.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.split("](").skip(1).filter_map(|it| it.split(')').next());
    ends.filter(|it| !it.contains("://") && !it.starts_with('#'))
}

/// The words in backticks of a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_path(word: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-./".contains(it);
    word.contains('/')
        && word.chars().all(is_plain)
        && !word.starts_with(['/', '.', '~'])
        && ENDINGS.iter().any(|it| word.ends_with(it))
}

/// A file and one of its functions with `::` between them, in backticks.
fn functions(line: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    quoted(line).filter_map(|word| {
        let (file, function) = word.split_once("::").filter(|it| it.0.ends_with(".rs"))?;
        Some((word, file, function))
    })
}

/// `NAME.md §N`, wherever it stands.
fn sections(line: &str) -> Vec<(String, String)> {
    let mut res = Vec::new();
    for (at, _) in line.match_indices(".md §") {
        let name = line[..at].rsplit(|it: char| !it.is_ascii_alphanumeric()).next().unwrap();
        let rest = &line[at + ".md §".len()..];
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if !number.is_empty() {
            res.push((format!("{name}.md"), number));
        }
    }
    res
}

/// Pages that a comment names: `NAME.md`.
fn pages(line: &str) -> impl Iterator<Item = &str> {
    line.split(|it: char| !it.is_ascii_alphanumeric() && !"._-/".contains(it))
        .map(|it| it.trim_matches('.'))
        .filter(|it| it.ends_with(".md") && it.len() > ".md".len())
}

struct Repository {
    root: PathBuf,
    files: Vec<PathBuf>,
    names: BTreeSet<String>,
}

impl Repository {
    fn read() -> Self {
        let root = root();
        let mut all = Vec::new();
        files(&root, &mut all);
        let name = |it: &PathBuf| it.file_name().unwrap().to_str().unwrap().to_owned();
        Self { names: all.iter().map(name).collect(), root, files: all }
    }

    fn holds(&self, below: &Path, path: &str) -> bool {
        let path = path.split('#').next().unwrap();
        below.join(path).exists() || ROOTS.iter().any(|it| self.root.join(it).join(path).exists())
    }

    fn has_function(&self, file: &str, function: &str) -> bool {
        let files = ROOTS.iter().map(|it| self.root.join(it).join(file));
        let mut texts = files.filter_map(|it| fs::read_to_string(it).ok());
        let heads = ["(", "<"].map(|it| format!("fn {function}{it}"));
        texts.any(|it| heads.iter().any(|head| it.contains(head)))
    }

    fn has_section(&self, page: &str, number: &str) -> bool {
        let named = self.files.iter().filter(|it| it.ends_with(page));
        let heading = format!("## {number}. ");
        let mut texts = named.map(|it| fs::read_to_string(it).unwrap());
        texts.any(|it| it.lines().any(|line| line.starts_with(&heading)))
    }

    fn lost(&self, file: &Path, line: &str) -> Vec<String> {
        let below = file.parent().unwrap();
        let is_document = file.extension().is_some_and(|it| it == "md");
        let is_others = |it: &str| OF_OTHERS.contains(&it.rsplit('/').next().unwrap());
        let is_known = |it: &str| self.names.contains(it.rsplit('/').next().unwrap());
        let mut res = Vec::new();
        if is_document {
            res.extend(
                links(line).filter(|it| !below.join(it.split('#').next().unwrap()).exists()),
            );
        }
        res.extend(
            quoted(line).filter(|it| is_path(it) && !is_others(it) && !self.holds(below, it)),
        );
        let functions = functions(line).filter(|it| !self.has_function(it.1, it.2));
        res.extend(functions.map(|it| it.0));
        res.extend(pages(line).filter(|it| !is_document && !is_known(it) && !is_others(it)));
        let sections = sections(line).into_iter().filter(|it| !self.has_section(&it.0, &it.1));
        let sections = sections.map(|(page, number)| format!("{page} §{number}"));
        res.into_iter().map(str::to_owned).chain(sections).collect()
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let repository = Repository::read();
    let mut lost = Vec::new();
    for file in &repository.files {
        let Ok(text) = fs::read_to_string(file) else { continue };
        for (number, line) in prose(file, &text) {
            let of_line = repository.lost(file, &line);
            let file = file.strip_prefix(&repository.root).unwrap().display();
            lost.extend(of_line.into_iter().map(|it| format!("{file}:{number}: {it}")));
        }
    }
    assert!(lost.is_empty(), "{} references lead nowhere:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn a_reference_that_leads_nowhere_is_found() {
    let repository = Repository::read();
    let check = |file: &str, line: &str, expect: &[&str]| {
        assert_eq!(repository.lost(&repository.root.join(file), line), expect);
    };
    check(
        "README.md",
        "see [the map](host/ARCHITECTURE.md) and [that](host/NOTHING.md)",
        &["host/NOTHING.md"],
    );
    check(
        "host/src/lib.rs",
        "//! See `tools/nothing.rs` and `tools/file.rs`.",
        &["tools/nothing.rs"],
    );
    check(
        "README.md",
        "`boundary/plan.rs::plan` and `boundary/plan.rs::plane`",
        &["boundary/plan.rs::plane"],
    );
    check("host/src/lib.rs", "// as SEMANTICS.md §3 says", &[]);
    check("host/src/lib.rs", "// as SEMANTICS.md §33 says", &["SEMANTICS.md §33"]);
    check("host/src/lib.rs", "// as lore.md says", &["lore.md"]);
}

/// A grant and a result have few hands to go through, and the map names them.
#[test]
fn the_paths_that_the_map_tells_are_short() {
    let map = fs::read_to_string(root().join("host/ARCHITECTURE.md")).unwrap();
    let check = |heading: &str, most: usize| {
        let (_, section) = map.split_once(heading).unwrap();
        let section = section.split("\n#").next().unwrap();
        let is_step = |it: &&str| it.starts_with(|it: char| it.is_ascii_digit());
        let steps: Vec<&str> = section.lines().filter(is_step).collect();
        assert!((1..=most).contains(&steps.len()), "{heading}: {}", steps.len());
        assert!(steps.iter().all(|it| functions(it).next().is_some()), "{steps:#?}");
    };
    check("### The path of a grant", 10);
    check("### The path of a plugin", 6);
    check("### The path of a result", 12);
}
