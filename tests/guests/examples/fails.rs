//! Returns an error of its own.

use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    Err(Error::from("the guest could not do it"))
}
