//! Completes with a summary that says nothing.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    Ok(Report::completed(" \n\t"))
}
