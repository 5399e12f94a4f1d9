//! Answers with the first line of its context; asked again, because that
//! missed the schema, with the second.

use hermitage_guest::{Error, Report, Task, agent, progress};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let context = task.context.unwrap_or_default();
    let mut lines = context.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let Some(rejected) = task.rejected else {
        return Ok(Report::completed(first));
    };
    progress::info(&format!("{} {:?}", rejected.answer, rejected.errors));
    Ok(Report::completed(lines.next().unwrap_or_default()))
}
