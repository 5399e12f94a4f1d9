//! `hermitage bench boundary`, for who works on it.

fn main() -> std::process::ExitCode {
    hermitage::cli::bench_of_cargo("boundary", env!("CARGO_BIN_EXE_hermitage"))
}
