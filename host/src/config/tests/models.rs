//! Providers and models by names of the user's.

use std::{path::PathBuf, time::Duration};

use super::*;
use crate::provider::{Kind as ProviderKind, Price};

const LOCAL: &str = "[providers.local]\nkind = 'openai'\nbase_url = 'http://127.0.0.1:8080/v1/'\n";

#[test]
fn two_providers_are_built_in_and_no_model() {
    let config = built_in();
    let hosted = |kind, base_url: &str, variable: &str| ProviderConfig {
        kind,
        base_url: Some(base_url.to_owned()),
        key: Some(KeySource::Variable(variable.to_owned())),
        stream: true,
        timeout: Duration::from_secs(600),
        cassette: None,
    };
    let anthropic =
        ("anthropic", ProviderKind::Anthropic, "https://api.anthropic.com", "ANTHROPIC_API_KEY");
    let openai = ("openai", ProviderKind::OpenAi, "https://api.openai.com/v1", "OPENAI_API_KEY");
    let expected = [anthropic, openai].map(|it| (it.0.to_owned(), hosted(it.1, it.2, it.3)));
    assert_eq!(config.providers, expected.into());
    assert_eq!((config.models.len(), config.default_model), (0, None));
}

#[test]
fn absent_keys_mean_what_their_examples_say() {
    let example = |slot: &str| &sections::keys().key(slot).unwrap().value;
    let local = &load(LOCAL).unwrap().providers["local"];
    assert_eq!(example("providers.NAME.stream").as_bool(), Some(local.stream));
    let seconds = example("providers.NAME.timeout_seconds").as_integer();
    assert_eq!(seconds, i64::try_from(local.timeout.as_secs()).ok());
}

#[test]
fn entries_are_added_and_changed_key_by_key() {
    let text = format!(
        "{LOCAL}stream = false\ntimeout_seconds = 9\n\
         [providers.openai]\nbase_url = 'https://proxy.example/openai'\n\
         [providers.canned]\nkind = 'scripted'\ncassette = 'answers.json'\n\
         [models.small]\nprovider = 'local'\nid = 'qwen'\ncontext_tokens = 32768\n\
         max_output_tokens = 1024\ntemperature = 0.5\ninput_price = 0\noutput_price = 1.5\n\
         [model]\ndefault = 'small'\n"
    );
    let Config { providers, models, default_model, .. } = load(&text).unwrap();
    assert_eq!(
        providers["local"],
        ProviderConfig {
            kind: ProviderKind::OpenAi,
            base_url: Some("http://127.0.0.1:8080/v1".to_owned()),
            key: None,
            stream: false,
            timeout: Duration::from_secs(9),
            cassette: None,
        }
    );
    assert_eq!(providers["openai"].base_url.as_deref(), Some("https://proxy.example/openai"));
    assert_eq!(providers["openai"].key, Some(KeySource::Variable("OPENAI_API_KEY".to_owned())));
    assert_eq!(providers["canned"].cassette, Some(PathBuf::from("answers.json")));
    assert_eq!(
        models["small"],
        ModelConfig {
            provider: "local".to_owned(),
            id: "qwen".to_owned(),
            context_tokens: Some(32_768),
            max_output_tokens: Some(1024),
            temperature: Some(0.5),
            price: Some(Price { input: 0.0, output: 1.5 }),
        }
    );
    assert_eq!(default_model.as_deref(), Some("small"));
}

#[test]
fn the_upper_layer_says_where_the_key_is() {
    let key = |layers: &Layers| Config::load(layers).unwrap().providers["openai"].key.clone();
    let command = of_user("[providers.openai]\napi_key_cmd = 'pass show openai'");
    assert_eq!(key(&command), Some(KeySource::Command("pass show openai".to_owned())));
    let environment = vec![("HERMITAGE_PROVIDERS__OPENAI__API_KEY_ENV".into(), "MY_KEY".into())];
    let over = Layers { environment, ..command };
    assert_eq!(key(&over), Some(KeySource::Variable("MY_KEY".to_owned())));
}

#[test]
fn names_are_short_and_plain() {
    let long = "a".repeat(64);
    for name in ["a", "gpt-5_mini", "0", "-", &long] {
        let text = format!("[providers.{name}]\nkind = 'scripted'\ncassette = 'x'");
        assert!(load(&text).unwrap().providers.contains_key(name), "{name}");
    }
    let long = "a".repeat(65);
    for name in ["Local", "NAME", "''", "'a.b'", "'a b'", "'ä'", "'\u{202e}'", &long] {
        for section in ["providers", "models"] {
            let err = load(&format!("[{section}.{name}]")).unwrap_err();
            assert!(matches!(err, ConfigError::BadName { .. }), "{name}: {err}");
        }
    }
}

