//! `hermitage plugin check`: whether plugins are whole, load on this machine,
//! and are still what was agreed to.

use std::fs::File;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    look::{describe_now, refused},
    sheet::line,
};
use crate::{
    boundary::SecretAsk,
    cli::{
        Exit,
        args::{Global, plugin::Check},
        error::CliError,
        output::{self, plural, say},
        setup::{Setup, block_on},
    },
    config::KeySource,
    plain_file,
    plugin::{Approval, Manifest, installed::InstalledPlugin},
    sandbox::{Binary, Sandbox},
    secret::{COMMAND_TIMEOUT, Source},
    tools::web::Credential,
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
        match (found, found.and_then(|it| missing(it, ask))) {
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

/// Why a secret can't be sent, as far as that can be told without running
/// anything: a command may ask the person something.
fn missing(source: &KeySource, ask: &SecretAsk) -> Option<String> {
    let source = match source {
        KeySource::Variable(name) => Source::Variable(name.clone()),
        KeySource::File(path) => Source::File(path.clone()),
        KeySource::Command(_) => return None,
    };
    let read = block_on(async { source.read(COMMAND_TIMEOUT).await });
    let secret = match read {
        Ok(Ok(secret)) => secret,
        Ok(Err(err)) => return Some(format!("can't be had: {}", first_line(&err))),
        Err(err) => return Some(err.text()),
    };
    let credential = Credential::new(&ask.header, &ask.format, secret, ask.audience.clone());
    credential.err().map(|err| format!("can't be sent: {}", first_line(&err)))
}

/// Without the hint behind it: what to do stands below the finding.
fn first_line(error: &dyn std::error::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
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
