//! The nested cargo: what a package builds, the modules of it, and every file
//! that had a part in them.
//!
//! Owns the command line and the settings of a guest's build. Cargo's own
//! words go to standard error as they are.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::BuildError;
use crate::environment::Environment;
use crate::probe::{DEBIAN_LINKER, DEBIAN_RUSTC};
use crate::toolchain::{Kind, TARGET, Toolchain};
use crate::wit::Docs;

/// Small components, since the host compiles each of them; given here so that
/// a guest's own manifest needs no profile.
const PROFILE: [&str; 5] = [
    "profile.release.opt-level=\"s\"",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.panic=\"abort\"",
    "profile.release.strip=true",
];

/// The standard library is built from source, and `trim-paths` keeps the
/// places of sources out of the component without being a part of the
/// library's fingerprint, as `--remap-path-prefix` would be.
const DEBIAN_ARGUMENTS: [&str; 10] = [
    // Like our stamps: a source that is put back with its old time is new.
    "-Z",
    "checksum-freshness",
    "-Z",
    "build-std=std,panic_abort",
    "-Z",
    "build-std-features=optimize_for_size",
    "-Z",
    "trim-paths",
    "--config",
    "profile.release.trim-paths=\"all\"",
];
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib";

/// A package with something to build.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    id: String,
    manifest: PathBuf,
    workspace_root: PathBuf,
    /// The library is a `cdylib`.
    library: bool,
    examples: Vec<String>,
}

/// What a compiler left of one component.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub(crate) name: String,
    pub(crate) module: PathBuf,
    pub(crate) form: Form,
    /// The comments of its WIT. A plugin in Rust describes itself.
    pub(crate) docs: Option<Docs>,
    /// Files whose change, or whose appearance, may change the module.
    pub(crate) inputs: BTreeSet<PathBuf>,
    /// All of `inputs` can be compared with what they were.
    pub(crate) traceable: bool,
}

/// What is still to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// It becomes a component.
    Core,
    /// It is one.
    Component,
}

/// What every build has in common, for its digest.
pub(crate) fn recipe() -> Vec<&'static str> {
    [PROFILE.as_slice(), DEBIAN_ARGUMENTS.as_slice(), &[DEBIAN_LINKER, TARGET]].concat()
}

/// Reads the package in `source`.
pub(crate) fn package(
    source: &Path,
    toolchain: &Toolchain,
    environment: &Environment,
) -> Result<Package, BuildError> {
    let manifest = source.join("Cargo.toml");
    let mut command = command(source, toolchain, environment);
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
    command.arg(&manifest);
    let output = run(&mut command, &source.display().to_string())?;
    let metadata: Metadata = serde_json::from_slice(&output).map_err(|e| unreadable(e.into()))?;
    metadata.into_package(source, manifest)
}

/// Builds its modules, in the order of their names.
pub(crate) fn build(
    package: &Package,
    out_dir: &Path,
    toolchain: &Toolchain,
    environment: &Environment,
) -> Result<Vec<Artifact>, BuildError> {
    let source = package.manifest.parent().unwrap_or(&package.manifest);
    let mut command = command(source, toolchain, environment);
    command.args(["build", "--release", "--target", TARGET]);
    command.arg("--manifest-path").arg(&package.manifest);
    command.arg("--message-format=json-render-diagnostics");
    command.arg("--target-dir").arg(out_dir.join("build"));
    if package.library {
        command.arg("--lib");
    }
    command.args(package.examples.iter().flat_map(|name| ["--example", name]));
    command.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    match toolchain.kind {
        Kind::Active => add_remapping(&mut command, environment),
        Kind::Debian => {
            // Set and empty: no flags of a configuration file above the folder.
            command.env("CARGO_ENCODED_RUSTFLAGS", "").args(DEBIAN_ARGUMENTS);
        }
    }
    let output = run(&mut command, &package.name)?;
    let messages = Messages::read(&output)?;
    let common = common_inputs(package, &messages, toolchain, environment)?;
    let mut artifacts = messages.artifacts(package, &common)?;
    artifacts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(artifacts)
}

