//! `hermitage plugin test`: builds a plugin, and calls it in the sandbox as its
//! `tests.toml` says.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    look::{describe_now, refused},
    source::Offer,
};
use crate::{
    cli::{
        Exit,
        args::{Global, plugin::Test},
        error::CliError,
        output::{self, plural},
        setup::{Setup, block_on},
    },
    completion::sanitize::clean_line,
    config::{Config, Layers},
    host::Host,
    plugin::{
        Manifest, Plugin,
        cases::{self, Cases},
    },
    session::Session,
    toolset::ToolError,
};

/// Directories within directories of a workspace, and all of their files: one
/// for a test is small.
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 10_000;

/// Characters of a line: it quotes what the plugin answered.
const MAX_LINE_CHARS: usize = 1_000;

pub(super) fn test(global: &Global, verb: &Test) -> Result<Exit, CliError> {
    let cases = Cases::read(&verb.dir.join(cases::FILE)).map_err(CliError::usage)?;
    let setup = Setup::new(global, None)?;
    let mut offer = Offer::at(&setup, &verb.dir, None, None)?;
    let sandbox = setup.sandbox()?;
    let described = describe_now(&sandbox, &offer.manifest, &offer.component)?;
    let described = described.map_err(|it| refused(&offer.manifest, it))?;
    let mut judged = Vec::new();
    if cases.imports.is_some() {
        judged.push(("imports".to_owned(), cases.judge_imports(&described.imports)));
    }
    set(&mut offer.manifest, &cases)?;
    let plugin = Plugin::approved(&offer.manifest, &described, offer.component);
    let workspace = workspace(&cases, &verb.dir)?;
    let answers = block_on(answers(&setup, plugin, &cases, workspace.path()))??;
    let each = cases.cases.iter().zip(&answers);
    judged.extend(each.map(|(case, answer)| (case.title(), case.judge(answer))));
    report(&judged)
}

/// As if the person had set it.
fn set(manifest: &mut Manifest, cases: &Cases) -> Result<(), CliError> {
    for (name, value) in &cases.settings {
        let Some(ask) = manifest.asks.settings.iter_mut().find(|it| it.name == *name) else {
            let error =
                anyhow!("`{}` sets `{name}`, which the plugin does not ask for", cases::FILE);
            return Err(CliError::usage(error).hint("what it asks for stands in `plugin.toml`"));
        };
        ask.default = Some(value.clone());
    }
    Ok(())
}

/// The calls, each in a fresh instance, by a host that has nothing else.
async fn answers(
    setup: &Setup,
    plugin: Plugin,
    cases: &Cases,
    workspace: &Path,
) -> Result<Vec<Result<String, ToolError>>, CliError> {
    let name = plugin.name.clone();
    // The person's own configuration is no part of a test.
    let mut config = Config::load(&Layers::default())?;
    config.sandbox.cache_dir.clone_from(&setup.config.sandbox.cache_dir);
    let host = Host::builder().config(config).ephemeral().workspace(workspace).plugin(plugin);
    let host = host.build().await?;
    let parent = host.parent(&Session::Local);
    let mut answers = Vec::new();
    for case in &cases.cases {
        let tool = if case.tool == name { name.clone() } else { format!("{name}/{}", case.tool) };
        let arguments = Value::Object(case.arguments.clone()).to_string();
        answers.push(parent.call(&tool, &arguments).await);
    }
    host.shutdown().await;
    Ok(answers)
}

/// A copy, so that the next test finds what this one found.
fn workspace(cases: &Cases, dir: &Path) -> Result<TempDir, CliError> {
    let made = tempfile::tempdir().and_then(|to| {
        if let Some(from) = &cases.workspace {
            copy(&dir.join(from), to.path(), 0, &mut 0)?;
        }
        Ok(to)
    });
    made.map_err(|it| CliError::usage(it).context("the workspace of the tests can't be copied"))
}

fn copy(from: &Path, to: &Path, depth: usize, files: &mut usize) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other("its directories are too deep"));
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        *files = files.saturating_add(1);
        if *files > MAX_FILES {
            return Err(io::Error::other(format!("it has more than {MAX_FILES} files")));
        }
        // A link would lead out of the copy.
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy(&path, &target, depth.saturating_add(1), files)?;
        } else if entry.file_type()?.is_file() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// One line for each, and one for all.
fn report(judged: &[(String, Result<(), String>)]) -> Result<Exit, CliError> {
    for (title, outcome) in judged {
        let line = match outcome {
            Ok(()) => format!("ok    {title}"),
            Err(why) => format!("FAIL  {title}: {why}"),
        };
        output::result(&clean_line(&line, MAX_LINE_CHARS))?;
    }
    let failed = judged.iter().filter(|(_, outcome)| outcome.is_err()).count();
    let (count, s) = plural(judged.len());
    output::result(&format!("{count} test{s}, {failed} failed"))?;
    Ok(if failed == 0 { Exit::Completed } else { Exit::NotCompleted })
}
