//! Calls the tools that its context names, one a line: the name, a space, the
//! arguments. Completes with a line for each answer; what spans several is
//! indented.

use hermitage_guest::{Error, Report, Task, ToolError, agent, toolbox};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let context = task.context.unwrap_or_default();
    let answers: Vec<String> = context.lines().map(played).collect();
    Ok(Report::completed(answers.join("\n")))
}

fn played(line: &str) -> String {
    let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
    let tools = toolbox::granted();
    let Some(tool) = tools.iter().find(|it| it.spec().name == name) else {
        return format!("no tool `{name}`");
    };
    let answer = match tool.call(arguments) {
        Ok(text) => text,
        Err(ToolError::Denied(text)) => format!("denied: {text}"),
        Err(ToolError::InvalidArguments(text)) => format!("invalid: {text}"),
        Err(ToolError::Failed(text)) => format!("failed: {text}"),
        Err(ToolError::Exhausted(text)) => format!("exhausted: {text}"),
        Err(ToolError::Interrupted) => "interrupted".to_owned(),
        Err(ToolError::TimedOut) => "timed out".to_owned(),
    };
    answer.replace('\n', "\n  ")
}
