//! Completes with a summary of 10 MiB.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    Ok(Report::completed("x".repeat(10 * 1024 * 1024)))
}
