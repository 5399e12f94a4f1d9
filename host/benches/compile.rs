//! `hermitage bench compile`, for who works on it.

fn main() -> std::process::ExitCode {
    hermitage::cli::bench_of_cargo("compile", env!("CARGO_BIN_EXE_hermitage"))
}
