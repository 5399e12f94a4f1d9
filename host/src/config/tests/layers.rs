//! Which layer wins, and what is told of each value.

use super::*;

/// Every layer sets what it is named for, and the ones above it.
fn stacked() -> Layers {
    let environment = [("HERMITAGE_BUDGET__CHILDREN", "60"), ("HERMITAGE_LOG", "debug")];
    Layers {
        user: source(
            "config.toml",
            "[delegation]\nmax_iterations = 20\n[budget]\nchildren = 90\ntokens = 500",
        ),
        project: source(
            ".hermitage.toml",
            "[budget]\nchildren = 70\ntokens = 400\n[delegation]\nblocked_tools = ['patch']",
        ),
        environment: environment.map(|(name, value)| (name.into(), value.into())).to_vec(),
    }
}

#[test]
fn the_upper_layer_wins_and_the_others_stay() {
    let mut expected = built_in();
    expected.delegation.max_iterations = 20;
    expected.delegation.blocked_tools = vec![bundled().get("patch").unwrap()];
    expected.budget.tokens = 400;
    expected.budget.children = 60;
    assert_eq!(Config::load(&stacked()).unwrap(), expected);
}

#[test]
fn what_is_shown_tells_the_layer_of_each_value() {
    let mut entries = Loaded::load(&stacked()).unwrap().entries;
    entries.retain(|it| it.layer != Layer::BuiltIn);
    insta::assert_snapshot!(show::to_toml(&entries), @r#"
    [delegation]
    max_iterations = 20                   # user: config.toml
    blocked_tools = ["patch"]             # project: .hermitage.toml

    [budget]
    children = 60                         # environment: `HERMITAGE_BUDGET__CHILDREN`
    tokens = 400                          # project: .hermitage.toml
    "#);
}

#[test]
fn what_is_shown_of_everything_loads_as_the_same() {
    let own = "[providers.local]\nkind = 'openai'\nbase_url = 'http://127.0.0.1:8080'\n\
               api_key_cmd = \"pass 'a \\\"b\\\\' \\n\\u007f\\u202e\\U000E0001 é ✓\"\n\
               [models.small]\nprovider = 'local'\nid = 'x'\ntemperature = 0.25\n\
               input_price = 1\noutput_price = 1e-3\n[delegation]\nblocked_tools = ['patch']";
    let loaded = Loaded::load(&of_user(own)).unwrap();
    let shown = show::to_toml(&loaded.entries);
    assert!(crate::completion::sanitize::clean(&shown) == shown, "{shown}");
    assert_eq!(load(&shown).unwrap(), loaded.config, "{shown}");
    assert_eq!(shown.matches(" # ").count(), loaded.entries.len());
}

#[test]
fn the_name_of_a_file_ends_no_comment() {
    let layers = Layers {
        user: source("a\n[budget]\u{1b}[2J", "queue.lease_seconds = 9"),
        ..Layers::default()
    };
    let mut entries = Loaded::load(&layers).unwrap().entries;
    entries.retain(|it| it.layer == Layer::User);
    let shown = show::to_toml(&entries);
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn everything_wrong_with_every_layer_is_told_at_once() {
    let layers = Layers {
        user: source("config.toml", "[sandbox]\nmemory_mib = 0\nmemory_mb = 1\ncpu_seconds = 'x'"),
        project: source(".hermitage.toml", "[budget]\nchildren = 101\n[queue]\nlease_seconds = 1"),
        environment: vec![("HERMITAGE_BUDGET__TOKEN".into(), "1".into())],
    };
    insta::assert_snapshot!(errors(&layers).join("\n"), @"
    config.toml: `sandbox.cpu_seconds` is a text: must be a whole number
    config.toml: unknown key `sandbox.memory_mb` | did you mean `sandbox.memory_mib`?
    config.toml: `sandbox.memory_mib` is 0: must be between 1 and 4096
    .hermitage.toml: `budget.children` is 101, and 100 without this file: a project may only lower it | a project file may narrow what you allow, never widen it: put it into your own file
    .hermitage.toml: `queue.lease_seconds` is 1, and 300 without this file: a project may not set it | a project file may narrow what you allow, never widen it: put it into your own file
    unknown variable `HERMITAGE_BUDGET__TOKEN` in the environment | did you mean `HERMITAGE_BUDGET__TOKENS`?
    ");
}

#[test]
fn everything_wrong_with_the_outcome_is_told_at_once() {
    let text = "[sandbox]\nargument_kib = 8192\nmax_live_cells = 1\n\
                [model]\ndefault = 'none'\n[providers.a]\nkind = 'x'\n[models.b]\nprovider = 'elsewhere'";
    insta::assert_snapshot!(errors(&of_user(text)).join("\n"), @"
    config.toml: `providers.a.kind` has the unknown name `x`: known are openai, anthropic, scripted
    config.toml: `models.b.provider` has the unknown name `elsewhere`: known are a, anthropic, openai
    config.toml: `models.b.id` has to be set
    config.toml: `model.default` has the unknown name `none`: known are b
    config.toml: `sandbox.argument_kib` is 8192: must be at most `sandbox.host_call_kib`, which is 4096 | lower `sandbox.argument_kib` or raise `sandbox.host_call_kib`
    config.toml: `delegation.max_depth` is 2: must be at most `sandbox.max_live_cells`, which is 1 | lower `delegation.max_depth` or raise `sandbox.max_live_cells`
    ");
}

#[test]
fn a_value_that_does_not_fit_is_blamed_on_the_layer_that_came_last() {
    for (user, project, expected) in [
        ("[budget]\nchildren = 20", "", "config.toml"),
        ("[budget]\nchildren = 50", "budget.children = 10", ".hermitage.toml"),
    ] {
        let user = format!("{user}\n[delegation]\nmax_tasks_per_batch = 30");
        let layers = Layers {
            user: source("config.toml", &user),
            project: source(".hermitage.toml", project),
            environment: Vec::new(),
        };
        let errors = errors(&layers);
        assert!(errors[0].starts_with(&format!("{expected}: `delegation.max_tasks")), "{errors:?}");
    }
}

#[test]
fn a_mistake_is_told_with_its_line_whatever_stage_finds_it() {
    let text = "[sandbox]
memory_mib = 0
argument_kib = 8192

[delegation]
default_toolsets = ['files', 'web', 'terminals']
blocked_tools = [
    'patsh',
]

[providers.mine]
kind = 'opanai'
base_url = 'ftp://example'

[models]
small = { provider = 'nobody', id = ' ' }
";
    insta::assert_snapshot!(errors_with_lines(&of_user(text)).join("\n"), @"
    config.toml:2: `sandbox.memory_mib` is 0: must be between 1 and 4096
    config.toml:12: `providers.mine.kind` has the unknown name `opanai`: known are openai, anthropic, scripted | did you mean `openai`?
    config.toml:13: `providers.mine.base_url` must be an `http` or `https` address without a user, a query or a fragment
    config.toml:16: `models.small.provider` has the unknown name `nobody`: known are anthropic, mine, openai
    config.toml:16: `models.small.id` must be the provider's name of a model
    config.toml:6: `delegation.default_toolsets` has the unknown name `files`: known are file, file_read, terminal, web, read_file, write_file, patch, search_files, web_search, web_extract | did you mean `file`?
    config.toml:6: `delegation.default_toolsets` has the unknown name `terminals`: known are file, file_read, terminal, web, read_file, write_file, patch, search_files, web_search, web_extract | did you mean `terminal`?
    config.toml:7: `delegation.blocked_tools` has the unknown name `patsh`: known are read_file, write_file, patch, search_files, terminal, web_search, web_extract, delegate_task, clarify, memory, send_message, execute_code | did you mean `patch`?
    config.toml:3: `sandbox.argument_kib` is 8192: must be at most `sandbox.host_call_kib`, which is 4096 | lower `sandbox.argument_kib` or raise `sandbox.host_call_kib`
    ");
}

#[test]
fn every_mistake_of_grammar_is_told_and_nothing_that_follows_from_it() {
    let text = "[sandbox\nmemory_mib = \n[models.a]\nid = 'x'\nprovider = openai\n";
    let errors = errors_with_lines(&of_user(text));
    assert!(errors.len() > 1, "{errors:?}");
    assert!(errors.iter().all(|it| it.contains("is not valid TOML")), "{errors:?}");
    assert!(errors[0].starts_with("config.toml:1 "), "{errors:?}");
}

#[test]
fn what_follows_from_another_mistake_is_not_told() {
    let check = |text: &str| assert_eq!(errors(&of_user(text)).len(), 1, "{text}");
    check("[providers.a]\nkind = 1\n[models.m]\nprovider = 'a'\nid = 'x'");
    check("[providers.a]\nkind = 'x'\nbase_url = 'http://a'\n[models.m]\nprovider = 'a'\nid = 'x'");
    check("[providers.a]\nkin = 'openai'\nbase_url = 'http://a'");
    check("[tools.terminal]\ntimeout_seconds = 900\nmax_timeout_seconds = 'long'");
}

#[test]
fn a_relative_path_starts_at_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.toml");
    let text = "[providers.a]\nkind = 'scripted'\ncassette = 'tape.json'\n\
                [providers.b]\nkind = 'scripted'\ncassette = '/tape.json'\n\
                [providers.c]\nkind = 'openai'\nbase_url = 'http://c'\napi_key_cmd = './key --of c'\n\
                [tools.memory]\nfile = 'notes.md'";
    std::fs::write(&file, text).unwrap();
    let layers = Layers { user: Some(Source::read(&file).unwrap()), ..Layers::default() };
    let config = Config::load(&layers).unwrap();
    let cassette = |name: &str| config.providers[name].cassette.clone().unwrap();
    assert_eq!(cassette("a"), dir.path().join("tape.json"));
    assert_eq!(cassette("b"), std::path::Path::new("/tape.json"));
    assert_eq!(config.tools.memory.file, dir.path().join("notes.md"));
    let command = format!("{}/./key --of c", dir.path().display());
    assert_eq!(config.providers["c"].key, Some(KeySource::Command(command)));
    // Of a variable, and of a text without a place, it starts at the process.
    let variable = ("HERMITAGE_TOOLS__MEMORY__FILE".into(), "notes.md".into());
    let layers = Layers { environment: vec![variable], ..Layers::default() };
    assert_eq!(Config::load(&layers).unwrap().tools.memory.file.to_str(), Some("notes.md"));
}

#[test]
fn a_pattern_that_is_none_is_found_with_the_rest() {
    let text = "[tools.file]
secret_globs = ['[z-a]']
max_hits = 0
[tools.terminal]
environment = ['PATH', 'A-B']
";
    let errors = errors_with_lines(&of_user(text));
    assert_eq!(errors.len(), 3, "{errors:?}");
    let glob = "config.toml:2: `[z-a]` of `tools.file.secret_globs` is no pattern";
    assert!(errors.iter().any(|it| it.starts_with(glob)), "{errors:?}");
}
