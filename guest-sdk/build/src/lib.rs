//! Turns the source folder of a guest into a verified WebAssembly component.
//!
//! [`build`] finds a tool chain for `wasm32-unknown-unknown` (or installs
//! one, when that is allowed), runs cargo, makes a component of each module,
//! checks it against the contract in `wit/`, and puts it into the output
//! directory. When nothing changed since the last time, it does none of that.
//!
//! A folder with a world in `wit` and a source in C, JavaScript or Python
//! beside it becomes a component, too, by the tool chain of that language,
//! which is looked for and never installed.
//!
//! Owns the output directory, the nested cargo and the stamps. It does not
//! run components, and `environment` is the only reader of the process
//! environment.

mod c;
mod cargo;
mod component;
mod environment;
mod error;
mod foreign;
mod install;
mod javascript;
mod language;
mod probe;
mod program;
mod progress;
mod python;
mod stamp;
mod template;
mod toolchain;
mod wit;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use crate::error::BuildError;
pub use crate::progress::{Progress, Stderr};
pub use crate::template::{NewError, Sdk, Template, create};

use crate::cargo::{Artifact, Form};
use crate::environment::Environment;
use crate::language::Source;
use crate::stamp::{Digests, Stamp};
use crate::toolchain::{Decision, Identity};

/// What a build may do and where it puts things.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Components land here as `NAME-FOLDER.wasm`, where `FOLDER` stands for
    /// the folder that they come from, beside their stamps and the target
    /// directory that all of them share.
    pub out_dir: PathBuf,
    /// Whether a missing tool chain may be installed. `HERMITAGE_INSTALL=0`
    /// forbids it in any case.
    pub install: Install,
    /// Keep components that import interfaces outside the contract. For
    /// tests of hosts, which must refuse them.
    pub foreign_imports: bool,
}

impl Options {
    /// Options for `out_dir`, with nothing allowed that is not usual.
    pub fn new(out_dir: impl Into<PathBuf>, install: Install) -> Self {
        Self { out_dir: out_dir.into(), install, foreign_imports: false }
    }
}

/// Whether a missing tool chain may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Install {
    /// Yes, every command is shown before it runs.
    Allowed,
    /// If [`Progress::confirm`] says so.
    Ask,
    /// No.
    Forbidden,
}

/// A component that was built, now or earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The package's name, or the example's.
    pub name: String,
    /// Where the component is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it imports, as `interface#function`, sorted; an interface that
    /// gives only types stands alone.
    pub imports: Vec<String>,
    /// Nothing changed, so nothing was done.
    pub fresh: bool,
}

