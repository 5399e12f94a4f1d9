//! With the goal `calls N below B DEPTH ends|fails`: calls the tools `look` and
//! `tick` N times each and, half-way, has B of itself do the same below, as
//! deep as DEPTH says. Completes with the number of calls that were answered,
//! or fails.

use hermitage_guest::delegation::{Subtask, delegate_task};
use hermitage_guest::{Error, Report, Role, Task, agent, toolbox};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let words: Vec<&str> = task.goal.split(' ').collect();
    let ["calls", calls, "below", below, depth, end] = words[..] else {
        return Err(Error::from("the goal is not `calls N below B DEPTH END`"));
    };
    let [calls, below, depth]: [usize; 3] = [
        calls.parse().map_err(Error::new)?,
        below.parse().map_err(Error::new)?,
        depth.parse().map_err(Error::new)?,
    ];
    let tools = toolbox::granted();
    let tool = |name: &str| tools.iter().find(|it| it.spec().name == name);
    let (Some(look), Some(tick)) = (tool("look"), tool("tick")) else {
        return Err(Error::from("it has not both tools"));
    };
    let mut answered = 0;
    for call in 0..calls {
        let arguments = format!(r#"{{"call":{call}}}"#);
        // One that nobody knows of is not made again.
        for tool in [look, tick] {
            answered += usize::from(tool.call(&arguments).is_ok());
        }
        if call == calls / 2 && below > 0 && depth > 0 {
            let subtask = Subtask {
                goal: format!("calls {calls} below {below} {} ends", depth - 1),
                role: Some(if depth > 1 { Role::Orchestrator } else { Role::Leaf }),
                ..Subtask::default()
            };
            for result in delegate_task(&vec![subtask; below])? {
                let summary = result.summary.unwrap_or_default();
                answered += summary.parse::<usize>().map_err(Error::new)?;
            }
        }
    }
    match end {
        "fails" => Ok(Report::failed("as it was asked to")),
        _ => Ok(Report::completed(answered.to_string())),
    }
}