#[test]
fn what_is_wrong_with_an_entry_names_its_key() {
    let local = |more: &str| format!("{LOCAL}{more}");
    let model = |more: &str| format!("[models.m]\nprovider = 'openai'\nid = 'x'\n{more}");
    let address = "config.toml: `providers.local.base_url` must be an `http` or `https` address \
                   without a user, a query or a fragment";
    let with_address =
        |it: &str| format!("[providers.local]\nkind = 'openai'\nbase_url = {it:?}\n");
    let mut cases = vec![
        (
            local("base_ulr = 'x'"),
            "config.toml: unknown key `providers.local.base_ulr` \
             | did you mean `providers.local.base_url`?",
        ),
        (
            local("api_key = 'sk-1'"),
            "config.toml: unknown key `providers.local.api_key` \
             | known here are api_key_cmd, api_key_env, base_url, cassette, kind, stream, \
             timeout_seconds",
        ),
        (
            local("stream = 1"),
            "config.toml: `providers.local.stream` is a whole number: must be true or false",
        ),
        (
            local("timeout_seconds = 0"),
            "config.toml: `providers.local.timeout_seconds` is 0: must be between 1 and 86400",
        ),
        (
            local("api_key_env = 'sk-proj-1'"),
            "config.toml: `providers.local.api_key_env` must be the name of a variable, \
             not the key itself",
        ),
        (
            local("api_key_cmd = ' '"),
            "config.toml: `providers.local.api_key_cmd` must be a program with its arguments",
        ),
        (
            local("api_key_cmd = 'a'\napi_key_env = 'A'"),
            "config.toml: `providers.local.api_key_env` and `providers.local.api_key_cmd` \
             can't both be set",
        ),
        (
            local("cassette = 'x'"),
            "config.toml: `providers.local.cassette` must be absent: \
             only the kind `scripted` has one",
        ),
        (
            "providers.local = 1".to_owned(),
            "config.toml: `providers.local` is a whole number: must be a table",
        ),
        (
            "[providers.local]\nstream = true".to_owned(),
            "config.toml: `providers.local.kind` has to be set",
        ),
        (
            "[providers.local]\nkind = 'anthropic'".to_owned(),
            "config.toml: `providers.local.base_url` has to be set",
        ),
        (
            "[providers.local]\nkind = 'scripted'".to_owned(),
            "config.toml: `providers.local.cassette` has to be set for the kind `scripted`",
        ),
        (
            "[providers.local]\nkind = 'opanai'".to_owned(),
            "config.toml: `providers.local.kind` has the unknown name `opanai`: \
             known are openai, anthropic, scripted | did you mean `openai`?",
        ),
        (
            model("provder = 'x'"),
            "config.toml: unknown key `models.m.provder` | did you mean `models.m.provider`?",
        ),
        (
            "[models.m]\nprovider = 'opnai'\nid = 'x'".to_owned(),
            "config.toml: `models.m.provider` has the unknown name `opnai`: \
             known are anthropic, openai | did you mean `openai`?",
        ),
        ("[models.m]\nprovider = 'openai'".to_owned(), "config.toml: `models.m.id` has to be set"),
        ("[models.m]\nid = 'x'".to_owned(), "config.toml: `models.m.provider` has to be set"),
        (
            model("temperature = 2.5"),
            "config.toml: `models.m.temperature` is 2.5: must be between 0 and 2",
        ),
        (
            model("input_price = nan\noutput_price = 1"),
            "config.toml: `models.m.input_price` is NaN: must be between 0 and 100000",
        ),
        (
            model("input_price = 1"),
            "config.toml: `models.m.output_price` has to be set, as `input_price` is",
        ),
        (
            model("context_tokens = 10\nmax_output_tokens = 11"),
            "config.toml: `models.m.max_output_tokens` is 11: must be at most \
             `models.m.context_tokens`, which is 10 \
             | lower `models.m.max_output_tokens` or raise `models.m.context_tokens`",
        ),
        (
            "[model]\ndefault = 'x'".to_owned(),
            "config.toml: `model.default` has the unknown name `x`: known are none",
        ),
        (
            model("[models.large]\nprovider = 'openai'\nid = 'y'\n[model]\ndefault = 'lagre'"),
            "config.toml: `model.default` has the unknown name `lagre`: known are large, m \
             | did you mean `large`?",
        ),
    ];
    for bad in [
        "",
        "127.0.0.1:8080",
        "ftp://a",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "http://:80",
        "https://user:secret@host",
        "https://host?key=1",
        "https://host#x",
        "https://ho st",
        "https://host\n",
        "HTTPS://host",
    ] {
        cases.push((with_address(bad), address));
    }
    for (text, expected) in cases {
        assert_eq!(error(&text), expected, "of {text}");
    }
}
