//! `hermitage tool allow`: shows a person what the tools of an MCP server say of
//! themselves, and keeps what they agree to.

use anyhow::anyhow;

use super::{
    Exit,
    agree::agree,
    args::{Global, plugin::ToolAllow},
    error::CliError,
    output::{self, plural, say},
    plugin::sheet::{arguments, line},
    setup::{Setup, block_on},
};
use crate::{
    clock::{Clock as _, SystemClock},
    mcp::{Approval, Listed, Server},
};

pub(super) fn allow(global: &Global, verb: &ToolAllow) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let server = named(&setup, &verb.name)?;
    setup.check_free(&server.name)?;
    let approvals = setup.approvals()?;
    let listed = block_on(setup.look_at(server))?;
    let listed = listed
        .map_err(|it| CliError::host(it).context(format!("the MCP server `{}`", server.name)))?;
    let approval = Approval::of(server, &listed, SystemClock.now());
    // What can't be read is given anew.
    let before = approvals.get(&server.name).unwrap_or_default();
    let changes = before.as_ref().map(|it| approval.changes(it));
    if changes.as_ref().is_some_and(Vec::is_empty) && approvals.withdrawn(&server.name).is_none() {
        let text = format!("the tools of {} are already allowed, nothing changed", server.name);
        output::result(&line("", &text))?;
        return Ok(Exit::Completed);
    }
    show(&approval, &listed, changes.as_deref().unwrap_or_default());
    if approval.tools.is_empty() {
        let error = anyhow!("the MCP server `{}` has no tool that can be taken", server.name);
        return Err(CliError::host(error));
    }
    if !verb.yes {
        agree(&format!("Allow the tools of `{}`?", approval.name), "nothing was allowed")?;
    }
    approvals.put(&approval).map_err(|it| CliError::host(it).context("it can't be kept"))?;
    let (count, s) = plural(approval.tools.len());
    output::result(&line("", &format!("allowed {count} tool{s} of {}", server.name)))?;
    say(&format!("hint: `hermitage run GOAL --toolsets {}` grants them to an agent", server.name));
    Ok(Exit::Completed)
}

fn named<'a>(setup: &'a Setup, name: &str) -> Result<&'a Server, CliError> {
    setup.config.toolsets.get(name).ok_or_else(|| {
        let error = anyhow!("{}", line("", &format!("no MCP server is set up as `{name}`")));
        CliError::usage(error).hint("`[toolsets.NAME.mcp]` in the configuration sets one up")
    })
}

fn show(approval: &Approval, listed: &Listed, changes: &[String]) {
    let Approval { name, words, tools, .. } = approval;
    say(&line("", &format!("{name} (an MCP server)")));
    words.iter().for_each(|it| say(&line("  ", it)));
    say("its tools, as a model reads of them:");
    for tool in tools {
        let schema = serde_json::from_str(&tool.spec.parameters).unwrap_or_default();
        let (tool, says) = (&tool.spec.name, &tool.spec.description);
        say(&line("  ", &format!("{name}/{tool}({}): {says}", arguments(&schema))));
    }
    if !listed.left_out.is_empty() {
        say("left out:");
    }
    for (called, why) in &listed.left_out {
        say(&line("  ", &format!("`{called}`: {why}")));
    }
    if !changes.is_empty() {
        say("");
        say("It is not what you allowed before:");
        changes.iter().for_each(|it| say(&line("  ", it)));
    }
    say("");
}
