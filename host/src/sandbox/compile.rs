//! From bytes to a component that is ready to be planned: compiled once, its
//! imports listed.

use std::{fmt, sync::Arc};

use tokio::{sync::Semaphore, task::spawn_blocking};
use wasmtime::{Engine, component::Component};

use super::{
    Binary,
    cache::Cache,
    compiler::Compiler,
    load_error::{LoadError, invalid},
    read,
    value::Docs,
};
use crate::{boundary::Import, id::Random};

/// Files of the cache that are read at a time: each is checked whole.
const READERS: usize = 2;

/// A compiled component.
#[derive(Debug)]
pub struct Loaded {
    digest: blake3::Hash,
    imports: Vec<Import>,
    exports_run: bool,
    exports_tools: bool,
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

    /// Of a component that was compiled of the bytes with that digest.
    pub(super) fn of(engine: &Engine, digest: blake3::Hash, component: Component) -> Self {
        let imports = read::imports(engine, &component);
        let exports_run = read::exports_run(engine, &component);
        let exports_tools = read::exports_tools(engine, &component);
        Self { digest, imports, exports_run, exports_tools, component }
    }

    /// Whether it has what starts an agent.
    pub(super) fn exports_run(&self) -> bool {
        self.exports_run
    }

    /// Whether it says that it is of world `tool-plugin`.
    pub(super) fn exports_tools(&self) -> bool {
        self.exports_tools
    }

    /// Whether it is an agent, and so no plugin.
    pub fn is_agent(&self) -> bool {
        self.exports_run && !self.exports_tools
    }
}

/// Makes components of bytes, or finds what was made of them before.
pub(super) struct Loader {
    engine: Engine,
    cache: Option<Cache>,
    random: Arc<dyn Random>,
    compiler: Compiler,
    readers: Semaphore,
}

impl Loader {
    pub(super) fn new(
        engine: Engine,
        cache: Option<Cache>,
        random: Arc<dyn Random>,
        compiler: Compiler,
    ) -> Self {
        Self { engine, cache, random, compiler, readers: Semaphore::new(READERS) }
    }

    /// Takes it from the cache, or has it compiled.
    pub(super) async fn load(self: Arc<Self>, binary: Binary) -> Result<Arc<Loaded>, LoadError> {
        if let Some(found) = self.cached(&binary).await {
            return Ok(found);
        }
        let code = self.compiler.compile(&binary).await?;
        let loader = Arc::clone(&self);
        blocking(move || {
            if let Some(cache) = &loader.cache {
                cache.store(&binary.digest, &code, &*loader.random);
            }
            loader.loaded(&binary, &code).map_err(invalid)
        })
        .await?
    }

    /// What the functions of a component are for, as far as it says so.
    pub(super) async fn docs(&self, binary: &Binary) -> Result<Docs, LoadError> {
        self.compiler.docs(binary).await
    }

    async fn cached(self: &Arc<Self>, binary: &Binary) -> Option<Arc<Loaded>> {
        // The semaphore is never closed.
        let _permit = self.readers.acquire().await;
        let (loader, binary) = (Arc::clone(self), binary.clone());
        let read = move || {
            let code = loader.cache.as_ref()?.load(&binary.digest)?;
            let loaded = loader.loaded(&binary, &code);
            loaded.inspect_err(|err| tracing::debug!(%err, "a cached component does not load")).ok()
        };
        blocking(read).await.ok()?
    }

    /// Of machine code that was made for these bytes.
    fn loaded(&self, binary: &Binary, code: &[u8]) -> wasmtime::Result<Arc<Loaded>> {
        #[expect(unsafe_code, reason = "wasmtime can't check machine code")]
        // SAFETY: `code` is the answer of a helper of this host that was
        // asked to compile these bytes and can do nothing else, or what the
        // cache's seal says that this host wrote of such an answer, checked
        // in this buffer.
        let component = unsafe { Component::deserialize(&self.engine, code) }?;
        Ok(Arc::new(Loaded::of(&self.engine, binary.digest, component)))
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("compiler", &self.compiler).finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LoadError> {
    spawn_blocking(work).await.map_err(|_| LoadError::NoCompiler("the host crashed".to_owned()))
}
