//! Lists the TODO, FIXME, HACK and XXX markers of a workspace.
//!
//! One search by content does the work: the host walks the tree, and this
//! agent counts and sorts what comes back. It reads no file itself. Only this
//! file talks to the host; the modules below are plain functions over text.

mod marker;
mod summary;
mod tally;

use hermitage_guest::{
    Error, Report, Task, ToolError, agent,
    file::{self, SearchHit, SearchQuery},
    progress,
};

use crate::tally::{Line, Tally};

/// Hits on a page: as many as hosts give by default. Fewer would cost more
/// calls.
const PAGE: u32 = 1_000;

/// How often progress and a checkpoint are due. Each is a call to the host, a
/// run has a budget of those, and a checkpoint writes the whole summary.
const LINES_PER_CHECKPOINT: u64 = 500;

const PARTIAL: &str = "Stopped early: these are the markers found until then.\n\n";

#[agent]
fn run(_task: Task) -> Result<Report, Error> {
    let mut tally = Tally::default();
    let ended = collect(&mut tally);
    let summary = summary::write(&tally);
    match ended {
        Ok(()) => Ok(Report::completed(summary)),
        // Not failures: the host asks for what there is.
        Err(error) if error.is_stop() => {
            Ok(Report::completed(format!("{PARTIAL}{summary}")).truncated())
        }
        Err(error) => Err(error.into()),
    }
}

fn collect(tally: &mut Tally) -> Result<(), ToolError> {
    progress::report("searching");
    let pattern = marker::PATTERN.to_owned();
    let query = SearchQuery { content: Some(pattern), limit: Some(PAGE), ..Default::default() };
    for hit in file::search(query) {
        tally.add(line(hit?));
        if tally.total().is_multiple_of(LINES_PER_CHECKPOINT) {
            progress::report(&format!("{} markers", tally.total()));
            progress::checkpoint(&format!("{PARTIAL}{}", summary::write(tally)));
        }
    }
    Ok(())
}

/// A search by content gives every hit a line; the contract has them optional
/// because a search by name does not.
fn line(hit: SearchHit) -> Line {
    let (number, text) = (hit.line.unwrap_or_default(), hit.text.unwrap_or_default());
    Line { path: hit.path, number, text }
}
