//! Python: CPython with the source in it, by `componentize-py`.

use std::path::PathBuf;

use crate::environment::Environment;
use crate::foreign::Job;
use crate::language::Folder;
use crate::program::Program;
use crate::{BuildError, foreign};

/// The one that is tried out with this crate.
const PACKAGE: &str = "componentize-py==0.25.1";
const PROGRAM: &str = "componentize-py";

pub(crate) fn find(source: &Folder, environment: &Environment) -> Result<Program, BuildError> {
    let own = source.path.join(".venv/bin").join(PROGRAM);
    Program::find(&[own, PathBuf::from(PROGRAM)], environment).ok_or_else(|| {
        let venv = source.path.join(".venv");
        let venv = venv.display();
        let command = format!("python3 -m venv {venv} && {venv}/bin/pip install {PACKAGE}");
        foreign::missing(source, PROGRAM, command)
    })
}

pub(crate) fn build(job: &Job<'_>) -> Result<PathBuf, BuildError> {
    let (file, to) = (foreign::only_file(job.source)?, job.scratch.join("component.wasm"));
    let module = file.file_stem().unwrap_or_default();
    job.run(|command| {
        // Else it leaves bytecode beside the source.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg("--wit-path").arg(job.source.wit()).args(["--world", &job.wit.name]);
        command.arg("componentize").args(job.stub()).arg(module).arg("--output").arg(&to);
    })?;
    Ok(to)
}
