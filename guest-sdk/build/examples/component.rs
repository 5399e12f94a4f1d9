//! Builds the guests of a folder: `component FOLDER OUT_DIR`.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use hermitage_build::{BuildError, Install, Options, Stderr};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out_dir] = arguments.as_slice() else {
        eprintln!("usage: component FOLDER OUT_DIR");
        return ExitCode::from(2);
    };
    match build(folder, out_dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn build(folder: &str, out_dir: &str) -> Result<(), BuildError> {
    let mut options = Options::new(out_dir, Install::Ask);
    // The test guests hold one that no host accepts.
    options.foreign_imports = true;
    for built in hermitage_build::build(Path::new(folder), &options, &mut Stderr)? {
        let state = if built.fresh { "fresh" } else { "built" };
        println!("{} {} bytes, {state}", built.path.display(), built.bytes);
        for import in built.imports {
            println!("  {import}");
        }
    }
    Ok(())
}

fn report(error: &BuildError) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
}
