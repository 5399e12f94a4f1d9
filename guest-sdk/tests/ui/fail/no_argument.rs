use hermitage_guest::{Error, Report, agent};

#[agent]
fn run() -> Result<Report, Error> {
    Ok(Report::completed("done"))
}

fn main() {}
