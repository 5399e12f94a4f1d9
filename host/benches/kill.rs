//! `hermitage bench kill`, for who works on it.

fn main() -> std::process::ExitCode {
    hermitage::cli::bench_of_cargo("kill", env!("CARGO_BIN_EXE_hermitage"))
}
