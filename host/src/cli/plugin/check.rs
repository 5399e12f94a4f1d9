//! `hermitage plugin check`: whether plugins are whole, load on this machine,
//! and are still what was agreed to.

use std::{env, fs::File};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    look::{describe_now, refused},
    sheet::line,
};
use crate::{
    cli::{
        Exit,
        args::{Global, plugin::Check},
        error::CliError,
        output::{self, plural, say},
        setup::Setup,
    },
    config::KeySource,
    plain_file,
    plugin::{Approval, Manifest, installed::InstalledPlugin},
    sandbox::{Binary, Sandbox},
};

/// What was found of one plugin. `schema/plugin-check.json` describes it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Finding {
    /// Its name.
    plugin: String,
    /// Whether it can be called.
    works: bool,
    /// What was found, in words.
    text: String,
    /// How to mend it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

pub(super) fn check(global: &Global, verb: &Check) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let names = match verb.names.as_slice() {
        [] => setup.installed()?.names()?,
        named => named.to_vec(),
    };
    let sandbox = setup.sandbox()?;
    let findings: Vec<Finding> = names.iter().map(|it| finding(&setup, &sandbox, it)).collect();
    if verb.json {
        output::json(&findings)?;
    } else if findings.is_empty() {
        say("no tool plugin is installed: `hermitage plugin add PATH` adds one");
    } else {
        output::result(&findings.iter().flat_map(Finding::lines).collect::<Vec<_>>().join("\n"))?;
    }
    let works = findings.iter().all(|it| it.works);
    Ok(if works { Exit::Completed } else { Exit::NotCompleted })
}

fn finding(setup: &Setup, sandbox: &Sandbox, name: &str) -> Finding {
    let plugin = name.to_owned();
    match found(setup, sandbox, name) {
        Ok(text) => Finding { plugin, works: true, text, hint: None },
        Err(err) => Finding { plugin, works: false, text: err.text(), hint: err.how() },
    }
}

/// Everything that a host looks at before it calls the plugin, and what it
/// doesn't.
fn found(setup: &Setup, sandbox: &Sandbox, name: &str) -> Result<String, CliError> {
    let Some(installed) = setup.installed()?.get(name)? else {
        let error = anyhow::anyhow!("no plugin `{name}` is installed");
        return Err(CliError::usage(error).hint("`hermitage plugin list` shows what there is"));
    };
    let component = component(setup, &installed)?;
    let InstalledPlugin { approval, manifest, .. } = installed;
    let described = describe_now(sandbox, &manifest, &component)?;
    let described = described.map_err(|it| refused(&manifest, it))?;
    // Its name and its words are the approval's.
    let now = Approval::of(&manifest, None, described.tools, &component, 0.0);
    let changes = Approval { manifest: approval.manifest, ..now }.changes(&approval);
    if let Some(change) = changes.first() {
        let error = anyhow::anyhow!("it is not what was approved: {change}");
        return Err(again(error));
    }
    let secrets = secrets(setup, &manifest)?;
    let (count, s) = plural(approval.tools.len());
    Ok(format!("{} is whole and loads, with {count} tool{s}{secrets}", approval.version))
}

/// Of each secret that it asks for, whether it is there; none is read out.
fn secrets(setup: &Setup, manifest: &Manifest) -> Result<String, CliError> {
    let set = setup.config.plugins.get(&manifest.name).map(|it| &it.secrets);
    let mut res = String::new();
    for ask in &manifest.asks.secrets {
        let name = &ask.name;
        let found = set.and_then(|it| it.get(name));
        match (found, found.and_then(missing)) {
            (Some(_), None) => res.push_str(&format!("; its secret `{name}` is there")),
            (None, _) if !ask.required => {
                res.push_str(&format!("; it works without its secret `{name}`"));
            }
            (_, why) => {
                let why = why.unwrap_or_else(|| "is not set".to_owned());
                let error = anyhow::anyhow!("its secret `{name}` {why}");
                return Err(CliError::host(error).hint(how_to_set(&manifest.name, name)));
            }
        }
    }
    let is_asked = |it: &&String| !manifest.asks.secrets.iter().any(|ask| ask.name == **it);
    for strange in set.into_iter().flat_map(|it| it.keys()).filter(is_asked) {
        res.push_str(&format!("; `{strange}` is set and not asked for"));
    }
    Ok(res)
}

/// Why there is nothing at a place for a secret, as far as that can be told
/// without reading it: a command may ask the person something.
fn missing(source: &KeySource) -> Option<String> {
    match source {
        KeySource::Variable(it) => {
            let is_blank = env::var(it).unwrap_or_default().trim().is_empty();
            is_blank.then(|| format!("is to be in `{it}`, which is not set"))
        }
        KeySource::File(path) => {
            let opened = plain_file::open(path).err();
            opened.map(|err| format!("is to be in `{}`: {err}", path.display()))
        }
        KeySource::Command(_) => None,
    }
}

/// The lines that a person has to write.
pub(super) fn how_to_set(plugin: &str, secret: &str) -> String {
    format!(
        "set `api_key_env`, `api_key_cmd` or `api_key_file` of `[plugins.{plugin}.secrets.{secret}]` in the \
         configuration"
    )
}

/// The component, if it is the one that was agreed to.
fn component(setup: &Setup, installed: &InstalledPlugin) -> Result<Binary, CliError> {
    let path = &installed.component;
    let max_bytes = u64::try_from(setup.library.max_bytes).unwrap_or(u64::MAX);
    let read = |file: File| plain_file::bytes(file, max_bytes);
    let bytes = plain_file::open(path).and_then(read);
    let bytes = bytes.map_err(|it| CliError::host(it).context("its component can't be read"))?;
    let component = Binary::new(bytes);
    if *component.digest() != installed.approval.digest {
        return Err(again(anyhow::anyhow!("its component is not the one that was approved")));
    }
    Ok(component)
}

fn again(error: anyhow::Error) -> CliError {
    CliError::host(error).hint("add it again with `hermitage plugin add`, if you trust it")
}

impl Finding {
    fn lines(&self) -> Vec<String> {
        let mark = if self.works { '✓' } else { '✗' };
        let first = line("", &format!("{mark} {}: {}", self.plugin, self.text));
        let hint = self.hint.iter().map(|it| line("  ", &format!("hint: {it}")));
        [first].into_iter().chain(hint).collect()
    }
}
