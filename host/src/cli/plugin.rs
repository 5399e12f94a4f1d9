//! `hermitage plugin`: components that others wrote. One file for each verb.

mod add;
mod build;
pub(super) mod check;
mod list;
mod look;
mod new;
mod remove;
pub(super) mod sheet;
mod show;
mod source;
mod test;

use super::{
    Exit,
    args::{Global, Plugin},
    error::CliError,
};

pub(super) fn plugin(global: &Global, verb: Plugin) -> Result<Exit, CliError> {
    match verb {
        Plugin::Add(verb) => add::add(global, &verb),
        Plugin::List(verb) => list::list(global, &verb),
        Plugin::Show(verb) => show::show(global, &verb),
        Plugin::Remove(verb) => remove::remove(global, &verb),
        Plugin::Check(verb) => check::check(global, &verb),
        Plugin::New(verb) => new::new(&verb),
        Plugin::Test(verb) => test::test(global, &verb),
        Plugin::Build(verb) => build::build(global, verb),
    }
}
