//! What a terminal takes, as far as its streams and the environment say.

use std::{
    env,
    io::{self, IsTerminal},
};

/// Whether colours are shown on this stream, and the person minds none
/// (`NO_COLOR`).
pub(super) fn takes_colours(stream: &impl IsTerminal) -> bool {
    let is_asked_for_none = env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    !is_asked_for_none && !is_dumb() && stream.is_terminal()
}

/// Whether lines can be drawn over on standard error.
pub(super) fn draws_over() -> bool {
    io::stderr().is_terminal() && !is_dumb()
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|it| it == "dumb")
}
