//! `hermitage bench density`, for who works on it.

fn main() -> std::process::ExitCode {
    hermitage::cli::bench_of_cargo("density", env!("CARGO_BIN_EXE_hermitage"))
}
