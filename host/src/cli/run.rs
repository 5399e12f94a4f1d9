//! `hermitage run` and `hermitage quickstart`: a request, its children, and
//! what came of them.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    Exit,
    args::{self, Common, Global, names},
    error::CliError,
    inspect::STRANGER_TOOLSET,
    output,
    progress::{Display, REDRAW},
    setup::{Setup, block_on},
};
use crate::{
    clock::{Clock as _, SystemClock},
    completion::text::render,
    config::setting::CHILD_TIMEOUT,
    delegation::{Delegation, Executor, Live, Request, TaskRequest, Work, request::TaskPlan},
    event::{CompletionEvent, ExitReason, Status},
    plugin,
    sandbox::{Interrupt, Sandbox},
    session::Session,
    tools::{Tools, file::FileTools},
};

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
        toolsets: Some(vec![STRANGER_TOOLSET.to_owned()]),
        ..Request::default()
    };
    delegate(global, request, &Place { workspace: &args.dir, strict: false }, &args.common)
}

pub(super) fn run(global: &Global, args: args::Run) -> Result<Exit, CliError> {
    let tasks = args.tasks.as_deref().map(read_tasks).transpose()?;
    let request = Request {
        goal: args.goal,
        tasks: tasks.unwrap_or_default(),
        context: args.context,
        toolsets: args.toolsets.as_deref().map(names),
        agent: args.agent,
        max_iterations: None,
    };
    let place = Place { workspace: &args.workspace, strict: args.strict };
    delegate(global, request, &place, &args.common)
}

fn read_tasks(file: &Path) -> Result<Vec<TaskRequest>, CliError> {
    let is_stdin = file == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { format!("`{}`", file.display()) };
    let text = if is_stdin { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    let text = text.map_err(|it| CliError::usage(it).context(format!("{name} can't be read")))?;
    TaskRequest::list_from_json(&text).map_err(|it| CliError::from(it).context(name))
}

/// Where the children work, and how strictly.
struct Place<'a> {
    workspace: &'a Path,
    strict: bool,
}

/// Checks everything, and only then starts anything.
fn delegate(
    global: &Global,
    request: Request,
    place: &Place<'_>,
    common: &Common,
) -> Result<Exit, CliError> {
    let mut setup = Setup::new(global)?;
    if let Some(seconds) = common.timeout {
        setup.config.delegation.child_timeout = CHILD_TIMEOUT.of(seconds, "`--timeout`")?;
    }
    let request = strangers_get_less(request);
    let (toolsets, context) = (request.toolsets.clone(), request.context.clone());
    let resolved = request.resolve(&setup.rules())?;
    let files = FileTools::open(place.workspace, setup.config.file.clone())?;
    let works = find_agents(&setup, resolved.tasks)?;
    let sandbox = setup.sandbox()?;
    let executor = setup.executor(&sandbox);
    let delegation = Delegation {
        id: executor.new_id(),
        session: Session::Local,
        works,
        toolsets,
        context,
        depth: 1,
        blocked: setup.blocked(),
        strict: place.strict,
        timeout: setup.config.delegation.child_timeout,
        tools: Arc::new(Tools::new(files)),
        notes: resolved.notes,
    };
    let event = block_on(watch(&sandbox, &executor, delegation))??;
    print(&event, common.json)?;
    Ok(exit_of(&event))
}

/// A component that was given by path gets the read-only toolset unless the
/// caller said more (semantics.md §3).
fn strangers_get_less(mut request: Request) -> Request {
    if request.toolsets.is_some() {
        return request;
    }
    let toolsets_of = |agent: Option<&String>| {
        let is_stranger = agent.is_some_and(|it| plugin::is_path(it));
        is_stranger.then(|| vec![STRANGER_TOOLSET.to_owned()])
    };
    for task in request.tasks.iter_mut().filter(|it| it.toolsets.is_none()) {
        task.toolsets = toolsets_of(task.agent.as_ref().or(request.agent.as_ref()));
    }
    // The single form has no other place for them.
    if request.tasks.is_empty() {
        request.toolsets = toolsets_of(request.agent.as_ref());
    }
    request
}

