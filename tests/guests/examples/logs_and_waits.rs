//! Writes into its log, and works until it is asked to stop.

use hermitage_guest::file::{self, SearchQuery};
use hermitage_guest::{Error, Report, Task, ToolError, agent, progress};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    progress::info("begun");
    loop {
        for hit in file::search(SearchQuery::default()) {
            if let Err(ToolError::Interrupted) = hit {
                return Ok(Report::completed("stopped when asked").truncated());
            }
        }
    }
}
