//! What a project's file may do with each key.
//!
//! The file comes with a repository that nobody vouches for, and a child that
//! writes in the workspace can write it, too. So it can make less of what the
//! layers below it allow, and never more: with the file or without it, a
//! child can't do, spend or reach anything that the user did not allow.

use toml::Value;

use super::{ConfigError, layers::Values, leaves::Leaf, resolve::toolsets_exist, show::literal};
use crate::tools;

/// What narrows a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// A smaller number; `false` where it was `true`.
    Lower,
    /// A larger number; `true` where it was `false`.
    Higher,
    /// A list with nothing that was not in it.
    Subset,
    /// A list with everything that was in it.
    Superset,
    /// A list of toolsets that stand for no tool that was not in it.
    Tools,
    /// A model that the layers below have, or none.
    KnownModel,
    /// Nothing: not the project's to say.
    Never,
}

/// The rule of every key, or of all keys of a section. What is not in the
/// table is [`Rule::Never`].
pub(super) const RULES: &[(&str, Rule)] = &[
    ("delegation.max_concurrent_children", Rule::Lower),
    ("delegation.max_tasks_per_batch", Rule::Lower),
    ("delegation.max_async_children", Rule::Lower),
    ("delegation.max_queued", Rule::Lower),
    // The store is the user's: fewer would forget the units of other projects.
    ("delegation.retained_records", Rule::Never),
    ("delegation.max_depth", Rule::Lower),
    ("delegation.max_iterations", Rule::Lower),
    ("delegation.child_timeout_seconds", Rule::Lower),
    ("delegation.interrupt_grace_seconds", Rule::Lower),
    ("delegation.default_toolsets", Rule::Tools),
    ("delegation.blocked_tools", Rule::Superset),
    ("budget.children", Rule::Lower),
    ("budget.model_calls", Rule::Lower),
    ("budget.tool_calls", Rule::Lower),
    ("budget.tokens", Rule::Lower),
    ("budget.wall_clock_seconds", Rule::Lower),
    // One queue serves every project: shorter leases deliver events of others
    // twice, and fewer attempts give them up.
    ("queue", Rule::Never),
    ("sandbox.max_live_cells", Rule::Lower),
    ("sandbox.guest_threads", Rule::Lower),
    ("sandbox.memory_mib", Rule::Lower),
    ("sandbox.cpu_seconds", Rule::Lower),
    ("sandbox.host_call_kib", Rule::Lower),
    ("sandbox.argument_kib", Rule::Lower),
    ("sandbox.result_kib", Rule::Lower),
    ("sandbox.host_calls", Rule::Lower),
    ("sandbox.handles", Rule::Lower),
    ("sandbox.log_kib", Rule::Lower),
    ("sandbox.table_elements", Rule::Lower),
    ("sandbox.component_mib", Rule::Lower),
    ("sandbox.compile_seconds", Rule::Lower),
    ("sandbox.compile_mib", Rule::Lower),
    // Which directory is meant is the person's to say.
    ("workspace.allow_home", Rule::Never),
    ("tools.file.max_read_kib", Rule::Lower),
    ("tools.file.max_line_kib", Rule::Lower),
    ("tools.file.max_write_kib", Rule::Lower),
    ("tools.file.max_patch_kib", Rule::Lower),
    ("tools.file.max_diff_steps", Rule::Lower),
    ("tools.file.max_hits", Rule::Lower),
    ("tools.file.max_page_kib", Rule::Lower),
    ("tools.file.max_search_file_kib", Rule::Lower),
    ("tools.file.max_hit_text_bytes", Rule::Lower),
    ("tools.file.max_pattern_bytes", Rule::Lower),
    ("tools.file.max_regex_kib", Rule::Lower),
    // Obeying less of it shows files that were meant to be passed over, and
    // obeying more costs memory.
    ("tools.file.max_gitignore_kib", Rule::Never),
    ("tools.file.max_dir_entries", Rule::Lower),
    ("tools.file.max_depth", Rule::Lower),
    ("tools.file.max_written_mib", Rule::Lower),
    ("tools.file.max_created_files", Rule::Lower),
    // A pattern with `!` opens what one before it closed: more is not always
    // narrower.
    ("tools.file.secret_globs", Rule::Never),
    ("tools.file.protected_globs", Rule::Never),
    ("tools.terminal.sandbox", Rule::Never),
    ("tools.terminal.network", Rule::Lower),
    ("tools.terminal.timeout_seconds", Rule::Lower),
    ("tools.terminal.max_timeout_seconds", Rule::Lower),
    ("tools.terminal.cpu_seconds", Rule::Lower),
    ("tools.terminal.memory_mib", Rule::Lower),
    ("tools.terminal.max_processes", Rule::Lower),
    ("tools.terminal.max_file_mib", Rule::Lower),
    ("tools.terminal.max_output_kib", Rule::Lower),
    ("tools.terminal.max_produced_mib", Rule::Lower),
    ("tools.terminal.environment", Rule::Subset),
    ("tools.terminal.tool_chains", Rule::Subset),
    ("tools.terminal.read_only", Rule::Subset),
    ("tools.terminal.path", Rule::Subset),
    ("tools.web.allow", Rule::Subset),
    // The query, which can hold anything, would go to another address.
    ("tools.web.search_url", Rule::Never),
    ("tools.web.search_kind", Rule::Never),
    ("tools.web.search_key_env", Rule::Never),
    ("tools.web.connect_timeout_seconds", Rule::Lower),
    ("tools.web.header_timeout_seconds", Rule::Lower),
    ("tools.web.total_timeout_seconds", Rule::Lower),
    ("tools.web.min_bytes_per_second", Rule::Higher),
    ("tools.web.rate_window_seconds", Rule::Lower),
    ("tools.web.max_redirects", Rule::Lower),
    ("tools.web.max_body_kib", Rule::Lower),
    ("tools.web.max_page_kib", Rule::Lower),
    ("tools.web.max_ratio", Rule::Lower),
    ("tools.web.max_text_kib", Rule::Lower),
    ("tools.web.max_hits", Rule::Lower),
    // Another file would be the memory of a parent.
    ("tools.memory", Rule::Never),
    ("model.default", Rule::KnownModel),
    ("model.max_attempts", Rule::Lower),
    ("model.first_pause_seconds", Rule::Higher),
    ("model.max_pause_seconds", Rule::Lower),
    // An address would be sent the key, and a command would be run.
    ("providers", Rule::Never),
    ("models", Rule::Never),
];

