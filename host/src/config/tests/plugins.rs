//! What is set for tool plugins, by names of others.

use super::*;

#[test]
fn secrets_and_texts_of_plugins_have_names() {
    let text = "[plugins.github.secrets.token]\napi_key_env = 'GITHUB_TOKEN'\n\
                [plugins.github.secrets.other]\napi_key_cmd = 'pass show other'\n\
                [plugins.github.settings]\nendpoint = 'https://x'\nempty = ''\n\
                [plugins.not-installed.secrets.a]\napi_key_file = '/etc/a.key'\n";
    let plugins = load(text).unwrap().plugins;
    let secrets = [
        ("other".to_owned(), KeySource::Command("pass show other".to_owned())),
        ("token".to_owned(), KeySource::Variable("GITHUB_TOKEN".to_owned())),
    ];
    let settings = [("endpoint", "https://x"), ("empty", "")];
    let settings = settings.map(|it| (it.0.to_owned(), it.1.to_owned()));
    let github = PluginConfig { secrets: secrets.into(), settings: settings.into() };
    assert_eq!(plugins["github"], github);
    let file = [("a".to_owned(), KeySource::File("/etc/a.key".into()))];
    assert_eq!(plugins["not-installed"].secrets, file.into());
    assert_eq!(built_in().plugins.len(), 0);
    let shown = format!("{:?}", plugins["github"]);
    assert!(!shown.contains("pass show"), "{shown}");
}

#[test]
fn the_upper_layer_says_where_a_secret_is() {
    let source =
        |layers: &Layers| Config::load(layers).unwrap().plugins["github"].secrets["token"].clone();
    let command = of_user("[plugins.github.secrets.token]\napi_key_cmd = 'pass show github'");
    assert_eq!(source(&command), KeySource::Command("pass show github".to_owned()));
    let variable = "HERMITAGE_PLUGINS__GITHUB__SECRETS__TOKEN__API_KEY_FILE";
    let over = Layers { environment: vec![(variable.into(), "/x".into())], ..command };
    assert_eq!(source(&over), KeySource::File("/x".into()));
}

#[test]
fn a_file_is_looked_for_beside_the_one_that_names_it() {
    let text = "[plugins.a.secrets.b]\napi_key_file = 'b.key'";
    let source = Source {
        name: "config.toml".to_owned(),
        text: text.to_owned(),
        dir: "/home/me/.config".into(),
    };
    let layers = Layers { user: Some(source), ..Layers::default() };
    let file = KeySource::File("/home/me/.config/b.key".into());
    assert_eq!(Config::load(&layers).unwrap().plugins["a"].secrets["b"], file);
}

#[test]
fn what_is_wrong_with_a_secret_names_its_key() {
    let secret = |more: &str| format!("[plugins.a.secrets.b]\n{more}");
    for (text, expected) in [
        (
            secret("api_key = 'sk-1'"),
            "config.toml: unknown key `plugins.a.secrets.b.api_key` \
             | known here are api_key_cmd, api_key_env, api_key_file",
        ),
        (
            secret("api_key_env = 'sk-proj-1'"),
            "config.toml: `plugins.a.secrets.b.api_key_env` must be the name of a variable, \
             not the key itself",
        ),
        (
            secret("api_key_cmd = ' '"),
            "config.toml: `plugins.a.secrets.b.api_key_cmd` must be a program with its arguments",
        ),
        (
            secret("api_key_env = 'A'\napi_key_file = 'b'"),
            "config.toml: `plugins.a.secrets.b.api_key_env` and \
             `plugins.a.secrets.b.api_key_file` can't both be set",
        ),
        (
            "[plugins.a]\nsecret = 1".to_owned(),
            "config.toml: unknown key `plugins.a.secret` | did you mean `plugins.a.secrets`?",
        ),
        (
            "[plugins.a.settings]\nb = 1".to_owned(),
            "config.toml: `plugins.a.settings.b` is a whole number: must be a text",
        ),
        (
            "[plugins.a.settings]\nB = 'x'".to_owned(),
            "config.toml: `plugins.a.settings.B` is no name: 1 to 64 of `a-z`, `0-9`, `_` and \
             `-` are",
        ),
        (
            "[plugins.A.settings]\nb = 'x'".to_owned(),
            "config.toml: `plugins.A` is no name: 1 to 64 of `a-z`, `0-9`, `_` and `-` are",
        ),
    ] {
        assert_eq!(error(&text), expected, "of {text}");
    }
}

#[test]
fn a_project_says_nothing_of_plugins() {
    for text in [
        "[plugins.a.secrets.b]\napi_key_env = 'HOME'",
        "[plugins.a.secrets.b]\napi_key_file = 'x'",
        "[plugins.a.settings]\nb = 'x'",
    ] {
        let project = Source {
            name: ".hermitage.toml".to_owned(),
            text: text.to_owned(),
            dir: "/work".into(),
        };
        let err =
            Config::load(&Layers { project: Some(project), ..Layers::default() }).unwrap_err();
        assert!(matches!(err, ConfigError::Widens { .. }), "{text}: {err}");
    }
}
