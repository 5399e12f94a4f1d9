//! Runs into the instruction `unreachable`.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    // What an abort is on this target.
    std::process::abort()
}
