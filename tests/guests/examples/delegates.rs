//! Delegates the tasks in its context, a JSON list of objects, and completes
//! with a line for what came of each; fails with what the host said if it said
//! no.

use hermitage_guest::delegation::{Subtask, delegate_task};
use hermitage_guest::{Error, Report, Role, Task, agent};
use serde_json::Value;

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let plan = task.context.as_deref().unwrap_or("[]");
    let plan: Vec<Value> = serde_json::from_str(plan).map_err(Error::new)?;
    let tasks: Vec<Subtask> = plan.iter().map(subtask).collect();
    let results = match delegate_task(&tasks) {
        Ok(results) => results,
        Err(error) => return Ok(Report::failed(format!("{error:?}"))),
    };
    let lines = results.iter().map(|it| {
        let said = it.summary.as_ref().or(it.error.as_ref());
        format!("{} {} {}: {}", it.index, it.status, it.exit_reason, said.map_or("", |it| it))
    });
    Ok(Report::completed(lines.collect::<Vec<_>>().join("\n")))
}

fn subtask(plan: &Value) -> Subtask {
    let text = |key: &str| plan[key].as_str().map(str::to_owned);
    Subtask {
        goal: text("goal").unwrap_or_default(),
        context: text("context"),
        toolsets: plan["toolsets"]
            .as_array()
            .map(|it| it.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()),
        agent: text("agent"),
        role: text("role").map(|it| match it.as_str() {
            "orchestrator" => Role::Orchestrator,
            _ => Role::Leaf,
        }),
        model: text("model"),
        output_schema: text("output_schema"),
        max_iterations: None,
    }
}
