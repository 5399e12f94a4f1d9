//! The program away from where it was built: copied, installed, in a checkout
//! that was moved, and in one that is somebody else's.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::harness::{Cli, Ran};

/// A user without any rights of its own.
const NOBODY: &str = "65534";

/// What cargo marks its target folder with.
const TARGET_MARK: &str = "CACHEDIR.TAG";

/// A copy of the program there.
fn installed(cli: &Cli, place: &str) -> PathBuf {
    let path = cli.path(place);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let built = env!("CARGO_BIN_EXE_hermitage-under-test");
    // A second name is a copy to everybody, and takes no room.
    fs::hard_link(built, &path).or_else(|_| fs::copy(built, &path).map(|_| ())).unwrap();
    path
}

/// With nothing in reach that could build anything.
fn run(cli: &Cli, program: &Path, args: &[&str]) -> Ran {
    let mut command = without_tools(cli, Command::new(program), args);
    Ran::from(command.output().unwrap())
}

fn without_tools(cli: &Cli, mut command: Command, args: &[&str]) -> Command {
    for (name, value) in cli.command::<&str>(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("PATH", "").env("HERMITAGE_INSTALL", "0");
    command.env("XDG_CACHE_HOME", cli.path("home/cache"));
    command.env("HERMITAGE_WASM_TOOLCHAIN", "rustup");
    command.args(args).current_dir(cli.path(""));
    command
}

/// The program in the hands of a user without any rights: of this one, where
/// that one may not become another.
fn as_somebody_else(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
    command
}

/// A checkout with a program in its target folder, and an agent of its own.
fn checkout(cli: &Cli) -> PathBuf {
    cli.file("checkout/wit/world.wit", "");
    cli.file("checkout/plugins/Cargo.toml", "");
    cli.file("checkout/plugins/hello.wasm", hermitage_tests::guest("honest"));
    cli.file("checkout/plugins/source/Cargo.toml", "[package]\nname = 'source'\n");
    cli.file(&format!("checkout/target/{TARGET_MARK}"), "");
    installed(cli, "checkout/target/debug/hermitage")
}

#[test]
fn a_copied_program_has_its_agents_and_needs_no_tool_chain() {
    let cli = Cli::new(&[]);
    cli.file("project/a.rs", "// TODO: say hello\n");
    let program = installed(&cli, "bin/hermitage");
    let ran = run(&cli, &program, &["quickstart", "project", "--json"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    assert!(ran.stdout.contains("1 marker in 1 file"), "{ran}");
    let ran = run(&cli, &program, &["inspect", "nobody"]);
    let known = "known are `links`, `orchestrator`, `react`, `steps`, `survey`, `todos`";
    assert!(ran.stderr.contains(known), "{ran}");
}

#[test]
fn a_checkout_is_the_one_that_the_program_runs_in_or_is_told_of() {
    let cli = Cli::new(&[]);
    let program = checkout(&cli);
    let hello = ["inspect", "hello"];
    assert_eq!(run(&cli, &program, &hello).exit, Some(0));
    let copy = installed(&cli, "bin/hermitage");
    assert_eq!(run(&cli, &copy, &hello).exit, Some(2));
    let told = [&hello[..], &["--plugin-path", "checkout/plugins"]].concat();
    assert_eq!(run(&cli, &copy, &told).exit, Some(0));
    let mut command = without_tools(&cli, Command::new(&copy), &hello);
    command.env("HERMITAGE_PLUGIN_PATH", "nowhere:checkout/plugins");
    assert_eq!(command.output().unwrap().status.code(), Some(0));

    fs::rename(cli.path("checkout"), cli.path("moved")).unwrap();
    cli.file("checkout/plugins/hello.wasm", "what was left behind");
    assert_eq!(run(&cli, &cli.path("moved/target/debug/hermitage"), &hello).exit, Some(0));
}

#[test]
fn what_a_checkout_of_somebody_else_has_is_built_in_the_users_own_cache() {
    let cli = Cli::new(&[]);
    let program = checkout(&cli);
    for (path, mode) in [("home/..", 0o755), ("checkout/target", 0o555), ("home", 0o777)] {
        fs::create_dir_all(cli.path(path)).unwrap();
        fs::set_permissions(cli.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let command = as_somebody_else(&program);
    let mut command = without_tools(&cli, command, &["inspect", "source"]);
    command.env_remove("CARGO_HOME").env_remove("RUSTUP_HOME");
    let ran = Ran::from(command.env("PATH", "/usr/bin:/bin").output().unwrap());
    assert_eq!(ran.exit, Some(4), "{ran}");
    assert!(cli.path("home/cache/hermitage/components/.lock").is_file(), "{ran}");
    assert!(!cli.path("checkout/target/components").exists(), "{ran}");
}

#[test]
fn what_keeps_a_user_from_the_store_of_another_is_told() {
    let cli = Cli::new(&["honest"]);
    let program = installed(&cli, "bin/hermitage");
    let run = ["run", "read it", "--agent", "./honest.wasm", "--store", "theirs/own.db"];
    assert_eq!(cli.run(&run).exit, Some(0));
    let closed = |path: &str, mode| {
        fs::set_permissions(cli.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir_all(cli.path("home")).unwrap();
    closed("home/..", 0o755);
    let own = !rustix::process::geteuid().is_root();
    let whose = if own { "" } else { "it belongs to another user (uid 0), and " };
    for (path, word) in [("theirs", "entered"), ("theirs/own.db", "read")] {
        closed("theirs", 0o755);
        closed(path, 0o000);
        let what =
            format!("`{}` can't be {word}: {whose}its rights are 000", cli.path(path).display());
        for arguments in [&["list"][..], &["wait", "latest"], &["doctor"], &run[..4]] {
            let arguments = [arguments, &["--store", "theirs/own.db"]].concat();
            let command = as_somebody_else(&program);
            let mut command = without_tools(&cli, command, &arguments);
            let ran = Ran::from(command.env("PATH", "/usr/bin:/bin").output().unwrap());
            assert!(format!("{ran}").contains(&what), "{what}: {ran}");
        }
    }
    closed("theirs", 0o755);
}
