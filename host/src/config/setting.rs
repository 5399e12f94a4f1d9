//! The numbers of the configuration: the key, the range and the unit of each.
//!
//! A floor is above zero, because a limit of zero is either no limit or no
//! work. A ceiling is where the engine ends, or where the limit would stop
//! bounding what it is for.

use std::time::Duration;

use super::ConfigError;
use crate::delegation::budget::{Kind, WALL_CLOCK_KEY};

/// A number that is read from a file or an option, and becomes a `T`.
#[derive(Clone, Copy, Debug)]
pub struct Setting<T> {
    key: &'static str,
    min: i64,
    max: i64,
    convert: fn(u64) -> Option<T>,
}

impl<T> Setting<T> {
    /// The value that `number` stands for, if it is in range. `origin` is the
    /// file or the option that it came from, for the error.
    pub fn of(&self, number: i64, origin: &str) -> Result<T, ConfigError> {
        let Self { key, min, max, convert } = *self;
        let in_range = (min..=max).contains(&number);
        let number_of_units = u64::try_from(number).ok().filter(|_| in_range);
        number_of_units.and_then(convert).ok_or_else(|| ConfigError::OutOfRange {
            origin: origin.to_owned(),
            key,
            value: number,
            min,
            max,
        })
    }

    /// The dotted key.
    pub fn key(&self) -> &'static str {
        self.key
    }
}

const fn setting<T>(
    key: &'static str,
    min: i64,
    max: i64,
    convert: fn(u64) -> Option<T>,
) -> Setting<T> {
    Setting { key, min, max, convert }
}

fn count<T: TryFrom<u64>>(n: u64) -> Option<T> {
    T::try_from(n).ok()
}

fn kib<T: TryFrom<u64>>(n: u64) -> Option<T> {
    n.checked_mul(1 << 10).and_then(count)
}

fn mib<T: TryFrom<u64>>(n: u64) -> Option<T> {
    n.checked_mul(1 << 20).and_then(count)
}

fn seconds(n: u64) -> Option<Duration> {
    Some(Duration::from_secs(n))
}

/// `delegation.max_concurrent_children`
pub const MAX_CONCURRENT_CHILDREN: Setting<usize> =
    setting("delegation.max_concurrent_children", 1, 1_000, count);
/// `delegation.max_tasks_per_batch`
pub const MAX_TASKS_PER_BATCH: Setting<usize> =
    setting("delegation.max_tasks_per_batch", 1, 1_000, count);
/// `delegation.max_async_children`
pub const MAX_ASYNC_CHILDREN: Setting<usize> =
    setting("delegation.max_async_children", 1, 1_000, count);
/// `delegation.max_queued`
pub const MAX_QUEUED: Setting<usize> = setting("delegation.max_queued", 1, 10_000, count);
/// `delegation.retained_records`
pub const RETAINED_RECORDS: Setting<usize> =
    setting("delegation.retained_records", 1, 10_000, count);
/// `delegation.max_depth`
pub const MAX_DEPTH: Setting<u32> = setting("delegation.max_depth", 1, 8, count);
/// `delegation.max_iterations`
pub const MAX_ITERATIONS: Setting<u32> = setting("delegation.max_iterations", 1, 10_000, count);
/// `delegation.child_timeout_seconds`
pub const CHILD_TIMEOUT: Setting<Duration> =
    setting("delegation.child_timeout_seconds", 1, 86_400, seconds);
/// `delegation.interrupt_grace_seconds`
pub const INTERRUPT_GRACE: Setting<Duration> =
    setting("delegation.interrupt_grace_seconds", 1, 300, seconds);

/// `budget.children`
pub const BUDGET_CHILDREN: Setting<u64> = setting(Kind::Children.key(), 1, 10_000, count);
/// `budget.model_calls`
pub const BUDGET_MODEL_CALLS: Setting<u64> = setting(Kind::ModelCalls.key(), 1, 1_000_000, count);
/// `budget.tool_calls`. The ceiling is that of one child's host calls.
pub const BUDGET_TOOL_CALLS: Setting<u64> = setting(Kind::ToolCalls.key(), 1, 1_000_000_000, count);
/// `budget.tokens`. More than the ceiling is money that nobody meant to spend.
pub const BUDGET_TOKENS: Setting<u64> = setting(Kind::Tokens.key(), 1, 10_000_000_000, count);
/// `budget.wall_clock_seconds`, up to a week.
pub const BUDGET_WALL_CLOCK: Setting<Duration> = setting(WALL_CLOCK_KEY, 1, 604_800, seconds);

