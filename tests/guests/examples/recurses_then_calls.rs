//! Recurses without end and calls the host at every depth, so that the host
//! runs on an ever smaller stack.

use hermitage_guest::{Error, Report, Task, agent, file};

/// Every frame needs its own answer after the call: no loop can replace it.
#[expect(unconditional_recursion, reason = "that is what this guest is for")]
fn read_below(n: u32) -> u64 {
    let bytes = file::read_file("hello.txt", Some(n), None).map_or(0, |slice| slice.total_bytes);
    read_below(n.wrapping_add(1)) ^ bytes
}

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    Ok(Report::completed(read_below(1).to_string()))
}
