//! What the doctor finds.

use serde_json::Value;

use crate::harness::Cli;

fn finding<'a>(findings: &'a Value, what: &str) -> &'a Value {
    let mut all = findings.as_array().unwrap().iter();
    all.find(|it| it["what"] == what).unwrap_or_else(|| panic!("no `{what}` in {findings}"))
}

#[test]
fn a_machine_without_a_model_is_well_and_told_what_would_give_it_one() {
    let cli = Cli::new(&[]);
    let ran = cli.run(&["doctor", "--json"]);
    let findings = ran.json();
    for what in ["configuration", "cells"] {
        assert_eq!(finding(&findings, what)["state"], "works", "{ran}");
    }
    assert_eq!(finding(&findings, "store")["state"], "absent", "{ran}");
    let models = finding(&findings, "models");
    assert_eq!(models["state"], "absent");
    assert!(models["hint"].as_str().unwrap().contains("`model.default`"), "{models}");
    let works = |it: &str| finding(&findings, it)["state"] == "works";
    assert!(works("bubblewrap") || works("landlock"), "{ran}");
    assert_eq!(ran.exit, Some(0), "{ran}");
}

#[test]
fn what_commands_see_is_told_and_why_there_are_none() {
    let cli = Cli::new(&[]);
    cli.file("tools/run", "");
    cli.file("secret/.ssh/key", "");
    let tools = cli.path("tools").canonicalize().unwrap();
    let config = |path: &std::path::Path| {
        cli.file("c.toml", format!("[tools.terminal]\nread_only = [{path:?}]\n"));
    };
    config(&tools);
    cli.file("w/a", "");
    let doctor = ["doctor", "--json", "--config", "c.toml", "--workspace", "w"];
    let ran = cli.run(&doctor);
    let findings = ran.json();
    let commands = finding(&findings, "commands");
    assert_eq!(commands["state"], "works", "{ran}");
    assert!(commands["text"].as_str().unwrap().contains(tools.to_str().unwrap()), "{commands}");
    config(&cli.path("secret"));
    let ran = cli.run(&doctor);
    let findings = ran.json();
    let commands = finding(&findings, "commands");
    assert_eq!((&commands["state"], ran.exit), (&"broken".into(), Some(1)), "{ran}");
    let text = commands["text"].as_str().unwrap();
    assert!(text.contains("is a place for keys or passwords"), "{commands}");
    assert!(commands["hint"].as_str().unwrap().starts_with("name the directory"), "{commands}");
}

#[test]
fn a_model_without_its_key_is_broken_and_so_is_one_that_does_not_answer() {
    let cli = Cli::new(&[]);
    let config = |provider: &str| {
        cli.file(
            "c.toml",
            format!(
                "[models.m]\nprovider = 'p'\nid = 'x'\n[model]\ndefault = 'm'\nmax_attempts = 1\n\
                 [providers.p]\nkind = 'openai'\n{provider}"
            ),
        );
    };
    config("base_url = 'http://127.0.0.1:1'\napi_key_env = 'NO_SUCH_KEY'");
    let ran = cli.run(&["doctor", "--config", "c.toml"]);
    assert_eq!(ran.exit, Some(1), "{ran}");
    assert!(ran.stdout.contains("`x` of provider `p`: `NO_SUCH_KEY` is not set"), "{ran}");
    config("base_url = 'http://127.0.0.1:1'");
    let ran = cli.run(&["doctor", "--config", "c.toml"]);
    assert!(ran.exit == Some(0) && ran.stdout.contains("not asked"), "{ran}");
    let ran = cli.run(&["doctor", "--ask", "--config", "c.toml"]);
    assert_eq!(ran.exit, Some(1), "{ran}");
    assert!(ran.stdout.contains("model `m` of provider `p` gave no answer"), "{ran}");
}

#[test]
fn a_broken_configuration_is_one_of_the_findings() {
    let cli = Cli::new(&[]);
    cli.file("broken.toml", "[sandbox]\nmemory_mib = 0\n[model]\ndefault = 'none'\n");
    let ran = cli.run(&["doctor", "--json", "--config", "broken.toml"]);
    let findings = ran.json();
    let of_configuration = findings.as_array().unwrap().iter();
    let texts = of_configuration.filter(|it| it["what"] == "configuration").map(|it| &it["text"]);
    let texts: Vec<_> = texts.map(|it| it.as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "broken.toml:2: `sandbox.memory_mib` is 0: must be between 1 and 4096",
            "broken.toml:4: `model.default` has the unknown name `none`: known are none",
            "the rest is looked at with the built-in values",
        ],
        "{ran}"
    );
    assert_eq!(finding(&findings, "cells")["state"], "works", "{ran}");
    assert_eq!(ran.exit, Some(1), "{ran}");
    let ran = cli.run(&["doctor", "--config", "none.toml"]);
    assert!(ran.exit == Some(1) && ran.stdout.contains("✓ cells"), "{ran}");
}
