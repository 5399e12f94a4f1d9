//! JavaScript: QuickJS with the source in it, by `componentize-qjs`.

use std::path::PathBuf;

use crate::environment::Environment;
use crate::foreign::Job;
use crate::language::Folder;
use crate::program::Program;
use crate::{BuildError, foreign};

/// The one that is tried out with this crate.
const PACKAGE: &str = "componentize-qjs@0.4.5";
const PROGRAM: &str = "componentize-qjs";

/// Without `--sync` it would want an async ABI.
pub(crate) const ARGUMENTS: [&str; 2] = ["--sync", "--opt-size"];

pub(crate) fn find(source: &Folder, environment: &Environment) -> Result<Program, BuildError> {
    let own = source.path.join("node_modules/.bin").join(PROGRAM);
    Program::find(&[own, PathBuf::from(PROGRAM)], environment).ok_or_else(|| {
        let folder = source.path.display();
        foreign::missing(source, PROGRAM, format!("npm install --prefix {folder} {PACKAGE}"))
    })
}

pub(crate) fn build(job: &Job<'_>) -> Result<PathBuf, BuildError> {
    let (file, to) = (foreign::only_file(job.source)?, job.scratch.join("component.wasm"));
    job.run(|command| {
        command.arg("--wit").arg(job.source.wit()).arg("--js").arg(&file);
        command.args(["--world", &job.wit.name]).args(ARGUMENTS);
        command.args(job.stub()).arg("--output").arg(&to);
    })?;
    Ok(to)
}
