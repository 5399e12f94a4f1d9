//! Writes into its log, then searches the whole workspace again and again and
//! takes no error for an end.

use hermitage_guest::file::{self, SearchQuery};
use hermitage_guest::{Error, Report, Task, agent, progress};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    progress::info("begun");
    loop {
        for hit in file::search(SearchQuery::default()) {
            let _ = std::hint::black_box(hit);
        }
    }
}
