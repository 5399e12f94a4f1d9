//! The configuration: read in two steps, the built-in defaults with one user
//! file merged over them, then resolved once into checked values.
//!
//! The only module that knows TOML. It owns every limit's key, range and unit
//! (`default.toml` holds the values and says what they are for); the modules
//! that apply the limits declare the plain structs that are filled in here. It
//! looks for no file and reads no environment: the caller says where.

mod error;
mod merge;
mod raw;
pub mod setting;

use std::{fs, path::Path};

pub use error::ConfigError;
pub use setting::Setting;

use crate::{
    completion::QueueConfig,
    delegation::{self, budget},
    sandbox::SandboxConfig,
    tools::file::FileConfig,
    toolset::{
        catalogue::{Availability, Tool, Toolset},
        grant::{GrantError, expand},
    },
};
use raw::Raw;

/// Every key with its default and its reason. Also what a user's own file is
/// started from.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");

/// How the built-in layer is named in errors.
const BUILT_IN: &str = "default.toml";

/// The resolved configuration. Units are bytes and durations; nothing is
/// zero. A field that is set later, for an option of the command line, takes
/// its value from the [`Setting`] of its key, and [`Config::check`] follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What a delegation may ask for.
    pub delegation: delegation::Limits,
    /// What a whole tree of children may spend.
    pub budget: budget::Limits,
    /// How completion events are delivered.
    pub queue: QueueConfig,
    /// The walls around one child, and the room for all of them.
    pub sandbox: SandboxConfig,
    /// Limits of the file tools.
    pub file: FileConfig,
}

impl Config {
    /// The defaults, and over them the file at `user` if there is one to use.
    pub fn load(user: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = user else { return Self::from_toml(BUILT_IN, "") };
        let file = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::from_toml(&file, &text),
            Err(source) => Err(ConfigError::Read { file, source }),
        }
    }

    /// The defaults, and over them `text`, named `file` in errors.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, ConfigError> {
        let mut table = merge::read(BUILT_IN, DEFAULT_TOML)?;
        merge::merge(&mut table, merge::read(file, text)?, file)?;
        let raw = table.try_into().map_err(|source| ConfigError::toml(file, source))?;
        let config = Self::resolve(raw, file)?;
        config.check(file)?;
        Ok(config)
    }

    fn resolve(raw: Raw, origin: &str) -> Result<Self, ConfigError> {
        let delegation = delegation(raw.delegation, origin)?;
        Ok(Self {
            budget: budget(&raw.budget, origin)?,
            queue: queue(&raw.queue, origin)?,
            sandbox: sandbox(&raw.sandbox, delegation.max_depth, origin)?,
            file: file(&raw.file, origin)?,
            delegation,
        })
    }

    /// Whether the values fit one another. `origin` is what set them last.
    pub fn check(&self, origin: &str) -> Result<(), ConfigError> {
        let Self { delegation, budget, sandbox, .. } = self;
        let kib = |bytes: usize| (bytes / 1024) as u64;
        let children = (budget::Kind::Children.key(), budget.children);
        let tasks = delegation.max_tasks_per_batch as u64;
        let host_call = ("sandbox.host_call_kib", kib(sandbox.host_call_bytes));
        let cells = ("sandbox.max_live_cells", u64::from(sandbox.max_live_cells));
        for (key, value, (limited_by, limit)) in [
            ("sandbox.argument_kib", kib(sandbox.argument_bytes), host_call),
            ("sandbox.result_kib", kib(sandbox.result_bytes), host_call),
            // Each depth has places of its own, so that a caller that waits
            // for its children can't starve them.
            ("delegation.max_depth", u64::from(delegation.max_depth), cells),
            // A batch starts as a whole or not at all.
            ("delegation.max_tasks_per_batch", tasks, children),
        ] {
            if value > limit {
                let origin = origin.to_owned();
                return Err(ConfigError::Exceeds { origin, key, value, limited_by, limit });
            }
        }
        Ok(())
    }
}

fn delegation(raw: raw::Delegation, origin: &str) -> Result<delegation::Limits, ConfigError> {
    Ok(delegation::Limits {
        max_concurrent_children: setting::MAX_CONCURRENT_CHILDREN
            .of(raw.max_concurrent_children, origin)?,
        max_tasks_per_batch: setting::MAX_TASKS_PER_BATCH.of(raw.max_tasks_per_batch, origin)?,
        max_async_children: setting::MAX_ASYNC_CHILDREN.of(raw.max_async_children, origin)?,
        max_queued: setting::MAX_QUEUED.of(raw.max_queued, origin)?,
        retained_records: setting::RETAINED_RECORDS.of(raw.retained_records, origin)?,
        max_depth: setting::MAX_DEPTH.of(raw.max_depth, origin)?,
        max_iterations: setting::MAX_ITERATIONS.of(raw.max_iterations, origin)?,
        child_timeout: setting::CHILD_TIMEOUT.of(raw.child_timeout_seconds, origin)?,
        interrupt_grace: setting::INTERRUPT_GRACE.of(raw.interrupt_grace_seconds, origin)?,
        default_toolsets: default_toolsets(raw.default_toolsets, origin)?,
        blocked_tools: blocked_tools(&raw.blocked_tools, origin)?,
    })
}

