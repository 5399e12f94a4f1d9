//! The command line of Hermitage.

use std::process::ExitCode;

fn main() -> ExitCode {
    hermitage::run_if_helper();
    // Where the kernel has none of it, there is nothing to forbid.
    let _ = hermitage::forbid_dumps();
    hermitage::cli::main()
}
