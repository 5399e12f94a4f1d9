//! The command line of Hermitage.

use std::process::ExitCode;

fn main() -> ExitCode {
    hermitage::run_if_helper();
    hermitage::cli::main()
}
