//! Builds of the languages that are not Rust: one folder, one component.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{Artifact, Form};
use crate::environment::Environment;
use crate::language::{Folder, Language};
use crate::program::Program;
use crate::toolchain::Identity;
use crate::wit::Wit;
use crate::{BuildError, Progress, c, javascript, python, stamp};

/// What every build of the folder has in common, for its digest. Names of
/// files are a part of it: one that is new was compared with nothing.
pub(crate) fn recipe(source: &Folder) -> String {
    let how = match source.language {
        Language::C => c::recipe(),
        Language::JavaScript => format!("{:?}", javascript::ARGUMENTS),
        Language::Python => String::new(),
    };
    format!("{} {how} {:?}", source.language.name(), source.files())
}

/// Builds the one component of the folder.
pub(crate) fn build(
    source: &Folder,
    out_dir: &Path,
    environment: &Environment,
    progress: &mut dyn Progress,
) -> Result<(Identity, Vec<Artifact>), BuildError> {
    let (find, build, form): (Find, Build, Form) = match source.language {
        Language::C => (c::find, c::build, Form::Core),
        Language::JavaScript => (javascript::find, javascript::build, Form::Component),
        Language::Python => (python::find, python::build, Form::Component),
    };
    let program = find(source, environment)?;
    let scratch = out_dir.join(stamp::stem(&source.path, &source.name()));
    fs::create_dir_all(&scratch)
        .map_err(|source| BuildError::Io { path: scratch.clone(), source })?;
    let inputs: BTreeSet<PathBuf> = source.files();
    let wit = Wit::of(source)?;
    let job = Job { source, wit: &wit, scratch: &scratch, program: &program, environment };
    progress.say(&format!("building `{}` with {}", source.name(), program.describe()));
    let module = build(&job)?;
    let (name, docs) = (source.name(), Some(wit.docs()?));
    let artifact = Artifact { name, module, form, docs, inputs, traceable: true };
    Ok((program.identity, vec![artifact]))
}

type Find = fn(&Folder, &Environment) -> Result<Program, BuildError>;
type Build = fn(&Job<'_>) -> Result<PathBuf, BuildError>;

/// What each language builds with.
pub(crate) struct Job<'a> {
    pub(crate) source: &'a Folder,
    pub(crate) wit: &'a Wit,
    /// A folder of its own.
    pub(crate) scratch: &'a Path,
    program: &'a Program,
    environment: &'a Environment,
}

/// A language with a runtime of its own wants a clock, files and more of WASI.
const STUB: &str = "--stub-wasi";

impl Job<'_> {
    /// Takes that away, unless the author's world asks for some of it.
    pub(crate) fn stub(&self) -> Option<&'static str> {
        (!self.wit.imports_wasi()).then_some(STUB)
    }

    /// Runs the compiler in the source's folder.
    pub(crate) fn run(&self, arguments: impl FnOnce(&mut Command)) -> Result<(), BuildError> {
        self.program.run(&self.source.name(), &self.source.path, self.environment, arguments)
    }
}

pub(crate) fn missing(source: &Folder, program: &'static str, command: String) -> BuildError {
    BuildError::NoProgram { language: source.language.name(), program, command }
}

/// The source of a language whose tool takes one file, which may name others.
pub(crate) fn only_file(source: &Folder) -> Result<PathBuf, BuildError> {
    let files = source.main_files();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        several => Err(BuildError::SeveralFiles {
            folder: source.path.clone(),
            files: several.iter().filter_map(|path| path.file_name()).map(name).collect(),
        }),
    }
}

fn name(name: &std::ffi::OsStr) -> String {
    name.to_string_lossy().into_owned()
}

pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), BuildError> {
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, content));
    written.map_err(|source| BuildError::Io { path: path.to_owned(), source })
}
