//! `hermitage run` and `hermitage quickstart`: a request, its children, and
//! what came of them.

use std::{io, path::Path, sync::Arc, time::Duration};

use anyhow::anyhow;

use super::{
    Exit,
    args::{self, Common, Global, names},
    background::{self, detached},
    error::CliError,
    lost,
    outcome::{self, Form},
    output::{plural, say},
    progress::{Display, REDRAW, Verbosity},
    screen::Screen,
    setup::{Setup, block_on},
    signals::Signals,
};
use crate::{
    completion::sanitize::clean_line,
    config,
    delegation::{
        Dispatched, Limits, NotLoaded, Prepared, Request, RequestError, Resume, STRANGERS_TOOLSET,
        Stopper, TaskRequest, Work, WrittenBy,
    },
    event::CompletionEvent,
    host::Host,
    plain_file,
    plugin::bundled::DEFAULT_AGENT,
    provider::Model,
    session::Session,
    tools::{self, code_execution::ExecuteCode, terminal::Terminal},
    toolset::{Grant, HeldBy, Tool as _, ToolId},
};

/// Characters of a note: parts of it can come from a damaged file.
const MAX_NOTE_CHARS: usize = 500;

/// How long children may go on after Ctrl-C: the command ends within a
/// second. A second Ctrl-C ends them at once.
const CTRL_C_GRACE: Duration = Duration::from_millis(500);

/// The bundled agents, and what each is asked to do.
const QUICKSTART: [(&str, &str); 3] = [
    ("survey", "Survey this directory"),
    ("todos", "List what is marked as left to do"),
    ("links", "Check the relative links in Markdown files"),
];

pub(super) fn quickstart(global: &Global, args: args::Quickstart) -> Result<Exit, CliError> {
    let task = |(agent, goal): (&str, &str)| TaskRequest {
        goal: goal.to_owned(),
        agent: Some(agent.to_owned()),
        ..TaskRequest::default()
    };
    let request = Request {
        tasks: QUICKSTART.into_iter().map(task).collect(),
        toolsets: Some(vec![STRANGERS_TOOLSET.to_owned()]),
        written_by: WrittenBy::Application,
        ..Request::default()
    };
    delegate(global, request, &args.dir, &args.common, By::Command)
}

/// Who runs the children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// This command, which waits for them.
    Command,
    /// This process, which a command has started and does not wait for.
    Detached,
    /// The service.
    Service,
}

/// `is_detached` when another command has started this one.
pub(super) fn run(global: &Global, args: args::Run, is_detached: bool) -> Result<Exit, CliError> {
    if args.goal.is_none() && args.tasks.is_none() {
        return Err(RequestError::Nothing.into());
    }
    let by = match (args.background, is_detached) {
        (false, _) => By::Command,
        (true, true) => By::Detached,
        (true, false) if background::is_for_the_service(global, &args)? => By::Service,
        (true, false) => return detached::start(&args),
    };
    let tasks = args.tasks.as_deref().map(read_tasks).transpose()?;
    let request = Request {
        goal: args.goal,
        tasks: tasks.unwrap_or_default(),
        context: args.context,
        toolsets: args.toolsets.as_deref().map(names),
        agent: args.agent.or_else(|| Some(DEFAULT_AGENT.to_owned())),
        role: args.role.map(Into::into),
        model: args.model,
        output_schema: args.output_schema.as_deref().map(read_schema).transpose()?,
        max_iterations: args.max_iterations,
        as_parent: args.as_parent,
        background: args.background,
        written_by: WrittenBy::Application,
        strict: args.strict,
        resume: args.no_resume.then_some(Resume::Off),
        ..Request::default()
    };
    delegate(global, request, &args.workspace, &args.common, by)
}

fn read_tasks(file: &Path) -> Result<Vec<TaskRequest>, CliError> {
    let (name, text) = read(file)?;
    TaskRequest::list_from_json(&text).map_err(|it| CliError::from(it).context(name))
}

fn read_schema(file: &Path) -> Result<serde_json::Value, CliError> {
    let (name, text) = read(file)?;
    serde_json::from_str(&text)
        .map_err(|it| CliError::usage(it).context(format!("{name} is no JSON")))
}

