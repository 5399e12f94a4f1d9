//! Computes for ever and calls nothing.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    loop {
        std::hint::spin_loop();
    }
}
