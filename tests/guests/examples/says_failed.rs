//! Reports that the task could not be done.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    Ok(Report::failed("the task can't be done"))
}
