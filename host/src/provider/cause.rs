//! What an error says that wraps others.

use std::error::Error;

/// The innermost cause of an error, which is the one that says something.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut res = error;
    while let Some(it) = res.source() {
        res = it;
    }
    res.to_string()
}
