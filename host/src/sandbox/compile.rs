//! From bytes to a component that is ready to be planned: bounded, compiled
//! once, its imports listed.

use wasmtime::{Engine, component::Component};

use super::{
    Binary,
    bounds::{self, BoundsError},
    cache::Cache,
    read,
};
use crate::{boundary::Import, completion::sanitize::clean_line, id::Random};

/// Characters of the compiler's message, which may quote names of the file.
const MAX_MESSAGE_CHARS: usize = 500;

/// A compiled component.
pub struct Loaded {
    digest: blake3::Hash,
    imports: Vec<Import>,
    pub(super) component: Component,
}

impl Loaded {
    /// BLAKE3 of the component's bytes.
    pub fn digest(&self) -> &blake3::Hash {
        &self.digest
    }

    /// What its root imports: the whole of what it can ask for.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }
}

/// Why bytes are no component that this host takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is larger than `sandbox.component_mib`.
    #[error("{bytes} bytes: components are at most {limit} bytes (`sandbox.component_mib`)")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not a component, damaged, or a compile bomb.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The compiler refused it.
    #[error("not a valid component: {0}")]
    Invalid(String),
    /// The compiler crashed: a fault of the host.
    #[error("the compiler crashed")]
    Crashed,
}

/// Compiles, or takes from the cache. Blocks for as long as the compiler
/// needs.
pub(super) fn load(
    engine: &Engine,
    cache: Option<&Cache>,
    random: &dyn Random,
    binary: &Binary,
) -> Result<Loaded, LoadError> {
    let Binary { bytes, digest } = binary;
    let component = match cache.and_then(|it| cached(engine, it, digest)) {
        Some(component) => component,
        None => compile(engine, cache, random, bytes, digest)?,
    };
    let imports = read::imports(engine, &component);
    Ok(Loaded { digest: *digest, imports, component })
}

fn compile(
    engine: &Engine,
    cache: Option<&Cache>,
    random: &dyn Random,
    bytes: &[u8],
    digest: &blake3::Hash,
) -> Result<Component, LoadError> {
    bounds::check(bytes)?;
    let invalid = |it: wasmtime::Error| {
        LoadError::Invalid(clean_line(&it.root_cause().to_string(), MAX_MESSAGE_CHARS))
    };
    let component = Component::from_binary(engine, bytes).map_err(invalid)?;
    if let Some(cache) = cache {
        cache.store(digest, &component.serialize().map_err(invalid)?, random);
    }
    Ok(component)
}

fn cached(engine: &Engine, cache: &Cache, digest: &blake3::Hash) -> Option<Component> {
    let code = cache.load(digest)?;
    #[expect(unsafe_code, reason = "wasmtime can't check machine code; the cache's seal does")]
    // SAFETY: `Cache::load` only returns bytes that `Component::serialize`
    // made in a host that holds this installation's key, from this buffer.
    let component = unsafe { Component::deserialize(engine, &code) };
    component.inspect_err(|err| tracing::warn!(%err, "a cached component does not load")).ok()
}
