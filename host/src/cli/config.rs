//! `hermitage config`: what the configuration is and why, and what is wrong
//! with it.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use serde::Serialize;

use super::{
    Exit,
    args::{Config, Global},
    error::CliError,
    output::{self, plural},
    setup::{layers, user_file},
};
use crate::{
    completion::sanitize::clean_line,
    config::{
        self, ConfigErrors, Layer, Layers, Loaded, Source,
        show::{Entry, to_toml},
    },
};

/// Characters of a line with the names of files.
const MAX_LINE_CHARS: usize = 1_000;

/// A value in JSON.
#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    value: &'a serde_json::Value,
    layer: &'static str,
    origin: &'a str,
}

pub(super) fn config(global: &Global, verb: Config) -> Result<Exit, CliError> {
    match verb {
        Config::Show { all, workspace, json } => {
            let layers = layers(global, Some(&workspace))?;
            show(Loaded::load(&layers), all, json)
        }
        Config::Check { file: Some(file), project, .. } => check(&alone(global, &file, project)?),
        Config::Check { file: None, workspace, .. } => check(&layers(global, Some(&workspace))?),
        Config::Schema => output::json(&config::schema()).map(|()| Exit::Completed),
    }
}

/// One file, without the environment; a project's lies over the user's own.
fn alone(global: &Global, file: &Path, project: bool) -> Result<Layers, CliError> {
    if !project {
        return Ok(Layers { user: Some(Source::read(file)?), ..Layers::default() });
    }
    let missing = || anyhow::anyhow!("there is no file `{}`", file.display());
    let project = Source::read_untrusted(file)?.ok_or_else(|| CliError::usage(missing()))?;
    Ok(Layers { user: user_file(global)?, project: Some(project), ..Layers::default() })
}

fn show(loaded: Result<Loaded, ConfigErrors>, all: bool, json: bool) -> Result<Exit, CliError> {
    let mut entries = match loaded {
        Ok(loaded) => loaded.entries,
        Err(errors) => return Ok(report(errors)),
    };
    entries.retain(|it| all || it.layer != Layer::BuiltIn);
    match (json, entries.is_empty()) {
        (true, _) => output::json(&entries.iter().map(line).collect::<Vec<_>>())?,
        (false, true) => output::result("# nothing is set: `--all` shows the built-in values")?,
        (false, false) => output::result(&to_toml(&entries))?,
    }
    Ok(Exit::Completed)
}

fn line(entry: &Entry) -> Line<'_> {
    let Entry { key, value, layer, origin } = entry;
    Line { key, value, layer: layer.name(), origin }
}

fn check(layers: &Layers) -> Result<Exit, CliError> {
    let loaded = match Loaded::load(layers) {
        Ok(loaded) => loaded,
        Err(errors) => return Ok(report(errors)),
    };
    let missing = missing(&loaded.config);
    if !missing.is_empty() {
        let exits = missing.into_iter().map(|it| it.report(false));
        return Ok(exits.last().unwrap_or(Exit::Usage));
    }
    let keys_of = |layer, name: &str| {
        let (count, s) = plural(loaded.entries.iter().filter(|it| it.layer == layer).count());
        format!("{count} key{s} from {name}")
    };
    let of_file = |layer, file: &Option<Source>| file.as_ref().map(|it| keys_of(layer, &it.name));
    let user = of_file(Layer::User, &layers.user);
    let project = of_file(Layer::Project, &layers.project);
    let is_set = loaded.entries.iter().any(|it| it.layer == Layer::Environment);
    let environment = is_set.then(|| keys_of(Layer::Environment, "the environment"));
    let parts: Vec<_> = user.into_iter().chain(project).chain(environment).collect();
    let parts = match parts.is_empty() {
        true => "nothing is set, so the built-in values hold".to_owned(),
        false => parts.join(", "),
    };
    output::result(&clean_line(&format!("ok: {parts}"), MAX_LINE_CHARS))?;
    Ok(Exit::Completed)
}

/// What is named and not there, so that no run could begin.
fn missing(config: &config::Config) -> Vec<CliError> {
    let terminal = &config.tools.terminal;
    let shown = terminal.read_only.iter().map(|it| ("tools.terminal.read_only".to_owned(), it));
    let path = terminal.path.iter().map(|it| ("tools.terminal.path".to_owned(), it));
    let cassettes = config.providers.iter().filter_map(|(name, it)| {
        Some((format!("providers.{name}.cassette"), it.cassette.as_ref()?))
    });
    let all = shown.chain(path).chain(cassettes);
    let lost = all.filter(|(_, path)| !path.exists());
    let error = |(key, path): (String, &PathBuf)| {
        CliError::usage(anyhow!("`{key}`: there is no `{}`", path.display()))
            .hint("make it, or take it out of the configuration")
    };
    lost.map(error).collect()
}

/// Every error with its hint.
fn report(errors: ConfigErrors) -> Exit {
    let exit = CliError::from(*errors.first).report(super::wants_json());
    for error in errors.rest {
        CliError::from(error).report(false);
    }
    exit
}
