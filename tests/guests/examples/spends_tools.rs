//! Reads a file until there is nothing left to spend, and completes with how
//! far it got.

use hermitage_guest::{Error, Report, Task, ToolError, agent, file};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let mut reads = 0;
    loop {
        match file::read_file("hello.txt", None, None) {
            Ok(_) => reads += 1,
            Err(ToolError::Exhausted(what)) => {
                return Ok(Report::completed(format!("{reads} reads, then: {what}")));
            }
            Err(other) => return Err(other.into()),
        }
    }
}
