//! The arguments of `hermitage plugin`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Plugin {
    /// Build source folders into components
    Build(Build),
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Build {
    /// Folders with a `Cargo.toml`
    #[arg(required = true)]
    pub(in crate::cli) dirs: Vec<PathBuf>,
    /// Copy the components into this directory, as NAME.wasm; it is made when
    /// it is not there
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
}
