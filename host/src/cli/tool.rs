//! `hermitage tool`: the tools of a host, to look at and to try by hand.

use std::{
    fs::File,
    io::{self, Read as _},
};

use anyhow::anyhow;
use serde_json::Value;

use super::{
    Exit,
    allow::allow,
    args::{
        Global,
        plugin::{Tool, ToolCall, ToolList},
    },
    error::CliError,
    output,
    plugin::sheet::arguments,
    screen::Screen,
    setup::{Setup, block_on},
};
use crate::{
    completion::sanitize::{clean, clean_line},
    host::ToolListing,
    plain_file,
    session::Session,
    toolset::{Registry, ToolError},
};

/// Bytes of arguments that are read of a file or of standard input.
const MAX_ARGUMENT_BYTES: u64 = 16 << 20;

/// Characters of a line: descriptions come from strangers.
const MAX_LINE_CHARS: usize = 160;

pub(super) fn tool(global: &Global, verb: Tool) -> Result<Exit, CliError> {
    match verb {
        Tool::List(verb) => list(global, &verb),
        Tool::Call(verb) => call(global, &verb),
        Tool::Allow(verb) => allow(global, &verb),
    }
}

fn list(global: &Global, verb: &ToolList) -> Result<Exit, CliError> {
    let mut setup = Setup::new(global, Some(&verb.workspace))?;
    // Nothing works there.
    setup.config.workspace.allow_home = true;
    let lines = block_on(async {
        let host = setup.host(&verb.workspace, true, &Screen::new()).await?;
        Ok::<_, CliError>(host.tools())
    })??;
    match verb.json {
        true => output::json(&lines)?,
        false => output::result(&text(&lines))?,
    }
    Ok(Exit::Completed)
}

fn text(lines: &[ToolListing]) -> String {
    let mut res = Vec::new();
    let mut last = None;
    for line in lines {
        if last != Some(&line.toolset) {
            res.push(format!("{}  ({})", line.toolset, line.origin));
            last = Some(&line.toolset);
        }
        let what = match &line.withheld {
            Some(reason) => format!("not here: {reason}"),
            None => line.description.clone(),
        };
        let text = format!("{}({}): {what}", line.name, arguments(&line.parameters));
        res.push(format!("  {}", clean_line(&text, MAX_LINE_CHARS)));
    }
    res.join("\n")
}

fn call(global: &Global, verb: &ToolCall) -> Result<Exit, CliError> {
    let arguments = read(&verb.arguments)?;
    let mut setup = Setup::new(global, Some(&verb.workspace))?;
    setup.config.workspace.allow_home |= verb.allow_home;
    let answer = block_on(async {
        let host = setup.host(&verb.workspace, true, &Screen::new()).await?;
        let parent = host.parent(&Session::Local);
        // Spelled for models or for people.
        if !parent.tools().iter().any(|it| it.name == verb.name || named(&it.name, &verb.name)) {
            return Err(unknown(&host.delegator().parts().tools, &verb.name));
        }
        let answer = parent.call(&verb.name, &arguments).await;
        host.shutdown().await;
        answer.map_err(|it| failed(&verb.name, it))
    })??;
    if verb.json {
        // A text of a tool is one, whatever it looks like to a reader of JSON.
        let value = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
        output::json(&value)?;
    } else {
        output::result(&clean(&answer))?;
    }
    Ok(Exit::Completed)
}

fn named(spelled: &str, name: &str) -> bool {
    name.replace('/', "__") == spelled
}

/// A JSON object, from wherever it is said to be.
fn read(arguments: &str) -> Result<String, CliError> {
    let text = match arguments.strip_prefix('@') {
        Some(file) => {
            let bytes = plain_file::open_or_pipe(file.as_ref());
            let bytes = bytes.and_then(|it: File| plain_file::bytes(it, MAX_ARGUMENT_BYTES));
            let unread = |it| {
                CliError::usage(anyhow::Error::new(it)).context(format!("`{file}` can't be read"))
            };
            String::from_utf8(bytes.map_err(unread)?).map_err(CliError::usage)?
        }
        None if arguments == "-" => {
            let mut text = String::new();
            let stdin = io::stdin().lock().take(MAX_ARGUMENT_BYTES).read_to_string(&mut text);
            stdin.map_err(|it| CliError::usage(it).context("standard input can't be read"))?;
            text
        }
        None => arguments.to_owned(),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(_)) => Ok(text),
        Ok(_) => Err(no_object("they are JSON, but no object")),
        Err(err) => Err(no_object(&err.to_string())),
    }
}

fn no_object(why: &str) -> CliError {
    let error = anyhow!("the arguments are no JSON object: {why}");
    CliError::usage(error).hint("such as `{\"path\": \"README.md\"}`")
}

fn unknown(registry: &Registry, name: &str) -> CliError {
    let name = clean_line(name, MAX_LINE_CHARS);
    let reason = registry.get(&name).and_then(|it| registry.withheld().reason(it));
    let error = match reason {
        Some(reason) => anyhow!("this host has no `{name}`: {reason}"),
        None => anyhow!("this host has no tool `{name}`"),
    };
    CliError::usage(error).hint("`hermitage tool list` shows what there is")
}

/// What the arguments are to blame for is the caller's.
fn failed(name: &str, error: ToolError) -> CliError {
    let exit = match error {
        ToolError::InvalidArguments(_) => Exit::Usage,
        ToolError::Interrupted => Exit::Interrupted,
        _ => Exit::NotCompleted,
    };
    CliError::usage(anyhow!("{error}")).exiting(exit).context(format!("`{name}`"))
}