impl Rule {
    /// That of a key, as the template has it.
    pub(super) fn of(slot: &str) -> Self {
        let is_for = |it: &&(&str, Rule)| {
            slot.strip_prefix(it.0).is_some_and(|it| it.is_empty() || it.starts_with('.'))
        };
        RULES.iter().find(is_for).map_or(Rule::Never, |it| it.1)
    }

    /// What it allows, after "a project may".
    fn words(self) -> &'static str {
        match self {
            Rule::Lower => "only lower it",
            Rule::Higher => "only raise it",
            Rule::Subset => "only leave some of it out",
            Rule::Superset => "only add to it",
            Rule::Tools => "only give fewer tools",
            Rule::KnownModel => "only choose a model of yours",
            Rule::Never => "not set it",
        }
    }

    /// Whether `wanted` allows nothing that `below` does not.
    pub(super) fn permits(self, wanted: &Value, below: Option<&Value>) -> bool {
        let Some(below) = below else { return false };
        match self {
            Rule::Lower => is_at_most(wanted, below),
            Rule::Higher => is_at_most(below, wanted),
            Rule::Subset => is_within(wanted, below),
            Rule::Superset => is_within(below, wanted),
            Rule::Tools => match (
                tools::bundled().expand(&texts(wanted)),
                tools::bundled().expand(&texts(below)),
            ) {
                (Ok(wanted), Ok(below)) => wanted.is_within(&below),
                _ => false,
            },
            Rule::KnownModel | Rule::Never => false,
        }
    }
}

/// Refuses a value of the project's file that widens what lies below it.
pub(super) fn check(leaf: &Leaf, below: &Values) -> Result<(), ConfigError> {
    let rule = Rule::of(&leaf.slot);
    if rule == Rule::Tools {
        toolsets_exist(&texts(&leaf.value), &leaf.key, &leaf.place)?;
    }
    let permitted = match rule {
        Rule::KnownModel => is_known_model(&leaf.value, below),
        rule => rule.permits(&leaf.value, below.value(&leaf.key)),
    };
    if permitted {
        return Ok(());
    }
    Err(ConfigError::Widens {
        origin: leaf.place.clone(),
        key: leaf.key.clone(),
        value: literal(&leaf.value),
        below: below.value(&leaf.key).map(literal),
        rule: rule.words(),
    })
}

fn is_known_model(wanted: &Value, below: &Values) -> bool {
    let is_known = |name: &str| name.is_empty() || below.has_entry("models", name);
    wanted.as_str().is_some_and(is_known)
}

fn is_at_most(low: &Value, high: &Value) -> bool {
    match (low, high) {
        (Value::Integer(low), Value::Integer(high)) => low <= high,
        (Value::Boolean(low), Value::Boolean(high)) => low <= high,
        _ => false,
    }
}

fn is_within(part: &Value, whole: &Value) -> bool {
    let whole = texts(whole);
    texts(part).iter().all(|it| whole.contains(it))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
