//! `run --background`: a delegation that goes on without its command.
//!
//! The service runs it, one that is there or one that is started for it, where
//! it does exactly what this command would do. The command looks at everything
//! first, as every `run` does, so that what is wrong is told the same way.
//!
//! What the service can't do has a process of its own (`detached`): it is set
//! up with other settings, it would have to work as a parent or in the home
//! directory, or for longer than its configuration lets it.

pub(super) mod detached;

use std::{env, path::Path};

use super::{
    Exit,
    args::{Common, Global, Run},
    error::CliError,
    on_demand,
    output::{self, say},
    setup::Setup,
};
use crate::{
    delegation::Request,
    host::{Answer, Reply},
    plugin::is_path,
    serve::wire::{Dispatch, Dispatched, WhenFull},
};

/// Whether the service does what this command would do: the one that runs, or
/// one that is started with these settings.
pub(super) fn is_for_the_service(global: &Global, args: &Run) -> Result<bool, CliError> {
    if args.as_parent || args.common.allow_home || is_too_long(global, args)? {
        return Ok(false);
    }
    // A pipe is read once; and the API is text.
    let is_kept = global.config.as_ref().is_none_or(|it| it.is_file());
    let here = env::current_dir().map_err(CliError::host)?;
    let is_text = [&args.workspace, &here].iter().all(|it| it.to_str().is_some());
    if !is_kept || !is_text {
        return Ok(false);
    }
    let Some(other) = on_demand::other(global)? else { return Ok(true) };
    if !args.common.quiet {
        say(&format!("note: {}: this has a process of its own", other.how));
        say(&format!("hint: {}", other.hint));
    }
    Ok(false)
}

/// Whether its children are to have more time than the service gives to anybody.
fn is_too_long(global: &Global, args: &Run) -> Result<bool, CliError> {
    let Some(seconds) = args.common.timeout else { return Ok(false) };
    let limit = Setup::again(global, Some(&args.workspace))?.config.delegation.child_timeout;
    // One that is none is told by whoever sets it.
    Ok(u64::try_from(seconds).map_or(true, |it| limit.as_secs() < it))
}

/// Has the service do what was looked at here, and prints the handle.
pub(super) async fn hand_over(
    setup: &Setup,
    global: &Global,
    request: Request,
    workspace: &Path,
    common: &Common,
) -> Result<(), CliError> {
    let workspace = workspace.canonicalize().map_err(CliError::usage)?;
    let timeout_seconds = common.timeout.and_then(|it| u64::try_from(it).ok());
    let body = Dispatch { timeout_seconds, ..dispatch(request, &workspace) };
    let asked = on_demand::ask(setup, global, &workspace, "/v1/delegations", &body).await?;
    tell(asked, common.json, common.quiet)
}

/// Prints the handle of what the service has taken.
pub(super) fn tell(taken: Dispatched, json: bool, quiet: bool) -> Result<(), CliError> {
    let goals = taken.children.into_iter().map(|it| it.goal).collect();
    let delegation_id = taken.delegation_id;
    let answer = Answer::Dispatched { delegation_id, goals, notes: taken.notes };
    tell_handle(&Reply::from(&answer), json, quiet).map(drop)
}

/// What the service is asked. It is in another directory.
fn dispatch(request: Request, workspace: &Path) -> Dispatch {
    let mut tasks = request.tasks;
    tasks.iter_mut().for_each(|it| it.agent = it.agent.take().map(absolute));
    Dispatch {
        workspace: Some(workspace.to_string_lossy().into_owned()),
        goal: request.goal,
        tasks,
        context: request.context,
        toolsets: request.toolsets,
        agent: request.agent.map(absolute),
        role: request.role,
        model: request.model,
        output_schema: request.output_schema,
        max_iterations: request.max_iterations,
        // A process of its own would have had a slot of its own.
        on_capacity: WhenFull::Queue,
        strict: request.strict,
        resume: request.resume,
        ..Dispatch::default()
    }
}

/// An agent by its name, or by a path that means the same in any directory.
pub(super) fn absolute(agent: String) -> String {
    match is_path(&agent) {
        true => std::path::absolute(&agent).map_or(agent, |it| it.to_string_lossy().into_owned()),
        false => agent,
    }
}

/// Prints the handle, and says what it is good for.
fn tell_handle(reply: &Reply, json: bool, quiet: bool) -> Result<Exit, CliError> {
    let Reply::Dispatched { delegation_id, .. } = reply else { return Ok(Exit::NotCompleted) };
    match json {
        true => output::json(reply)?,
        false => output::result(&delegation_id.to_string())?,
    }
    if !quiet {
        say(&format!("hint: `hermitage wait {delegation_id}` tells what came of it"));
    }
    Ok(Exit::Completed)
}
