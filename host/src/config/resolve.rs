//! From the values of all layers to the plain structs that the modules
//! declare.

use std::{env, path::PathBuf, time::Duration};

use reqwest::Url;

use super::{
    Config, ConfigError, ConfigErrors, WorkspaceConfig,
    layers::Values,
    model,
    raw::{self, Raw},
    setting,
};
use crate::{
    completion::QueueConfig,
    defence::Defences,
    delegation::{self, budget},
    provider::Patience,
    sandbox::SandboxConfig,
    tools::{
        self, ToolsConfig,
        file::FileConfig,
        memory::MemoryConfig,
        terminal::{SandboxChoice, TerminalConfig, ToolChain},
        web::{Rule, SearchConfig, SearchKind, WebConfig},
    },
    toolset::{GrantError, ToolId},
};

/// What web servers are told of who asks.
const USER_AGENT: &str = concat!("hermitage/", env!("CARGO_PKG_VERSION"));

/// The configuration when nothing is wrong with it, and everything that is.
pub(super) fn resolve(raw: Raw, values: &Values) -> (Option<Config>, Vec<ConfigError>) {
    let default = raw.model.default.clone();
    let (found, mut errors) = model::resolve(raw.providers, raw.models, default, values);
    let delegation = delegation(raw.delegation, values, &mut errors);
    let delegation = keep(&mut errors, delegation);
    let budget = keep(&mut errors, budget(&raw.budget, values));
    let queue = keep(&mut errors, queue(&raw.queue, values));
    let sandbox = keep(&mut errors, sandbox(&raw.sandbox, values));
    let tools = tools(raw.tools, values, &mut errors);
    let patience = keep(&mut errors, patience(&raw.model, values));
    let config = || {
        Some(Config {
            delegation: delegation?,
            budget: budget?,
            queue: queue?,
            sandbox: sandbox?,
            workspace: WorkspaceConfig { allow_home: raw.workspace.allow_home },
            tools: tools?,
            patience: patience?,
            providers: found.providers,
            models: found.models,
            default_model: found.default_model,
        })
    };
    let config = config();
    let misfits = config.iter().flat_map(|it| it.misfits(|key, other| values.later(key, other)));
    errors.extend(misfits);
    (config, errors)
}

/// The value, or what is wrong with it on the list.
pub(super) fn keep<T>(
    errors: &mut Vec<ConfigError>,
    outcome: Result<T, impl Into<ConfigErrors>>,
) -> Option<T> {
    match outcome {
        Ok(it) => Some(it),
        Err(err) => {
            let ConfigErrors { first, rest } = err.into();
            errors.push(*first);
            errors.extend(rest);
            None
        }
    }
}

/// All of them, or everything that is wrong with any.
fn all<T>(
    outcomes: impl IntoIterator<Item = Result<T, ConfigError>>,
) -> Result<Vec<T>, ConfigErrors> {
    let mut errors = Vec::new();
    let right = outcomes.into_iter().filter_map(|it| keep(&mut errors, it)).collect();
    ConfigErrors::or(errors, right)
}

/// What is wrong with names is on the list, and the numbers are there all the
/// same: they are compared with others.
fn delegation(
    raw: raw::Delegation,
    values: &Values,
    errors: &mut Vec<ConfigError>,
) -> Result<delegation::Limits, ConfigError> {
    let default_toolsets = keep(errors, default_toolsets(raw.default_toolsets, values));
    let blocked_tools = keep(errors, blocked_tools(&raw.blocked_tools, values));
    Ok(delegation::Limits {
        max_concurrent_children: values
            .take(setting::MAX_CONCURRENT_CHILDREN, raw.max_concurrent_children)?,
        max_tasks_per_batch: values.take(setting::MAX_TASKS_PER_BATCH, raw.max_tasks_per_batch)?,
        max_async_children: values.take(setting::MAX_ASYNC_CHILDREN, raw.max_async_children)?,
        max_queued: values.take(setting::MAX_QUEUED, raw.max_queued)?,
        retained_records: values.take(setting::RETAINED_RECORDS, raw.retained_records)?,
        max_depth: values.take(setting::MAX_DEPTH, raw.max_depth)?,
        max_iterations: values.take(setting::MAX_ITERATIONS, raw.max_iterations)?,
        child_timeout: values.take(setting::CHILD_TIMEOUT, raw.child_timeout_seconds)?,
        interrupt_grace: values.take(setting::INTERRUPT_GRACE, raw.interrupt_grace_seconds)?,
        default_toolsets: default_toolsets.unwrap_or_default(),
        blocked_tools: blocked_tools.unwrap_or_default(),
        defences: Defences::ALL,
    })
}

