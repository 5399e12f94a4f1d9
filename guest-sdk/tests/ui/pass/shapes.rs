#![deny(unsafe_code, warnings)]

use hermitage_guest::{Report, Task, agent};

pub struct Mine;

impl From<Mine> for hermitage_guest::Error {
    fn from(_: Mine) -> Self {
        Self::from("mine")
    }
}

/// Name, visibility, pattern and error are the author's choice.
#[agent]
fn count(Task { goal, .. }: Task) -> Result<Report, Mine> {
    if goal.is_empty() { Err(Mine) } else { Ok(Report::completed(goal)) }
}

fn main() {}
