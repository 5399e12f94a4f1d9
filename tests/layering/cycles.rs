//! Files of a module that use each other in a cycle: none of them can be
//! read, changed or taken out alone.
//!
//! Below each module, its parts form no cycle; a part is a file with all that
//! lies below it. A file and those above it may name one another.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Path, PathBuf},
};

use crate::{
    host_files,
    paths::{Root, named},
};

/// A module by its names from the crate down.
type Module = Vec<String>;

/// Who uses whom, and which two files show it.
type Uses = BTreeMap<Module, BTreeMap<Module, (Module, Module)>>;

#[test]
fn files_of_a_module_do_not_use_each_other_in_a_cycle() {
    let cycles = cycles().into_iter();
    let told: Vec<String> = cycles.map(|(module, cycle)| format!("`{module}`:\n{cycle}")).collect();
    assert!(told.is_empty(), "files that use each other in a cycle:\n{}", told.join("\n"));
}

/// The shortest cycle in each top-level module that has one.
fn cycles() -> BTreeMap<String, String> {
    let files: Vec<(Module, String)> =
        host_files().into_iter().map(|(path, _, text)| (module_of(&path), text)).collect();
    let tops: BTreeSet<&String> = files.iter().filter_map(|it| it.0.first()).collect();
    let cycle = |top: &String| {
        let below = files.iter().filter(|it| it.0.first() == Some(top));
        shortest_cycle(&uses(&below.cloned().collect::<Vec<_>>()))
    };
    tops.into_iter().filter_map(|top| Some((top.clone(), cycle(top)?))).collect()
}

fn module_of(path: &Path) -> Module {
    let src = crate::host_sources();
    let below = path.strip_prefix(&src).unwrap().with_extension("");
    below.iter().map(|it| it.to_str().unwrap().to_owned()).collect()
}

/// Without tests, which may use what they like.
fn uses(files: &[(Module, String)]) -> Uses {
    let tests: BTreeSet<Module> = files.iter().flat_map(|it| test_modules(&it.0, &it.1)).collect();
    let is_test = |it: &Module| (1..=it.len()).any(|end| tests.contains(&it[..end]));
    let files: BTreeMap<&Module, &str> =
        files.iter().filter(|it| !is_test(&it.0)).map(|it| (&it.0, without_tests(&it.1))).collect();
    let mut res = Uses::new();
    for (user, text) in &files {
        let used = named(text).into_iter().filter_map(|it| {
            let path = absolute(user, it.root, it.names)?;
            // The longest beginning that is a file.
            (1..=path.len()).rev().map(|end| path[..end].to_vec()).find(|it| files.contains_key(it))
        });
        for used in used {
            if let Some((from, to)) = parts(user, &used) {
                let shown = || ((*user).clone(), used.clone());
                res.entry(from).or_default().entry(to).or_insert_with(shown);
            }
        }
    }
    res
}

fn absolute(user: &Module, root: Root, names: Vec<String>) -> Option<Module> {
    let above = match root {
        Root::Crate => 0,
        Root::Above(count) => user.len().checked_sub(count)?,
    };
    Some([&user[..above], &names].concat())
}

/// The parts of one module that two files belong to; `None` when one of them
/// is above the other.
fn parts(user: &Module, used: &Module) -> Option<(Module, Module)> {
    let shared = user.iter().zip(used).take_while(|(user, used)| user == used).count();
    Some((user.get(..=shared)?.to_vec(), used.get(..=shared)?.to_vec()))
}

/// What stands before the tests in a file, which are at its end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap()
}

/// Files that are compiled for tests alone.
fn test_modules(module: &Module, text: &str) -> Vec<Module> {
    let declared = text.split("#[cfg(test)]\n").skip(1).filter_map(|it| {
        let line = it.lines().next()?.trim();
        let (_, name) = line.strip_suffix(';')?.split_once("mod ")?;
        Some([module.as_slice(), &[name.to_owned()]].concat())
    });
    declared.collect()
}

/// Told file by file.
fn shortest_cycle(uses: &Uses) -> Option<String> {
    let cycles = uses.keys().filter_map(|it| way_back(uses, it));
    let cycle = cycles.min_by_key(Vec::len)?;
    let next = cycle.iter().cycle().skip(1);
    let lines = cycle.iter().zip(next).map(|(from, to)| {
        let (user, used) = &uses[from][to];
        format!("  {} uses {}", file(user), file(used))
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// The shortest way from a part to itself: all that it leads through.
fn way_back(uses: &Uses, start: &Module) -> Option<Vec<Module>> {
    let mut reached: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(from) = open.pop_front() {
        for to in uses.get(from).into_iter().flat_map(BTreeMap::keys) {
            if to == start {
                let mut way = vec![from.clone()];
                while way.last() != Some(start) {
                    way.push(reached[way.last().unwrap()].clone());
                }
                way.reverse();
                return Some(way);
            }
            if !reached.contains_key(to) {
                reached.insert(to, from);
                open.push_back(to);
            }
        }
    }
    None
}

fn file(module: &Module) -> String {
    module.iter().collect::<PathBuf>().with_extension("rs").display().to_string()
}

#[test]
fn a_cycle_is_found_and_told_file_by_file() {
    let check = |files: &[(&str, &str)], expect: Option<&str>| {
        let module = |it: &str| it.split('/').map(str::to_owned).collect::<Module>();
        let files: Vec<_> = files.iter().map(|it| (module(it.0), it.1.to_owned())).collect();
        assert_eq!(shortest_cycle(&uses(&files)).as_deref(), expect, "{files:?}");
    };
    let above = ("m", "mod a;\nmod b;\nuse a::A; use self::b::B;\n#[cfg(test)]\nmod helped;\n");
    let b = ("m/b", "use super::c::C;");
    // One that is above may be named from below, and names what is below it.
    check(&[above, ("m/a", "use super::{A, b::B};"), b, ("m/c", "use crate::m::M;")], None);
    check(
        &[above, ("m/a", "use super::{A, b::B};"), b, ("m/c", "use crate::{x, m::a::{self, A}};")],
        Some("  m/a.rs uses m/b.rs\n  m/b.rs uses m/c.rs\n  m/c.rs uses m/a.rs"),
    );
    // The parts are files with all that is below them.
    let below = ("m/a/d", "fn f() -> super::super::b::B {}");
    check(&[above, ("m/a", ""), below, ("m/b", "use super::c;"), ("m/c", "")], None);
    check(
        &[above, ("m/a", ""), below, ("m/b", "use super::a::A;")],
        Some("  m/a/d.rs uses m/b.rs\n  m/b.rs uses m/a.rs"),
    );
    // Tests may use what they like.
    let tested = "struct C;\n\n#[cfg(test)]\nmod tests {\n    use crate::m::b::B;\n}\n";
    check(&[above, b, ("m/c", tested), ("m/helped", "use super::b;")], None);
    check(&[above, ("m/b", "use super::helped;"), ("m/helped", "use super::b;")], None);
}
