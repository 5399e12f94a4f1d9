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

/// Says of what the checked-in components were made, which they are, and by
/// which compiler.
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

/// A line for each component of the program.
fn digests_of_components() -> String {
    let line = |name: &str| {
        let digest = blake3::hash(bundled::find(name).unwrap().bytes());
        format!("{name}  {digest}\n")
    };
    bundled::names().map(line).collect()
}

/// The bytes are those that were recorded with the sources: a build of the
/// same sources in another directory has its symbols in another order.
#[test]
fn the_agents_in_the_program_are_made_of_the_sources_that_are_here() {
    let checkout = checkout();
    let sources = format!("sources  {}\n", digest_of_sources());
    if env::var_os(UPDATE).is_some() {
        let mut made_of = sources;
        for name in bundled::names() {
            let component = plugin(name);
            fs::write(checkout.join(format!("host/agents/{name}.wasm")), &component).unwrap();
            made_of.push_str(&format!("{name}  {}\n", blake3::hash(&component)));
        }
        let tool_chain = hermitage_build::toolchain_of(&checkout.join("plugins")).unwrap();
        made_of.push_str(&format!("by  {tool_chain}\n"));
        fs::write(checkout.join(MADE_OF), &made_of).unwrap();
        return;
    }
    let recorded = fs::read_to_string(checkout.join(MADE_OF)).unwrap();
    let how = format!("`{UPDATE}=1 cargo test --workspace --test plugins` makes them anew");
    assert!(recorded.starts_with(&sources), "the sources have changed: {how}");
    let components = recorded.strip_prefix(&sources).unwrap();
    assert!(components.starts_with(&digests_of_components()), "a component is another: {how}");
}
