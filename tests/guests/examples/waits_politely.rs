//! Works until it is asked to stop, and then does.

use hermitage_guest::{Error, Report, Task, ToolError, agent, file};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    loop {
        let slice = file::read_file("hello.txt", None, None);
        if let Err(ToolError::Interrupted | ToolError::TimedOut) = slice {
            return Ok(Report::completed("stopped when asked").truncated());
        }
    }
}
