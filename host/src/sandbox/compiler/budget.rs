//! What compiling one component may cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bytes of a component up to which a budget is given whole; larger ones have
/// more in proportion.
const UNIT_BYTES: u64 = 1 << 20;

/// The part of the memory that each further unit adds. The rest is what the
/// compiler takes for itself, whatever the size.
const FURTHER_MEMORY: u64 = 16;

/// Components that are tried in a second first: larger ones need more (1.4 s
/// for 1.1 MB of QuickJS, measured), and would begin twice.
const QUICK_BYTES: usize = 512 << 10;

/// Wall clock for each second of processor time: a machine that is busy with
/// other things is no fault of the component.
const WALL_FACTOR: u32 = 16;

/// What one helper may take. The kernel holds it to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) struct Budget {
    /// Processor time of all of its threads, in seconds, at least 1.
    pub(in crate::sandbox) cpu_seconds: u32,
    /// Memory that it writes to, in bytes.
    pub(in crate::sandbox) memory_bytes: u64,
}

impl Budget {
    /// For a component of so many bytes, when `self` is for one of
    /// [`UNIT_BYTES`].
    pub(super) fn of(self, bytes: usize) -> Self {
        let units = (bytes as u64).div_ceil(UNIT_BYTES).max(1);
        let further = (self.memory_bytes / FURTHER_MEMORY).saturating_mul(units.saturating_sub(1));
        Self {
            cpu_seconds: self.cpu_seconds.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX)),
            memory_bytes: self.memory_bytes.saturating_add(further),
        }
    }

    /// For a first try of a component of so many bytes, when one is worth it.
    pub(super) fn quick(self, bytes: usize) -> Option<Self> {
        let is_small = bytes <= QUICK_BYTES && self.cpu_seconds > 1;
        is_small.then_some(Self { cpu_seconds: 1, ..self })
    }

    /// How long the host waits.
    pub(super) fn wall(self) -> Duration {
        Duration::from_secs(u64::from(self.cpu_seconds)).saturating_mul(WALL_FACTOR)
    }
}
