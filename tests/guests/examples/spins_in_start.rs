//! Computes for ever while it is being instantiated, before any call.

use hermitage_guest::{Error, Report, Task, agent};

/// Called when the module starts, since it has this name.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    loop {
        std::hint::spin_loop();
    }
}

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    Ok(Report::completed("never reached"))
}
