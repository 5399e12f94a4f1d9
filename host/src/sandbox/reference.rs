//! The component model's own tests, run with the engine that children run in.
//!
//! What the engine has passes, and what it has not ([`engine::settings`]) is
//! refused before anything of it could run. `tests/reference/expected.txt` has
//! a line for each script with what came of its directives;
//! `UPDATE_REFERENCE=1` writes it anew.

mod given;
mod script;
mod value;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use self::script::{Came, run};
use super::{SandboxConfig, engine};
use crate::setting::built_in;

/// What comes out otherwise than a script says, and why that is right here. A
/// line that nothing comes of any more fails, too.
const DIFFERENCES: &[(&str, usize, &str)] = &[
    (
        "component-model/async/cancellable.wast",
        108,
        "the parser of these tests is newer, and knows the option no more: it was of async alone",
    ),
    ("component-model/validation/attributes.wast", 87, "refused, in other words"),
    ("component-model/validation/attributes.wast", 91, "refused, in other words"),
    ("component-model/wasm-tools/types.wast", 123, "refused, in other words"),
];

#[test]
fn the_reference_tests_pass_and_what_is_turned_off_is_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference");
    let config = SandboxConfig { max_live_cells: 2, plugin_cells: 1, ..built_in() };
    let engine = engine::engine(&config).unwrap();
    let (mut table, mut wrong, mut seen) = (String::new(), Vec::new(), BTreeSet::new());
    for file in scripts(&root) {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let came = run(&engine, &fs::read_to_string(&file).unwrap());
        for (line, came) in &came {
            let Came::Otherwise(why) = came else { continue };
            match DIFFERENCES.iter().find(|it| (it.0, it.1) == (name.as_str(), *line)) {
                Some(known) => drop(seen.insert((known.0, known.1))),
                None => wrong.push(format!("{name}:{line}: {why}")),
            }
        }
        writeln!(table, "{name}: {}", summary(came.into_iter().map(|it| it.1))).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let stale = DIFFERENCES.iter().filter(|it| !seen.contains(&(it.0, it.1)));
    assert_eq!(stale.collect::<Vec<_>>(), Vec::<&(&str, usize, &str)>::new(), "not so any more");
    compare(&root.join("expected.txt"), &table);
}

/// All of them, in the order of their names.
fn scripts(root: &Path) -> Vec<PathBuf> {
    let (mut dirs, mut res) = (vec![root.to_owned()], Vec::new());
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => dirs.push(path),
                Some(kind) if kind == "wast" => res.push(path),
                _ => (),
            }
        }
    }
    res.sort();
    res
}

/// How many directives came out how.
fn summary(came: impl Iterator<Item = Came>) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for came in came {
        let what = match came {
            Came::AsItSays => "pass".to_owned(),
            Came::Refused(why) => format!("refused ({why})"),
            Came::Behind => "stand behind those".to_owned(),
            Came::Otherwise(_) => "differ".to_owned(),
        };
        *counts.entry(what).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    parts.join(", ")
}

fn compare(path: &Path, table: &str) {
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(path, table).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(table, expected, "hint: run the test again with UPDATE_REFERENCE=1");
}