fn budget(raw: &raw::Budget, origin: &str) -> Result<budget::Limits, ConfigError> {
    Ok(budget::Limits {
        children: setting::BUDGET_CHILDREN.of(raw.children, origin)?,
        model_calls: setting::BUDGET_MODEL_CALLS.of(raw.model_calls, origin)?,
        tool_calls: setting::BUDGET_TOOL_CALLS.of(raw.tool_calls, origin)?,
        tokens: setting::BUDGET_TOKENS.of(raw.tokens, origin)?,
        wall_clock: setting::BUDGET_WALL_CLOCK.of(raw.wall_clock_seconds, origin)?,
    })
}

fn queue(raw: &raw::Queue, origin: &str) -> Result<QueueConfig, ConfigError> {
    let lease = setting::QUEUE_LEASE.of(raw.lease_seconds, origin)?;
    let max_attempts = setting::QUEUE_MAX_ATTEMPTS.of(raw.max_attempts, origin)?;
    let retry_delay = setting::QUEUE_RETRY_DELAY.of(raw.retry_delay_seconds, origin)?;
    QueueConfig::new(lease, max_attempts, retry_delay)
        .map_err(|source| ConfigError::Queue { origin: origin.to_owned(), source })
}

fn sandbox(raw: &raw::Sandbox, max_depth: u32, origin: &str) -> Result<SandboxConfig, ConfigError> {
    Ok(SandboxConfig {
        max_live_cells: setting::MAX_LIVE_CELLS.of(raw.max_live_cells, origin)?,
        max_depth,
        guest_threads: setting::GUEST_THREADS.of(raw.guest_threads, origin)?,
        memory_bytes: setting::MEMORY.of(raw.memory_mib, origin)?,
        cpu: setting::CPU.of(raw.cpu_seconds, origin)?,
        host_call_bytes: setting::HOST_CALL.of(raw.host_call_kib, origin)?,
        argument_bytes: setting::ARGUMENT.of(raw.argument_kib, origin)?,
        result_bytes: setting::RESULT.of(raw.result_kib, origin)?,
        host_calls: setting::HOST_CALLS.of(raw.host_calls, origin)?,
        handles: setting::HANDLES.of(raw.handles, origin)?,
        log_bytes: setting::LOG.of(raw.log_kib, origin)?,
        table_elements: setting::TABLE_ELEMENTS.of(raw.table_elements, origin)?,
        component_bytes: setting::COMPONENT.of(raw.component_mib, origin)?,
        cache_dir: None,
    })
}

fn file(raw: &raw::File, origin: &str) -> Result<FileConfig, ConfigError> {
    Ok(FileConfig {
        max_read_bytes: setting::FILE_READ.of(raw.max_read_kib, origin)?,
        max_line_bytes: setting::FILE_LINE.of(raw.max_line_kib, origin)?,
        max_write_bytes: setting::FILE_WRITE.of(raw.max_write_kib, origin)?,
        max_patch_bytes: setting::FILE_PATCH.of(raw.max_patch_kib, origin)?,
        max_diff_steps: setting::FILE_DIFF_STEPS.of(raw.max_diff_steps, origin)?,
        max_hits: setting::FILE_HITS.of(raw.max_hits, origin)?,
        max_page_bytes: setting::FILE_PAGE.of(raw.max_page_kib, origin)?,
        max_search_file_bytes: setting::FILE_SEARCH.of(raw.max_search_file_kib, origin)?,
        max_hit_text_bytes: setting::FILE_HIT_TEXT.of(raw.max_hit_text_bytes, origin)?,
        max_pattern_bytes: setting::FILE_PATTERN.of(raw.max_pattern_bytes, origin)?,
        max_regex_bytes: setting::FILE_REGEX.of(raw.max_regex_kib, origin)?,
        max_gitignore_bytes: setting::FILE_GITIGNORE.of(raw.max_gitignore_kib, origin)?,
        max_dir_entries: setting::FILE_DIR_ENTRIES.of(raw.max_dir_entries, origin)?,
        max_depth: setting::FILE_DEPTH.of(raw.max_depth, origin)?,
    })
}

/// Checked as in a task, so that a task without toolsets can't fail by them.
fn default_toolsets(names: Vec<String>, origin: &str) -> Result<Vec<String>, ConfigError> {
    let key = "delegation.default_toolsets";
    match expand(&names, &[]) {
        Ok(_) => Ok(names),
        Err(GrantError::Unknown { name, .. }) => {
            Err(ConfigError::unknown_name(origin, key, &name, grantable()))
        }
        Err(GrantError::NotYet { name, .. }) => {
            Err(ConfigError::NotYet { origin: origin.to_owned(), key, name, known: grantable() })
        }
    }
}

/// The names of toolsets, then of tools, that a child can be granted.
fn grantable() -> Vec<&'static str> {
    let is_offered = |it: &Tool| it.availability() == Availability::Offered;
    let toolsets = Toolset::ALL.iter().filter(|it| it.tools.iter().all(is_offered));
    let tools = Tool::ALL.into_iter().filter(is_offered);
    toolsets.map(|it| it.name).chain(tools.map(Tool::name)).collect()
}

fn blocked_tools(names: &[String], origin: &str) -> Result<Vec<Tool>, ConfigError> {
    let unknown = |name| {
        let known = Tool::ALL.map(Tool::name).to_vec();
        ConfigError::unknown_name(origin, "delegation.blocked_tools", name, known)
    };
    names.iter().map(|it| Tool::named(it).ok_or_else(|| unknown(it))).collect()
}

#[cfg(test)]
mod tests;
