//! The numbers of the configuration: the key, the range and the unit of each.
//!
//! A floor is above zero, because a limit of zero is either no limit or no
//! work. A ceiling is where the engine ends, or where the limit would stop
//! bounding what it is for.

use std::{fmt, time::Duration};

use super::ConfigError;
use crate::delegation::budget::{Kind, WALL_CLOCK_KEY};

/// What a number may be, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Without a fraction.
    Whole {
        /// The least that is taken.
        min: i64,
        /// The most that is taken.
        max: i64,
    },
    /// With or without a fraction.
    Fraction {
        /// The least that is taken.
        min: f64,
        /// The most that is taken.
        max: f64,
    },
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Range::Whole { min, max } => write!(f, "between {min} and {max}"),
            Range::Fraction { min, max } => write!(f, "between {min} and {max}"),
        }
    }
}

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
            key: key.to_owned(),
            value: number.to_string(),
            range: Range::Whole { min, max },
        })
    }

    /// What is wrong with a value that did not come through [`Setting::of`]:
    /// it is nothing, or more than any number stands for.
    pub(super) fn misfit(&self, value: &T) -> Option<ConfigError>
    where
        T: PartialOrd + fmt::Debug,
    {
        let none = (self.convert)(0)?;
        let most = u64::try_from(self.max).ok().and_then(self.convert)?;
        let fits = none < *value && *value <= most;
        (!fits).then(|| ConfigError::Unfit {
            key: self.key.to_owned(),
            value: format!("{value:?}"),
            most: format!("{most:?}"),
        })
    }

    /// The dotted key; `NAME` stands for any name in it.
    pub fn key(&self) -> &'static str {
        self.key
    }
}

/// The range of a number, by its key with `NAME` for any name.
pub(super) fn range(key: &str) -> Option<Range> {
    let whole = RANGES.iter().copied().map(|(key, min, max)| (key, Range::Whole { min, max }));
    whole.chain(FRACTIONS.iter().copied()).find(|it| it.0 == key).map(|it| it.1)
}

/// Numbers that may have a fraction. A price above its ceiling is a slip of
/// its unit.
pub(super) const FRACTIONS: &[(&str, Range)] = &[
    ("models.NAME.temperature", Range::Fraction { min: 0.0, max: 2.0 }),
    ("models.NAME.input_price", Range::Fraction { min: 0.0, max: 100_000.0 }),
    ("models.NAME.output_price", Range::Fraction { min: 0.0, max: 100_000.0 }),
];

/// Each setting as a constant, and all of their ranges in one list: the
/// schema and the check of every layer read it.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $key:expr, $min:expr, $max:expr, $convert:expr;)*) => {
        $(
            $(#[$doc])*
            pub const $name: Setting<$type> =
                Setting { key: $key, min: $min, max: $max, convert: $convert };
        )*

        /// Key, least and most of every whole number.
        pub(super) const RANGES: &[(&str, i64, i64)] = &[$(($name.key, $name.min, $name.max)),*];
    };
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

