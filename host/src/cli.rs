//! The command line: arguments, one file for each verb, what a person sees,
//! and exit codes. Thin: everything it does, an application can do through
//! the library.

mod again;
mod agree;
mod allow;
mod args;
mod background;
mod bench;
mod can;
mod client;
mod columns;
mod config;
mod doctor;
mod error;
mod events;
mod follow_up;
mod id;
mod inspect;
mod list;
mod live_lines;
mod log;
mod log_file;
mod logs;
mod lost;
mod mcp;
mod on_demand;
mod outcome;
mod output;
mod paint;
mod person;
mod place;
mod plugin;
mod progress;
mod reach;
mod replay;
mod report;
mod run;
#[cfg(test)]
mod schema;
mod screen;
mod seen;
mod serve;
mod setup;
mod show;
mod signals;
mod steer;
mod stop;
mod terminal;
mod token;
mod tool;
mod top;
mod wait;
mod when;
mod worker;
mod workers;

use std::process::ExitCode;

use clap::Parser as _;

pub use self::bench::of_cargo as bench_of_cargo;
use self::{
    args::{Args, Verb},
    error::CliError,
};

/// How a command ended; the numbers are part of the interface
/// (SEMANTICS.md §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    /// Everything completed.
    Completed = 0,
    /// Something did not.
    NotCompleted = 1,
    /// The command line, the configuration or the request is wrong.
    Usage = 2,
    /// A component was refused.
    Refused = 3,
    /// The tool chain is missing or failed.
    ToolChain = 4,
    /// Stopped by the person.
    Interrupted = 130,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Where the kernel has none of it, there is nothing to forbid.
    let _ = crate::forbid_dumps();
    log::start();
    let exit = match Args::try_parse() {
        Ok(args) => dispatch(args),
        Err(err) => without_a_verb(&err),
    };
    crate::telemetry::finish();
    ExitCode::from(exit.unwrap_or_else(|err| err.report(wants_json())) as u8)
}

/// Whether the result was asked for as JSON, also where the arguments can't be
/// read.
fn wants_json() -> bool {
    let options = std::env::args_os().skip(1).take_while(|it| it != "--");
    options.into_iter().any(|it| it == "--json")
}

fn dispatch(args: Args) -> Result<Exit, CliError> {
    match args.verb {
        Verb::Quickstart(verb) => run::quickstart(&args.global, verb),
        Verb::Run(verb) => run::run(&args.global, verb, args.detached),
        Verb::Wait(verb) => wait::wait(&args.global, &verb),
        Verb::Stop(verb) => stop::stop(&args.global, &verb),
        Verb::Steer(verb) => steer::steer(&args.global, &verb),
        Verb::FollowUp(verb) => follow_up::follow_up(&args.global, &verb),
        Verb::Logs(verb) => logs::logs(&args.global, &verb),
        Verb::Serve(verb) => serve::serve(&args.global, &verb),
        Verb::Mcp(verb) => mcp::mcp(&args.global, &verb),
        Verb::Token(verb) => token::token(&args.global, &verb),
        Verb::Worker(verb) => worker::worker(&args.global, &verb),
        Verb::Workers(verb) => workers::workers(&args.global, &verb),
        Verb::List(verb) => list::list(&args.global, &verb),
        Verb::Show(verb) => show::show(&args.global, &verb),
        Verb::Replay(verb) => replay::replay(&args.global, &verb),
        Verb::Top => top::top(&args.global),
        Verb::Events(verb) => events::events(&args.global, &verb),
        Verb::Doctor(verb) => doctor::doctor(&args.global, &verb),
        Verb::Inspect(verb) => inspect::inspect(&args.global, &verb),
        Verb::Plugin(verb) => plugin::plugin(&args.global, verb),
        Verb::Tool(verb) => tool::tool(&args.global, verb),
        Verb::Config(verb) => config::config(&args.global, verb),
        Verb::Bench(verb) => bench::bench(&verb),
    }
}

/// Help and the version are errors to clap.
fn without_a_verb(err: &clap::Error) -> Result<Exit, CliError> {
    use clap::error::ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion,
    };
    match err.kind() {
        DisplayHelp | DisplayVersion => output::written(err.print()).map(|()| Exit::Completed),
        DisplayHelpOnMissingArgumentOrSubcommand => {
            output::written(err.print()).map(|()| Exit::Usage)
        }
        _ => Err(CliError::arguments(err)),
    }
}
