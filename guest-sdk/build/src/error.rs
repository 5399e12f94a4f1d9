//! Why there is no component, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The source folder can't be opened.
    #[error("there is no folder `{}`", folder.display())]
    NoFolder {
        /// As it was given.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is nothing to build in the folder.
    #[error("`{}` has no source that can be built", folder.display())]
    NoSource {
        /// As it was given.
        folder: PathBuf,
    },
    /// The folder does not say what it exports.
    #[error("`{}` is written in {language} and has no folder `wit`", folder.display())]
    NoWit {
        /// As it was given.
        folder: PathBuf,
        /// Its language.
        language: &'static str,
    },
    /// More than one language could be meant.
    #[error("`{}` is written in several languages: {}", folder.display(), languages.join(", "))]
    SeveralLanguages {
        /// As it was given.
        folder: PathBuf,
        /// Those.
        languages: Vec<&'static str>,
    },
    /// More than one file could be the one to begin with.
    #[error("`{}` has several sources: {}", folder.display(), files.join(", "))]
    SeveralFiles {
        /// The source folder.
        folder: PathBuf,
        /// Those.
        files: Vec<String>,
    },
    /// The world can't be read, or there is not exactly one.
    #[error("the world in `{}` can't be used: {reason}", folder.display())]
    Wit {
        /// The folder `wit`.
        folder: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// The tool chain of a language that is not Rust is not there.
    #[error("there is no {program} to build {language} with")]
    NoProgram {
        /// Its language.
        language: &'static str,
        /// What is missing.
        program: &'static str,
        /// What installs it.
        command: String,
    },
    /// A compiler failed, and has said why.
    #[error("`{program}` could not build `{name}`")]
    Compiler {
        /// The program.
        program: String,
        /// The component's name.
        name: String,
    },
    /// The manifest is that of a workspace alone.
    #[error("`{}` is a workspace without a package of its own", folder.display())]
    NotAPackage {
        /// The source folder.
        folder: PathBuf,
    },
    /// Nothing in the package becomes a module.
    #[error("the package `{package}` has no `cdylib` target")]
    NoCdylib {
        /// Its name.
        package: String,
    },
    /// Cargo failed, and has said why.
    #[error("cargo could not build `{package}`")]
    Cargo {
        /// The package's name, or its folder while that is unknown.
        package: String,
    },
    /// A program could not be run or understood.
    #[error("`{program}` could not be run")]
    Program {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The module says nothing about its interface.
    #[error("`{name}` is neither an agent nor a plugin: its module has no component type")]
    NoComponentType {
        /// The component's name.
        name: String,
    },
    /// The module does not fit the interface that it declares.
    #[error("`{name}` can't be made a component: {reason}")]
    Componentize {
        /// The component's name.
        name: String,
        /// What the encoder says.
        reason: String,
    },
    /// The component has nothing that a host could call.
    #[error("`{name}` is neither an agent nor a plugin: it exports nothing")]
    NoExports {
        /// The component's name.
        name: String,
    },
    /// The component wants what no host gives.
    #[error("`{name}` imports what the contract does not have: {}", imports.join(", "))]
    ForeignImports {
        /// The component's name.
        name: String,
        /// As `interface#function`.
        imports: Vec<String>,
    },
    /// No tool chain, and installing one is not allowed.
    #[error("there is no tool chain for WebAssembly, and `{command}` is forbidden")]
    InstallForbidden {
        /// The command that would have run first.
        command: String,
    },
    /// No tool chain, and no way to install one from here.
    #[error("there is no tool chain for WebAssembly")]
    NoToolchain,
    /// An installing command failed.
    #[error("`{command}` failed")]
    InstallFailed {
        /// As it was shown.
        command: String,
        /// Its exit code, or the time limit.
        #[source]
        source: io::Error,
    },
    /// An environment variable has a value that means nothing.
    #[error("`{name}` is `{value}`")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What it is set to.
        value: String,
    },
    /// A file could not be read or written.
    #[error("can't access `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl BuildError {
    /// What would mend it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoFolder { .. } | Self::NoSource { .. } => {
                "give a folder with a `Cargo.toml`, or with a folder `wit` and beside it \
                 a source in C, JavaScript or Python; `hermitage plugin new` makes one"
                    .to_owned()
            }
            Self::NoWit { .. } => "write the world that it exports into `wit/world.wit`".to_owned(),
            Self::SeveralLanguages { .. } => {
                "leave the sources of one beside `wit`, and move the others into a folder"
                    .to_owned()
            }
            Self::SeveralFiles { .. } => {
                "leave the one that exports the world, and move the others into a folder".to_owned()
            }
            Self::NoProgram { command, .. } => format!("install it with `{command}`"),
            Self::NotAPackage { .. } => "give the folder of one of its members".to_owned(),
            Self::NoCdylib { .. } => {
                "add two lines to its `Cargo.toml`: `[lib]` and `crate-type = [\"cdylib\"]`"
                    .to_owned()
            }
            Self::NoComponentType { .. } | Self::NoExports { .. } => {
                "does the crate use `hermitage-guest`, and `#[agent]`, or `#[tool]` and `tools!`?"
                    .to_owned()
            }
            Self::InstallForbidden { .. } => format!("allow it, or run {BOTH_FIXES}"),
            Self::NoToolchain | Self::InstallFailed { .. } => format!("run {BOTH_FIXES}"),
            Self::Variable { .. } => "unset it, or set it to `rustup` or `debian`".to_owned(),
            Self::ForeignImports { .. } => {
                "an agent may import what the world `subagent` of `hermitage:subagent@0.1.0` \
                 imports, and a plugin what `tool-plugin` does"
                    .to_owned()
            }
            Self::Cargo { .. }
            | Self::Compiler { .. }
            | Self::Wit { .. }
            | Self::Program { .. }
            | Self::Componentize { .. }
            | Self::Io { .. } => return None,
        };
        Some(hint)
    }
}

const BOTH_FIXES: &str = "`rustup target add wasm32-unknown-unknown`, or as root on Debian \
                          `apt-get install rustc-web cargo-web rust-web-src lld-22`";
