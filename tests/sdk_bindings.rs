//! The SDK's bindings are what `wit/` says.
//!
//! They are checked in, since generating them costs every cold build of a
//! guest about 50 seconds of CPU. `UPDATE_BINDINGS=1` writes them anew.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};

/// Records of options, which authors fill with `..Default::default()`.
const WITH_DEFAULT: [&str; 4] = [
    "file@0.1.0/search-query",
    "terminal@0.1.0/command",
    "model@0.1.0/chat-request",
    "delegation@0.1.0/subtask",
];

/// What the bindings of plugins take from those of agents, so that a tool and
/// an agent have one type of error.
const SHARED: [&str; 2] = ["types", "progress"];

#[test]
fn bindings_of_agents_are_up_to_date() {
    check("subagent", "bindings.rs", agents());
}

#[test]
fn bindings_of_plugins_are_up_to_date() {
    check("tool-plugin", "tool/bindings.rs", plugins());
}

#[track_caller]
fn check(world: &str, file: &str, options: Opts) {
    let path = repository().join("guest-sdk/src").join(file);
    let generated = generate(world, options).unwrap();
    if env::var_os("UPDATE_BINDINGS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "`guest-sdk/src/{file}` is not what `wit/` says\n\
         hint: UPDATE_BINDINGS=1 cargo test --workspace --test sdk_bindings"
    );
}

fn generate(world: &str, options: Opts) -> Result<String, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(repository().join("wit"))?;
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let (_, content) = files.iter().next().ok_or("the generator wrote no file")?;
    Ok(String::from_utf8(content.to_vec())?)
}

fn agents() -> Opts {
    let default =
        |name: &&str| (format!("hermitage:subagent/{name}"), "#[derive(Default)]".to_owned());
    Opts {
        // `#[agent]` exports from the author's crate.
        default_bindings_module: Some("::hermitage_guest::rt::bindings".to_owned()),
        export_macro_name: Some("export".to_owned()),
        additional_type_attributes: WITH_DEFAULT.iter().map(default).collect(),
        ..common()
    }
}

fn plugins() -> Opts {
    let shared = |name: &&str| {
        let module = format!("crate::bindings::hermitage::subagent::{name}");
        (format!("hermitage:subagent/{name}@0.1.0"), WithOption::Path(module))
    };
    Opts {
        // `tools!` exports from the author's crate.
        default_bindings_module: Some("::hermitage_guest::rt::tool::bindings".to_owned()),
        export_macro_name: Some("export_tools".to_owned()),
        with: SHARED.iter().map(shared).collect(),
        ..common()
    }
}

fn common() -> Opts {
    Opts {
        format: true,
        runtime_path: Some("crate::rt::runtime".to_owned()),
        pub_export_macro: true,
        generate_all: true,
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        ..Opts::default()
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
