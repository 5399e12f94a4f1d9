//! Recurses without end, until its stack is full.

use hermitage_guest::{Error, Report, Task, agent};

/// Every frame needs its own number after the call: no loop can replace it.
#[expect(unconditional_recursion, reason = "that is what this guest is for")]
fn depth_below(n: u64) -> u64 {
    depth_below(std::hint::black_box(n) + 1) ^ n
}

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    Ok(Report::completed(depth_below(1).to_string()))
}