fn budget(raw: &raw::Budget, values: &Values) -> Result<budget::Limits, ConfigError> {
    Ok(budget::Limits {
        children: values.take(setting::BUDGET_CHILDREN, raw.children)?,
        model_calls: values.take(setting::BUDGET_MODEL_CALLS, raw.model_calls)?,
        tool_calls: values.take(setting::BUDGET_TOOL_CALLS, raw.tool_calls)?,
        tokens: values.take(setting::BUDGET_TOKENS, raw.tokens)?,
        wall_clock: values.take(setting::BUDGET_WALL_CLOCK, raw.wall_clock_seconds)?,
    })
}

fn queue(raw: &raw::Queue, values: &Values) -> Result<QueueConfig, ConfigError> {
    let lease = values.take(setting::QUEUE_LEASE, raw.lease_seconds)?;
    let max_attempts = values.take(setting::QUEUE_MAX_ATTEMPTS, raw.max_attempts)?;
    let retry_delay = values.take(setting::QUEUE_RETRY_DELAY, raw.retry_delay_seconds)?;
    QueueConfig::new(lease, max_attempts, retry_delay)
        .map_err(|source| ConfigError::Queue { origin: values.origin("queue").to_owned(), source })
}

fn sandbox(raw: &raw::Sandbox, values: &Values) -> Result<SandboxConfig, ConfigError> {
    Ok(SandboxConfig {
        max_live_cells: values.take(setting::MAX_LIVE_CELLS, raw.max_live_cells)?,
        guest_threads: values.take(setting::GUEST_THREADS, raw.guest_threads)?,
        memory_bytes: values.take(setting::MEMORY, raw.memory_mib)?,
        cpu: values.take(setting::CPU, raw.cpu_seconds)?,
        host_call_bytes: values.take(setting::HOST_CALL, raw.host_call_kib)?,
        argument_bytes: values.take(setting::ARGUMENT, raw.argument_kib)?,
        result_bytes: values.take(setting::RESULT, raw.result_kib)?,
        host_calls: values.take(setting::HOST_CALLS, raw.host_calls)?,
        handles: values.take(setting::HANDLES, raw.handles)?,
        log_bytes: values.take(setting::LOG, raw.log_kib)?,
        table_elements: values.take(setting::TABLE_ELEMENTS, raw.table_elements)?,
        component_bytes: values.take(setting::COMPONENT, raw.component_mib)?,
        compile_seconds: values.take(setting::COMPILE_TIME, raw.compile_seconds)?,
        compile_bytes: values.take(setting::COMPILE_MEMORY, raw.compile_mib)?,
        helper: None,
        cache_dir: None,
        defences: Defences::ALL,
    })
}

fn file(raw: &raw::File, values: &Values) -> Result<FileConfig, ConfigError> {
    Ok(FileConfig {
        max_read_bytes: values.take(setting::FILE_READ, raw.max_read_kib)?,
        max_line_bytes: values.take(setting::FILE_LINE, raw.max_line_kib)?,
        max_write_bytes: values.take(setting::FILE_WRITE, raw.max_write_kib)?,
        max_patch_bytes: values.take(setting::FILE_PATCH, raw.max_patch_kib)?,
        max_diff_steps: values.take(setting::FILE_DIFF_STEPS, raw.max_diff_steps)?,
        max_hits: values.take(setting::FILE_HITS, raw.max_hits)?,
        max_page_bytes: values.take(setting::FILE_PAGE, raw.max_page_kib)?,
        max_search_file_bytes: values.take(setting::FILE_SEARCH, raw.max_search_file_kib)?,
        max_hit_text_bytes: values.take(setting::FILE_HIT_TEXT, raw.max_hit_text_bytes)?,
        max_pattern_bytes: values.take(setting::FILE_PATTERN, raw.max_pattern_bytes)?,
        max_regex_bytes: values.take(setting::FILE_REGEX, raw.max_regex_kib)?,
        max_gitignore_bytes: values.take(setting::FILE_GITIGNORE, raw.max_gitignore_kib)?,
        max_dir_entries: values.take(setting::FILE_DIR_ENTRIES, raw.max_dir_entries)?,
        max_depth: values.take(setting::FILE_DEPTH, raw.max_depth)?,
        max_written_bytes: values.take(setting::FILE_WRITTEN, raw.max_written_mib)?,
        max_created_files: values.take(setting::FILE_CREATED, raw.max_created_files)?,
        secret_globs: raw.secret_globs.clone(),
        protected_globs: raw.protected_globs.clone(),
        defences: Defences::ALL,
    })
}

