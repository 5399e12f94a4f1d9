//! What a manifest says about how to start the project, where the names of
//! files alone don't tell.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use toml::{Table, Value as Toml};

use crate::landmark::{self, Landmark};

/// Names in one list; longer ones are cut.
const NAMED: usize = 8;

type Reader = fn(&str) -> Vec<String>;

/// To understand one more manifest, add one row. Names are in lower case.
const READERS: &[(&str, Reader)] = &[
    ("cargo.toml", cargo),
    ("package.json", package_json),
    ("pyproject.toml", pyproject),
    ("makefile", makefile),
];

/// Whether [`entry_points`] can make something of this file.
pub(crate) fn is_known(path: &str) -> bool {
    reader(path).is_some()
}

/// One text for each way to start the project. Empty where there is none, and
/// where the manifest can't be understood: to judge it is not our task.
pub(crate) fn entry_points(path: &str, text: &str) -> Vec<String> {
    reader(path).map(|read| read(text)).unwrap_or_default()
}

fn reader(path: &str) -> Option<Reader> {
    let name = path.rsplit('/').next()?.to_lowercase();
    READERS.iter().find(|(known, _)| *known == name).map(|(_, read)| *read)
}

/// Programs and libraries in unusual places. Those in the usual ones are found
/// by their names, see [`landmark`].
fn cargo(text: &str) -> Vec<String> {
    let manifest = text.parse::<Table>().unwrap_or_default();
    let library = manifest.get("lib").and_then(|lib| cargo_target("Rust library", lib));
    let programs = manifest.get("bin").and_then(Toml::as_array).into_iter().flatten();
    library
        .into_iter()
        .chain(programs.filter_map(|bin| cargo_target("Rust program", bin)))
        .collect()
}

fn cargo_target(what: &str, target: &Toml) -> Option<String> {
    let path = target.get("path")?.as_str()?;
    let name = target.get("name").and_then(Toml::as_str).map(|name| format!(" {name}"));
    let usual = landmark::of(path).iter().any(|mark| matches!(mark, Landmark::EntryPoint(_)));
    (!usual).then(|| format!("{what}{} at {path}", name.unwrap_or_default()))
}

fn package_json(text: &str) -> Vec<String> {
    let manifest: Json = serde_json::from_str(text).unwrap_or_default();
    let mut found = Vec::new();
    found.extend(manifest.get("main").and_then(Json::as_str).map(|main| format!("main: {main}")));
    match manifest.get("bin") {
        Some(Json::String(path)) => found.push(format!("command at {path}")),
        Some(Json::Object(commands)) => found.extend(list("commands", commands.keys())),
        _ => {}
    }
    let scripts = manifest.get("scripts").and_then(Json::as_object);
    found.extend(scripts.and_then(|scripts| list("scripts", scripts.keys())));
    found
}

fn pyproject(text: &str) -> Vec<String> {
    let manifest = text.parse::<Table>().unwrap_or_default();
    let scripts = manifest.get("project").and_then(|project| project.get("scripts"));
    let scripts = scripts.and_then(Toml::as_table);
    scripts.and_then(|scripts| list("commands", scripts.keys())).into_iter().collect()
}

/// Targets that are plain words: patterns, variables and files of other
/// folders are steps on the way, not ways to start.
fn makefile(text: &str) -> Vec<String> {
    let heads = text.lines().filter_map(|line| line.split_once(':'));
    let rules = heads.filter(|(_, rest)| !rest.trim_start_matches(':').starts_with('='));
    let mut targets: Vec<_> = rules.map(|(target, _)| target).filter(|t| is_word(t)).collect();
    // A target may have several rules, not always next to each other.
    let mut seen = BTreeSet::new();
    targets.retain(|target| seen.insert(*target));
    list("targets", targets.into_iter()).into_iter().collect()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

fn list<T: AsRef<str>>(what: &str, names: impl Iterator<Item = T>) -> Option<String> {
    let names: Vec<_> = names.collect();
    let shown: Vec<_> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let rest = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        rest => format!(", … and {rest} more"),
    };
    (!names.is_empty()).then(|| format!("{what}: {}{rest}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expect: &[&str]) {
        assert_eq!(entry_points(path, text), expect, "{path}");
    }

    #[test]
    fn cargo_manifests_name_what_lies_elsewhere() {
        check("Cargo.toml", "[package]\nname = 'a'\n[[bin]]\nname = 'b'", &[]);
        check("Cargo.toml", "[lib]\nname = 'a'\npath = 'src/lib.rs'", &[]);
        check(
            "a/Cargo.toml",
            "[lib]\npath = 'lib.rs'\n[[bin]]\nname = 'x'\npath = 'cli/x.rs'",
            &["Rust library at lib.rs", "Rust program x at cli/x.rs"],
        );
    }

    #[test]
    fn node_manifests_name_main_commands_and_scripts() {
        let text = r#"{"main": "a.js", "bin": {"x": "x.js"}, "scripts": {"b": "", "a": ""}}"#;
        check("package.json", text, &["main: a.js", "commands: x", "scripts: a, b"]);
        check("package.json", r#"{"bin": "./cli.js"}"#, &["command at ./cli.js"]);
    }

    #[test]
    fn python_projects_name_commands() {
        check("pyproject.toml", "[project.scripts]\nx = 'x:main'", &["commands: x"]);
    }

    #[test]
    fn makefiles_name_targets() {
        let text = "A := 1\nB ::= 2\nall: test\n\techo a: b\ntest:\n%.o: %.c\nall: more\nx/y: z\n";
        check("Makefile", text, &["targets: all, test"]);
        let many: String = (0..10).map(|i| format!("t{i}:\n")).collect();
        check("Makefile", &many, &["targets: t0, t1, t2, t3, t4, t5, t6, t7, … and 2 more"]);
    }

    #[test]
    fn what_is_broken_or_unknown_says_nothing() {
        check("Cargo.toml", "[[", &[]);
        check("Cargo.toml", "bin = 1\nlib = 2", &[]);
        check("package.json", "[]", &[]);
        check("other.json", "{}", &[]);
    }
}
