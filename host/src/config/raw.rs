//! The configuration as it is written. Exactly the keys of `default.toml`:
//! nothing is optional, because the defaults lie under every file.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) delegation: Delegation,
    pub(super) budget: Budget,
    pub(super) queue: Queue,
    pub(super) sandbox: Sandbox,
    pub(super) file: File,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delegation {
    pub(super) max_concurrent_children: i64,
    pub(super) max_tasks_per_batch: i64,
    pub(super) max_async_children: i64,
    pub(super) max_queued: i64,
    pub(super) retained_records: i64,
    pub(super) max_depth: i64,
    pub(super) max_iterations: i64,
    pub(super) child_timeout_seconds: i64,
    pub(super) interrupt_grace_seconds: i64,
    pub(super) default_toolsets: Vec<String>,
    pub(super) blocked_tools: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    pub(super) children: i64,
    pub(super) model_calls: i64,
    pub(super) tool_calls: i64,
    pub(super) tokens: i64,
    pub(super) wall_clock_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    pub(super) lease_seconds: i64,
    pub(super) max_attempts: i64,
    pub(super) retry_delay_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sandbox {
    pub(super) max_live_cells: i64,
    pub(super) guest_threads: i64,
    pub(super) memory_mib: i64,
    pub(super) cpu_seconds: i64,
    pub(super) host_call_kib: i64,
    pub(super) argument_kib: i64,
    pub(super) result_kib: i64,
    pub(super) host_calls: i64,
    pub(super) handles: i64,
    pub(super) log_kib: i64,
    pub(super) table_elements: i64,
    pub(super) component_mib: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) max_read_kib: i64,
    pub(super) max_line_kib: i64,
    pub(super) max_write_kib: i64,
    pub(super) max_patch_kib: i64,
    pub(super) max_diff_steps: i64,
    pub(super) max_hits: i64,
    pub(super) max_page_kib: i64,
    pub(super) max_search_file_kib: i64,
    pub(super) max_hit_text_bytes: i64,
    pub(super) max_pattern_bytes: i64,
    pub(super) max_regex_kib: i64,
    pub(super) max_gitignore_kib: i64,
    pub(super) max_dir_entries: i64,
    pub(super) max_depth: i64,
}
