//! The command line under test. Cargo builds the binaries of the package
//! whose tests it runs, and no other's.

use std::process::ExitCode;

fn main() -> ExitCode {
    hermitage::run_if_helper();
    hermitage::cli::main()
}
