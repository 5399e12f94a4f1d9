//! What the command line says of itself.

use crate::{check, harness::Cli};

#[test]
fn help_tells_the_verbs_and_no_arguments_ask_for_it() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["--help"]), @"
    exit: 0
    ----- stdout
    Runs AI subagents as sandboxed WebAssembly components, each with only the tools it was granted

    Usage: hermitage [OPTIONS] <COMMAND>

    Commands:
      quickstart  Run the three bundled agents on a directory, read-only
      run         Delegate a task, or a batch of tasks, and print what came of it
      wait        Wait for a delegation, and print what came of it
      stop        Ask a delegation, or one child of it, to stop
      steer       Tell a child something while it works
      follow-up   Have a new child go on where one has ended
      logs        Print what children write into their logs
      serve       Stay, and run delegations that others ask for
      mcp         Speak MCP over stdio: the tools with which any agent delegates
      token       Print the token that programs show the service, made when there is none
      worker      Run children of other hosts, over NATS (`cluster.nats`)
      workers     List the workers that there are
      list        List the delegations that run, and the newest that ended
      show        Show one delegation: what was asked, what came of it
      replay      Run a child again from what it was told, offline, and show every call
      top         Watch the delegations in this terminal, and stop them
      events      List the events of the queue, or acknowledge one
      inspect     Show what a component imports, and what would become of it, without running it
      doctor      Tell what works on this machine, and what would make the rest work
      plugin      Add tools that others wrote, and work on components
      tool        List the tools of this host, or call one by hand
      config      Show or check the configuration
      bench       Measure how fast this is here, each figure beside the least that can be had
      help        Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Options of every command:
          --config <FILE>      Configuration file [default: `$XDG_CONFIG_HOME/hermitage/config.toml`]
          --plugin-path <DIR>  Directory with components, or with their sources, such as `plugins` of a
                               checkout; may be repeated [env: HERMITAGE_PLUGIN_PATH]
          --store <FILE>       Records and events [default: `$XDG_STATE_HOME/hermitage/hermitage.db`]
    ----- stderr
    ");
    let bare = cli.run::<&str>(&[]);
    assert_eq!((bare.exit, bare.stdout.as_str()), (Some(2), ""));
    assert_eq!(bare.stderr, cli.run(&["--help"]).stdout);
}

#[test]
fn help_of_run_tells_its_options() {
    check!(Cli::new(&[]).run(&["run", "--help"]), @"
    exit: 0
    ----- stdout
    Delegate a task, or a batch of tasks, and print what came of it

    Usage: hermitage run [OPTIONS] [GOAL]

    Arguments:
      [GOAL]  What should be done

    Options:
          --agent <NAME|PATH>     The component that does it: a name, a file, or a source folder. One
                                  that is given by path gets `file_read` unless `--toolsets` says more
                                  [default: `react`, which asks a language model]
          --model <NAME>          The language model: a name of the configuration, or PROVIDER/MODEL
          --max-iterations <N>    Model calls that each child may make [default: from the configuration]
          --output-schema <FILE>  A JSON Schema that the result must satisfy
          --tasks <FILE>          A JSON file with a list of tasks, `-` for standard input; wins over
                                  GOAL
          --context <TEXT>        Background for the task
          --toolsets <LIST>       Toolsets or single tools, separated by commas; an empty text grants
                                  none [default: from the configuration; `file_read` for an agent given
                                  by path]
          --role <ROLE>           What the child may do besides its task: an orchestrator may delegate,
                                  too [possible values: leaf, orchestrator]
          --as-parent             Run the component as a parent: with the tools that no child gets, and
                                  its own subagents
          --workspace <DIR>       The directory that the tools see [default: .]
          --strict                Refuse a component that imports what it is not granted
          --no-resume             Do not record what the children are told: they can't go on after their
                                  host was killed, and `hermitage replay` knows nothing of them
          --background            Print the id as soon as it is recorded, and let it go on without this
                                  command: see `hermitage wait`
          --timeout <S>           Seconds that each child may take [default: from the configuration]
          --ephemeral             Keep nothing on disk: no record, and no report after a crash
          --allow-home            Work also in a directory that holds your home directory
          --json                  Print the result as JSON
          --notice                Print the text that a model is told with, marker and all
      -q, --quiet                 Say nothing but the result, and what went wrong
      -v, --verbose               Show what children write into their logs, as they do
      -h, --help                  Print help

    Options of every command:
          --config <FILE>      Configuration file [default: `$XDG_CONFIG_HOME/hermitage/config.toml`]
          --plugin-path <DIR>  Directory with components, or with their sources, such as `plugins` of a
                               checkout; may be repeated [env: HERMITAGE_PLUGIN_PATH]
          --store <FILE>       Records and events [default: `$XDG_STATE_HOME/hermitage/hermitage.db`]
    ----- stderr
    ");
}

#[test]
fn the_version_is_one_line() {
    check!(Cli::new(&[]).run(&["--version"]), @"
    exit: 0
    ----- stdout
    hermitage 0.1.0
    ----- stderr
    ");
}
