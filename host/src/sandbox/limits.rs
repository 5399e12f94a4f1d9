//! What one cell may use, counted as it is used: memory, tables, CPU time and
//! host calls. Each limit is a key of the configuration, and the one that was
//! hit is remembered, because a trap alone does not tell.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

use super::engine::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};

/// A limit of the sandbox, by the configuration key that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// Linear memory, all memories of the cell together.
    Memory,
    /// Elements of a table.
    Table,
    /// The guest's stack, fixed.
    Stack,
    /// Bytes that one host call or the report copies.
    HostCallBytes,
    /// Size of the report.
    Result,
    /// Handles to resources of the host.
    Handles,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Memory => "memory limit reached (`sandbox.memory_mib`)",
            Limit::Table => "table limit reached (`sandbox.table_elements`)",
            Limit::Stack => "call stack exhausted (512 KiB)",
            Limit::HostCallBytes => "too many bytes in one host call (`sandbox.host_call_kib`)",
            Limit::Result => "the report is too large (`sandbox.result_kib`)",
            Limit::Handles => "too many handles (`sandbox.handles`)",
        })
    }
}

/// The memory and table limits of one store.
#[derive(Debug)]
pub(super) struct StoreLimits {
    max_memory: usize,
    memory: usize,
    max_table: usize,
    hit: Option<Limit>,
}

impl StoreLimits {
    pub(super) fn new(max_memory: usize, max_table: usize) -> Self {
        Self { max_memory, memory: 0, max_table, hit: None }
    }

    /// The guest goes on with its work: how it ends later has another reason
    /// than a refusal that it lived with.
    pub(super) fn coped(&mut self) {
        self.hit = None;
    }

    /// The limit that was refused last, if any was.
    pub(super) fn hit(&self) -> Option<Limit> {
        self.hit
    }
}

impl ResourceLimiter for StoreLimits {
    /// Counts over all memories: a limit per memory would be one per guest
    /// only for guests that have a single one.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Asked before the memory's own maximum is looked at: what fails
        // there must not be charged.
        if maximum.is_some_and(|it| desired > it) {
            return Ok(false);
        }
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.max_memory {
            self.hit = Some(Limit::Memory);
            return Ok(false);
        }
        self.memory = total;
        self.coped();
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.max_table {
            self.hit = Some(Limit::Table);
            return Ok(false);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

/// CPU time of one guest: the time its future was being polled, host
/// functions included. What is spent waiting does not count, and there is
/// nothing that a host function would have to re-arm.
#[derive(Debug)]
pub(super) struct CpuMeter {
    base: Instant,
    /// Nanoseconds of finished polls.
    spent: AtomicU64,
    /// Nanoseconds from `base` to the start of the current poll, plus one; 0
    /// while none runs.
    entered: AtomicU64,
    /// A tick found it computing, in the current poll.
    yielded: AtomicBool,
}

impl CpuMeter {
    pub(super) fn new() -> Arc<Self> {
        let (spent, entered) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { base: Instant::now(), spent, entered, yielded: AtomicBool::new(false) })
    }

    pub(super) fn used(&self) -> Duration {
        let entered = self.entered.load(Ordering::Relaxed);
        let current = if entered == 0 { 0 } else { self.now().saturating_sub(entered) };
        Duration::from_nanos(self.spent.load(Ordering::Relaxed).saturating_add(current))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// A tick found the guest computing, and it gives others a turn.
    pub(super) fn note_yield(&self) {
        self.yielded.store(true, Ordering::Relaxed);
    }

    /// Whether the poll that ended gave others a turn, and waits for nothing.
    pub(super) fn take_yield(&self) -> bool {
        self.yielded.swap(false, Ordering::Relaxed)
    }

    /// Starts a poll; the guard ends it, also when the poll unwinds.
    pub(super) fn enter(&self) -> Polling<'_> {
        self.entered.store(self.now(), Ordering::Relaxed);
        Polling(self)
    }
}

pub(super) struct Polling<'a>(&'a CpuMeter);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        let entered = self.0.entered.swap(0, Ordering::Relaxed);
        self.0.spent.fetch_add(self.0.now().saturating_sub(entered), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut limits = StoreLimits::new(100, 10);
        assert!(limits.memory_growing(0, 60, None).unwrap());
        assert!(!limits.memory_growing(0, 60, None).unwrap());
        assert_eq!(limits.hit(), Some(Limit::Memory));
        assert!(limits.memory_growing(60, 100, None).unwrap());
        assert_eq!(limits.hit(), None);
        assert!(!limits.memory_growing(100, 101, None).unwrap());
        limits.coped();
        assert_eq!(limits.hit(), None);
    }

    #[test]
    fn what_a_memory_refuses_itself_is_not_charged() {
        let mut limits = StoreLimits::new(100, 10);
        for _ in 0..10 {
            assert!(!limits.memory_growing(10, 50, Some(10)).unwrap());
        }
        assert_eq!(limits.hit(), None);
        assert!(limits.memory_growing(0, 100, Some(100)).unwrap());
    }

    #[test]
    fn a_meter_counts_polls_and_not_what_lies_between() {
        let meter = CpuMeter::new();
        assert_eq!(meter.used(), Duration::ZERO);
        let polling = meter.enter();
        while meter.used() == Duration::ZERO {
            std::hint::spin_loop();
        }
        drop(polling);
        let used = meter.used();
        assert_ne!(used, Duration::ZERO);
        assert_eq!(meter.used(), used);
    }
}
