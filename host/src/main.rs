//! The command line of Hermitage.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    hermitage::run_if_helper();
    hermitage::cli::main()
}
