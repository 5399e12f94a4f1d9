//! Why bytes are no component that this host takes.

use serde::{Deserialize, Serialize};

use super::bounds::BoundsError;
use crate::completion::sanitize::clean_line;

/// Characters of the compiler's message, which may quote names of the file.
const MAX_MESSAGE_CHARS: usize = 500;

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