/// Builds every component of `source_dir`: of a Rust package its library, if
/// it is a `cdylib`, and each example that is one; of the other languages the
/// one that there is.
///
/// Builds into one output directory wait for each other.
pub fn build(
    source_dir: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Vec<Built>, BuildError> {
    let environment = Environment::read()?;
    let source = Source::find(source_dir)?;
    let io = |path: &Path, source| BuildError::Io { path: path.to_owned(), source };
    fs::create_dir_all(&options.out_dir).map_err(|e| io(&options.out_dir, e))?;
    let out_dir = fs::canonicalize(&options.out_dir).map_err(|e| io(&options.out_dir, e))?;
    let options = Options { out_dir, ..options.clone() };
    let recipe = recipe(&source, &options);
    let fresh = || stamp::fresh(source.folder(), &options.out_dir, &recipe, environment.forced());
    // Digests make a look without the lock safe.
    if let Some(built) = fresh() {
        return Ok(built);
    }
    // Held until the end: two builds must not write one component at a time.
    let _lock = lock(&options.out_dir)?;
    if let Some(built) = fresh() {
        return Ok(built);
    }
    let start = SystemTime::now();
    let (tool_chain, artifacts) = match &source {
        Source::Rust(folder) => rust(folder, &options, &environment, progress)?,
        Source::Other(folder) => foreign::build(folder, &options.out_dir, &environment, progress)?,
    };
    let names = artifacts.iter().map(|artifact| artifact.name.clone()).collect();
    let source = source.folder().to_owned();
    let job = Job { source, options, recipe, tool_chain, start, names };
    job.finish(&artifacts)
}

/// The tool chain, which may have to be installed first, and what it made.
fn rust(
    source: &Path,
    options: &Options,
    environment: &Environment,
    progress: &mut dyn Progress,
) -> Result<(Identity, Vec<Artifact>), BuildError> {
    let toolchain = toolchain::find_or_install(source, environment, options.install, progress)?;
    let package = cargo::package(source, &toolchain, environment)?;
    progress.say(&format!("building `{}` with {}", package.name, toolchain.describe()));
    let artifacts = cargo::build(&package, &options.out_dir, &toolchain, environment)?;
    Ok((toolchain.identity, artifacts))
}

fn recipe(source: &Source, options: &Options) -> String {
    let how = match source {
        Source::Rust(_) => String::new(),
        Source::Other(folder) => foreign::recipe(folder),
    };
    stamp::recipe_digest(options.foreign_imports, &how)
}

/// The tool chain that would build the package in `source_dir`, in words.
/// Looks and installs nothing: fails when it would have to.
pub fn toolchain_of(source_dir: &Path) -> Result<String, BuildError> {
    let environment = Environment::read()?;
    let facts = probe::facts(source_dir, &environment, false);
    match toolchain::decide(facts, environment.forced()) {
        Decision::Use(kind) => {
            probe::toolchain(kind, source_dir, &environment).map(|it| it.describe())
        }
        Decision::Install(_) | Decision::GiveUp => Err(BuildError::NoToolchain),
    }
}

/// The components of the package in `source_dir` when they were built before
/// and nothing changed since; builds nothing and runs nothing of the package.
pub fn built(source_dir: &Path, options: &Options) -> Result<Option<Vec<Built>>, BuildError> {
    let environment = Environment::read()?;
    let source = Source::find(source_dir)?;
    // Nothing was ever built into a directory that is not there.
    let Ok(out_dir) = fs::canonicalize(&options.out_dir) else {
        return Ok(None);
    };
    let recipe = recipe(&source, options);
    Ok(stamp::fresh(source.folder(), &out_dir, &recipe, environment.forced()))
}

/// What the last step needs to know of those before it.
struct Job {
    source: PathBuf,
    options: Options,
    recipe: String,
    tool_chain: Identity,
    /// When the compiler began to read, or before.
    start: SystemTime,
    /// Of all components, sorted.
    names: Vec<String>,
}

impl Job {
    fn finish(&self, artifacts: &[Artifact]) -> Result<Vec<Built>, BuildError> {
        let mut digests = Digests::new();
        let built = artifacts.iter().map(|artifact| self.finish_one(artifact, &mut digests));
        let built = built.collect::<Result<_, _>>()?;
        stamp::remove_others(&self.source, &self.options.out_dir, &self.names);
        Ok(built)
    }

    fn finish_one(&self, artifact: &Artifact, digests: &mut Digests) -> Result<Built, BuildError> {
        let out_dir = &self.options.out_dir;
        let (bytes, foreign) = (read(&artifact.module)?, self.options.foreign_imports);
        let mut component = match artifact.form {
            Form::Core => component::encode(&artifact.name, &bytes, foreign)?,
            Form::Component => component::check(&artifact.name, bytes, foreign)?,
        };
        if let Some(docs) = &artifact.docs {
            docs.append_to(&mut component.bytes);
        }
        let path = stamp::component_path(out_dir, &self.source, &artifact.name);
        let stamp_path = stamp::path(out_dir, &self.source, &artifact.name);
        // Without a stamp the component is stale, so a crash between the two
        // writes costs a build and nothing else.
        let _ = fs::remove_file(&stamp_path);
        replace(&path, &component.bytes)?;
        let inputs = artifact.inputs.iter();
        let stamp = Stamp {
            name: artifact.name.clone(),
            source: self.source.clone(),
            components: self.names.clone(),
            recipe: self.recipe.clone(),
            tool_chain: self.tool_chain.clone(),
            digest: stamp::digest(&component.bytes),
            bytes: component.bytes.len() as u64,
            imports: component.imports,
            inputs: inputs.map(|p| (p.clone(), stamp::file_digest(p, digests))).collect(),
        };
        // A file that changed under cargo's hands would be taken for built.
        if artifact.traceable && stamp::untouched_since(self.start, &artifact.inputs) {
            let bytes = stamp.to_bytes();
            let bytes = bytes.map_err(|source| BuildError::Io { path: path.clone(), source })?;
            replace(&stamp_path, &bytes)?;
        }
        Ok(stamp.into_built(path, false))
    }
}

fn lock(out_dir: &Path) -> Result<File, BuildError> {
    let path = out_dir.join(".lock");
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.and_then(|file| file.lock().map(|()| file));
    file.map_err(|source| BuildError::Io { path, source })
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| BuildError::Io { path: path.to_owned(), source })
}

/// Readers see the old file or the new one, never a part. The lock on the
/// directory makes the temporary name safe.
fn replace(path: &Path, content: &[u8]) -> Result<(), BuildError> {
    let temporary = path.with_extension("new");
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| BuildError::Io { path: path.to_owned(), source })
}
