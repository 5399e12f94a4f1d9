//! The SDK's bindings are what `wit/` says.
//!
//! They are checked in, since generating them costs every cold build of a
//! guest about 50 seconds of CPU. `UPDATE_BINDINGS=1` writes them anew.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;

/// Records of options, which authors fill with `..Default::default()`.
const WITH_DEFAULT: [&str; 4] = [
    "file@0.1.0/search-query",
    "terminal@0.1.0/command",
    "model@0.1.0/chat-request",
    "delegation@0.1.0/subtask",
];

#[test]
fn bindings_are_up_to_date() {
    let path = repository().join("guest-sdk/src/bindings.rs");
    let generated = generate().unwrap();
    if env::var_os("UPDATE_BINDINGS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap();
    assert!(
        checked_in == generated,
        "`guest-sdk/src/bindings.rs` is not what `wit/` says\n\
         hint: UPDATE_BINDINGS=1 cargo test -p hermitage-tests --test sdk_bindings"
    );
}

fn generate() -> Result<String, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(repository().join("wit"))?;
    let world = resolve.select_world(&[package], Some("subagent"))?;
    let mut files = Files::default();
    options().build().generate(&mut resolve, world, &mut files)?;
    let (_, content) = files.iter().next().ok_or("the generator wrote no file")?;
    Ok(String::from_utf8(content.to_vec())?)
}

fn options() -> Opts {
    let default =
        |name: &&str| (format!("hermitage:subagent/{name}"), "#[derive(Default)]".to_owned());
    Opts {
        format: true,
        runtime_path: Some("crate::rt::runtime".to_owned()),
        // `#[agent]` exports from the author's crate.
        default_bindings_module: Some("::hermitage_guest::rt::bindings".to_owned()),
        export_macro_name: Some("export".to_owned()),
        pub_export_macro: true,
        generate_all: true,
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        additional_type_attributes: WITH_DEFAULT.iter().map(default).collect(),
        ..Opts::default()
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
