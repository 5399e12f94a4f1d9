//! Writes 100,000 lines of one KiB to the log and completes.

use hermitage_guest::{Error, Report, Task, agent, progress};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let line = "x".repeat(1024);
    for _ in 0..100_000 {
        progress::info(&line);
    }
    Ok(Report::completed("done"))
}
