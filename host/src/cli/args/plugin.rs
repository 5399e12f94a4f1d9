//! The arguments of `hermitage plugin` and `hermitage tool`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Plugin {
    /// Add a tool plugin, after showing what it may do
    Add(Add),
    /// List the tool plugins that there are
    List(List),
    /// Show what a plugin or an agent can do, and the tools that it has
    Show(Show),
    /// Take a plugin out
    Remove(Remove),
    /// Tell whether plugins are whole, load, and have what they ask for
    Check(Check),
    /// Write a small project that builds, with a test
    New(New),
    /// Build a plugin, and call it in the sandbox as its `tests.toml` says
    Test(Test),
    /// Build source folders into components
    Build(Build),
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Add {
    /// A component, or a folder with one or with its source; what it asks for
    /// stands in `plugin.toml` beside it
    #[arg(value_name = "PATH")]
    pub(in crate::cli) path: PathBuf,
    /// What it asks for, when that is not `plugin.toml` beside it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) manifest: Option<PathBuf>,
    /// Another name than its author's
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// Agree to what it asks for
    #[arg(short, long)]
    pub(in crate::cli) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct List {
    /// Print the list as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Show {
    /// A plugin or an agent by name; a component or a folder by path
    #[arg(value_name = "NAME|PATH")]
    pub(in crate::cli) plugin: String,
    /// Print it as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Remove {
    /// As `hermitage plugin list` names it
    pub(in crate::cli) name: String,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Check {
    /// Only these [default: all that were added]
    #[arg(value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// Print the findings as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct New {
    /// In snake case, of the plugin and of the folder that is made for it
    pub(in crate::cli) name: String,
    /// What it is written in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    pub(in crate::cli) lang: Language,
    /// An agent in the place of a plugin
    #[arg(long)]
    pub(in crate::cli) agent: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Test {
    /// The folder of the plugin
    #[arg(default_value = ".")]
    pub(in crate::cli) dir: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Language {
    Rust,
    C,
    Js,
    Python,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Build {
    /// Folders with a `Cargo.toml`, or with a `wit` and a source in C,
    /// JavaScript or Python beside it
    #[arg(required = true)]
    pub(in crate::cli) dirs: Vec<PathBuf>,
    /// Copy the components into this directory, as NAME.wasm; it is made when
    /// it is not there
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Tool {
    /// List every tool that this host has, and who brings it
    List(ToolList),
    /// Call a tool by hand, as the person
    Call(ToolCall),
    /// Show the tools of an MCP server, and allow them to be granted
    Allow(ToolAllow),
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ToolAllow {
    /// As `[toolsets.NAME.mcp]` in the configuration names it
    pub(in crate::cli) name: String,
    /// Agree to everything without being asked
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ToolList {
    /// The directory that the tools would see
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(in crate::cli) workspace: PathBuf,
    /// Print the list as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ToolCall {
    /// As `hermitage tool list` names it, such as `github/create_issue`
    pub(in crate::cli) name: String,
    /// A JSON object; `-` reads it from standard input, `@FILE` from a file
    #[arg(value_name = "JSON|-|@FILE", default_value = "{}")]
    pub(in crate::cli) arguments: String,
    /// The directory that the tool sees
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(in crate::cli) workspace: PathBuf,
    /// Work also in a directory that holds your home directory
    #[arg(long)]
    pub(in crate::cli) allow_home: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
