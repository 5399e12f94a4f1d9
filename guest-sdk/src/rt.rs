//! What generated code refers to. Not for authors, and without any promise
//! of stability.
//!
//! Owns the way from the exported function to the author's one.

use crate::{Error, Report, Task};

pub use crate::bindings;
pub use wit_bindgen::rt as runtime;

#[cfg(feature = "tools")]
pub mod tool;

/// Runs the author's function for the exported `run`.
pub fn run<E: Into<Error>>(
    agent: fn(Task) -> Result<Report, E>,
    task: Task,
) -> Result<Report, String> {
    #[cfg(target_arch = "wasm32")]
    panics::install_hook();
    agent(task).map_err(|error| error.into().to_string())
}

/// A panic is an abort on this target, and says nothing by itself.
#[cfg(target_arch = "wasm32")]
mod panics {
    use std::panic::{self, PanicHookInfo};
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::progress;

    static INSTALLED: AtomicBool = AtomicBool::new(false);

    pub(super) fn install_hook() {
        if !INSTALLED.swap(true, Ordering::Relaxed) {
            panic::set_hook(Box::new(log_panic));
        }
    }

    fn log_panic(info: &PanicHookInfo<'_>) {
        let message = info.payload_as_str().unwrap_or("(no message)");
        let text = match info.location() {
            Some(place) => format!("panicked at {}:{}: {message}", place.file(), place.line()),
            None => format!("panicked: {message}"),
        };
        progress::error(&text);
    }
}