/// Finds the component of every task, building it when it is stale.
fn find_agents(setup: &Setup, tasks: Vec<TaskPlan>) -> Result<Vec<Work>, CliError> {
    let is_batch = tasks.len() > 1;
    let find = |(index, task): (usize, TaskPlan)| {
        let Some(agent) = &task.agent else {
            let known: Vec<String> =
                setup.library.names().iter().map(|it| format!("`{it}`")).collect();
            let who = if is_batch { format!("task {index}") } else { "the task".to_owned() };
            let error = CliError::usage(anyhow::anyhow!("{who} has no agent"));
            return Err(error.hint(format!("name one with `--agent`: {}", known.join(", "))));
        };
        let found = setup.find(agent)?;
        Ok(Work { agent: found.name, component: found.component, task })
    };
    tasks.into_iter().enumerate().map(find).collect()
}

/// Loads every component before the first child starts, so that a file which
/// is no component is one line and not the report of a batch. Compiling takes
/// time, so it gives up when nobody wants them any more.
async fn refuse_strangers(
    sandbox: &Sandbox,
    works: &[Work],
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    for work in works {
        let name = work.task.agent.as_deref().unwrap_or(&work.agent);
        tokio::select! {
            biased;
            () = interrupt.asked() => break,
            loaded = sandbox.load(&work.component) => {
                loaded.map_err(|err| CliError::refused(name, err))?;
            }
        }
    }
    Ok(())
}

/// Runs the children while showing them and listening for signals.
async fn watch(
    sandbox: &Sandbox,
    executor: &Executor,
    delegation: Delegation,
) -> Result<CompletionEvent, CliError> {
    let children = delegation.works.iter().map(|it| (it.task.goal.clone(), it.agent.clone()));
    let total = delegation.works.len();
    let (live, mut progress) = Live::new(children);
    let interrupt = Interrupt::new();
    let mut signals = Signals::new()?;
    let mut display = Display::new(Arc::clone(&live), total);
    let mut redraw = tokio::time::interval(REDRAW);
    let run = async {
        refuse_strangers(sandbox, &delegation.works, &interrupt).await?;
        Ok(executor.run(delegation, &live, &interrupt).await)
    };
    let mut run = std::pin::pin!(run);
    let res = loop {
        tokio::select! {
            res = &mut run => break res,
            Some(it) = progress.recv() => display.take(&it),
            () = signals.stop(&interrupt) => display.stopping(),
            _ = redraw.tick() => display.redraw(),
        }
    };
    while let Ok(it) = progress.try_recv() {
        display.take(&it);
    }
    display.finish();
    res
}

/// Ctrl-C and SIGTERM: the first asks, the second ends.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    grace: Option<tokio::time::Instant>,
}

impl Signals {
    fn new() -> Result<Self, CliError> {
        let listen = |kind| {
            let error = |it| CliError::host(it).context("signals can't be listened for");
            signal(kind).map_err(error)
        };
        let interrupt = listen(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: listen(SignalKind::terminate())?, grace: None })
    }

    /// Waits for the next thing to do about it, and does it. Never ends once
    /// everything was done.
    async fn stop(&mut self, children: &Interrupt) {
        let grace = self.grace;
        let grace_is_over = async {
            match grace {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
            () = grace_is_over => (),
        }
        if self.grace.is_some() {
            children.at_once();
        } else {
            children.ask();
        }
        self.grace = Some(tokio::time::Instant::now() + CTRL_C_GRACE);
    }
}

fn print(event: &CompletionEvent, json: bool) -> Result<(), CliError> {
    if json {
        return output::json(event);
    }
    output::result(render(event, SystemClock.now(), &TimeZone::system()).trim_end())
}

fn exit_of(event: &CompletionEvent) -> Exit {
    let all = |reason| event.results.iter().all(|it| it.exit_reason == reason);
    if event.results.iter().any(|it| it.status == Status::Interrupted) {
        Exit::Interrupted
    } else if event.results.iter().all(|it| it.status == Status::Completed) {
        Exit::Completed
    } else if all(ExitReason::Refused) {
        Exit::Refused
    } else {
        Exit::NotCompleted
    }
}
