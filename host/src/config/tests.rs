//! The built-in values, and what a user's file may say.

mod default_file;
mod documents;
mod environment;
mod files;
mod layers;
mod models;
mod narrow;
mod plugins;

use std::{error::Error as _, time::Duration};

use super::*;
use crate::{defence::Defences, tools::bundled};

fn built_in() -> Config {
    Config::load(&Layers::default()).unwrap()
}

fn source(name: &str, text: &str) -> Option<Source> {
    Some(Source { name: name.to_owned(), text: text.to_owned(), dir: "".into() })
}

/// A user's file alone.
fn of_user(text: &str) -> Layers {
    Layers { user: source("config.toml", text), ..Layers::default() }
}

fn load(text: &str) -> Result<Config, ConfigError> {
    Config::load(&of_user(text))
}

/// Everything that is wrong, each with its hint, without the lines.
fn errors(layers: &Layers) -> Vec<String> {
    errors_with_lines(layers).iter().map(|it| without_line(it)).collect()
}

/// Takes the line away from a file in front of an error.
fn without_line(text: &str) -> String {
    let Some((file, rest)) = text.split_once(".toml:") else { return text.to_owned() };
    let text = rest.trim_start_matches(|it: char| it.is_ascii_digit());
    let colon = if text.len() == rest.len() { ":" } else { "" };
    format!("{file}.toml{colon}{text}")
}

fn errors_with_lines(layers: &Layers) -> Vec<String> {
    let errors = Loaded::load(layers).unwrap_err();
    let told = |it: ConfigError| match it.hint() {
        Some(hint) => format!("{it} | {hint}"),
        None => it.to_string(),
    };
    [*errors.first].into_iter().chain(errors.rest).map(told).collect()
}

/// The only error of a user's file.
fn error(text: &str) -> String {
    let errors = errors(&of_user(text));
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.into_iter().next().unwrap()
}

#[test]
fn the_defaults_are_those_of_the_specification() {
    let Config { delegation, budget, queue, sandbox, tools, .. } = built_in();
    assert_eq!(
        delegation,
        delegation::Limits {
            max_concurrent_children: 3,
            max_tasks_per_batch: 16,
            max_async_children: 3,
            max_queued: 16,
            async_callers: 4,
            retained_records: 50,
            max_depth: 2,
            max_iterations: 25,
            child_timeout: Duration::from_secs(600),
            stall_after: Duration::from_secs(180),
            stop_stalled: false,
            interrupt_grace: Duration::from_secs(5),
            resume: delegation::Resume::On,
            journal_bytes: 16 << 20,
            default_toolsets: ["terminal", "file", "web"].map(str::to_owned).to_vec(),
            blocked_tools: Vec::new(),
            defences: Defences::ALL,
        }
    );
    assert_eq!(
        budget,
        budget::Limits {
            children: 100,
            model_calls: 1000,
            tool_calls: 100_000,
            tokens: 20_000_000,
            wall_clock: Duration::from_secs(7200),
        }
    );
    assert_eq!(
        queue,
        QueueConfig::new(Duration::from_secs(300), 8, Duration::from_secs(5)).unwrap()
    );
    assert_eq!(
        sandbox,
        SandboxConfig {
            max_live_cells: 64,
            plugin_cells: 16,
            call_timeout: Duration::from_secs(120),
            guest_threads: 2,
            memory_bytes: 64 << 20,
            cpu: Duration::from_secs(60),
            host_call_bytes: 4 << 20,
            argument_bytes: 1 << 20,
            result_bytes: 1 << 20,
            host_calls: 100_000,
            handles: 4096,
            log_bytes: 256 << 10,
            table_elements: 20_000,
            component_bytes: 32 << 20,
            compile_seconds: 3,
            compile_bytes: 384 << 20,
            cache_bytes: 1024 << 20,
            helper: None,
            cache_dir: None,
            defences: Defences::ALL,
        }
    );
    let file = tools.file;
    assert_eq!((file.max_read_bytes, file.max_hits, file.max_depth), (256 << 10, 1000, 64));
}

/// Tool calls and tokens that are plenty for one model call.
const ORDINARY_TOOL_CALLS: u64 = 50;
const ORDINARY_TOKENS: u64 = 50_000;