fn command(source: &Path, toolchain: &Toolchain, environment: &Environment) -> Command {
    let mut command = environment.command(&toolchain.cargo);
    command.current_dir(source).stdin(Stdio::null()).stderr(Stdio::inherit());
    command.env("RUSTC_WRAPPER", "");
    if toolchain.kind == Kind::Debian {
        command.env("RUSTC", DEBIAN_RUSTC);
        // Building the library needs unstable options of a stable compiler.
        command.env("RUSTC_BOOTSTRAP", "1");
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
    }
    command
}

/// Only the registry's place: a flag that names the project would rebuild
/// every dependency for each project.
fn add_remapping(command: &mut Command, environment: &Environment) {
    if let Some(home) = environment.cargo_home().and_then(|home| home.to_str()) {
        let flag = format!("--remap-path-prefix={home}/registry/src/=");
        command.env("CARGO_ENCODED_RUSTFLAGS", flag);
    }
}

fn run(command: &mut Command, package: &str) -> Result<Vec<u8>, BuildError> {
    let output = command.output().map_err(|source| BuildError::Program {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(BuildError::Cargo { package: package.to_owned() })
    }
}

fn unreadable(source: io::Error) -> BuildError {
    BuildError::Program { program: "cargo".to_owned(), source }
}

/// Manifests of all packages that are no registry's, of their workspaces, the
/// lock file, and the places where cargo's and rustup's settings may be.
fn common_inputs(
    package: &Package,
    messages: &Messages,
    toolchain: &Toolchain,
    environment: &Environment,
) -> Result<BTreeSet<PathBuf>, BuildError> {
    let mut inputs = BTreeSet::from([package.workspace_root.join("Cargo.lock")]);
    for manifest in messages.local_manifests() {
        let directory = manifest.parent().unwrap_or(manifest);
        let mut command = command(directory, toolchain, environment);
        command.args(["locate-project", "--workspace", "--message-format", "plain"]);
        let root = run(&mut command, &package.name)?;
        let root = String::from_utf8(root).map_err(|e| unreadable(io::Error::other(e)))?;
        inputs.insert(PathBuf::from(root.trim_end_matches('\n')));
        inputs.insert(manifest.to_owned());
    }
    for directory in package.manifest.ancestors().skip(1) {
        for name in [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"]
        {
            inputs.insert(directory.join(name));
        }
    }
    inputs.extend(environment.cargo_home().map(|home| home.join("config.toml")));
    Ok(inputs)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    id: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    crate_types: Vec<String>,
}

impl Metadata {
    fn into_package(self, source: &Path, manifest: PathBuf) -> Result<Package, BuildError> {
        let found = self.packages.into_iter().find(|package| package.manifest_path == manifest);
        let Some(found) = found else {
            return Err(BuildError::NotAPackage { folder: source.to_owned() });
        };
        let cdylibs: Vec<Target> = found
            .targets
            .into_iter()
            .filter(|t| t.crate_types.iter().any(|c| c == "cdylib"))
            .collect();
        let (examples, libraries): (Vec<Target>, Vec<Target>) =
            cdylibs.into_iter().partition(Target::is_example);
        if examples.is_empty() && libraries.is_empty() {
            return Err(BuildError::NoCdylib { package: found.name });
        }
        Ok(Package {
            name: found.name,
            id: found.id,
            manifest,
            workspace_root: self.workspace_root,
            library: !libraries.is_empty(),
            examples: examples.into_iter().map(|target| target.name).collect(),
        })
    }
}

impl Target {
    fn is_example(&self) -> bool {
        self.kind.iter().any(|kind| kind == "example")
    }
}

/// The messages about artifacts; the others are left out.
struct Messages(Vec<ArtifactMessage>);

#[derive(Deserialize)]
struct AnyMessage {
    reason: String,
}

#[derive(Deserialize)]
struct ArtifactMessage {
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
}

impl Messages {
    fn read(output: &[u8]) -> Result<Self, BuildError> {
        let mut messages = Vec::new();
        // A build script's own output may be among the lines.
        for line in output.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")) {
            let any: AnyMessage = serde_json::from_slice(line).map_err(|e| unreadable(e.into()))?;
            if any.reason == "compiler-artifact" {
                messages.push(serde_json::from_slice(line).map_err(|e| unreadable(e.into()))?);
            }
        }
        Ok(Self(messages))
    }

    fn local_manifests(&self) -> BTreeSet<&Path> {
        let local = self.0.iter().filter(|message| {
            // The library's sources belong to the tool chain.
            message.package_id.starts_with("path+file:")
                && !message.manifest_path.starts_with(DEBIAN_LIBRARY)
        });
        local.map(|message| message.manifest_path.as_path()).collect()
    }

    fn artifacts(
        self,
        package: &Package,
        common: &BTreeSet<PathBuf>,
    ) -> Result<Vec<Artifact>, BuildError> {
        let mut artifacts = Vec::new();
        for message in self.0.into_iter().filter(|message| message.package_id == package.id) {
            let is_module = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "wasm");
            let Some(module) = message.filenames.into_iter().find(is_module) else { continue };
            let dep_info = module.with_extension("d");
            let text = fs::read_to_string(&dep_info)
                .map_err(|source| BuildError::Io { path: dep_info, source })?;
            let sources: Vec<PathBuf> = parse_dep_info(&text).collect();
            // A directory, or a path that only cargo can resolve, can't be
            // compared later: such a component is never taken for fresh.
            let traceable = sources.iter().all(|it| it.is_absolute() && it.is_file());
            let inputs = sources.into_iter().chain(common.iter().cloned()).collect();
            let is_example = message.target.is_example();
            let name = if is_example { message.target.name } else { package.name.clone() };
            artifacts.push(Artifact {
                name,
                module,
                form: Form::Core,
                docs: None,
                inputs,
                traceable,
            });
        }
        Ok(artifacts)
    }
}

