//! `hermitage plugin`: work on components. One file for each verb.

mod build;

use super::{
    Exit,
    args::{Global, Plugin},
    error::CliError,
};

pub(super) fn plugin(global: &Global, verb: Plugin) -> Result<Exit, CliError> {
    match verb {
        Plugin::Build(verb) => build::build(global, verb),
    }
}