settings! {
    /// `delegation.max_concurrent_children`
    MAX_CONCURRENT_CHILDREN: usize = "delegation.max_concurrent_children", 1, 1_000, count;
    /// `delegation.max_tasks_per_batch`
    MAX_TASKS_PER_BATCH: usize = "delegation.max_tasks_per_batch", 1, 1_000, count;
    /// `delegation.max_async_children`
    MAX_ASYNC_CHILDREN: usize = "delegation.max_async_children", 1, 1_000, count;
    /// `delegation.max_queued`
    MAX_QUEUED: usize = "delegation.max_queued", 1, 10_000, count;
    /// `delegation.retained_records`
    RETAINED_RECORDS: usize = "delegation.retained_records", 1, 10_000, count;
    /// `delegation.max_depth`
    MAX_DEPTH: u32 = "delegation.max_depth", 1, 8, count;
    /// `delegation.max_iterations`
    MAX_ITERATIONS: u32 = "delegation.max_iterations", 1, 10_000, count;
    /// `delegation.child_timeout_seconds`
    CHILD_TIMEOUT: Duration = "delegation.child_timeout_seconds", 1, 86_400, seconds;
    /// `delegation.interrupt_grace_seconds`
    INTERRUPT_GRACE: Duration = "delegation.interrupt_grace_seconds", 1, 300, seconds;

    /// `budget.children`
    BUDGET_CHILDREN: u64 = Kind::Children.key(), 1, 10_000, count;
    /// `budget.model_calls`
    BUDGET_MODEL_CALLS: u64 = Kind::ModelCalls.key(), 1, 1_000_000, count;
    /// `budget.tool_calls`. The ceiling is that of one child's host calls.
    BUDGET_TOOL_CALLS: u64 = Kind::ToolCalls.key(), 1, 1_000_000_000, count;
    /// `budget.tokens`. More than the ceiling is money that nobody meant to spend.
    BUDGET_TOKENS: u64 = Kind::Tokens.key(), 1, 10_000_000_000, count;
    /// `budget.wall_clock_seconds`, up to a week.
    BUDGET_WALL_CLOCK: Duration = WALL_CLOCK_KEY, 1, 604_800, seconds;

    /// `queue.lease_seconds`
    QUEUE_LEASE: Duration = "queue.lease_seconds", 1, 86_400, seconds;
    /// `queue.max_attempts`
    QUEUE_MAX_ATTEMPTS: u32 = "queue.max_attempts", 1, 1_000, count;
    /// `queue.retry_delay_seconds`
    QUEUE_RETRY_DELAY: Duration = "queue.retry_delay_seconds", 1, 300, seconds;

    /// `sandbox.max_live_cells`. Each reserves some 16 GiB of an address space of
    /// 128 TiB.
    MAX_LIVE_CELLS: u32 = "sandbox.max_live_cells", 1, 1_000, count;
    /// `sandbox.guest_threads`
    GUEST_THREADS: usize = "sandbox.guest_threads", 1, 256, count;
    /// `sandbox.memory_mib`. A 32-bit memory ends at 4 GiB.
    MEMORY: usize = "sandbox.memory_mib", 1, 4_096, mib;
    /// `sandbox.cpu_seconds`
    CPU: Duration = "sandbox.cpu_seconds", 1, 86_400, seconds;
    /// `sandbox.host_call_kib`. Below the floor no ordinary call gets through.
    HOST_CALL: usize = "sandbox.host_call_kib", 64, 1_048_576, kib;
    /// `sandbox.argument_kib`
    ARGUMENT: usize = "sandbox.argument_kib", 1, 65_536, kib;
    /// `sandbox.result_kib`
    RESULT: usize = "sandbox.result_kib", 1, 65_536, kib;
    /// `sandbox.host_calls`
    HOST_CALLS: u64 = "sandbox.host_calls", 1, 1_000_000_000, count;
    /// `sandbox.handles`
    HANDLES: usize = "sandbox.handles", 1, 1_000_000, count;
    /// `sandbox.log_kib`
    LOG: usize = "sandbox.log_kib", 1, 65_536, kib;
    /// `sandbox.table_elements`
    TABLE_ELEMENTS: usize = "sandbox.table_elements", 1, 1_000_000, count;
    /// `sandbox.component_mib`
    COMPONENT: usize = "sandbox.component_mib", 1, 256, mib;
    /// `sandbox.compile_seconds`
    COMPILE_TIME: u32 = "sandbox.compile_seconds", 1, 3_600, count;
    /// `sandbox.compile_mib`. Below the floor the compiler itself does not
    /// start.
    COMPILE_MEMORY: u64 = "sandbox.compile_mib", 64, 65_536, mib;

    /// `tools.file.max_read_kib`
    FILE_READ: u64 = "tools.file.max_read_kib", 1, 65_536, kib;
    /// `tools.file.max_line_kib`
    FILE_LINE: u64 = "tools.file.max_line_kib", 1, 65_536, kib;
    /// `tools.file.max_write_kib`
    FILE_WRITE: u64 = "tools.file.max_write_kib", 1, 1_048_576, kib;
    /// `tools.file.max_patch_kib`
    FILE_PATCH: u64 = "tools.file.max_patch_kib", 1, 1_048_576, kib;
    /// `tools.file.max_diff_steps`. Below the floor an ordinary diff of a long file fails.
    FILE_DIFF_STEPS: u64 = "tools.file.max_diff_steps", 1_000, 1_000_000_000, count;
    /// `tools.file.max_hits`
    FILE_HITS: u32 = "tools.file.max_hits", 1, 100_000, count;
    /// `tools.file.max_page_kib`
    FILE_PAGE: u64 = "tools.file.max_page_kib", 1, 65_536, kib;
    /// `tools.file.max_search_file_kib`
    FILE_SEARCH: u64 = "tools.file.max_search_file_kib", 1, 1_048_576, kib;
    /// `tools.file.max_hit_text_bytes`. Below the floor a quoted line says nothing.
    FILE_HIT_TEXT: u64 = "tools.file.max_hit_text_bytes", 16, 65_536, count;
    /// `tools.file.max_pattern_bytes`
    FILE_PATTERN: u64 = "tools.file.max_pattern_bytes", 16, 65_536, count;
    /// `tools.file.max_regex_kib`. Below the floor no ordinary expression compiles.
    FILE_REGEX: u64 = "tools.file.max_regex_kib", 16, 65_536, kib;
    /// `tools.file.max_gitignore_kib`
    FILE_GITIGNORE: u64 = "tools.file.max_gitignore_kib", 1, 65_536, kib;
    /// `tools.file.max_dir_entries`
    FILE_DIR_ENTRIES: u64 = "tools.file.max_dir_entries", 100, 10_000_000, count;
    /// `tools.file.max_depth`
    FILE_DEPTH: u32 = "tools.file.max_depth", 1, 1_000, count;

    /// `tools.file.max_written_mib`
    FILE_WRITTEN: u64 = "tools.file.max_written_mib", 1, 1_048_576, mib;
    /// `tools.file.max_created_files`
    FILE_CREATED: u64 = "tools.file.max_created_files", 1, 100_000_000, count;

    /// `tools.terminal.timeout_seconds`
    TERMINAL_TIMEOUT: Duration = "tools.terminal.timeout_seconds", 1, 86_400, seconds;
    /// `tools.terminal.max_timeout_seconds`
    TERMINAL_MAX_TIMEOUT: Duration = "tools.terminal.max_timeout_seconds", 1, 86_400, seconds;
    /// `tools.terminal.cpu_seconds`
    TERMINAL_CPU: Duration = "tools.terminal.cpu_seconds", 1, 86_400, seconds;
    /// `tools.terminal.memory_mib`. Below the floor no shell starts.
    TERMINAL_MEMORY: u64 = "tools.terminal.memory_mib", 16, 1_048_576, mib;
    /// `tools.terminal.max_processes`. A shell and one command.
    TERMINAL_PROCESSES: u32 = "tools.terminal.max_processes", 2, 100_000, count;
    /// `tools.terminal.max_file_mib`
    TERMINAL_FILE: u64 = "tools.terminal.max_file_mib", 1, 1_048_576, mib;
    /// `tools.terminal.max_output_kib`
    TERMINAL_OUTPUT: u64 = "tools.terminal.max_output_kib", 1, 65_536, kib;
    /// `tools.terminal.max_produced_mib`
    TERMINAL_PRODUCED: u64 = "tools.terminal.max_produced_mib", 1, 1_048_576, mib;

    /// `tools.web.connect_timeout_seconds`
    WEB_CONNECT: Duration = "tools.web.connect_timeout_seconds", 1, 600, seconds;
    /// `tools.web.header_timeout_seconds`
    WEB_HEADER: Duration = "tools.web.header_timeout_seconds", 1, 600, seconds;
    /// `tools.web.total_timeout_seconds`
    WEB_TOTAL: Duration = "tools.web.total_timeout_seconds", 1, 3_600, seconds;
    /// `tools.web.min_bytes_per_second`
    WEB_RATE: u64 = "tools.web.min_bytes_per_second", 1, 1_000_000_000, count;
    /// `tools.web.rate_window_seconds`
    WEB_WINDOW: Duration = "tools.web.rate_window_seconds", 1, 600, seconds;
    /// `tools.web.max_redirects`
    WEB_REDIRECTS: u32 = "tools.web.max_redirects", 1, 50, count;
    /// `tools.web.max_body_kib`
    WEB_BODY: u64 = "tools.web.max_body_kib", 1, 1_048_576, kib;
    /// `tools.web.max_page_kib`
    WEB_PAGE: u64 = "tools.web.max_page_kib", 1, 1_048_576, kib;
    /// `tools.web.max_ratio`
    WEB_RATIO: u32 = "tools.web.max_ratio", 2, 10_000, count;
    /// `tools.web.max_text_kib`
    WEB_TEXT: u64 = "tools.web.max_text_kib", 1, 65_536, kib;
    /// `tools.web.max_hits`
    WEB_HITS: u32 = "tools.web.max_hits", 1, 1_000, count;

    /// `tools.memory.max_notes`
    MEMORY_NOTES: u32 = "tools.memory.max_notes", 1, 100_000, count;
    /// `tools.memory.max_note_bytes`
    MEMORY_NOTE: u64 = "tools.memory.max_note_bytes", 16, 1_048_576, count;
    /// `tools.memory.max_kib`
    MEMORY_FILE: u64 = "tools.memory.max_kib", 1, 65_536, kib;

    /// `model.max_attempts`
    MODEL_ATTEMPTS: u32 = "model.max_attempts", 1, 20, count;
    /// `model.first_pause_seconds`
    MODEL_FIRST_PAUSE: Duration = "model.first_pause_seconds", 1, 600, seconds;
    /// `model.max_pause_seconds`
    MODEL_MAX_PAUSE: Duration = "model.max_pause_seconds", 1, 3_600, seconds;

    /// `providers.NAME.timeout_seconds`
    PROVIDER_TIMEOUT: Duration = "providers.NAME.timeout_seconds", 1, 86_400, seconds;

    /// `models.NAME.context_tokens`
    CONTEXT_TOKENS: u64 = "models.NAME.context_tokens", 1, 100_000_000, count;
    /// `models.NAME.max_output_tokens`
    MAX_OUTPUT_TOKENS: u32 = "models.NAME.max_output_tokens", 1, 10_000_000, count;
}
