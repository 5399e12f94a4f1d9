//! What `#[agent]` accepts, and what it says about everything else.
//!
//! Here and not in the package `tests`, since each case is built with the
//! dependencies of its package. `TRYBUILD=overwrite` writes the messages
//! anew.

#[test]
fn macro_messages() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
