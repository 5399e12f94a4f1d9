//! From bytes to a component that is ready to be planned: compiled once, its
//! imports listed.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task::spawn_blocking};
use wasmtime::{Engine, component::Component};

use super::{Binary, bounds::BoundsError, cache::Cache, compiler::Compiler, read};
use crate::{boundary::Import, completion::sanitize::clean_line, id::Random};

/// Characters of the compiler's message, which may quote names of the file.
const MAX_MESSAGE_CHARS: usize = 500;

/// Files of the cache that are read at a time: each is checked whole.
const READERS: usize = 2;

/// A compiled component.
#[derive(Debug)]
pub struct Loaded {
    digest: blake3::Hash,
    imports: Vec<Import>,
    exports_run: bool,
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

    /// Whether it has what starts an agent.
    pub(super) fn exports_run(&self) -> bool {
        self.exports_run
    }
}

/// What compiling takes too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cost {
    /// Seconds of processor time.
    Cpu,
    /// MiB of memory.
    Memory,
    /// Seconds of the wall clock: the machine may be at fault.
    Wall,
    /// Bytes of machine code.
    Code,
}

impl Cost {
    fn of(self, limit: u64) -> String {
        match self {
            Self::Cpu => format!("{limit} s of processor time"),
            Self::Memory => format!("{limit} MiB of memory"),
            Self::Wall => format!("{limit} s"),
            Self::Code => format!("{} MiB of machine code", limit >> 20),
        }
    }

    /// The key of the configuration that bounds it.
    fn key(self) -> &'static str {
        match self {
            Self::Cpu | Self::Wall => " (`sandbox.compile_seconds`)",
            Self::Memory => " (`sandbox.compile_mib`)",
            Self::Code => "",
        }
    }
}

/// Why bytes are no component that this host takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    /// Not a component, damaged, or made to be dear.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The compiler refused it.
    #[error("not a valid component: {0}")]
    Invalid(String),
    /// Its memory or a table begins larger than a child's may become.
    #[error("it begins with more memory or longer tables than a child gets (`{key}`)")]
    BeginsWithTooMuch {
        /// The limit, dotted.
        key: String,
    },
    /// Its compiler ran into a limit.
    #[error("compiling it takes more than {}{}", .cost.of(*.limit), .cost.key())]
    TooCostly {
        /// What it takes too much of.
        cost: Cost,
        /// How much there was for it.
        limit: u64,
    },
    /// Its compiler died of it.
    #[error("the compiler crashed on it: {0}")]
    Crashed(String),
    /// There is no compiler: a fault of the host, not of the component.
    #[error("components can't be compiled: {0}")]
    NoCompiler(String),
}

impl LoadError {
    pub(super) fn too_costly(cost: Cost, limit: u64) -> Self {
        Self::TooCostly { cost, limit }
    }

    /// Whether another try may end better: the fault is the host's, or the
    /// machine's.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NoCompiler(_) | Self::TooCostly { cost: Cost::Wall, .. })
    }

    /// As it may be told, when it comes from a helper in a stranger's hands.
    pub(super) fn cleaned(self) -> Self {
        let clean = |it: String| clean_line(&it, MAX_MESSAGE_CHARS);
        match self {
            Self::Invalid(it) => Self::Invalid(clean(it)),
            Self::Crashed(it) => Self::Crashed(clean(it)),
            Self::NoCompiler(it) => Self::NoCompiler(clean(it)),
            Self::Bounds(BoundsError::Damaged { offset, message }) => {
                Self::Bounds(BoundsError::Damaged { offset, message: clean(message) })
            }
            Self::Bounds(BoundsError::TooMuch { what, found, limit }) => {
                let what = clean(what.into_owned()).into();
                Self::Bounds(BoundsError::TooMuch { what, found, limit })
            }
            other => other,
        }
    }
}

/// What wasmtime says of a component that begins with more than its pool gives
/// to one, and the key of that limit. The version is pinned, and a test reads
/// the words.
const POOL_LIMITS: [(&str, &str); 2] = [
    ("memory has a minimum byte size of ", "sandbox.memory_mib"),
    ("table index ", "sandbox.table_elements"),
];

/// In the words of the compiler, but where a limit of the configuration is
/// meant.
pub(super) fn invalid(err: wasmtime::Error) -> LoadError {
    let text = clean_line(&err.root_cause().to_string(), MAX_MESSAGE_CHARS);
    let limit = POOL_LIMITS.iter().find(|it| text.starts_with(it.0) && text.contains(" exceeds "));
    match limit {
        Some((_, key)) => LoadError::BeginsWithTooMuch { key: (*key).to_owned() },
        None => LoadError::Invalid(text),
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
        let imports = read::imports(&self.engine, &component);
        let exports_run = read::exports_run(&self.engine, &component);
        Ok(Arc::new(Loaded { digest: binary.digest, imports, exports_run, component }))
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
