//! The command line: arguments, one file for each verb, what a person sees,
//! and exit codes. Thin: everything it does, an application can do through
//! the library.

mod args;
mod error;
mod inspect;
mod plugin;
mod progress;
mod run;
mod setup;

use std::process::ExitCode;

use clap::Parser as _;

use self::{
    args::{Args, Verb},
    error::CliError,
};

/// How a command ended; the numbers are part of the interface
/// (semantics.md §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    let args = Args::parse();
    start_log();
    let exit = match dispatch(args) {
        Ok(exit) => exit,
        Err(err) => err.report(),
    };
    ExitCode::from(exit as u8)
}

fn dispatch(args: Args) -> Result<Exit, CliError> {
    match args.verb {
        Verb::Quickstart(verb) => run::quickstart(&args.global, verb),
        Verb::Run(verb) => run::run(&args.global, verb),
        Verb::Inspect(verb) => inspect::inspect(&args.global, &verb),
        Verb::Plugin(verb) => plugin::plugin(&args.global, verb),
    }
}

/// Diagnostics go to standard error; `HERMITAGE_LOG` says which, in the form
/// of tracing's filters.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HERMITAGE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let colour = std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour && std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}
