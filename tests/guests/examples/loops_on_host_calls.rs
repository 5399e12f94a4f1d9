//! Reads a file again and again, whatever the answer is.

use hermitage_guest::{Error, Report, Task, agent, file};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    loop {
        let _ = file::read_file("hello.txt", None, None);
    }
}
