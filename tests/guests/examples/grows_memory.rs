//! Takes memory, a megabyte at a time, and writes to all of it until it is
//! refused.

use hermitage_guest::{Error, Report, Task, agent};

const MEGABYTE: usize = 1024 * 1024;

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::new();
        if block.try_reserve_exact(MEGABYTE).is_err() {
            return Ok(Report::completed(format!("refused after {} MiB", kept.len())));
        }
        block.resize(MEGABYTE, 1);
        kept.push(std::hint::black_box(block));
    }
}