#[test]
fn a_full_batch_of_the_default_configuration_fits_its_budget() {
    let Config { delegation, budget, .. } = built_in();
    let tasks = u32::try_from(delegation.max_tasks_per_batch).unwrap();
    let model_calls = u64::from(tasks * delegation.max_iterations);
    let at_a_time = u32::try_from(delegation.max_concurrent_children).unwrap();
    let child = delegation.child_timeout + delegation.interrupt_grace;
    assert!(u64::from(tasks) <= budget.children);
    assert!(model_calls <= budget.model_calls);
    assert!(model_calls * ORDINARY_TOOL_CALLS <= budget.tool_calls);
    assert!(model_calls * ORDINARY_TOKENS <= budget.tokens);
    assert!(child * tasks.div_ceil(at_a_time) <= budget.wall_clock);
}

#[test]
fn a_user_file_changes_what_it_names() {
    let text = "delegation = { max_depth = 1, default_toolsets = [] }\n\
                [sandbox]\nmemory_mib = 128\n[tools.file]\n";
    let mut expected = built_in();
    expected.delegation.max_depth = 1;
    expected.delegation.default_toolsets = Vec::new();
    expected.sandbox.memory_bytes = 128 << 20;
    assert_eq!(load(text).unwrap(), expected);
}

#[test]
fn names_are_checked_and_resolved() {
    let text = "[delegation]\nblocked_tools = ['write_file']\n\
                default_toolsets = ['file_read', 'memory', 'patch']";
    let delegation = load(text).unwrap().delegation;
    assert_eq!(delegation.blocked_tools, [bundled().get("write_file").unwrap()]);
    assert_eq!(delegation.default_toolsets, ["file_read", "memory", "patch"]);
}

#[test]
fn errors_name_the_key_the_value_and_what_is_taken() {
    let cases = [
        (
            "[sandbox]\nmemory_mib = 0",
            "config.toml: `sandbox.memory_mib` is 0: must be between 1 and 4096",
        ),
        (
            "[sandbox]\nmemory_mib = -64",
            "config.toml: `sandbox.memory_mib` is -64: must be between 1 and 4096",
        ),
        (
            "[delegation]\nmax_depth = 9223372036854775807",
            "config.toml: `delegation.max_depth` is 9223372036854775807: \
             must be between 1 and 8",
        ),
        (
            "[sandbox]\nmemory_mib = '64'",
            "config.toml: `sandbox.memory_mib` is a text: must be a whole number",
        ),
        (
            "[sandbox]\ncpu_seconds = 1.5",
            "config.toml: `sandbox.cpu_seconds` is a number with a fraction: \
             must be a whole number",
        ),
        ("sandbox = 1", "config.toml: `sandbox` is a whole number: must be a table"),
        (
            "[delegation]\nblocked_tools = 'patch'",
            "config.toml: `delegation.blocked_tools` is a text: must be a list of names",
        ),
        (
            "[delegation]\nblocked_tools = ['patch', 1]",
            "config.toml: `delegation.blocked_tools` is a list of something else than names: \
             must be a list of names",
        ),
        (
            "[sandbox]\nmemory_mb = 64",
            "config.toml: unknown key `sandbox.memory_mb` | did you mean `sandbox.memory_mib`?",
        ),
        (
            "memory_mib = 64",
            "config.toml: unknown key `memory_mib` | did you mean `sandbox.memory_mib`?",
        ),
        (
            "[tools.file]\nmax_iterations = 3",
            "config.toml: unknown key `tools.file.max_iterations` \
             | did you mean `delegation.max_iterations`?",
        ),
        ("[file]", "config.toml: unknown key `file` | did you mean `tools.file`?"),
        ("[sandbx]", "config.toml: unknown key `sandbx` | did you mean `sandbox`?"),
        ("[provider]", "config.toml: unknown key `provider` | did you mean `providers`?"),
        (
            "[elsewhere]",
            "config.toml: unknown key `elsewhere` | known here are budget, cluster, delegation, model, \
             models, plugins, providers, queue, sandbox, serve, tools, toolsets, worker, \
             workspace",
        ),
        (
            "[delegation]\nblocked_tools = ['writefile']",
            "config.toml: `delegation.blocked_tools` has the unknown name `writefile`: \
             known are read_file, write_file, patch, search_files, terminal, web_search, \
             web_extract, delegate_task, clarify, memory, send_message, execute_code \
             | did you mean `write_file`?",
        ),
        (
            "[delegation]\ndefault_toolsets = ['everything']",
            "config.toml: `delegation.default_toolsets` has the unknown name `everything`: \
             known are file, file_read, terminal, web, read_file, write_file, patch, \
             search_files, web_search, web_extract",
        ),
        (
            "[delegation]\ndefault_toolsets = ['file', 'file_raed']",
            "config.toml: `delegation.default_toolsets` has the unknown name `file_raed`: \
             known are file, file_read, terminal, web, read_file, write_file, patch, \
             search_files, web_search, web_extract \
             | did you mean `file_read`?",
        ),
        (
            "[sandbox]\nargument_kib = 8192",
            "config.toml: `sandbox.argument_kib` is 8192: must be at most \
             `sandbox.host_call_kib`, which is 4096 \
             | lower `sandbox.argument_kib` or raise `sandbox.host_call_kib`",
        ),
        (
            "[tools.terminal]\ntimeout_seconds = 700",
            "config.toml: `tools.terminal.timeout_seconds` is 700: must be at most \
             `tools.terminal.max_timeout_seconds`, which is 600 \
             | lower `tools.terminal.timeout_seconds` or raise `tools.terminal.max_timeout_seconds`",
        ),
        (
            "[model]\nfirst_pause_seconds = 61",
            "config.toml: `model.first_pause_seconds` is 61: must be at most \
             `model.max_pause_seconds`, which is 60 \
             | lower `model.first_pause_seconds` or raise `model.max_pause_seconds`",
        ),
        (
            "[sandbox]\nmax_live_cells = 1",
            "config.toml: `delegation.max_depth` is 2: must be at most \
             `sandbox.max_live_cells`, which is 1 \
             | lower `delegation.max_depth` or raise `sandbox.max_live_cells`",
        ),
        (
            "[delegation]\nmax_tasks_per_batch = 500",
            "config.toml: `delegation.max_tasks_per_batch` is 500: must be at most \
             `budget.children`, which is 100 \
             | lower `delegation.max_tasks_per_batch` or raise `budget.children`",
        ),
        ("[sandbox", "config.toml is not valid TOML"),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected, "of {text}");
    }
}

