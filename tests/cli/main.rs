//! The command line as a person meets it: what it prints where, and how it
//! exits.

mod author;
mod background;
mod bench;
mod config;
mod control;
mod doctor;
mod dumps;
mod harness;
mod help;
mod inspect;
mod installed;
mod keys;
mod mcp;
mod mcp_servers;
mod outage;
mod parent;
mod parents;
mod person;
mod pipes;
mod plugin;
mod quickstart;
mod refused;
mod resume;
mod run;
mod serve;
mod server;
mod stop;
mod store;
mod think;
mod top;
mod untrusted;
mod wait;
mod wire;

/// Compares what a command did with an inline snapshot.
macro_rules! check {
    ($ran:expr, @$expect:literal) => {
        insta::with_settings!({ filters => crate::harness::FILTERS }, {
            insta::assert_snapshot!($ran.to_string(), @$expect);
        })
    };
}
pub(crate) use check;
