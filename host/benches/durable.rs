//! `hermitage bench durable`, for who works on it.

fn main() -> std::process::ExitCode {
    hermitage::cli::bench_of_cargo("durable", env!("CARGO_BIN_EXE_hermitage"))
}