#[test]
fn a_syntax_error_says_where() {
    let err = load("[sandbox]\nmemory_mib = = 1").unwrap_err();
    assert!(err.source().unwrap().to_string().contains("line 2, column 14"));
}

#[test]
fn an_option_is_checked_like_a_file() {
    let timeout = option::<Duration>(&delegation::Limits::child_timeout, 30, "--timeout").unwrap();
    assert_eq!(timeout, Duration::from_secs(30));
    assert_eq!(
        option::<Duration>(&delegation::Limits::child_timeout, 0, "--timeout")
            .unwrap_err()
            .to_string(),
        "--timeout: `delegation.child_timeout_seconds` is 0: must be between 1 and 86400"
    );
}

#[test]
fn what_was_set_by_hand_is_checked() {
    let check = |change: fn(&mut Config), expect: &str| {
        let mut config = built_in();
        change(&mut config);
        assert_eq!(config.check("--option").unwrap_err().to_string(), expect);
    };
    assert!(built_in().check("--option").is_ok());
    check(
        |it| {
            it.delegation.max_depth = 8;
            it.sandbox.max_live_cells = 4;
        },
        "--option: `delegation.max_depth` is 8: must be at most `sandbox.max_live_cells`, \
         which is 4",
    );
    check(
        |it| it.sandbox.host_calls = 0,
        "the value for `sandbox.host_calls` is 0: must be above nothing and at most 1000000000",
    );
    check(
        |it| it.delegation.child_timeout = Duration::ZERO,
        "the value for `delegation.child_timeout_seconds` is 0ns: must be above nothing and at \
         most 86400s",
    );
    check(
        |it| it.tools.file.max_read_bytes = u64::MAX,
        "the value for `tools.file.max_read_kib` is 18446744073709551615: must be above nothing \
         and at most 67108864",
    );
    check(
        |it| it.default_model = Some("loacl".to_owned()),
        "--option: `model.default` has the unknown name `loacl`: known are none",
    );
}
