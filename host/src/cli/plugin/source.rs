//! What `PATH` leads to: a component with its manifest, at hand or to be built.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hermitage_build::Stderr;

use crate::{
    cli::{error::CliError, setup::Setup},
    plugin::{Manifest, is_path, manifest, name::check_plugin},
    sandbox::Binary,
};

/// In a folder, a component that is not built from what lies beside it.
const COMPONENT: &str = "component.wasm";

/// What a folder has that is built.
const SOURCES: [&str; 2] = ["Cargo.toml", "wit"];

/// A component that somebody offers.
pub(super) struct Offer {
    pub(super) manifest: Manifest,
    /// The text of its file, if it has one.
    pub(super) text: Option<String>,
    pub(super) component: Binary,
}

impl Offer {
    /// Reads what lies there, and builds what is source. `named` is a manifest
    /// that lies elsewhere, `name` another name than the author's.
    pub(super) fn at(
        setup: &Setup,
        path: &Path,
        named: Option<&Path>,
        name: Option<&str>,
    ) -> Result<Self, CliError> {
        let beside = manifest_beside(path);
        let file = named.or(beside.as_deref());
        let component = component(setup, path)?;
        let (manifest, text) = match file {
            Some(file) => {
                let (manifest, text) = Manifest::read(file)?;
                (manifest, Some(text))
            }
            None => (Manifest::of_nothing(&name_of(path, name))?, None),
        };
        let mut offer = Self { manifest, text, component };
        if let Some(name) = name {
            check_plugin(name)?;
            name.clone_into(&mut offer.manifest.name);
        }
        Ok(offer)
    }
}

/// The manifest of a folder, or beside a file, if there is one.
fn manifest_beside(path: &Path) -> Option<PathBuf> {
    let dir = if path.is_dir() { path } else { path.parent()? };
    let file = dir.join(manifest::FILE);
    // A link that leads nowhere is one: that is told, and not passed over.
    file.symlink_metadata().is_ok().then_some(file)
}

fn component(setup: &Setup, path: &Path) -> Result<Binary, CliError> {
    let built = finished(path);
    let path = built.as_deref().unwrap_or(path);
    let no_text = || CliError::usage(anyhow::anyhow!("`{}` is no UTF-8 name", path.display()));
    let text = path.to_str().ok_or_else(no_text)?;
    // As a path, whatever its name looks like.
    let text = if is_path(text) { text.to_owned() } else { format!("./{text}") };
    Ok(setup.library.find(&text, &mut Stderr)?.component)
}

/// The component of a folder that is not built from what lies beside it:
/// [`COMPONENT`], or the only one of a folder without sources.
fn finished(dir: &Path) -> Option<PathBuf> {
    let named = dir.join(COMPONENT);
    if named.is_file() {
        return Some(named);
    }
    if SOURCES.iter().any(|it| dir.join(it).exists()) {
        return None;
    }
    let entries = fs::read_dir(dir).ok()?.flatten().map(|it| it.path());
    let mut components = entries.filter(|it| it.extension().is_some_and(|it| it == "wasm"));
    components.next().filter(|_| components.next().is_none())
}

/// What it is named after a file, unless it is named otherwise.
fn name_of(path: &Path, name: Option<&str>) -> String {
    let stem = || {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let stem = whole.file_stem().unwrap_or_default().to_string_lossy();
        stem.to_ascii_lowercase().replace('-', "_")
    };
    name.map_or_else(stem, str::to_owned)
}
