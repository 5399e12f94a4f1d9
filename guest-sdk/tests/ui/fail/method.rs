use hermitage_guest::{Error, Report, agent};

struct Agent;

impl Agent {
    #[agent]
    fn run(&self) -> Result<Report, Error> {
        Ok(Report::completed("done"))
    }
}

fn main() {}
