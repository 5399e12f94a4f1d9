//! Sign of life, log and partial results. Always granted.
//!
//! `println!` goes nowhere in a component; a line of the log is what there is
//! in its place.

pub use crate::bindings::hermitage::subagent::progress::{Level, checkpoint, log, report};

/// Adds a line of level `debug` to the run's log.
pub fn debug(text: &str) {
    log(Level::Debug, text);
}

/// Adds a line of level `info` to the run's log.
pub fn info(text: &str) {
    log(Level::Info, text);
}

/// Adds a line of level `warn` to the run's log.
pub fn warn(text: &str) {
    log(Level::Warn, text);
}

/// Adds a line of level `error` to the run's log.
pub fn error(text: &str) {
    log(Level::Error, text);
}
