//! Variables of the environment.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

use super::*;

fn of(variables: &[(&str, &str)]) -> Layers {
    let environment = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Layers { environment: environment.collect(), ..Layers::default() }
}

/// The value that a variable gives its key, as TOML.
fn check(variable: &str, value: &str, expect: &str) {
    let loaded = Loaded::load(&of(&[(variable, value)])).unwrap();
    let set: Vec<Entry> =
        loaded.entries.into_iter().filter(|it| it.layer == Layer::Environment).collect();
    let shown = show::to_toml(&set);
    let (toml, _) = shown.split_once("  #").unwrap();
    assert_eq!(toml.replace('\n', " ").trim_end(), expect, "of {variable}={value}");
}

#[test]
fn a_text_becomes_what_the_key_is() {
    check("HERMITAGE_DELEGATION__MAX_DEPTH", "1", "[delegation] max_depth = 1");
    check("HERMITAGE_DELEGATION__MAX_DEPTH", " 1\n", "[delegation] max_depth = 1");
    check("HERMITAGE_TOOLS__FILE__MAX_HITS", "7", "[tools.file] max_hits = 7");
    let toolsets = "HERMITAGE_DELEGATION__DEFAULT_TOOLSETS";
    check(toolsets, "", "[delegation] default_toolsets = []");
    check(toolsets, "file_read", r#"[delegation] default_toolsets = ["file_read"]"#);
    let both = r#"[delegation] default_toolsets = ["file_read", "patch"]"#;
    check(toolsets, "file_read, patch,", both);
    check(toolsets, " ['file_read', \"patch\"] ", both);
    check("HERMITAGE_PROVIDERS__OPENAI__STREAM", "false", "[providers.openai] stream = false");
    check(
        "HERMITAGE_PROVIDERS__OPENAI__BASE_URL",
        "http://[::1]:1",
        "[providers.openai] base_url = \"http://[::1]:1\"",
    );
    check(
        "HERMITAGE_PROVIDERS__OPENAI__API_KEY_ENV",
        "true",
        "[providers.openai] api_key_env = \"true\"",
    );
}

#[test]
fn an_entry_can_be_made_of_variables_alone() {
    let layers = of(&[
        ("HERMITAGE_PROVIDERS__LOCAL-1_A__KIND", "openai"),
        ("HERMITAGE_PROVIDERS__LOCAL-1_A__BASE_URL", "http://127.0.0.1:8080"),
        ("HERMITAGE_MODELS__SMALL__PROVIDER", "local-1_a"),
        ("HERMITAGE_MODELS__SMALL__ID", "qwen"),
        ("HERMITAGE_MODELS__SMALL__TEMPERATURE", "1"),
        ("HERMITAGE_MODEL__DEFAULT", "small"),
    ]);
    let config = Config::load(&layers).unwrap();
    assert_eq!(config.models["small"].temperature, Some(1.0));
    assert_eq!(config.default_model.as_deref(), Some("small"));
}

#[test]
fn variables_that_are_none_of_ours_are_passed_over() {
    let layers = of(&[
        ("HERMITAGE_LOG", "debug"),
        ("HERMITAGE_INSTALL", "0"),
        ("HERMITAGE_", ""),
        ("MY_HERMITAGE_BUDGET__TOKENS", "1"),
        ("BUDGET__TOKENS", "1"),
        ("hermitage_budget__tokens", "1"),
    ]);
    assert_eq!(Config::load(&layers).unwrap(), built_in());
}

#[test]
fn what_is_wrong_names_the_variable() {
    let cases = [
        (
            "HERMITAGE_DELEGATION__MAX_DEPHT",
            "1",
            "unknown variable `HERMITAGE_DELEGATION__MAX_DEPHT` in the environment \
             | did you mean `HERMITAGE_DELEGATION__MAX_DEPTH`?",
        ),
        (
            "HERMITAGE_DELEGATION__max_depth",
            "1",
            "unknown variable `HERMITAGE_DELEGATION__max_depth` in the environment \
             | did you mean `HERMITAGE_DELEGATION__MAX_DEPTH`?",
        ),
        (
            "HERMITAGE_PROVIDERS__LOCAL__BASE_ULR",
            "",
            "unknown variable `HERMITAGE_PROVIDERS__LOCAL__BASE_ULR` in the environment \
             | did you mean `HERMITAGE_PROVIDERS__LOCAL__BASE_URL`?",
        ),
        (
            "HERMITAGE_X__Y",
            "1",
            "unknown variable `HERMITAGE_X__Y` in the environment \
             | variables with `__` are keys of the configuration: \
             `hermitage config show --all` lists them",
        ),
        (
            "HERMITAGE_DELEGATION__MAX_DEPTH",
            "one",
            "`HERMITAGE_DELEGATION__MAX_DEPTH`: `delegation.max_depth` is a text: \
             must be a whole number",
        ),
        (
            "HERMITAGE_DELEGATION__MAX_DEPTH",
            "9",
            "`HERMITAGE_DELEGATION__MAX_DEPTH`: `delegation.max_depth` is 9: \
             must be between 1 and 8",
        ),
        (
            "HERMITAGE_MODELS__A__TEMPERATURE",
            "NaN",
            "`HERMITAGE_MODELS__A__TEMPERATURE`: `models.a.temperature` is NaN: \
             must be between 0 and 2",
        ),
        (
            "HERMITAGE_PROVIDERS__OPENAI__STREAM",
            "yes",
            "`HERMITAGE_PROVIDERS__OPENAI__STREAM`: `providers.openai.stream` is a text: \
             must be true or false",
        ),
        (
            "HERMITAGE_DELEGATION__BLOCKED_TOOLS",
            "[1]",
            "`HERMITAGE_DELEGATION__BLOCKED_TOOLS`: `delegation.blocked_tools` is \
             a list of something else than names: must be a list of names",
        ),
        (
            "HERMITAGE_DELEGATION__BLOCKED_TOOLS",
            "['patch']\nchildren = 1",
            "`HERMITAGE_DELEGATION__BLOCKED_TOOLS`: `delegation.blocked_tools` is a text: \
             must be a list of names",
        ),
    ];
    for (variable, value, expected) in cases {
        assert_eq!(errors(&of(&[(variable, value)])), [expected]);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_and_not_shown() {
    let broken = OsString::from_vec(b"sk-\xff".to_vec());
    let name = "HERMITAGE_PROVIDERS__OPENAI__API_KEY_ENV";
    let layers = Layers { environment: vec![(name.into(), broken.clone())], ..Layers::default() };
    assert_eq!(errors(&layers), [format!("`{name}` is not valid UTF-8")]);
    let layers = Layers { environment: vec![("OTHER".into(), broken)], ..Layers::default() };
    assert!(Config::load(&layers).is_ok());
}

#[test]
fn a_variable_that_begins_like_ours_and_is_none_is_told() {
    let told = |name: &str| {
        let all = unknown_variables(&[(name.into(), "".into())]);
        all.into_iter().map(|it| format!("{it} | {}", it.hint().unwrap())).collect::<String>()
    };
    for known in
        ["HERMITAGE_LOG", "HERMITAGE_INSTALL", "HERMITAGE_", "HERMITAGES", "HERMITAGE_A__B"]
    {
        assert_eq!(told(known), "");
    }
    assert_eq!(
        told("HERMITAGE_LOGS"),
        "unknown variable `HERMITAGE_LOGS` in the environment | did you mean `HERMITAGE_LOG`?"
    );
    assert!(
        told("HERMITAGE_FOO").contains("known are HERMITAGE_LOG, "),
        "{}",
        told("HERMITAGE_FOO")
    );
}