/// Bytes of a file of tasks, or of a schema. Bounds one without an end.
const MAX_INPUT_BYTES: u64 = 16 << 20;

/// The name for people, and the text.
fn read(file: &Path) -> Result<(String, String), CliError> {
    let is_stdin = file == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { format!("`{}`", file.display()) };
    let bytes = if is_stdin {
        plain_file::bytes(io::stdin(), MAX_INPUT_BYTES)
    } else {
        plain_file::open_or_pipe(file).and_then(|it| plain_file::bytes(it, MAX_INPUT_BYTES))
    };
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8 text");
    match bytes.and_then(|it| String::from_utf8(it).map_err(no_text)) {
        // Editors of Windows begin a text with a mark that is none of it.
        Ok(text) => Ok((name, text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())),
        Err(err) => Err(CliError::usage(err).context(format!("{name} can't be read"))),
    }
}

/// Checks everything, and only then starts anything.
fn delegate(
    global: &Global,
    request: Request,
    workspace: &Path,
    common: &Common,
    by: By,
) -> Result<Exit, CliError> {
    let mut setup = Setup::new(global, Some(workspace))?;
    if let Some(seconds) = common.timeout {
        setup.config.delegation.child_timeout =
            config::option(&Limits::child_timeout, seconds, "`--timeout`")?;
    }
    setup.config.workspace.allow_home |= common.allow_home;
    setup.no_commands = !may_run_commands(&request);
    let screen = Screen::new();
    let event = block_on(async {
        let host = setup.host(workspace, common.ephemeral, &screen).await?;
        if !common.quiet {
            tell_recovered(&host).await;
        }
        // What the person wrote is looked at before what is set up, and both
        // before anything is built.
        host.check(&Session::Local, &request)?;
        require_model(&request, setup.config.default_model.as_deref())?;
        let prepared = host.prepare(&Session::Local, request.clone()).await?;
        require_keys(&setup, prepared.works())?;
        let (prepared, signals) = looked_at(&host, prepared, common).await?;
        match by {
            By::Command => watch(&host, prepared, signals, common, screen).await.map(Some),
            By::Detached => {
                let log = setup.log_of_background()?;
                detached::go_on(&host, prepared, signals, &log).await.map(|()| None)
            }
            By::Service => {
                let handed = background::hand_over(&setup, global, request, workspace, common);
                handed.await.map(|()| None)
            }
        }
    })??;
    let Some(event) = event else { return Ok(Exit::Completed) };
    outcome::tell(&event, form(common))?;
    Ok(outcome::exit_of(&event))
}

/// Tools that work in the sandbox of commands.
const COMMANDS: [&str; 2] = [Terminal::NAME, ExecuteCode::NAME];

/// Whether somebody could be granted commands. Names that the program does not
/// bring along may be anybody's.
fn may_run_commands(request: &Request) -> bool {
    let bundled = tools::bundled();
    let is_in = |names: &[String]| match bundled.expand(names) {
        Ok(grant) => grant.names().iter().any(|it| COMMANDS.contains(it)),
        Err(_) => true,
    };
    let may = |own: Option<&Vec<String>>| {
        own.or(request.toolsets.as_ref()).is_none_or(|names| is_in(names))
    };
    match request.tasks.as_slice() {
        [] => may(None),
        tasks => tasks.iter().any(|it| may(it.toolsets.as_ref())),
    }
}

/// Says that an earlier command did not get as far as its report.
async fn tell_recovered(host: &Host) {
    lost::tell(host.store()).await;
    let recovered = host.recovered();
    if !recovered.units.is_empty() {
        let (count, s) = plural(recovered.units.len());
        say(&format!("note: {count} earlier delegation{s} ended with a host that is gone"));
        say("hint: see `hermitage events --pending`");
    }
    for row in &recovered.corrupt {
        let text = format!("note: {} was set aside: {}", row.row, row.why);
        say(&clean_line(&text, MAX_NOTE_CHARS));
    }
}

