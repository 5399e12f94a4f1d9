//! The arguments of the verbs about a delegation that runs elsewhere.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Wait {
    /// The delegation: its id, the beginning of it, or `latest`
    pub(crate) id: String,
    /// Print the completion as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the text that a model is told with, marker and all
    #[arg(long, conflicts_with = "json")]
    pub(crate) notice: bool,
    /// Say nothing but the result, and what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Stop {
    /// The delegation: its id, the beginning of it, or `latest`
    pub(crate) id: String,
    /// Why: the child's result says so
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
