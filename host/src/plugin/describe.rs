//! What a component is as a plugin, before anybody has agreed to it: compiled,
//! its imports decided by what its manifest asks for, its tools found.

use std::{fmt, sync::Arc};

use super::manifest::Manifest;
use crate::{
    boundary::Asks,
    event::BoundaryRecord,
    sandbox::{AdmittedPlugin, Binary, LoadError, Sandbox},
    tools,
    toolset::{ToolError, ToolSpec, native::NativeError},
};

/// Tools of one plugin: each stands in the context of every model that holds
/// it.
const MAX_TOOLS: usize = 64;

/// What a component is as a plugin.
#[derive(Clone, Debug)]
pub struct Described {
    /// BLAKE3 of its bytes, hex.
    pub digest: String,
    /// Its tools, each by the plugin's own name for it, in the form that is
    /// kept.
    pub tools: Vec<ToolSpec>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// What was decided about them.
    pub boundary: Arc<BoundaryRecord>,
}

/// Why a component is no plugin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// It is another one than the manifest's.
    #[error(
        "its digest is `blake3:{found}`, the manifest is of `blake3:{pinned}`\n\
         hint: take the component that the manifest came with, or write its digest into \
         `plugin.toml` if you trust it"
    )]
    Digest {
        /// Of the component.
        found: String,
        /// Of the manifest.
        pinned: String,
    },
    /// The sandbox does not take it.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It does tasks, and has no tools.
    #[error(
        "it is an agent and no tool plugin\n\
         hint: run it with `hermitage run --agent`"
    )]
    Agent,
    /// It imports what nobody gives it.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// It has too many.
    #[error("it has {0} tools: at most {MAX_TOOLS} are taken")]
    TooMany(usize),
    /// It does not say what it is.
    #[error("it does not describe its tools: {0}")]
    Silent(ToolError),
    /// What it says of a tool is wrong.
    #[error(transparent)]
    Spec(#[from] NativeError),
}

/// A component that is refused, with both lists: what it imports, and what it
/// asks for.
#[derive(Debug)]
pub struct Refused {
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// What its manifest asks for.
    pub asks: Asks,
    /// What was decided.
    pub boundary: Arc<BoundaryRecord>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the component is refused")?;
        for line in &self.boundary.refused {
            write!(f, "\n  refused   {}: {}", line.import, line.reason)?;
        }
        for import in &self.imports {
            write!(f, "\n  imports   {import}")?;
        }
        for wish in self.asks.words() {
            write!(f, "\n  asks for  {wish}")?;
        }
        Ok(())
    }
}

/// Compiles a component and finds its tools. Runs nothing of one that exports
/// plain functions, and the function `describe` of one of world `tool-plugin`,
/// with nothing given to it.
///
/// # Errors
///
/// It is no plugin that can be taken as its manifest says.
pub async fn describe(
    sandbox: &Sandbox,
    manifest: &Manifest,
    component: &Binary,
) -> Result<Described, DescribeError> {
    check_pin(manifest, component)?;
    let (plugin, imports) = admit(sandbox, &manifest.asks, component).await?;
    let specs = sandbox.describe(&plugin, component).await.map_err(DescribeError::Silent)?;
    if specs.len() > MAX_TOOLS {
        return Err(DescribeError::TooMany(specs.len()));
    }
    let specs = specs.into_iter().map(|it| with_words(manifest, it)).collect();
    let tools = tools::bundled().check_plugin(&manifest.name, specs)?;
    let boundary = Arc::clone(plugin.record());
    Ok(Described { digest: component.digest().to_hex().to_string(), tools, imports, boundary })
}

/// Compiles a component, and decides its imports.
pub(super) async fn admit(
    sandbox: &Sandbox,
    asks: &Asks,
    component: &Binary,
) -> Result<(AdmittedPlugin, Vec<String>), DescribeError> {
    let loaded = sandbox.load(component).await?;
    if loaded.is_agent() {
        return Err(DescribeError::Agent);
    }
    let imports: Vec<String> = loaded.imports().iter().map(|it| it.name.clone()).collect();
    match sandbox.admit_plugin(&loaded, asks) {
        Ok(plugin) => Ok((plugin, imports)),
        Err(boundary) => {
            let asks = asks.clone();
            Err(DescribeError::Refused(Box::new(Refused { imports, asks, boundary })))
        }
    }
}

fn check_pin(manifest: &Manifest, component: &Binary) -> Result<(), DescribeError> {
    match manifest.digest {
        Some(pinned) if pinned != *component.digest() => Err(DescribeError::Digest {
            found: component.digest().to_hex().to_string(),
            pinned: pinned.to_hex().to_string(),
        }),
        _ => Ok(()),
    }
}

/// The words of the manifest come before those of the component.
fn with_words(manifest: &Manifest, spec: ToolSpec) -> ToolSpec {
    match manifest.tools.get(&spec.name) {
        Some(description) => ToolSpec { description: description.clone(), ..spec },
        None => spec,
    }
}
