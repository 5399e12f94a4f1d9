//! Takes memory without end, and can't go on when it is refused.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let mut kept: Vec<u8> = Vec::new();
    loop {
        kept.resize(kept.len() + 1024 * 1024, 1);
        std::hint::black_box(&kept);
    }
}
