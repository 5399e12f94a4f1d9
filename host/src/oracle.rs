//! The oracles: what holds whatever the input, each with a name.
//!
//! An oracle makes its input of bytes and panics when something does not
//! hold. It stands beside what it is about, and is listed here. The same
//! bytes mean the same everywhere: the tests below take them from a few fixed
//! seeds, `tests/fuzz/run` from new ones for as long as it is told to, and
//! the fuzz targets in `tests/fuzz` from a fuzzer that sees which code they
//! reach.

mod host_call;
mod puppet;
#[cfg(test)]
mod search;

use arbitrary::{Result, Unstructured};

use crate::{boundary, completion, config, mcp, provider, sandbox, serve, session, store, tools};

/// What panics when something does not hold. An error is too few bytes.
type Oracle = fn(&mut Unstructured<'_>) -> Result<()>;

/// The list: a name, and the function. For each there is a test here, and a
/// fuzz target in `tests/fuzz/Cargo.toml`.
macro_rules! oracles {
    ($($name:ident: $oracle:path,)*) => {
        /// All of them, by names.
        pub const ORACLES: &[(&str, Oracle)] = &[$((stringify!($name), $oracle)),*];

        #[cfg(test)]
        mod tests {
            $(#[test]
            fn $name() {
                super::search::search(stringify!($name));
            })*
        }
    };
}

oracles! {
    address: tools::web::oracle::address,
    arguments: tools::oracle::arguments,
    configuration: config::oracle::configuration,
    diff: tools::file::oracle::diff,
    grant: boundary::oracle::grant,
    host_call: host_call::host_call,
    linked: sandbox::oracle::linked,
    mcp_server: mcp::oracle::server,
    model_answer: provider::oracle::answer,
    notice: completion::text::oracle::notice,
    path: tools::file::oracle::path,
    record: store::oracle::record,
    recovery: store::oracle::recovery,
    request: serve::oracle::request,
    sanitizer: completion::sanitize::oracle::sanitizer,
    session: session::oracle::session,
    value: sandbox::oracle::value,
}

/// Asks one oracle. `false` when there are too few bytes, or no such oracle.
pub fn check(name: &str, bytes: &[u8]) -> bool {
    let found = ORACLES.iter().find(|it| it.0 == name);
    found.is_some_and(|(_, oracle)| oracle(&mut Unstructured::new(bytes)).is_ok())
}
