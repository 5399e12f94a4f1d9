//! The bundled agents and tool plugins: their unit tests, and that those which
//! travel inside of the program are made of the sources that are here.
//!
//! They are a workspace of their own, built for WebAssembly; what needs no
//! host is tested natively.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use hermitage::{
    config::{Config, Layers},
    id::OsRandom,
    plugin::{self, Described, Manifest, bundled, manifest},
    sandbox::{Binary, Sandbox},
};
use hermitage_tests::{built, checkout, helper, plugin};
use serde_json::{Value, json};

/// Everything that has a part in a bundled component.
const SOURCES: [&str; 5] = ["plugins", BENCH, "guest-sdk/src", "guest-sdk/macros/src", "wit"];

/// What `hermitage bench` runs.
const BENCH: &str = "host/benches/guest";

/// It in the program, where it is no agent that anybody can name.
const MEASURED: &str = "host/agents/measured.wasm";

/// Says of what the checked-in components were made, which they are, and by
/// which compiler.
const MADE_OF: &str = "host/agents/made-of.txt";

/// Sets the checked-in components anew.
const UPDATE: &str = "UPDATE_AGENTS";

#[test]
fn the_logic_of_the_bundled_components_is_right() {
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
    let is_source = |it: &str| ["rs", "wit", "toml", "jq"].contains(&it);
    all.retain(|it| it.extension().and_then(|it| it.to_str()).is_some_and(is_source));
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
    let agents = bundled::names().map(|it| (it, bundled::find(it).unwrap()));
    let plugins = bundled::tools::all().map(|it| (it.name, it.component()));
    let measured = ("measured", Binary::new(fs::read(checkout().join(MEASURED)).unwrap()));
    let all = agents.chain(plugins).chain([measured]);
    all.map(|(name, it)| format!("{name}  {}\n", it.digest())).collect()
}

/// The bytes are those that were recorded with the sources: a build of the
/// same sources in another directory has its symbols in another order.
#[tokio::test]
async fn the_components_in_the_program_are_made_of_the_sources_that_are_here() {
    let checkout = checkout();
    let sources = format!("sources  {}\n", digest_of_sources());
    if env::var_os(UPDATE).is_some() {
        fs::write(checkout.join(MADE_OF), sources + &made_anew(&checkout).await).unwrap();
        return;
    }
    let recorded = fs::read_to_string(checkout.join(MADE_OF)).unwrap();
    let how = format!("`{UPDATE}=1 cargo test --workspace --test plugins` makes them anew");
    assert!(recorded.starts_with(&sources), "the sources have changed: {how}");
    let components = recorded.strip_prefix(&sources).unwrap();
    assert!(components.starts_with(&digests_of_components()), "a component is another: {how}");
}

/// Builds and writes all of them; what they are made of.
async fn made_anew(checkout: &Path) -> String {
    let mut made_of = String::new();
    for name in bundled::names() {
        let component = plugin(name);
        fs::write(checkout.join(format!("host/agents/{name}.wasm")), &component).unwrap();
        made_of.push_str(&format!("{name}  {}\n", blake3::hash(&component)));
    }
    let sandbox = sandbox();
    for name in bundled::tools::all().map(|it| it.name) {
        let component = Binary::new(plugin(name));
        let source = checkout.join("plugins").join(name).join(manifest::FILE);
        let (manifest, _) = Manifest::read(&source).unwrap();
        let described = described(&sandbox, &manifest, &component).await;
        let dir = checkout.join("host/tools").join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("component.wasm"), component.bytes()).unwrap();
        fs::copy(source, dir.join(manifest::FILE)).unwrap();
        fs::write(dir.join("described.json"), record(&described)).unwrap();
        made_of.push_str(&format!("{name}  {}\n", component.digest()));
    }
    let component = built(BENCH);
    fs::write(checkout.join(MEASURED), &component).unwrap();
    made_of.push_str(&format!("measured  {}\n", blake3::hash(&component)));
    let tool_chain = hermitage_build::toolchain_of(&checkout.join("plugins")).unwrap();
    format!("{made_of}by  {tool_chain}\n")
}

fn sandbox() -> Sandbox {
    let mut config = Config::load(&Layers::default()).unwrap().sandbox;
    config.helper = Some(helper());
    // The bound is not what is tested, and a compiler that was built without
    // optimisation comes near it on a slow machine.
    config.compile_seconds *= 8;
    Sandbox::new(config, 1, Arc::new(OsRandom)).unwrap()
}

async fn described(sandbox: &Sandbox, manifest: &Manifest, component: &Binary) -> Described {
    plugin::describe(sandbox, manifest, component).await.unwrap()
}

/// What is known of a plugin without running it.
fn record(described: &Described) -> String {
    let tool = |it: &hermitage::ToolSpec| {
        let parameters: Value = serde_json::from_str(&it.parameters).unwrap();
        json!({ "name": it.name, "description": it.description, "parameters": parameters })
    };
    let tools: Vec<Value> = described.tools.iter().map(tool).collect();
    let record = json!({ "digest": described.digest, "tools": tools });
    serde_json::to_string_pretty(&record).unwrap() + "\n"
}

/// What a host reads of a plugin is what its component says of itself, and its
/// manifest is that of its source.
#[tokio::test]
async fn what_is_known_of_a_plugin_is_what_it_says() {
    let sandbox = sandbox();
    for bundled in bundled::tools::all() {
        let name = bundled.name;
        let source = checkout().join("plugins").join(name).join(manifest::FILE);
        let (manifest, known) = (bundled.manifest().unwrap(), bundled.plugin().unwrap());
        assert_eq!(manifest, Manifest::read(&source).unwrap().0, "{name}");
        assert_eq!((manifest.name.as_str(), &manifest.asks), (name, &known.asks));
        let said = described(&sandbox, &manifest, &bundled.component()).await;
        assert_eq!((known.digest.to_string(), known.tools), (said.digest, said.tools), "{name}");
    }
}
