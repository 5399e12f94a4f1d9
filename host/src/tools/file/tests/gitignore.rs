//! What `.gitignore` excludes is what git excludes, over a generated corpus.

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

use super::*;

/// Pieces of patterns, with all that is special to git or to something else.
const PIECES: [&str; 46] = [
    "a",
    "b",
    "x",
    "*",
    "**",
    "?",
    "/",
    "[ab]",
    "[!a]",
    "[^b]",
    "[a-x]",
    "[[:alpha:]]",
    "[[:x]",
    "[]a]",
    "[a",
    "{a,b}",
    "\\*",
    "\\a",
    "\\ ",
    " ",
    "\t",
    "\\",
    "!",
    "#",
    ".",
    "a.b",
    "[[:space:]]",
    "[a\\]b]",
    "[-a]",
    "[a-]",
    "[!-a]",
    "$",
    "+",
    "(",
    "\u{e9}",
    "[\u{e9}]",
    "[:alpha:]",
    "[[:digit:][:upper:]]",
    "[[:bad:]]",
    "[b-a]",
    "[\\a-b]",
    "[[.a.]]",
    "]",
    "-",
    "a/b",
    "**/",
];

/// Files in each directory of the corpus.
const FILES: [&str; 33] = [
    "a", "ab/a", "ab/x", "a.b", "{a,b}", "*", "a ", "a\t", " ", "\t", "\\", "!a", "#a", "[a", "$a",
    "\u{e9}", "b/x", "b/a/x", "b/ab", "x/b", "x/a/b", "[[:x]a", "]", "-", "A", "7", "a]b", "+",
    "(a", "x y", "a\\b", "xab/b", "aab/x/b",
];

/// Directories of the corpus, each with a `.gitignore` of its own.
const DIRECTORIES: usize = 400;

#[test]
fn gitignore_excludes_what_git_excludes() {
    let it = Fixture::new();
    git(&it, &["init", "-q"]);
    let mut dice = Dice(1);
    let mut rules = Vec::new();
    for directory in 0..DIRECTORIES {
        for file in FILES {
            it.put(&format!("d{directory}/{file}"), "");
        }
        rules.push(dice.rules());
        it.put(&format!("d{directory}/.gitignore"), &rules[directory]);
        // One below another: the deeper one decides first.
        it.put(&format!("d{directory}/b/.gitignore"), dice.rules());
    }
    it.put(".gitignore", "\u{feff}7\r\nd*/x/\n!d1*/x/\n");
    it.put(".git/info/exclude", "/d2/*\n!7\n*]\n");
    compare(&it, |directory| rules.get(directory).cloned());
}

#[test]
fn what_a_person_writes_is_read_as_git_reads_it() {
    for rules in [
        "{a,b}\n",
        "*.{log,tmp}\n",
        "a  \n",
        "a\\ \n",
        "a\t\n",
        "\t\n",
        "/ab/*\n!/ab/x\n",
        "ab\n!ab/x\n",
        "b/\n",
        "b/**\n!b/a/\n",
        "**/x\n!b/x\n",
        "*\n!*/\n!*.b\n",
        "#a\n\\#a\n",
        "!a\n\\!a\n",
        "[a\n",
        "[[:x]\n",
        "a\r\nb/\r\n",
        "ab**/b\n",
        "a",
        "a\r",
        "/\n//\n!\n\\\n",
        "x/a/\n!x/a/b\n",
    ] {
        let it = Fixture::new();
        git(&it, &["init", "-q"]);
        FILES.iter().for_each(|file| {
            it.put(&format!("d0/{file}"), "");
        });
        it.put("d0/.gitignore", rules);
        compare(&it, |_| Some(rules.to_owned()));
    }
}

/// Compares what is listed with what git lists.
fn compare(it: &Fixture, rules: impl Fn(usize) -> Option<String>) {
    let listed = git(it, &["ls-files", "-z", "-co", "--exclude-standard"]).stdout;
    let git: BTreeSet<String> = listed
        .split(|it| *it == 0)
        .filter(|it| !it.is_empty())
        .map(|it| String::from_utf8(it.to_vec()).unwrap())
        .collect();
    let own = files(it);
    let wrong = git.symmetric_difference(&own).take(5).map(|path| {
        let directory = path.split('/').next().unwrap_or_default().trim_start_matches('d');
        let rules = directory.parse().ok().and_then(&rules);
        format!("{path:?} is listed by git: {}, rules {rules:?}", git.contains(path))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!git.is_empty());
}

/// Every file that a search lists.
fn files(it: &Fixture) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut cursor = None;
    loop {
        let page = it.search(SearchFiles { cursor, limit: Some(1000), ..all() }).unwrap();
        let hits = page.hits.into_iter().filter(|it| it.kind == EntryKind::File);
        files.extend(hits.map(|it| it.path));
        cursor = page.next;
        if cursor.is_none() {
            return files;
        }
    }
}

fn all() -> SearchFiles {
    SearchFiles::default()
}

/// Git as it is without anybody's configuration.
fn git(it: &Fixture, arguments: &[&str]) -> Output {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(it.path(""))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", it.outer.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The same throws each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    /// Up to four lines of some pieces each.
    fn rules(&mut self) -> String {
        let mut rules = String::new();
        for _ in 0..=self.throw(4) {
            rules += ["", "", "", "", "!"][self.throw(5)];
            rules += ["", "", "", "", "/"][self.throw(5)];
            for _ in 0..=self.throw(4) {
                rules += PIECES[self.throw(PIECES.len())];
            }
            rules += ["", "", "", "", "/", "  ", "\t"][self.throw(7)];
            rules += ["\n", "\n", "\n", "\r\n"][self.throw(4)];
        }
        rules
    }
}
