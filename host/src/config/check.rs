//! Whether a configuration is one that a host can keep to: what an
//! application set by hand has passed no file and no [`Setting`].
//!
//! Each section is taken apart field by field, so that a new number can't be
//! forgotten here.
//!
//! [`Setting`]: super::Setting

use super::{Config, ConfigError, setting};
use crate::{
    delegation::{self, budget},
    provider::Patience,
    sandbox::SandboxConfig,
    tools::{file::FileConfig, memory::MemoryConfig, terminal::TerminalConfig, web::WebConfig},
};

/// Every number that is nothing, or more than its key can say. Less than the
/// least that a file may say is taken: an application can have its reasons for
/// half a second.
pub(super) fn numbers(config: &Config) -> Vec<ConfigError> {
    let Config { delegation: limits, tools, .. } = config;
    let sections = [
        delegation(limits),
        budget(&config.budget),
        sandbox(&config.sandbox),
        file(&tools.file),
        terminal(&tools.terminal),
        web(&tools.web),
        memory(&tools.memory),
        patience(&config.patience),
    ];
    sections.into_iter().flatten().flatten().collect()
}

/// Every name that leads nowhere.
pub(super) fn names(config: &Config, origin: &str) -> Vec<ConfigError> {
    let unknown = |key: String, name: &str, known: Vec<&String>| {
        ConfigError::unknown_name(origin, key, name, known)
    };
    let providers = || config.providers.keys().collect();
    let lost = config.models.iter().filter(|it| !config.providers.contains_key(&it.1.provider));
    let of_models = lost
        .map(|(name, it)| unknown(format!("models.{name}.provider"), &it.provider, providers()));
    let is_known = |name: &str| match name.split_once('/') {
        Some((provider, id)) => !id.is_empty() && config.providers.contains_key(provider),
        None => config.models.contains_key(name),
    };
    let default = config.default_model.as_deref().filter(|it| !is_known(it));
    let of_default =
        default.map(|it| unknown("model.default".to_owned(), it, config.models.keys().collect()));
    of_models.chain(of_default).collect()
}

fn delegation(limits: &delegation::Limits) -> Vec<Option<ConfigError>> {
    let delegation::Limits {
        max_concurrent_children,
        max_tasks_per_batch,
        max_async_children,
        max_queued,
        retained_records,
        max_depth,
        max_iterations,
        child_timeout,
        interrupt_grace,
        default_toolsets: _,
        blocked_tools: _,
        defences: _,
    } = limits;
    vec![
        setting::MAX_CONCURRENT_CHILDREN.misfit(max_concurrent_children),
        setting::MAX_TASKS_PER_BATCH.misfit(max_tasks_per_batch),
        setting::MAX_ASYNC_CHILDREN.misfit(max_async_children),
        setting::MAX_QUEUED.misfit(max_queued),
        setting::RETAINED_RECORDS.misfit(retained_records),
        setting::MAX_DEPTH.misfit(max_depth),
        setting::MAX_ITERATIONS.misfit(max_iterations),
        setting::CHILD_TIMEOUT.misfit(child_timeout),
        setting::INTERRUPT_GRACE.misfit(interrupt_grace),
    ]
}

fn budget(limits: &budget::Limits) -> Vec<Option<ConfigError>> {
    let budget::Limits { children, model_calls, tool_calls, tokens, wall_clock } = limits;
    vec![
        setting::BUDGET_CHILDREN.misfit(children),
        setting::BUDGET_MODEL_CALLS.misfit(model_calls),
        setting::BUDGET_TOOL_CALLS.misfit(tool_calls),
        setting::BUDGET_TOKENS.misfit(tokens),
        setting::BUDGET_WALL_CLOCK.misfit(wall_clock),
    ]
}

fn sandbox(limits: &SandboxConfig) -> Vec<Option<ConfigError>> {
    let SandboxConfig {
        max_live_cells,
        guest_threads,
        memory_bytes,
        cpu,
        host_call_bytes,
        argument_bytes,
        result_bytes,
        host_calls,
        handles,
        log_bytes,
        table_elements,
        component_bytes,
        compile_seconds,
        compile_bytes,
        helper: _,
        cache_dir: _,
        defences: _,
    } = limits;
    vec![
        setting::MAX_LIVE_CELLS.misfit(max_live_cells),
        setting::GUEST_THREADS.misfit(guest_threads),
        setting::MEMORY.misfit(memory_bytes),
        setting::CPU.misfit(cpu),
        setting::HOST_CALL.misfit(host_call_bytes),
        setting::ARGUMENT.misfit(argument_bytes),
        setting::RESULT.misfit(result_bytes),
        setting::HOST_CALLS.misfit(host_calls),
        setting::HANDLES.misfit(handles),
        setting::LOG.misfit(log_bytes),
        setting::TABLE_ELEMENTS.misfit(table_elements),
        setting::COMPONENT.misfit(component_bytes),
        setting::COMPILE_TIME.misfit(compile_seconds),
        setting::COMPILE_MEMORY.misfit(compile_bytes),
    ]
}