/// Loads every component before the first child starts, so that a file which
/// is no component is one line and not the report of a batch.
async fn refuse_strangers(host: &Host, prepared: &mut Prepared) -> Result<(), CliError> {
    let Err((index, err)) = host.load(prepared).await else { return Ok(()) };
    let works = prepared.works();
    let name = works.get(index).map(|it| it.task.asked.agent.as_deref().unwrap_or(&it.agent));
    let name = clean_line(name.unwrap_or_default(), MAX_NOTE_CHARS);
    let err = match err {
        NotLoaded::Refused(err) => CliError::refused(&name, err),
        err => CliError::host(err).context(format!("`{name}`")).hint("`--timeout` gives it more"),
    };
    Err(err.in_task(index, works.len()))
}

/// Says what children will find missing: tools that this host has not, and
/// such that a component imports and was not granted.
async fn tell_missing(host: &Host, prepared: &Prepared) -> Result<(), CliError> {
    let note = |text: &str| say(&format!("note: {}", clean_line(text, MAX_NOTE_CHARS)));
    prepared.notes().iter().for_each(|it| note(it));
    let plans = host.delegator().plans(prepared).await;
    // They were loaded a moment ago.
    let plans = plans.map_err(|(_, err)| CliError::host(err))?;
    let mut told: Vec<(&str, Grant)> = Vec::new();
    for (work, plan) in prepared.works().iter().zip(&plans) {
        let missing = host.delegator().withheld_by_grant(work, plan);
        let this = (work.agent.as_str(), missing);
        if this.1 != Grant::default() && !told.contains(&this) {
            let (agent, missing) = &this;
            note(&format!("`{agent}` imports what it was not granted, and is denied: {missing}"));
            say(&format!("hint: {}", grants(work.task.policy.grant(), missing)));
            told.push(this);
        }
    }
    Ok(())
}

/// The option that would grant these tools besides those that were.
fn grants(granted: &Grant, missing: &Grant) -> String {
    let by_role = |it: &ToolId| it.held_by() == HeldBy::Orchestrator;
    let (role, toolsets): (Vec<ToolId>, Vec<ToolId>) = missing.iter().partition(by_role);
    let held = granted.iter().filter(|it| !by_role(it));
    let mut names: Vec<&str> = Vec::new();
    for name in held.chain(toolsets.iter().copied()).map(ToolId::toolset) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // All of it is in the other one.
    if names.contains(&"file") {
        names.retain(|it| *it != STRANGERS_TOOLSET);
    }
    let toolsets = (!toolsets.is_empty()).then(|| format!("`--toolsets {}`", names.join(",")));
    let role = (!role.is_empty()).then(|| "`--role orchestrator`".to_owned());
    let options: Vec<String> = toolsets.into_iter().chain(role).collect();
    format!("{} would grant it", options.join(" and "))
}

/// The default agent does nothing without a model, and a person who named
/// neither should hear of it before anything is built or started.
fn require_model(request: &Request, default: Option<&str>) -> Result<(), CliError> {
    let is_without = |agent: Option<&String>, model: Option<&String>| {
        agent.or(request.agent.as_ref()).is_some_and(|it| it == DEFAULT_AGENT)
            && model.or(request.model.as_ref()).is_none()
    };
    let any = match request.tasks.as_slice() {
        [] => is_without(None, None),
        tasks => tasks.iter().any(|it| is_without(it.agent.as_ref(), it.model.as_ref())),
    };
    if !any || default.is_some() {
        return Ok(());
    }
    let error = anyhow!("`{DEFAULT_AGENT}` asks a language model, and none is configured");
    let hint = "set `model.default` in the configuration, or try `--model openai/MODEL` with \
                `OPENAI_API_KEY`; or name another agent with `--agent`; `hermitage doctor` shows \
                what there is";
    Err(CliError::usage(error).hint(hint))
}

/// Its model is of no use when it can't be asked as it is configured, or
/// without its key; both can be seen before anything starts.
fn require_keys(setup: &Setup, works: &[Work]) -> Result<(), CliError> {
    let thinking = works.iter().filter(|it| it.agent == DEFAULT_AGENT);
    for model in thinking.filter_map(|it| it.model.as_deref()) {
        let Model { name, provider_name, provider, .. } = model;
        provider.check().map_err(|it| {
            let hint =
                format!("mend `[providers.{provider_name}]`, or choose another with `--model`");
            CliError::usage(it).hint(hint)
        })?;
        if let Some(variable) = setup.missing_key(provider_name) {
            let error = anyhow!("the model `{name}` needs the key of `{provider_name}`");
            return Err(CliError::usage(error).hint(format!("set `{variable}`, which holds it")));
        }
    }
    Ok(())
}

