//! What commands see of the host besides its system, and their own home
//! directory.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

#[test]
fn commands_have_a_home_of_their_own() {
    each(
        |_| {},
        |it| {
            assert_eq!(it.text("ls -A ~; mkdir ~/.cache; echo x > ~/.cache/kept"), "");
            assert_eq!(it.text("cat ~/.cache/kept; cd; pwd | grep -c workspace"), "x\n0\n");
            assert_eq!(it.text("pwd -P; chmod 711 ~; touch -d @0 ~/old").lines().count(), 1);
            assert_eq!(it.execute("sh", "cat ~/.cache/kept").unwrap().output, "x\n");
            assert_eq!(fs::read_dir(it.path("")).unwrap().count(), 0, "it lies in the workspace");
            let other = it.tools.session();
            let run = |command: &str| {
                let call = Terminal { command: command.to_owned(), ..Terminal::default() };
                block_on(other.run(&it.caller, call)).unwrap().output
            };
            assert_eq!(run("ls -A ~; git config --global a.b c; ls -A ~"), ".gitconfig\n");
            assert_eq!(it.text("ls -A ~"), ".cache\nold\n");
        },
    );
}

#[test]
fn a_home_goes_with_its_session() {
    each(
        |_| {},
        |it| {
            let session = it.tools.session();
            let run = |command: &str| {
                let call = Terminal { command: command.to_owned(), ..Terminal::default() };
                block_on(session.run(&it.caller, call)).unwrap().output
            };
            run("mkdir -p ~/a/b; chmod 000 ~/a");
            let homes = || {
                let dirs = fs::read_dir(it.tools.shared.scratch.path()).unwrap().flatten();
                dirs.filter(|it| it.file_name().to_string_lossy().starts_with("home-")).count()
            };
            assert_eq!(homes(), 1);
            drop(session);
            assert_eq!(homes(), 0);
        },
    );
}

/// A directory of programs below one that is closed to others, as homes are.
fn tools() -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    let tools = outer.path().canonicalize().unwrap().join("tools");
    fs::create_dir_all(tools.join("bin")).unwrap();
    fs::write(tools.join("data"), "data\n").unwrap();
    for (name, text) in [("hello", "cat \"${0%/bin/*}/data\""), ("ls", "echo my own")] {
        let program = tools.join("bin").join(name);
        fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(outer.path().join("beside"), "CANARY").unwrap();
    (outer, tools)
}

#[test]
fn what_is_named_is_read_and_run_and_nothing_beside_it() {
    let (outer, tools) = tools();
    let named = |config: &mut TerminalConfig| {
        config.read_only = vec![tools.join("data")];
        config.path = vec![tools.join("bin")];
    };
    each(named, |it| {
        assert_eq!(it.text("hello; ls"), "data\nmy own\n");
        let (own, beside) = (tools.display(), outer.path().join("beside"));
        for command in [
            format!("echo x >> {own}/data"),
            format!("echo x > {own}/bin/new"),
            format!("rm -f {own}/bin/hello"),
            format!("mv {own}/data {own}/other"),
            format!("chmod 777 {own}/bin/hello"),
            format!("touch -d @0 {own}/data"),
            format!("ln {own}/data linked"),
            format!("cat {}", beside.display()),
        ] {
            let found = it.run(&format!("({command}) 2>&1")).unwrap();
            assert!(
                found.exit_code != 0 && !found.output.contains("CANARY"),
                "{command}: {found:?}"
            );
        }
    });
    assert_eq!(fs::read_to_string(tools.join("data")).unwrap(), "data\n");
    assert_eq!(fs::read_dir(tools.join("bin")).unwrap().count(), 2);
    each(
        |_| {},
        |it| {
            let found = it.run(&format!("cat {}/data", tools.display())).unwrap();
            assert_ne!(found.exit_code, 0, "{found:?}");
        },
    );
}

#[test]
fn a_path_that_must_not_be_shown_leaves_no_terminal() {
    let (outer, tools) = tools();
    let workspace = outer.path().join("w");
    fs::create_dir_all(workspace.join("in")).unwrap();
    fs::create_dir(tools.join(".ssh")).unwrap();
    for path in [PathBuf::from("/"), outer.path().join("none"), workspace.join("in"), tools] {
        let config = TerminalConfig { read_only: vec![path], ..roomy(SandboxChoice::Auto) };
        let open = TerminalTools::open(&workspace, config, Arc::default());
        match block_on(open) {
            Err(TerminalError::Shown { key: "read_only", .. }) => {}
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it is shown"),
        }
    }
}

/// With the tool chains of whoever runs the tests.
#[test]
fn a_build_works_with_the_tool_chains_of_the_person() {
    let has = |chain: ToolChain| chain.find().is_some();
    let named = |config: &mut TerminalConfig| {
        config.tool_chains = ToolChain::ALL.to_vec();
        config.memory_bytes = 4 << 30;
        config.max_processes = 256;
    };
    each(named, |it| {
        let kind = it.tools.kind();
        for (chain, result) in &it.tools.shared.shown.chains {
            assert_eq!(*result, Ok(()), "{}", chain.name());
        }
        if has(ToolChain::Rustup) && has(ToolChain::Cargo) {
            let manifest =
                "[package]\nname = \"p\"\nedition = \"2021\"\n[dependencies]\nitoa = \"1\"\n";
            fs::create_dir_all(it.path("src")).unwrap();
            fs::write(it.path("Cargo.toml"), manifest).unwrap();
            let source = "fn main() { println!(\"{}\", itoa::Buffer::new().format(42)) }\n\
                          #[test] fn works() {}\n";
            fs::write(it.path("src/main.rs"), source).unwrap();
            let found = it
                .text("cargo build --offline 2>&1 | tail -1 | grep -o Finished; ./target/debug/p");
            assert_eq!(found, "Finished\n42\n", "{kind}: {}", it.text("cargo build --offline"));
            let found = it.run("cargo test --offline").unwrap();
            assert!(found.output.contains("1 passed"), "{kind}: {}", found.output);
            assert_eq!(it.text("ls -A | tr '\\n' ' '"), "Cargo.lock Cargo.toml src target ");
        }
        if has(ToolChain::Pyenv) {
            let found = it.text("python3 -c 'import sys, ssl; print(sys.prefix)'");
            assert!(found.contains("versions"), "{kind}: {found}");
            let found = it.execute("python", "import sys; print(sys.prefix)").unwrap().output;
            assert!(found.contains("versions"), "{kind}: {found}");
        }
        if has(ToolChain::Nvm) {
            assert!(it.text("command -v node").contains("versions/node"), "{kind}");
        }
    });
}