fn tools(raw: raw::Tools, values: &Values, errors: &mut Vec<ConfigError>) -> Option<ToolsConfig> {
    let file = keep(errors, file(&raw.file, values));
    if let Some(file) = &file {
        let later = values.later("tools.file.secret_globs", "tools.file.protected_globs");
        let glob = |why| ConfigError::Glob { origin: later.to_owned(), why };
        keep(errors, file.check_globs().map_err(glob));
    }
    let terminal = terminal(raw.terminal, values, errors);
    let terminal = keep(errors, terminal);
    let search = keep(errors, search(&raw.web, values)).flatten();
    let web = web(&raw.web, values, errors);
    let web = keep(errors, web);
    let memory = keep(errors, memory(raw.memory, values));
    Some(ToolsConfig { file: file?, terminal: terminal?, search, web: web?, memory: memory? })
}

fn terminal(
    raw: raw::Terminal,
    values: &Values,
    errors: &mut Vec<ConfigError>,
) -> Result<TerminalConfig, ConfigError> {
    let key = "tools.terminal.environment";
    if !raw.environment.iter().all(|it| model::is_variable(it)) {
        let origin = values.origin(key).to_owned();
        let expected = "a list of names of variables: letters, digits and `_`";
        errors.push(ConfigError::Malformed { origin, key: key.to_owned(), expected });
    }
    let kinds = [
        ("auto", SandboxChoice::Auto),
        ("bubblewrap", SandboxChoice::Bubblewrap),
        ("landlock", SandboxChoice::Landlock),
    ];
    Ok(TerminalConfig {
        sandbox: keep(errors, word("tools.terminal.sandbox", &raw.sandbox, &kinds, values))
            .unwrap_or(SandboxChoice::Auto),
        network: raw.network,
        timeout: values.take(setting::TERMINAL_TIMEOUT, raw.timeout_seconds)?,
        max_timeout: values.take(setting::TERMINAL_MAX_TIMEOUT, raw.max_timeout_seconds)?,
        cpu: values.take(setting::TERMINAL_CPU, raw.cpu_seconds)?,
        memory_bytes: values.take(setting::TERMINAL_MEMORY, raw.memory_mib)?,
        max_processes: values.take(setting::TERMINAL_PROCESSES, raw.max_processes)?,
        max_file_bytes: values.take(setting::TERMINAL_FILE, raw.max_file_mib)?,
        max_output_bytes: values.take(setting::TERMINAL_OUTPUT, raw.max_output_kib)?,
        max_produced_bytes: values.take(setting::TERMINAL_PRODUCED, raw.max_produced_mib)?,
        environment: raw.environment,
        read_only: keep(errors, absolute("tools.terminal.read_only", &raw.read_only, values))
            .unwrap_or_default(),
        path: keep(errors, absolute("tools.terminal.path", &raw.path, values)).unwrap_or_default(),
        tool_chains: keep(errors, tool_chains(&raw.tool_chains, values)).unwrap_or_default(),
        helper: None,
        defences: Defences::ALL,
    })
}

/// Tool chains by their names.
fn tool_chains(names: &[String], values: &Values) -> Result<Vec<ToolChain>, ConfigError> {
    let known = ToolChain::ALL.map(|it| (it.name(), it));
    names.iter().map(|it| word("tools.terminal.tool_chains", it, &known, values)).collect()
}

/// Paths, which may begin with the home directory.
fn absolute(
    key: &'static str,
    texts: &[String],
    values: &Values,
) -> Result<Vec<PathBuf>, ConfigError> {
    let path = |text: &String| {
        let home = || env::home_dir().filter(|it| it.is_absolute());
        let path = match text.strip_prefix("~/") {
            Some(below) => home().map(|it| it.join(below)),
            None => Some(PathBuf::from(text)),
        };
        path.filter(|it| it.is_absolute()).ok_or_else(|| ConfigError::Malformed {
            origin: values.origin(key).to_owned(),
            key: key.to_owned(),
            expected: "paths that begin with `/` or `~/`",
        })
    };
    texts.iter().map(path).collect()
}

fn web(
    raw: &raw::Web,
    values: &Values,
    errors: &mut Vec<ConfigError>,
) -> Result<WebConfig, ConfigError> {
    Ok(WebConfig {
        allow: keep(errors, rules(&raw.allow, values)).unwrap_or_default(),
        connect_timeout: values.take(setting::WEB_CONNECT, raw.connect_timeout_seconds)?,
        header_timeout: values.take(setting::WEB_HEADER, raw.header_timeout_seconds)?,
        total_timeout: values.take(setting::WEB_TOTAL, raw.total_timeout_seconds)?,
        min_bytes_per_second: values.take(setting::WEB_RATE, raw.min_bytes_per_second)?,
        rate_window: values.take(setting::WEB_WINDOW, raw.rate_window_seconds)?,
        max_redirects: values.take(setting::WEB_REDIRECTS, raw.max_redirects)?,
        max_body_bytes: values.take(setting::WEB_BODY, raw.max_body_kib)?,
        max_page_bytes: values.take(setting::WEB_PAGE, raw.max_page_kib)?,
        max_ratio: values.take(setting::WEB_RATIO, raw.max_ratio)?,
        max_text_bytes: values.take(setting::WEB_TEXT, raw.max_text_kib)?,
        max_hits: values.take(setting::WEB_HITS, raw.max_hits)?,
        user_agent: USER_AGENT.to_owned(),
        defences: Defences::ALL,
    })
}

