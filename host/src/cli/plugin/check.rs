//! `hermitage plugin check`: whether plugins are whole, load on this machine,
//! and are still what was agreed to.

use std::fs::File;

use schemars::JsonSchema;
use serde::Serialize;

use super::{look::describe_now, sheet::line};
use crate::{
    cli::{
        Exit,
        args::{Global, plugin::Check},
        error::CliError,
        output::{self, say},
        setup::Setup,
    },
    plain_file,
    plugin::{Approval, installed::InstalledPlugin},
    sandbox::Binary,
};

/// What was found of one plugin.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Finding {
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
    let findings: Vec<Finding> = names.iter().map(|it| finding(&setup, it)).collect();
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

fn finding(setup: &Setup, name: &str) -> Finding {
    let plugin = name.to_owned();
    match found(setup, name) {
        Ok(text) => Finding { plugin, works: true, text, hint: None },
        Err(err) => Finding { plugin, works: false, text: err.text(), hint: err.how() },
    }
}

/// Everything that a host looks at before it calls the plugin, and what it
/// doesn't.
fn found(setup: &Setup, name: &str) -> Result<String, CliError> {
    let Some(installed) = setup.installed()?.get(name)? else {
        let error = anyhow::anyhow!("no plugin `{name}` is installed");
        return Err(CliError::usage(error).hint("`hermitage plugin list` shows what there is"));
    };
    let component = component(setup, &installed)?;
    let InstalledPlugin { approval, manifest, .. } = installed;
    let described = describe_now(setup, &manifest, &component)?;
    let described = described.map_err(|it| super::look::refused(&manifest, it))?;
    // Its name and its words are the approval's.
    let now = Approval::of(&manifest, None, described.tools, &component, 0.0);
    let changes = Approval { manifest: approval.manifest, ..now }.changes(&approval);
    if let Some(change) = changes.first() {
        let error = anyhow::anyhow!("it is not what was approved: {change}");
        return Err(again(error));
    }
    let count = approval.tools.len();
    Ok(format!("{} whole, and loads; tools: {count}", approval.version))
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
