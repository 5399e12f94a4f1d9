//! Searches the whole workspace again and again and takes no error for an end.

use hermitage_guest::file::{self, SearchQuery};
use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    loop {
        for hit in file::search(SearchQuery::default()) {
            let _ = std::hint::black_box(hit);
        }
    }
}
