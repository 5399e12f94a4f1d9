//! Takes handles of the granted tools again and again and gives none back.

use hermitage_guest::{Error, Report, Task, agent, toolbox};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let mut kept = Vec::new();
    loop {
        kept.extend(toolbox::granted());
    }
}
