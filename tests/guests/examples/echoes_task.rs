//! Completes with all that it was told.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let tools: Vec<&str> = task.tools.iter().map(|tool| tool.name.as_str()).collect();
    Ok(Report::completed(format!(
        "goal: {:?}\ncontext: {:?}\ntools: {tools:?}\nrole: {:?}\ndepth: {}\nmax_iterations: {}\n\
         output_schema: {:?}\nrejected: {:?}",
        task.goal,
        task.context,
        task.role,
        task.depth,
        task.max_iterations,
        task.output_schema,
        task.rejected,
    )))
}