/// `queue.lease_seconds`
pub const QUEUE_LEASE: Setting<Duration> = setting("queue.lease_seconds", 1, 86_400, seconds);
/// `queue.max_attempts`
pub const QUEUE_MAX_ATTEMPTS: Setting<u32> = setting("queue.max_attempts", 1, 1_000, count);
/// `queue.retry_delay_seconds`
pub const QUEUE_RETRY_DELAY: Setting<Duration> =
    setting("queue.retry_delay_seconds", 1, 300, seconds);

/// `sandbox.max_live_cells`. Each reserves some 16 GiB of an address space of
/// 128 TiB.
pub const MAX_LIVE_CELLS: Setting<u32> = setting("sandbox.max_live_cells", 1, 1_000, count);
/// `sandbox.guest_threads`
pub const GUEST_THREADS: Setting<usize> = setting("sandbox.guest_threads", 1, 256, count);
/// `sandbox.memory_mib`. A 32-bit memory ends at 4 GiB.
pub const MEMORY: Setting<usize> = setting("sandbox.memory_mib", 1, 4_096, mib);
/// `sandbox.cpu_seconds`
pub const CPU: Setting<Duration> = setting("sandbox.cpu_seconds", 1, 86_400, seconds);
/// `sandbox.host_call_kib`. Below the floor no ordinary call gets through.
pub const HOST_CALL: Setting<usize> = setting("sandbox.host_call_kib", 64, 1_048_576, kib);
/// `sandbox.argument_kib`
pub const ARGUMENT: Setting<usize> = setting("sandbox.argument_kib", 1, 65_536, kib);
/// `sandbox.result_kib`
pub const RESULT: Setting<usize> = setting("sandbox.result_kib", 1, 65_536, kib);
/// `sandbox.host_calls`
pub const HOST_CALLS: Setting<u64> = setting("sandbox.host_calls", 1, 1_000_000_000, count);
/// `sandbox.handles`
pub const HANDLES: Setting<usize> = setting("sandbox.handles", 1, 1_000_000, count);
/// `sandbox.log_kib`
pub const LOG: Setting<usize> = setting("sandbox.log_kib", 1, 65_536, kib);
/// `sandbox.table_elements`
pub const TABLE_ELEMENTS: Setting<usize> = setting("sandbox.table_elements", 1, 1_000_000, count);
/// `sandbox.component_mib`
pub const COMPONENT: Setting<usize> = setting("sandbox.component_mib", 1, 256, mib);

/// `file.max_read_kib`
pub const FILE_READ: Setting<u64> = setting("file.max_read_kib", 1, 65_536, kib);
/// `file.max_line_kib`
pub const FILE_LINE: Setting<u64> = setting("file.max_line_kib", 1, 65_536, kib);
/// `file.max_write_kib`
pub const FILE_WRITE: Setting<u64> = setting("file.max_write_kib", 1, 1_048_576, kib);
/// `file.max_patch_kib`
pub const FILE_PATCH: Setting<u64> = setting("file.max_patch_kib", 1, 1_048_576, kib);
/// `file.max_diff_steps`. Below the floor an ordinary diff of a long file fails.
pub const FILE_DIFF_STEPS: Setting<u64> =
    setting("file.max_diff_steps", 1_000, 1_000_000_000, count);
/// `file.max_hits`
pub const FILE_HITS: Setting<u32> = setting("file.max_hits", 1, 100_000, count);
/// `file.max_page_kib`
pub const FILE_PAGE: Setting<u64> = setting("file.max_page_kib", 1, 65_536, kib);
/// `file.max_search_file_kib`
pub const FILE_SEARCH: Setting<u64> = setting("file.max_search_file_kib", 1, 1_048_576, kib);
/// `file.max_hit_text_bytes`. Below the floor a quoted line says nothing.
pub const FILE_HIT_TEXT: Setting<u64> = setting("file.max_hit_text_bytes", 16, 65_536, count);
/// `file.max_pattern_bytes`
pub const FILE_PATTERN: Setting<u64> = setting("file.max_pattern_bytes", 16, 65_536, count);
/// `file.max_regex_kib`. Below the floor no ordinary expression compiles.
pub const FILE_REGEX: Setting<u64> = setting("file.max_regex_kib", 16, 65_536, kib);
/// `file.max_gitignore_kib`
pub const FILE_GITIGNORE: Setting<u64> = setting("file.max_gitignore_kib", 1, 65_536, kib);
/// `file.max_dir_entries`
pub const FILE_DIR_ENTRIES: Setting<u64> = setting("file.max_dir_entries", 100, 10_000_000, count);
/// `file.max_depth`
pub const FILE_DEPTH: Setting<u32> = setting("file.max_depth", 1, 1_000, count);
