//! `hermitage doctor`: what works on this machine, and what would make the
//! rest work.

use std::path::Path;

use hermitage_build::toolchain_of;
use serde::Serialize;

use super::{
    Exit,
    args::{Doctor, Global},
    error::CliError,
    output::{self, plural},
    setup::{Setup, block_on, checkout, layers},
};
use crate::{
    completion::sanitize::clean_line,
    config::{Config, ConfigError, KeySource, Layers, Loaded},
    host::models,
    mcp::Server,
    provider::{self, Model},
    store::Store,
    tools::terminal::{SandboxKind, probe},
};

/// Characters of a line: parts of it come from other programs.
const MAX_LINE_CHARS: usize = 500;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Works,
    /// Not set up; nothing is wrong with that.
    Absent,
    /// Set up, or needed, and does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    what: String,
    state: State,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Finding {
    fn new(what: impl Into<String>, state: State, text: impl Into<String>) -> Self {
        Self { what: what.into(), state, text: text.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn line(&self) -> String {
        let mark = match self.state {
            State::Works => '✓',
            State::Absent => '–',
            State::Broken => '✗',
        };
        let clean = |it: &str| clean_line(it, MAX_LINE_CHARS);
        format!("{mark} {:<14} {}", clean(&self.what), clean(&self.text))
    }
}

pub(super) fn doctor(global: &Global, args: &Doctor) -> Result<Exit, CliError> {
    let (config, configuration) = configuration(global, args)?;
    let setup = Setup::with(global, config);
    let others = block_on(findings(&setup, args))?;
    let findings: Vec<Finding> = configuration.into_iter().chain(others).collect();
    if args.json {
        output::json(&findings)?;
    } else {
        output::result(&text(&findings))?;
    }
    let is_broken = findings.iter().any(|it| it.state == State::Broken);
    Ok(if is_broken { Exit::NotCompleted } else { Exit::Completed })
}

/// What is set, and what is wrong with it; then the rest is looked at with the
/// built-in values.
fn configuration(global: &Global, args: &Doctor) -> Result<(Config, Vec<Finding>), CliError> {
    const WHAT: &str = "configuration";
    let broken = |text: String, hint: Option<String>| Finding {
        hint,
        ..Finding::new(WHAT, State::Broken, text)
    };
    let loaded = match layers(global, Some(&args.workspace)) {
        Ok(layers) => Loaded::load(&layers),
        // It can't even be read.
        Err(err) => return Ok((built_in()?, vec![broken(err.text(), None)])),
    };
    match loaded {
        Ok(loaded) => {
            let finding = Finding::new(WHAT, State::Works, "every layer is right");
            Ok((loaded.config, vec![finding]))
        }
        Err(errors) => {
            let all = [*errors.first].into_iter().chain(errors.rest);
            let finding = |it: ConfigError| {
                let error = CliError::from(it);
                broken(error.text(), error.how())
            };
            let mut findings: Vec<Finding> = all.map(finding).collect();
            let rest = "the rest is looked at with the built-in values";
            findings.push(Finding::new(WHAT, State::Absent, rest));
            Ok((built_in()?, findings))
        }
    }
}

fn built_in() -> Result<Config, CliError> {
    Ok(Config::load(&Layers::default())?)
}

fn text(findings: &[Finding]) -> String {
    let hint = |it: &Finding| Some(format!("{:17}hint: {}", "", it.hint.as_ref()?));
    let lines = findings.iter().flat_map(|it| [Some(it.line()), hint(it)]);
    lines.flatten().collect::<Vec<_>>().join("\n")
}

async fn findings(setup: &Setup, args: &Doctor) -> Vec<Finding> {
    let config = &setup.config;
    let mut res = vec![store(setup).await];
    res.push(cells(setup));
    res.push(tool_chain());
    res.extend(terminal(config).await);
    res.push(commands(setup, &args.workspace).await);
    res.push(search(config));
    for server in config.toolsets.values() {
        res.push(mcp_server(setup, server).await);
    }
    res.extend(model_findings(config, args.ask).await);
    res
}

/// Opening it creates it, so it is not opened when nobody has used it yet.
async fn store(setup: &Setup) -> Finding {
    let broken = |err: CliError| Finding::new("store", State::Broken, err.text());
    match setup.store_file() {
        Some(file) => match Store::is_at(&file) {
            Ok(true) => match setup.store().await {
                Ok(_) => Finding::new("store", State::Works, file.display().to_string()),
                Err(err) => broken(err),
            },
            Ok(false) => {
                let text = format!("{}: the first delegation makes it", file.display());
                Finding::new("store", State::Absent, text)
            }
            Err(err) => broken(err.into()),
        },
        None => Finding::new("store", State::Broken, "there is no directory for it")
            .hint("set `HOME`, or name a file with `--store`"),
    }
}

fn cells(setup: &Setup) -> Finding {
    let sandbox = &setup.config.sandbox;
    match setup.sandbox() {
        Ok(_) => {
            let (cells, mib) = (sandbox.max_live_cells, sandbox.memory_bytes >> 20);
            Finding::new("cells", State::Works, format!("{cells} at a time, of {mib} MiB each"))
        }
        Err(err) => {
            Finding::new("cells", State::Broken, err.text()).hint("lower `sandbox.max_live_cells`")
        }
    }
}

/// Only building components from source needs one.
fn tool_chain() -> Finding {
    let dir = checkout().map(|it| it.join("plugins"));
    match toolchain_of(dir.as_deref().unwrap_or(Path::new("."))) {
        Ok(text) => Finding::new("tool chain", State::Works, text),
        Err(err) => {
            let finding = Finding::new("tool chain", State::Absent, err.to_string());
            Finding { hint: err.hint(), ..finding }
        }
    }
}

async fn terminal(config: &Config) -> Vec<Finding> {
    let kinds = probe(&config.tools.terminal).await;
    let any_works = kinds.iter().any(|it| it.1.is_ok());
    let finding = |(kind, res): (SandboxKind, Result<String, String>)| match res {
        Ok(text) => {
            let without = kind.differences().map(|it| format!("; commands have {it}"));
            Finding::new(kind.to_string(), State::Works, text + &without.unwrap_or_default())
        }
        Err(why) => {
            let state = if any_works { State::Absent } else { State::Broken };
            Finding::new(kind.to_string(), state, why)
        }
    };
    kinds.into_iter().map(finding).collect()
}

/// What a command of a child gets in this workspace.
async fn commands(setup: &Setup, workspace: &Path) -> Finding {
    match setup.terminal(workspace).await {
        Ok(terminal) => {
            let config = &setup.config.tools.terminal;
            let named = config.path.iter().chain(&config.read_only).map(|it| it.display());
            let seen = terminal.tool_chains().iter().filter(|it| it.1.is_ok());
            let seen = seen.map(|it| it.0.name().to_owned()).chain(named.map(|it| it.to_string()));
            let seen: Vec<String> = seen.collect();
            let text = match seen.is_empty() {
                true => "no tool chain of yours".to_owned(),
                false => format!("{}, read-only", seen.join(", ")),
            };
            let text = format!("in {}; besides the system they see {text}", terminal.kind());
            let left_out = terminal.tool_chains().iter().find_map(|(it, res)| {
                Some(format!("`{}` is left out: {}", it.name(), res.as_ref().err()?))
            });
            Finding { hint: left_out, ..Finding::new("commands", State::Works, text) }
        }
        Err(text) => {
            let (text, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
            let hint = Some(hint.to_owned()).filter(|it| !it.is_empty());
            Finding { hint, ..Finding::new("commands", State::Broken, text) }
        }
    }
}

/// Starts it, if it may be called.
async fn mcp_server(setup: &Setup, server: &Server) -> Finding {
    let what = format!("toolset {}", server.name);
    let how = format!("`hermitage tool allow {}` shows its tools and asks", server.name);
    let toolset = match setup.server(server) {
        Ok(it) => it,
        Err(err) => {
            let how = err.how().unwrap_or(how);
            return Finding::new(what, State::Broken, err.text()).hint(how);
        }
    };
    match setup.check(&toolset).await {
        Ok(()) => {
            let (count, s) = plural(toolset.approval.tools.len());
            Finding::new(what, State::Works, format!("{count} tool{s} of an MCP server"))
        }
        Err(why) => Finding::new(what, State::Broken, why).hint(how),
    }
}

fn search(config: &Config) -> Finding {
    match &config.tools.search {
        Some(search) => Finding::new("web search", State::Works, search.url.to_string()),
        None => Finding::new("web search", State::Absent, "no search engine is configured")
            .hint("set `tools.web.search_url`"),
    }
}

async fn model_findings(config: &Config, ask: bool) -> Vec<Finding> {
    let models = models(config);
    let mut all: Vec<_> = models.all().collect();
    // One that is named as `PROVIDER/ID` is in no list.
    if let Ok(Some(default)) = models.find(None)
        && all.iter().all(|it| it.name != default.name)
    {
        all.push(default);
    }
    if all.is_empty() {
        let hint = "set `[models.NAME]` and `model.default`, or name one with `--model`";
        return vec![Finding::new("models", State::Absent, "none is configured").hint(hint)];
    }
    let mut res = Vec::new();
    for model in all {
        res.push(model_finding(config, &model, ask).await);
    }
    res
}

async fn model_finding(config: &Config, model: &Model, ask: bool) -> Finding {
    let what = format!("model {}", model.name);
    let text = format!("`{}` of provider `{}`", model.id, model.provider_name);
    let key = config.providers.get(&model.provider_name).and_then(|it| it.key.as_ref());
    if let Some(KeySource::Variable(name)) = key
        && std::env::var_os(name).is_none_or(|it| it.is_empty())
    {
        return Finding::new(what, State::Broken, format!("{text}: `{name}` is not set"))
            .hint("export it before the host starts");
    }
    if let Err(err) = model.provider.check() {
        return Finding::new(what, State::Broken, err.to_string());
    }
    if !ask {
        return Finding::new(what, State::Works, format!("{text}, not asked"))
            .hint("`--ask` asks each model for one token");
    }
    match provider::check(model).await {
        Ok(text) => Finding::new(what, State::Works, text),
        Err(err) => Finding::new(what, State::Broken, err.to_string()),
    }
}
