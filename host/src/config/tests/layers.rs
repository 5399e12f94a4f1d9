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
    expected.delegation.blocked_tools = vec![Tool::Patch];
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
