//! Reports progress again and again and makes none.

use hermitage_guest::{Error, Report, Task, agent, progress};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    loop {
        progress::report("nearly there");
    }
}
