//! The command line as a person meets it: what it prints where, and how it
//! exits.

mod harness;
mod help;
mod inspect;
mod quickstart;
mod refused;
mod run;
mod stop;
mod store;
mod untrusted;

/// Compares what a command did with an inline snapshot.
macro_rules! check {
    ($ran:expr, @$expect:literal) => {
        insta::with_settings!({ filters => crate::harness::FILTERS }, {
            insta::assert_snapshot!($ran.to_string(), @$expect);
        })
    };
}
pub(crate) use check;
