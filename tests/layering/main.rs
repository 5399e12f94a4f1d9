//! The dependency direction of `host`, as a test.
//!
//! A module may use itself and the modules on earlier lines of [`LAYERS`].
//! Changing this table is a change of architecture and is reviewed as one.
//! Within a module there is no table: its files form no cycle ([`cycles`]).

mod cycles;
mod paths;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use self::paths::{Root, named};

const LAYERS: &[&[&str]] = &[
    &[
        "id",
        "clock",
        "defence",
        "event",
        "helper",
        "http",
        "noise",
        "plain_file",
        "published",
        "secret",
        "session",
        "setting",
        "slip",
        "telemetry",
        "unit",
        "visible",
    ],
    &["store"],
    &["completion"],
    &["redact"],
    &["provider"],
    &["toolset"],
    &["journal"],
    &["tools"],
    &["boundary"],
    &["sandbox"],
    &["cluster", "plugin"],
    &["mcp"],
    &["delegation"],
    &["config"],
    &["host"],
    &["bench", "serve"],
    &["cli"],
    &["oracle"],
];

/// Crates that one module alone may use, because it stands for them.
const SOLE_USERS: &[(&str, &str)] = &[
    ("wasmtime", "sandbox"),
    ("wasmtime_wasi", "sandbox"),
    ("wasmparser", "sandbox"),
    ("toml", "config"),
    ("cap_std", "tools"),
    ("chardetng", "tools"),
    ("dom_query", "tools"),
    ("dom_smoothie", "tools"),
    ("html5ever", "tools"),
    ("rusqlite", "store"),
    ("bincode", "store"),
    ("hermitage_build", "plugin"),
    ("axum", "serve"),
    ("hyper", "serve"),
    ("hyper_util", "serve"),
    ("prometheus_client", "serve"),
    ("tokio_io_timeout", "serve"),
    ("async_nats", "cluster"),
    ("rmcp", "mcp"),
    ("tower_service", "serve"),
    ("opentelemetry", "telemetry"),
    ("opentelemetry_http", "telemetry"),
    ("opentelemetry_otlp", "telemetry"),
    ("opentelemetry_sdk", "telemetry"),
    ("clap", "cli"),
    ("anyhow", "cli"),
    ("console", "cli"),
    ("indicatif", "cli"),
    ("ratatui", "cli"),
];

/// Uses beyond [`SOLE_USERS`], each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // A parent that speaks MCP is served by the service; `mcp` is where the
    // host itself calls servers.
    ("rmcp", "serve"),
    // The command line shows the progress and the errors of a build.
    ("hermitage_build", "cli"),
    // What a plugin says of itself is a file that its author writes.
    ("toml", "plugin"),
    // Messages between a host and its helpers are no rows, but need a codec
    // with a limit as well.
    ("bincode", "helper"),
];

#[test]
fn modules_depend_only_on_earlier_layers() {
    let mut violations = Vec::new();
    for (path, module, text) in host_files() {
        if layer(&module).is_none() {
            violations.push(format!("`{module}` is not in LAYERS"));
        }
        for used in crate_modules_used(&text) {
            // Modules of one line know each other's plain types: an event
            // carries ids.
            let allowed = used == module
                || matches!((layer(&used), layer(&module)), (Some(lo), Some(hi)) if lo < hi)
                || (layer(&used) == Some(0) && layer(&module) == Some(0));
            if !allowed {
                violations.push(format!("{}: `{module}` uses `{used}`", path.display()));
            }
        }
    }
    assert!(violations.is_empty(), "layering violations:\n{}", violations.join("\n"));
}

#[test]
fn a_crate_that_a_module_stands_for_is_used_there_alone() {
    let mut violations = Vec::new();
    for (path, module, text) in host_files() {
        for (name, user) in SOLE_USERS {
            let allowed = module == *user || EXCEPTIONS.contains(&(name, module.as_str()));
            if !allowed && text.contains(&format!("{name}::")) {
                violations.push(format!("{}: `{module}` uses `{name}`", path.display()));
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Path, top-level module and text of every file but `lib.rs` and `main.rs`,
/// which name every module: that is their job.
fn host_files() -> Vec<(PathBuf, String, String)> {
    let src = host_sources();
    let mut res = Vec::new();
    visit_rust_files(&src, &mut |path, text| {
        let module = path.strip_prefix(&src).unwrap().iter().next().unwrap();
        let module = module.to_str().unwrap().trim_end_matches(".rs").to_owned();
        if module != "lib" && module != "main" {
            res.push((path.to_owned(), module, text.to_owned()));
        }
    });
    assert!(20 < res.len(), "only {} source files under {}", res.len(), src.display());
    res
}

fn host_sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src")
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|it| it.contains(&module))
}

/// The module of every `crate::…` path. Not that of a re-exported type or of a
/// macro, which name no module.
fn crate_modules_used(text: &str) -> Vec<String> {
    let of_crate = named(text).into_iter().filter(|it| it.root == Root::Crate);
    let modules = of_crate.filter_map(|it| match it.names.as_slice() {
        [module, _item, ..] if module.starts_with(char::is_lowercase) => Some(module.clone()),
        _ => None,
    });
    let mut res: Vec<String> = modules.collect();
    res.dedup();
    res
}

fn visit_rust_files(dir: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit_rust_files(&path, visit);
        } else if path.extension().is_some_and(|it| it == "rs") {
            visit(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_scanner_sees_single_and_grouped_imports() {
    let text = "use crate::id::DelegationId; use crate::{event::{A, B}, store::{self, C}, Host};";
    assert_eq!(crate_modules_used(text), ["id", "event", "store"]);
}

/// What cargo would compile for a release, each with its features. Asked of
/// cargo itself, which has the word for it in tests of its own only.
fn release_units(what: &[&str]) -> BTreeSet<(String, String)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--unit-graph", "-Zunstable-options"]);
    cargo.args(what).current_dir(hermitage_tests::checkout()).env("RUSTC_BOOTSTRAP", "1");
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let graph: Value = serde_json::from_slice(&output.stdout).unwrap();
    let units = graph["units"].as_array().unwrap().iter();
    units.map(|it| (it["pkg_id"].to_string(), it["features"].to_string())).collect()
}

#[test]
fn telemetry_is_built_for_those_who_ask_for_it_and_for_nobody_else() {
    let is_of_telemetry = |(package, _): &(String, String)| package.contains("opentelemetry");
    assert!(!release_units(&[]).iter().any(is_of_telemetry));
    assert!(release_units(&["--features", "otel"]).iter().any(is_of_telemetry));
}

#[test]
fn an_example_is_made_of_the_same_parts_as_the_program() {
    let program = release_units(&[]);
    let example = release_units(&["--example", "embed"]);
    let of_program: BTreeSet<&String> = program.iter().map(|(package, _)| package).collect();
    let twice = example.difference(&program).filter(|(package, _)| of_program.contains(package));
    assert_eq!(twice.collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}