/// The files behind the colon. Cargo writes one line, with the spaces inside
/// of paths escaped by `\`.
fn parse_dep_info(text: &str) -> impl Iterator<Item = PathBuf> {
    let files = text.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, f)| f);
    // No path holds a line end here, since the format has no way to say so.
    let files = files.replace("\\ ", "\n");
    let paths: Vec<PathBuf> = files
        .split(' ')
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(path.replace('\n', " ")))
        .collect();
    paths.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_is_split_at_spaces_that_are_not_escaped() {
        for (text, expect) in [
            ("/o/a.wasm: /s/a.rs /s/b.rs\n", vec!["/s/a.rs", "/s/b.rs"]),
            ("/o/a.wasm: /s/my\\ file.rs /b\n", vec!["/s/my file.rs", "/b"]),
            ("/o\\ p/a.wasm: /a\n", vec!["/a"]),
            ("/o/a.wasm:\n", vec![]),
            ("", vec![]),
        ] {
            let expect: Vec<PathBuf> = expect.into_iter().map(PathBuf::from).collect();
            assert_eq!(parse_dep_info(text).collect::<Vec<_>>(), expect, "{text:?}");
        }
    }

    fn target(name: &str, kind: &str, crate_type: &str) -> Target {
        let list = |text: &str| vec![text.to_owned()];
        Target { name: name.to_owned(), kind: list(kind), crate_types: list(crate_type) }
    }

    fn package(targets: Vec<Target>) -> Result<Package, BuildError> {
        let package = MetadataPackage {
            name: "p-q".to_owned(),
            id: "path+file:///s#p-q@0.1.0".to_owned(),
            manifest_path: PathBuf::from("/s/Cargo.toml"),
            targets,
        };
        let metadata = Metadata { packages: vec![package], workspace_root: PathBuf::from("/") };
        metadata.into_package(Path::new("/s"), PathBuf::from("/s/Cargo.toml"))
    }

    #[test]
    fn the_library_and_examples_count_when_they_are_cdylibs() {
        let found = package(vec![
            target("p_q", "cdylib", "cdylib"),
            target("one", "example", "cdylib"),
            target("two", "example", "bin"),
        ]);
        let found = found.unwrap();
        assert!(found.library);
        assert_eq!(found.examples, ["one"]);
    }

    #[test]
    fn a_package_without_a_cdylib_is_an_error_with_a_fix() {
        let error = package(vec![target("p_q", "lib", "lib")]).unwrap_err();
        assert_eq!(error.to_string(), "the package `p-q` has no `cdylib` target");
        assert!(error.hint().unwrap().contains("crate-type = [\"cdylib\"]"));
    }

    #[test]
    fn a_workspace_alone_is_not_a_package() {
        let metadata = Metadata { packages: Vec::new(), workspace_root: PathBuf::from("/s") };
        let result = metadata.into_package(Path::new("/s"), PathBuf::from("/s/Cargo.toml"));
        assert!(matches!(result, Err(BuildError::NotAPackage { .. })));
    }
}
