//! Panics.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    panic!("the guest gave up")
}
