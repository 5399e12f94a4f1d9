//! The configuration as it is written. Exactly the keys of `default.toml`:
//! nothing is optional, because the defaults lie under every file, except in
//! tables of named entries.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) delegation: Delegation,
    pub(super) budget: Budget,
    pub(super) queue: Queue,
    pub(super) sandbox: Sandbox,
    pub(super) workspace: Workspace,
    pub(super) tools: Tools,
    pub(super) model: Model,
    #[serde(default)]
    pub(super) providers: BTreeMap<String, Provider>,
    #[serde(default)]
    pub(super) models: BTreeMap<String, NamedModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Workspace {
    pub(super) allow_home: bool,
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
    pub(super) compile_seconds: i64,
    pub(super) compile_mib: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tools {
    pub(super) file: File,
    pub(super) terminal: Terminal,
    pub(super) web: Web,
    pub(super) memory: Memory,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terminal {
    pub(super) sandbox: String,
    pub(super) network: bool,
    pub(super) timeout_seconds: i64,
    pub(super) max_timeout_seconds: i64,
    pub(super) cpu_seconds: i64,
    pub(super) memory_mib: i64,
    pub(super) max_processes: i64,
    pub(super) max_file_mib: i64,
    pub(super) max_output_kib: i64,
    pub(super) max_produced_mib: i64,
    pub(super) environment: Vec<String>,
    pub(super) tool_chains: Vec<String>,
    pub(super) read_only: Vec<String>,
    pub(super) path: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Web {
    pub(super) allow: Vec<String>,
    pub(super) search_url: String,
    pub(super) search_kind: String,
    pub(super) search_key_env: String,
    pub(super) connect_timeout_seconds: i64,
    pub(super) header_timeout_seconds: i64,
    pub(super) total_timeout_seconds: i64,
    pub(super) min_bytes_per_second: i64,
    pub(super) rate_window_seconds: i64,
    pub(super) max_redirects: i64,
    pub(super) max_body_kib: i64,
    pub(super) max_page_kib: i64,
    pub(super) max_ratio: i64,
    pub(super) max_text_kib: i64,
    pub(super) max_hits: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory {
    pub(super) file: String,
    pub(super) max_notes: i64,
    pub(super) max_note_bytes: i64,
    pub(super) max_kib: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) max_written_mib: i64,
    pub(super) max_created_files: i64,
    pub(super) secret_globs: Vec<String>,
    pub(super) protected_globs: Vec<String>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) default: String,
    pub(super) max_attempts: i64,
    pub(super) first_pause_seconds: i64,
    pub(super) max_pause_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) kind: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) api_key_env: Option<String>,
    pub(super) api_key_cmd: Option<String>,
    pub(super) stream: Option<bool>,
    pub(super) timeout_seconds: Option<i64>,
    pub(super) cassette: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedModel {
    pub(super) provider: Option<String>,
    pub(super) id: Option<String>,
    pub(super) context_tokens: Option<i64>,
    pub(super) max_output_tokens: Option<i64>,
    pub(super) temperature: Option<f32>,
    pub(super) input_price: Option<f64>,
    pub(super) output_price: Option<f64>,
}