fn rules(texts: &[String], values: &Values) -> Result<Vec<Rule>, ConfigErrors> {
    let key = "tools.web.allow";
    let bad = |source| ConfigError::Rule { origin: values.origin(key).to_owned(), key, source };
    all(texts.iter().map(|it| it.parse().map_err(bad)))
}

fn search(raw: &raw::Web, values: &Values) -> Result<Option<SearchConfig>, ConfigError> {
    let kinds = [("searxng", SearchKind::Searxng), ("brave", SearchKind::Brave)];
    let kind = word("tools.web.search_kind", &raw.search_kind, &kinds, values)?;
    if raw.search_url.is_empty() {
        return Ok(None);
    }
    let key = "tools.web.search_url";
    let url = raw.search_url.parse().ok().filter(|it: &Url| {
        ["http", "https"].contains(&it.scheme())
            && it.username().is_empty()
            && it.password().is_none()
            && it.has_host()
    });
    let url = url.ok_or_else(|| ConfigError::Malformed {
        origin: values.origin(key).to_owned(),
        key: key.to_owned(),
        expected: "an `http` or `https` address without a user",
    })?;
    let key_env = Some(raw.search_key_env.clone()).filter(|it| !it.is_empty());
    Ok(Some(SearchConfig { kind, url, key_env }))
}

fn memory(raw: raw::Memory, values: &Values) -> Result<MemoryConfig, ConfigError> {
    Ok(MemoryConfig {
        file: raw.file.into(),
        max_notes: values.take(setting::MEMORY_NOTES, raw.max_notes)?,
        max_note_bytes: values.take(setting::MEMORY_NOTE, raw.max_note_bytes)?,
        max_bytes: values.take(setting::MEMORY_FILE, raw.max_kib)?,
    })
}

fn patience(raw: &raw::Model, values: &Values) -> Result<Patience, ConfigError> {
    Ok(Patience {
        max_attempts: values.take(setting::MODEL_ATTEMPTS, raw.max_attempts)?,
        first_pause: values.take(setting::MODEL_FIRST_PAUSE, raw.first_pause_seconds)?,
        max_pause: values.take(setting::MODEL_MAX_PAUSE, raw.max_pause_seconds)?,
        // Each provider has its own.
        timeout: Duration::MAX,
    })
}

/// What one of a few words stands for.
fn word<T: Copy>(
    key: &'static str,
    text: &str,
    words: &[(&'static str, T)],
    values: &Values,
) -> Result<T, ConfigError> {
    let found = words.iter().find(|it| it.0 == text).map(|it| it.1);
    let known = || words.iter().map(|it| it.0);
    found.ok_or_else(|| ConfigError::unknown_name(values.origin(key), key, text, known()))
}

/// Checked as in a task, so that a task without toolsets can't fail by them.
fn default_toolsets(names: Vec<String>, values: &Values) -> Result<Vec<String>, ConfigErrors> {
    let key = "delegation.default_toolsets";
    let exists = |it: String| toolsets_exist(&[&it], key, values.origin(key)).map(|()| it);
    all(names.into_iter().map(exists))
}

/// Whether every name is one of a toolset or a tool.
pub(super) fn toolsets_exist<S: AsRef<str>>(
    names: &[S],
    key: &str,
    origin: &str,
) -> Result<(), ConfigError> {
    match tools::bundled().expand(names) {
        Ok(_) => Ok(()),
        Err(GrantError::Unknown { name, .. }) => {
            Err(ConfigError::unknown_name(origin, key, &name, grantable()))
        }
    }
}

/// The names of toolsets, then of tools, that a child can be granted.
fn grantable() -> Vec<&'static str> {
    let all = tools::bundled();
    let toolsets = all.toolsets().iter().filter(|it| it.is_offered());
    let tools = all.tools().into_iter().filter(|it| !it.is_parents_own()).map(ToolId::name);
    // `terminal` is both.
    let tools = tools.filter(|it| all.toolset(it).is_none());
    toolsets.map(|it| it.name.as_str()).chain(tools).collect()
}

fn blocked_tools(names: &[String], values: &Values) -> Result<Vec<ToolId>, ConfigErrors> {
    let key = "delegation.blocked_tools";
    let known = || tools::bundled().tools().into_iter().map(ToolId::name);
    let unknown = |name| ConfigError::unknown_name(values.origin(key), key, name, known());
    all(names.iter().map(|it| tools::bundled().get(it).ok_or_else(|| unknown(it))))
}
