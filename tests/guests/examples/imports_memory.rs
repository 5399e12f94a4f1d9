//! Calls the blocked tool `memory` and a usual one, and completes with both
//! answers.

use hermitage_guest::memory::MemoryChange;
use hermitage_guest::{Error, Report, Task, agent, file, memory};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let notes = memory::memory(&MemoryChange::Read);
    let slice = file::read_file("hello.txt", None, None).map(|slice| slice.text);
    Ok(Report::completed(format!("memory: {notes:?}\nread_file: {slice:?}")))
}
