//! Diagnostics, which go to standard error.

use std::{env, io};

use tracing_subscriber::EnvFilter;

use super::{output::say, terminal};

/// Which diagnostics are written, in the form of tracing's filters.
const LOG_VARIABLE: &str = "HERMITAGE_LOG";

/// What is written when nobody asks. Not what the library of MCP says of its
/// clients: each mistake of theirs is answered, and would be a line for each that
/// one of them cares to send.
const USUAL: &str = "warn,rmcp=off";

/// Begins to write them.
pub(super) fn start() {
    let wanted = env::var(LOG_VARIABLE).unwrap_or_default();
    let usual = || EnvFilter::new(USUAL);
    let filter = match wanted.is_empty() {
        true => usual(),
        false => EnvFilter::try_new(&wanted).unwrap_or_else(|err| {
            say(&format!("note: `{LOG_VARIABLE}` is not taken: {err}"));
            usual()
        }),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(terminal::takes_colours(&io::stderr()))
        // It would panic when standard error is closed.
        .log_internal_errors(false)
        .init();
}

/// Whether somebody asked for diagnostics.
pub(super) fn is_asked_for() -> bool {
    env::var_os(LOG_VARIABLE).is_some()
}
