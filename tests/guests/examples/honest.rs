//! Reads `hello.txt` and completes with its content.

use hermitage_guest::{Error, Report, Task, agent, file};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let slice = file::read_file("hello.txt", None, None)?;
    Ok(Report::completed(slice.text))
}
