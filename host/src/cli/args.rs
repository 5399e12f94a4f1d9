//! The arguments, exactly as they were typed: no files are read and nothing
//! is resolved here.

pub(super) mod plugin;
pub(super) mod serve;

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, builder::PossibleValuesParser};

pub(super) use self::{
    plugin::{Plugin, Tool},
    serve::{FollowUp, Logs, Mcp, Serve, Steer, Stop, Token, Wait, Worker, Workers},
};

use crate::bench::{self, Part};

/// Every bench, where names of benches are given.
pub(super) const ALL_BENCHES: &str = "all";

/// Where components are, for every command.
pub(super) const PLUGIN_PATH: &str = "HERMITAGE_PLUGIN_PATH";

/// What `run --background` starts this program with.
pub(super) const DETACHED: &str = "detached";

/// Runs AI subagents as sandboxed WebAssembly components, each with only the
/// tools it was granted.
#[derive(Debug, Parser)]
#[command(name = "hermitage", bin_name = "hermitage", version, max_term_width = 100)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    /// Started by a command that has gone on
    #[arg(id = DETACHED, long = DETACHED, hide = true)]
    pub(super) detached: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Options of every command.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Global {
    /// Configuration file [default: `$XDG_CONFIG_HOME/hermitage/config.toml`]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Directory with components, or with their sources, such as `plugins` of a
    /// checkout; may be repeated
    #[arg(long, global = true, value_name = "DIR", env = PLUGIN_PATH)]
    #[arg(value_delimiter = ':', hide_env_values = true)]
    pub(super) plugin_path: Vec<PathBuf>,
    /// Records and events [default: `$XDG_STATE_HOME/hermitage/hermitage.db`]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) store: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run the three bundled agents on a directory, read-only
    Quickstart(Quickstart),
    /// Delegate a task, or a batch of tasks, and print what came of it
    Run(Run),
    /// Wait for a delegation, and print what came of it
    Wait(Wait),
    /// Ask a delegation, or one child of it, to stop
    Stop(Stop),
    /// Tell a child something while it works
    Steer(Steer),
    /// Have a new child go on where one has ended
    FollowUp(FollowUp),
    /// Print what children write into their logs
    Logs(Logs),
    /// Stay, and run delegations that others ask for
    Serve(Serve),
    /// Speak MCP over stdio: the tools with which any agent delegates
    Mcp(Mcp),
    /// Print the token that programs show the service, made when there is none
    Token(Token),
    /// Run children of other hosts, over NATS (`cluster.nats`)
    Worker(Worker),
    /// List the workers that there are
    Workers(Workers),
    /// List the delegations that run, and the newest that ended
    List(List),
    /// Show one delegation: what was asked, what came of it
    Show(Show),
    /// Run a child again from what it was told, offline, and show every call
    Replay(Replay),
    /// Watch the delegations in this terminal, and stop them
    Top,
    /// List the events of the queue, or acknowledge one
    Events(Events),
    /// Show what a component imports, and what would become of it, without running it
    Inspect(Inspect),
    /// Tell what works on this machine, and what would make the rest work
    Doctor(Doctor),
    /// Add tools that others wrote, and work on components
    #[command(subcommand)]
    Plugin(Plugin),
    /// List the tools of this host, or call one by hand
    #[command(subcommand)]
    Tool(Tool),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(Config),
    /// Measure how fast this is here, each figure beside the least that can be had
    Bench(Bench),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Quickstart {
    /// The directory to look at
    #[arg(default_value = ".")]
    pub(super) dir: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Options of every command that runs children.
#[derive(Debug, ClapArgs)]
pub(super) struct Common {
    /// Seconds that each child may take [default: from the configuration]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(super) timeout: Option<i64>,
    /// Keep nothing on disk: no record, and no report after a crash
    #[arg(long, conflicts_with = "store")]
    pub(super) ephemeral: bool,
    /// Work also in a directory that holds your home directory
    #[arg(long)]
    pub(super) allow_home: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Print the text that a model is told with, marker and all
    #[arg(long, conflicts_with = "json")]
    pub(super) notice: bool,
    /// Say nothing but the result, and what went wrong
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Show what children write into their logs, as they do
    #[arg(short, long, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct List {
    /// Print the list as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Show {
    /// The delegation: its id, the beginning of it, or `latest`
    pub(super) id: String,
    /// Print the whole summary of this task, from 1, instead
    #[arg(long, value_name = "TASK")]
    pub(super) summary: Option<usize>,
    /// Print it as JSON
    #[arg(long, conflicts_with = "summary")]
    pub(super) json: bool,
    /// Print the text that a model is told with, marker and all
    #[arg(long, conflicts_with_all = ["summary", "json"])]
    pub(super) notice: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Replay {
    /// The child: the id of its delegation, its beginning, or `latest`; and the
    /// task behind a slash, from 1, where there are several
    #[arg(value_name = "ID[/TASK]")]
    pub(super) child: String,
    /// Stop after so many calls
    #[arg(long, value_name = "N")]
    pub(super) until: Option<u64>,
    /// Run this component instead, and tell it what the other one was told
    #[arg(long, value_name = "FILE")]
    pub(super) with: Option<PathBuf>,
    /// Print it as JSON, with all answers
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Events {
    /// Only those of this session; an empty text means local callers
    #[arg(long, value_name = "KEY")]
    pub(super) session: Option<String>,
    /// Only those that are not delivered yet
    #[arg(long, conflicts_with = "dead")]
    pub(super) pending: bool,
    /// Only those that were given up
    #[arg(long)]
    pub(super) dead: bool,
    /// Acknowledge an event, by its number or by its delegation (its id, the
    /// beginning of it, or `latest`)
    #[arg(long, value_name = "ID", conflicts_with_all = ["session", "pending", "dead"])]
    pub(super) ack: Option<String>,
    /// Offer an event again that was given up, by its number or by its delegation
    #[arg(long, value_name = "ID", conflicts_with_all = ["session", "pending", "dead", "ack"])]
    pub(super) retry: Option<String>,
    /// The newest so many [default: 50]
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<NonZeroUsize>,
    /// Print the list as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Run {
    /// What should be done
    pub(super) goal: Option<String>,
    /// The component that does it: a name, a file, or a source folder. One that
    /// is given by path gets `file_read` unless `--toolsets` says more
    /// [default: `react`, which asks a language model]
    #[arg(long, value_name = "NAME|PATH")]
    pub(super) agent: Option<String>,
    /// The language model: a name of the configuration, or PROVIDER/MODEL
    #[arg(long, value_name = "NAME")]
    pub(super) model: Option<String>,
    /// Model calls that each child may make [default: from the configuration]
    #[arg(long, value_name = "N")]
    pub(super) max_iterations: Option<u32>,
    /// A JSON Schema that the result must satisfy
    #[arg(long, value_name = "FILE")]
    pub(super) output_schema: Option<PathBuf>,
    /// A JSON file with a list of tasks, `-` for standard input; wins over GOAL
    #[arg(long, value_name = "FILE")]
    pub(super) tasks: Option<PathBuf>,
    /// Background for the task
    #[arg(long, value_name = "TEXT")]
    pub(super) context: Option<String>,
    /// Toolsets or single tools, separated by commas; an empty text grants none
    /// [default: from the configuration; `file_read` for an agent given by path]
    #[arg(long, value_name = "LIST")]
    pub(super) toolsets: Option<String>,
    /// What the child may do besides its task: an orchestrator may delegate, too
    #[arg(long, value_enum)]
    pub(super) role: Option<Role>,
    /// Run the component as a parent: with the tools that no child gets, and
    /// its own subagents
    #[arg(long, conflicts_with_all = ["role", "tasks"])]
    pub(super) as_parent: bool,
    /// The directory that the tools see
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) workspace: PathBuf,
    /// Refuse a component that imports what it is not granted
    #[arg(long)]
    pub(super) strict: bool,
    /// Do not record what the children are told: they can't go on after their
    /// host was killed, and `hermitage replay` knows nothing of them
    #[arg(long)]
    pub(super) no_resume: bool,
    /// Print the id as soon as it is recorded, and let it go on without this
    /// command: see `hermitage wait`
    #[arg(long, conflicts_with_all = ["ephemeral", "notice", "verbose"])]
    pub(super) background: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Doctor {
    /// Ask each model for one token, which costs as much
    #[arg(long)]
    pub(super) ask: bool,
    /// The directory whose project file counts
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) workspace: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Inspect {
    /// A name, a file, or a source folder
    pub(super) component: String,
    /// Toolsets or single tools to plan with, separated by commas
    #[arg(long, value_name = "LIST")]
    pub(super) toolsets: Option<String>,
    /// The directory that the tools would see
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) workspace: PathBuf,
    /// The role to plan with
    #[arg(long, value_enum, default_value_t = Role::Leaf)]
    pub(super) role: Role,
    /// Refuse what would be stubbed
    #[arg(long)]
    pub(super) strict: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Bench {
    /// What to measure
    #[arg(default_value = ALL_BENCHES, value_name = "NAME")]
    #[arg(value_parser = PossibleValuesParser::new(benches()))]
    pub(super) names: Vec<String>,
    /// How often each is measured, in turn with its floor; a figure is the middle
    #[arg(long, value_name = "N", default_value = "5")]
    pub(super) rounds: NonZeroUsize,
    /// Print the figures as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// The program that is started for what has to be a process [default: this one]
    #[arg(long, hide = true)]
    pub(super) program: Option<PathBuf>,
    /// Started by another bench for this part of it
    #[arg(long, hide = true, value_parser = part)]
    pub(super) part: Option<Part>,
    /// Where that part has its database
    #[arg(long, hide = true, default_value = ".")]
    pub(super) dir: PathBuf,
}

/// What a child may do besides its task. Without help of their own, which
/// would spread that of every option over several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    Leaf,
    Orchestrator,
}

impl From<Role> for crate::event::Role {
    fn from(it: Role) -> Self {
        match it {
            Role::Leaf => Self::Leaf,
            Role::Orchestrator => Self::Orchestrator,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Show what is set, and which file or variable set it
    Show {
        /// Values that nothing has set, too
        #[arg(long)]
        all: bool,
        /// The directory with the project's file
        #[arg(long, value_name = "DIR", default_value = ".")]
        workspace: PathBuf,
        /// Print a list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell everything that is wrong with the configuration
    Check {
        /// A file to check instead, as if it were your own
        file: Option<PathBuf>,
        /// Check FILE as if it were a project's, over your own
        #[arg(long, requires = "file")]
        project: bool,
        /// The directory with the project's file
        #[arg(long, value_name = "DIR", default_value = ".", conflicts_with = "file")]
        workspace: PathBuf,
    },
    /// Print the JSON Schema of the file, for editors
    Schema,
}

/// Names of benches, and the one for all of them.
fn benches() -> impl Iterator<Item = &'static str> {
    bench::Bench::ALL.into_iter().map(bench::Bench::name).chain([ALL_BENCHES])
}

/// A part of a bench, by its text.
fn part(text: &str) -> Result<Part, &'static str> {
    Part::read(text).ok_or("no part of a bench")
}

/// The names in a list that is separated by commas; none in an empty one.
pub(super) fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_list_of_names_may_be_empty() {
        assert_eq!(names("file_read, patch,"), ["file_read", "patch"]);
        assert!(names("").is_empty());
    }
}
