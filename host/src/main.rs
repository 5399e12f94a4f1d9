//! The command line of Hermitage.

use std::process::ExitCode;

fn main() -> ExitCode {
    hermitage::cli::main()
}