/// The last look before anything starts. Signals are listened for from here on.
async fn looked_at(
    host: &Host,
    mut prepared: Prepared,
    common: &Common,
) -> Result<(Prepared, Signals), CliError> {
    let mut signals = Signals::new()?;
    tokio::select! {
        biased;
        // Nothing is recorded yet, so there is nothing to report.
        () = signals.next() => return Err(CliError::interrupted()),
        refused = refuse_strangers(host, &mut prepared) => refused?,
    }
    if !common.quiet {
        tell_missing(host, &prepared).await?;
    }
    Ok((prepared, signals))
}

/// Runs the children while showing them and listening for signals.
async fn watch(
    host: &Host,
    prepared: Prepared,
    signals: Signals,
    common: &Common,
    screen: Screen,
) -> Result<CompletionEvent, CliError> {
    let total = prepared.works().len();
    let mut stopping = Stopping { signals, grace: None };
    let mut updates = host.subscribe();
    let mut running = match host.dispatch(prepared).await? {
        Dispatched::Foreground(running) => running,
        Dispatched::Background(_) => return Err(CliError::host(anyhow!("it does not wait"))),
    };
    let (id, live) = (running.handle().id(), Arc::clone(&running.handle().live));
    let stop = running.stopper();
    let mut display = Display::new(live, id, total, verbosity(common), screen);
    let mut redraw = tokio::time::interval(REDRAW);
    let event = loop {
        tokio::select! {
            event = running.wait() => break event,
            Ok(it) = updates.recv() => display.take(&it),
            () = stopping.stop(&stop) => display.stopping(),
            _ = redraw.tick() => display.redraw(),
        }
    };
    while let Ok(it) = updates.try_recv() {
        display.take(&it);
    }
    display.finish();
    event.ok_or_else(|| CliError::host(anyhow!("the host broke down: see `hermitage list`")))
}

/// Signals while children run: the first asks them to stop, the second ends
/// them.
struct Stopping {
    signals: Signals,
    grace: Option<tokio::time::Instant>,
}

impl Stopping {
    /// Waits for the next thing to do about it, and does it. Never ends once
    /// everything was done.
    async fn stop(&mut self, children: &Stopper) {
        let grace = self.grace;
        let grace_is_over = async {
            match grace {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.signals.next() => (),
            () = grace_is_over => (),
        }
        if self.grace.is_some() {
            children.interrupt_at_once();
        } else {
            children.interrupt();
        }
        self.grace = Some(tokio::time::Instant::now() + CTRL_C_GRACE);
    }
}

fn verbosity(common: &Common) -> Verbosity {
    match (common.quiet, common.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, false) => Verbosity::Usual,
        (false, true) => Verbosity::Verbose,
    }
}

fn form(common: &Common) -> Form {
    let Common { json, notice, quiet, ephemeral, .. } = *common;
    Form { json, notice, quiet, is_kept: !ephemeral }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_made_ready_for_who_could_run_them() {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let check = |common: Option<&str>, tasks: &[Option<&str>], expect: bool| {
            let task = |it: &Option<&str>| TaskRequest {
                toolsets: it.map(names),
                ..TaskRequest::default()
            };
            let request = Request {
                toolsets: common.map(names),
                tasks: tasks.iter().map(task).collect(),
                ..Request::default()
            };
            assert_eq!(may_run_commands(&request), expect, "{common:?} {tasks:?}");
        };
        check(None, &[], true);
        check(Some(""), &[], false);
        check(Some("file web"), &[], false);
        check(Some("file terminal"), &[], true);
        check(Some("code_execution"), &[], true);
        check(Some("execute_code"), &[], true);
        check(Some("a_strangers_toolset"), &[], true);
        check(Some("file"), &[None, Some("web")], false);
        check(Some("file"), &[None, Some("terminal")], true);
        check(None, &[Some("file")], false);
        check(None, &[Some("file"), None], true);
    }
}
