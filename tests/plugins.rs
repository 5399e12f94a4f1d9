//! The bundled agents: their unit tests, and that those which travel inside of
//! the program are made of the sources that are here.
//!
//! They are a workspace of their own, built for WebAssembly; what needs no
//! host is tested natively.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use hermitage::plugin::bundled;
use hermitage_tests::{checkout, plugin};

/// Everything that has a part in a bundled agent.
const SOURCES: [&str; 4] = ["plugins", "guest-sdk/src", "guest-sdk/macros/src", "wit"];

/// Says of what the checked-in components were made, and by which compiler.
const MADE_OF: &str = "host/agents/made-of.txt";

/// Sets the checked-in components anew.
const UPDATE: &str = "UPDATE_AGENTS";

#[test]
fn the_logic_of_the_bundled_agents_is_right() {
    let checkout = checkout();
    let status = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--locked", "--manifest-path"])
        .arg(checkout.join("plugins/Cargo.toml"))
        .arg("--target-dir")
        .arg(checkout.join("target/plugins"))
        .status()
        .unwrap();
    assert!(status.success(), "see the output above");
}

/// Files below a directory, without those of a build.
fn files(dir: &Path, res: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
    for path in entries.filter(|it| !it.ends_with("target")) {
        if path.is_dir() { files(&path, res) } else { res.push(path) }
    }
}

fn digest_of_sources() -> String {
    let (checkout, mut all) = (checkout(), Vec::new());
    SOURCES.iter().for_each(|it| files(&checkout.join(it), &mut all));
    all.retain(|it| it.extension().is_some_and(|it| it == "rs" || it == "wit" || it == "toml"));
    all.push(checkout.join("plugins/Cargo.lock"));
    all.sort();
    let mut hasher = blake3::Hasher::new();
    for path in all {
        let content = fs::read(&path).unwrap();
        hasher.update(path.strip_prefix(&checkout).unwrap().as_os_str().as_encoded_bytes());
        hasher.update(&(content.len() as u64).to_le_bytes()).update(&content);
    }
    hasher.finalize().to_string()
}

#[test]
fn the_agents_in_the_program_are_made_of_the_sources_that_are_here() {
    let checkout = checkout();
    let tool_chain = hermitage_build::toolchain_of(&checkout.join("plugins")).unwrap();
    let made_of = format!("sources     {}\ntool chain  {tool_chain}\n", digest_of_sources());
    if env::var_os(UPDATE).is_some() {
        for name in bundled::names() {
            let file = checkout.join(format!("host/agents/{name}.wasm"));
            fs::write(file, plugin(name)).unwrap();
        }
        fs::write(checkout.join(MADE_OF), &made_of).unwrap();
        return;
    }
    let checked_in = fs::read_to_string(checkout.join(MADE_OF)).unwrap();
    let how = format!("`{UPDATE}=1 cargo test --workspace --test plugins` makes them anew");
    // Another compiler makes other bytes, and then the sources have to do.
    if checked_in.lines().last() != made_of.lines().last() {
        let sources = |it: &str| it.lines().next().map(str::to_owned);
        assert_eq!(sources(&checked_in), sources(&made_of), "the sources have changed: {how}");
        return;
    }
    for name in bundled::names() {
        let bundled = bundled::find(name).unwrap();
        assert!(*bundled.bytes() == *plugin(name), "`{name}` is another: {how}");
    }
}
