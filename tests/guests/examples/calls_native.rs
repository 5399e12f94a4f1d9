//! Calls one tool of the toolbox. Its context is the tool's name, a space, and
//! the arguments.

use hermitage_guest::{Error, Report, Task, agent, toolbox};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let context = task.context.unwrap_or_default();
    let (name, arguments) = context.split_once(' ').ok_or("the context is not `name arguments`")?;
    let tools = toolbox::granted();
    Ok(match tools.iter().find(|it| it.spec().name == name) {
        Some(tool) => Report::completed(format!("{:?}", tool.call(arguments))),
        None => Report::failed(format!("no tool `{name}`")),
    })
}
