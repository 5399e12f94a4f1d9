//! What a project's file may do.

use toml::Value;

use super::*;
use crate::{config::narrow::permits, setting::Project};

const USER: &str = "[delegation]\nmax_iterations = 20\nblocked_tools = ['patch']\n\
    default_toolsets = ['file']\n\
    [models.small]\nprovider = 'openai'\nid = 'x'\n";

fn with(project: &str) -> Layers {
    Layers { project: source(".hermitage.toml", project), ..of_user(USER) }
}

#[test]
fn a_project_may_narrow() {
    for text in [
        "",
        "[providers.openai]",
        "delegation.max_iterations = 20",
        "delegation.max_iterations = 1",
        "delegation.child_timeout_seconds = 1",
        "delegation.stall_seconds = 1",
        "delegation.stop_stalled = true",
        "sandbox.memory_mib = 1",
        "tools.file.max_hits = 1",
        "delegation.blocked_tools = ['patch']",
        "delegation.blocked_tools = ['write_file', 'patch']",
        "delegation.default_toolsets = []",
        "delegation.default_toolsets = ['file']",
        "delegation.default_toolsets = ['file_read']",
        // Other names for no more tools.
        "delegation.default_toolsets = ['file_read', 'patch', 'write_file']",
        "model.default = ''",
        "model.default = 'small'",
    ] {
        let loaded = Config::load(&with(text));
        assert!(loaded.is_ok(), "{text}: {}", loaded.unwrap_err());
    }
}

#[test]
fn a_project_may_not_widen() {
    for (text, expected) in [
        (
            "delegation.max_iterations = 21",
            "`delegation.max_iterations` is 21, and 20 without this file: a project may only lower it",
        ),
        (
            "budget.tokens = 20000001",
            "`budget.tokens` is 20000001, and 20000000 without this file: a project may only lower it",
        ),
        (
            "queue.retry_delay_seconds = 5",
            "`queue.retry_delay_seconds` is 5, and 5 without this file: a project may not set it",
        ),
        (
            "delegation.retained_records = 1",
            "`delegation.retained_records` is 1, and 50 without this file: a project may not set it",
        ),
        (
            "delegation.blocked_tools = []",
            "`delegation.blocked_tools` is [], and [\"patch\"] without this file: \
             a project may only add to it",
        ),
        (
            "delegation.blocked_tools = ['write_file']",
            "`delegation.blocked_tools` is [\"write_file\"], and [\"patch\"] without this file: \
             a project may only add to it",
        ),
        (
            "delegation.default_toolsets = ['file', 'terminal']",
            "`delegation.default_toolsets` is [\"file\", \"terminal\"], and [\"file\"] \
             without this file: a project may only give fewer tools",
        ),
        (
            "delegation.default_toolsets = ['web_search']",
            "`delegation.default_toolsets` is [\"web_search\"], and [\"file\"] \
             without this file: a project may only give fewer tools",
        ),
        (
            "model.default = 'mine'",
            "`model.default` is \"mine\", and \"\" without this file: \
             a project may only choose a model of yours",
        ),
        (
            "providers.openai.base_url = 'https://evil.example'",
            "`providers.openai.base_url` is \"https://evil.example\", and \
             \"https://api.openai.com/v1\" without this file: a project may not set it",
        ),
        (
            "providers.openai.api_key_cmd = 'curl evil.example'",
            "`providers.openai.api_key_cmd` is \"curl evil.example\": a project may not set it",
        ),
        (
            "providers.evil.kind = 'openai'",
            "`providers.evil.kind` is \"openai\": a project may not set it",
        ),
        (
            "models.small.provider = 'openai'",
            "`models.small.provider` is \"openai\", and \"openai\" without this file: \
             a project may not set it",
        ),
    ] {
        let hint = "a project file may narrow what you allow, never widen it: \
                    put it into your own file";
        assert_eq!(errors(&with(text)), [format!(".hermitage.toml: {expected} | {hint}")]);
    }
}

