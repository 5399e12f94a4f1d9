//! The tool plugins that travel inside of the program.
//!
//! Beside each component lies what there is to know of it without running it:
//! its manifest, and what it is as a plugin (`described.json`), which the test
//! that makes them writes.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    plugin::{Component, Manifest, Plugin, manifest::ManifestError},
    sandbox::Binary,
    toolset::ToolSpec,
};

/// A tool plugin of the program.
#[derive(Clone, Copy, Debug)]
pub struct BundledPlugin {
    /// Its name, and that of its toolset.
    pub name: &'static str,
    component: &'static [u8],
    manifest: &'static str,
    described: &'static str,
}

/// The files of one, by its name.
macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        [$(BundledPlugin {
            name: $name,
            component: include_bytes!(concat!("../../../tools/", $name, "/component.wasm")),
            manifest: include_str!(concat!("../../../tools/", $name, "/plugin.toml")),
            described: include_str!(concat!("../../../tools/", $name, "/described.json")),
        }),*]
    };
}

/// In the order of their names.
const ALL: [BundledPlugin; 4] = bundled!["csv", "diff", "github", "jq"];

/// Why a bundled plugin can't be used: it was not made as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundledError {
    /// Its manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// What is known of it can't be read.
    #[error("`described.json`: {0}")]
    Described(#[from] serde_json::Error),
}

/// What is known of a component without running it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    digest: Digest,
    tools: Vec<DescribedTool>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Digest(blake3::Hash);

impl TryFrom<String> for Digest {
    type Error = blake3::HexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        blake3::Hash::from_hex(text).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedTool {
    name: String,
    description: String,
    parameters: Value,
}

/// All of them.
pub fn all() -> impl Iterator<Item = BundledPlugin> {
    ALL.into_iter()
}

/// The one of that name.
pub fn find(name: &str) -> Option<BundledPlugin> {
    all().find(|it| it.name == name)
}

impl BundledPlugin {
    /// Its component.
    pub fn component(&self) -> Binary {
        Binary::new(self.component)
    }

    /// What it asks for.
    ///
    /// # Errors
    ///
    /// What is wrong with it; a test reads all of them.
    pub fn manifest(&self) -> Result<Manifest, ManifestError> {
        Manifest::parse(&format!("{}/{}", self.name, crate::plugin::manifest::FILE), self.manifest)
    }

    /// As a host takes it: whoever made the program has agreed to it.
    ///
    /// # Errors
    ///
    /// Something of it is wrong; a test makes all of them.
    pub fn plugin(&self) -> Result<Plugin, BundledError> {
        let described: Described = serde_json::from_str(self.described)?;
        let tool =
            |it: DescribedTool| ToolSpec::new(it.name, it.description, it.parameters.to_string());
        Ok(Plugin {
            name: self.name.to_owned(),
            asks: self.manifest()?.asks,
            tools: described.tools.into_iter().map(tool).collect(),
            digest: described.digest.0,
            component: Component::Bundled(self.component),
        })
    }
}
