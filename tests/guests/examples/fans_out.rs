//! With the goal `fan N depth D`, delegates to N more of itself with depth
//! D - 1, and completes with the number of runs, its own included.

use hermitage_guest::delegation::{Subtask, SubtaskResult, delegate_task};
use hermitage_guest::{Error, Report, Role, Task, agent};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let words: Vec<&str> = task.goal.split(' ').collect();
    let ["fan", fan, "depth", depth] = words[..] else {
        return Err(Error::from("the goal is not `fan N depth D`"));
    };
    let depth: u32 = depth.parse().map_err(Error::new)?;
    let Some(below) = depth.checked_sub(1) else {
        return Ok(Report::completed("1"));
    };
    let subtask = Subtask {
        goal: format!("fan {fan} depth {below}"),
        role: Some(if below == 0 { Role::Leaf } else { Role::Orchestrator }),
        ..Subtask::default()
    };
    let results = delegate_task(&vec![subtask; fan.parse().map_err(Error::new)?])?;
    let runs: u32 = results.iter().map(runs).sum::<Result<_, _>>()?;
    Ok(Report::completed((runs + 1).to_string()))
}

fn runs(result: &SubtaskResult) -> Result<u32, Error> {
    match &result.summary {
        Some(summary) => summary.parse().map_err(|_| Error::from(summary.as_str())),
        None => Err(Error::new(format!("{result:?}"))),
    }
}