fn file(limits: &FileConfig) -> Vec<Option<ConfigError>> {
    let FileConfig {
        max_read_bytes,
        max_line_bytes,
        max_write_bytes,
        max_patch_bytes,
        max_diff_steps,
        max_hits,
        max_page_bytes,
        max_search_file_bytes,
        max_hit_text_bytes,
        max_pattern_bytes,
        max_regex_bytes,
        max_gitignore_bytes,
        max_dir_entries,
        max_depth,
        max_written_bytes,
        max_created_files,
        secret_globs: _,
        protected_globs: _,
        defences: _,
    } = limits;
    vec![
        setting::FILE_READ.misfit(max_read_bytes),
        setting::FILE_LINE.misfit(max_line_bytes),
        setting::FILE_WRITE.misfit(max_write_bytes),
        setting::FILE_PATCH.misfit(max_patch_bytes),
        setting::FILE_DIFF_STEPS.misfit(max_diff_steps),
        setting::FILE_HITS.misfit(max_hits),
        setting::FILE_PAGE.misfit(max_page_bytes),
        setting::FILE_SEARCH.misfit(max_search_file_bytes),
        setting::FILE_HIT_TEXT.misfit(max_hit_text_bytes),
        setting::FILE_PATTERN.misfit(max_pattern_bytes),
        setting::FILE_REGEX.misfit(max_regex_bytes),
        setting::FILE_GITIGNORE.misfit(max_gitignore_bytes),
        setting::FILE_DIR_ENTRIES.misfit(max_dir_entries),
        setting::FILE_DEPTH.misfit(max_depth),
        setting::FILE_WRITTEN.misfit(max_written_bytes),
        setting::FILE_CREATED.misfit(max_created_files),
    ]
}

fn terminal(limits: &TerminalConfig) -> Vec<Option<ConfigError>> {
    let TerminalConfig {
        timeout,
        max_timeout,
        cpu,
        memory_bytes,
        max_processes,
        max_file_bytes,
        max_output_bytes,
        max_produced_bytes,
        sandbox: _,
        network: _,
        environment: _,
        // They are looked at when a terminal is opened.
        read_only: _,
        path: _,
        tool_chains: _,
        helper: _,
        defences: _,
    } = limits;
    vec![
        setting::TERMINAL_TIMEOUT.misfit(timeout),
        setting::TERMINAL_MAX_TIMEOUT.misfit(max_timeout),
        setting::TERMINAL_CPU.misfit(cpu),
        setting::TERMINAL_MEMORY.misfit(memory_bytes),
        setting::TERMINAL_PROCESSES.misfit(max_processes),
        setting::TERMINAL_FILE.misfit(max_file_bytes),
        setting::TERMINAL_OUTPUT.misfit(max_output_bytes),
        setting::TERMINAL_PRODUCED.misfit(max_produced_bytes),
    ]
}

fn web(limits: &WebConfig) -> Vec<Option<ConfigError>> {
    let WebConfig {
        connect_timeout,
        header_timeout,
        total_timeout,
        min_bytes_per_second,
        rate_window,
        max_redirects,
        max_body_bytes,
        max_page_bytes,
        max_ratio,
        max_text_bytes,
        max_hits,
        allow: _,
        user_agent: _,
        defences: _,
    } = limits;
    vec![
        setting::WEB_CONNECT.misfit(connect_timeout),
        setting::WEB_HEADER.misfit(header_timeout),
        setting::WEB_TOTAL.misfit(total_timeout),
        setting::WEB_RATE.misfit(min_bytes_per_second),
        setting::WEB_WINDOW.misfit(rate_window),
        setting::WEB_REDIRECTS.misfit(max_redirects),
        setting::WEB_BODY.misfit(max_body_bytes),
        setting::WEB_PAGE.misfit(max_page_bytes),
        setting::WEB_RATIO.misfit(max_ratio),
        setting::WEB_TEXT.misfit(max_text_bytes),
        setting::WEB_HITS.misfit(max_hits),
    ]
}

fn memory(limits: &MemoryConfig) -> Vec<Option<ConfigError>> {
    let MemoryConfig { max_notes, max_note_bytes, max_bytes, file: _ } = limits;
    vec![
        setting::MEMORY_NOTES.misfit(max_notes),
        setting::MEMORY_NOTE.misfit(max_note_bytes),
        setting::MEMORY_FILE.misfit(max_bytes),
    ]
}

fn patience(limits: &Patience) -> Vec<Option<ConfigError>> {
    let Patience { max_attempts, first_pause, max_pause, timeout: _ } = limits;
    vec![
        setting::MODEL_ATTEMPTS.misfit(max_attempts),
        setting::MODEL_FIRST_PAUSE.misfit(first_pause),
        setting::MODEL_MAX_PAUSE.misfit(max_pause),
    ]
}