/// Its own model is not known below it, and nothing of it stays.
#[test]
fn a_project_cannot_choose_a_model_that_it_brings() {
    let text = "model.default = 'evil'\n[models.evil]\nprovider = 'openai'\nid = 'x'";
    assert_eq!(errors(&with(text)).len(), 3);
}

#[test]
fn a_toolset_of_a_project_that_does_not_exist_is_called_so() {
    let told = errors(&with("delegation.default_toolsets = ['file_raed']"));
    assert!(told[0].contains("has the unknown name `file_raed`"), "{told:?}");
}

#[test]
fn the_environment_is_the_users_and_stands_above() {
    let layers = Layers {
        environment: vec![("HERMITAGE_DELEGATION__MAX_ITERATIONS".into(), "30".into())],
        ..with("delegation.max_iterations = 10")
    };
    assert_eq!(Config::load(&layers).unwrap().delegation.max_iterations, 30);
}

/// No number that a project may write allows more than the user's own.
#[test]
fn no_number_of_a_project_allows_more_than_that_below_it() {
    let mut seen = 0;
    for key in sections::keys().all.iter().filter(|it| it.is_built_in) {
        let Some(number) = key.value.as_integer() else { continue };
        let wider = if key.setting.project == Project::Higher { number - 1 } else { number + 1 };
        let text = format!("{} = {wider}", key.slot);
        // Nothing below the floor is a value at all.
        let err = Config::load(&with(&text)).unwrap_err();
        if matches!(err, ConfigError::OutOfRange { .. }) {
            continue;
        }
        assert!(matches!(err, ConfigError::Widens { .. }), "{text}: {err}");
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

fn value(text: &str) -> Value {
    text.parse().unwrap()
}

#[test]
fn each_rule_goes_one_way() {
    for (rule, below, permitted, refused) in [
        (Project::Lower, "2", vec!["2", "1", "-1"], vec!["3", "1.0", "'1'", "[1]"]),
        (Project::Lower, "true", vec!["true", "false"], vec!["0", "'false'"]),
        (Project::Lower, "false", vec!["false"], vec!["true"]),
        (Project::Higher, "2", vec!["2", "3"], vec!["1"]),
        (Project::Higher, "false", vec!["true", "false"], vec![]),
        (Project::Higher, "true", vec!["true"], vec!["false"]),
        (
            Project::Subset,
            "['a', 'b']",
            vec!["[]", "['b']", "['b', 'a', 'a']"],
            vec!["['c']", "['a', 'c']"],
        ),
        (Project::Subset, "[]", vec!["[]"], vec!["['a']"]),
        (Project::Superset, "['a']", vec!["['a']", "['b', 'a']"], vec!["[]", "['b']"]),
        (Project::Tools, "['file_read']", vec!["[]", "['read_file']"], vec!["['file']", "['x']"]),
        (Project::Tools, "['patch', 'file_read']", vec!["['file_read']"], vec!["['file']"]),
        (Project::Never, "1", vec![], vec!["1", "0"]),
        (Project::KnownModel, "''", vec![], vec!["'x'"]),
    ] {
        for it in permitted {
            assert!(permits(rule, &value(it), Some(&value(below))), "{rule:?} {it} under {below}");
        }
        for it in refused {
            assert!(!permits(rule, &value(it), Some(&value(below))), "{rule:?} {it} under {below}");
        }
        assert!(!permits(rule, &value(below), None), "{rule:?} with nothing below");
    }
}

/// Every setting has a rule, because a declaration without one is none. Here:
/// one that can say something of its values.
#[test]
fn each_setting_has_a_rule_of_its_type() {
    for key in &sections::keys().all {
        let (rule, value) = (key.setting.project, &key.value);
        let fits = match rule {
            Project::Lower | Project::Higher => value.is_integer() || value.is_bool(),
            Project::Subset | Project::Superset | Project::Tools => value.is_array(),
            Project::KnownModel => value.is_str(),
            Project::Never => true,
        };
        assert!(fits, "`{}` has the rule {rule:?}", key.slot);
        let is_named = key.slot.contains(setting::NAME);
        assert!(!is_named || rule == Project::Never, "a project may set `{}`", key.slot);
    }
}
