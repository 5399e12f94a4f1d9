//! What commands do when nobody attacks.

use super::*;

#[test]
fn a_command_gives_its_code_and_its_output_in_order() {
    check(&[
        ("true", 0, ""),
        ("echo hello", 0, "hello\n"),
        ("exit 3", 3, ""),
        ("false", 1, ""),
        ("echo a; echo b >&2; echo c; exit 7", 7, "a\nb\nc\n"),
        ("kill -9 $$", 137, ""),
        ("sh -c 'kill -TERM $$'", 143, "Terminated\n"),
        ("printf '%s|' \"$@\" end", 0, "end|"),
        ("cat; echo read $?", 0, "read 0\n"),
        ("set -e; false; echo never", 1, ""),
        ("trap 'echo trapped' EXIT; exit 4", 4, "trapped\n"),
        ("printf 'no line end'", 0, "no line end"),
        ("cat <<'END'\n$HOME 'quoted' \"twice\"\nEND", 0, "$HOME 'quoted' \"twice\"\n"),
        ("nosuchcommand", 127, "bash: line 1: nosuchcommand: command not found\n"),
        ("cat < <(echo substituted)", 0, "substituted\n"),
        ("echo one | tr a-z A-Z > f && cat f && rm f", 0, "ONE\n"),
        ("ulimit -c", 0, "0\n"),
    ]);
}

#[test]
fn directory_and_exported_variables_are_kept() {
    each(
        |_| {},
        |it| {
            std::fs::create_dir_all(it.path("a/b c")).unwrap();
            let root = it.text("pwd");
            let root = root.trim_end();
            assert_eq!(root == "/workspace", it.is_bubblewrap(), "{root}");
            it.text("cd a; export GREETING='two words\nand lines'; local=1; unset LANG");
            let found = it.text("pwd; echo \"$GREETING[$local][$LANG]\"");
            assert_eq!(found, format!("{root}/a\ntwo words\nand lines[][]\n"));
            assert_eq!(it.text("cd 'b c'; pwd"), format!("{root}/a/b c\n"));
            assert_eq!(it.text("pwd; cd /usr"), format!("{root}/a/b c\n"));
            assert_eq!(it.text("pwd"), format!("{root}\n"), "outside is not kept");
            it.text("cd a/b\\ c; exit 9");
            assert_eq!(it.text("pwd"), format!("{root}/a/b c\n"));
            std::fs::remove_dir(it.path("a/b c")).unwrap();
            assert_eq!(it.text("pwd"), format!("{root}\n"), "it is gone");
            let other = it.tools.session();
            let call = Terminal { command: "echo [$GREETING]".to_owned(), ..Terminal::default() };
            assert_eq!(block_on(other.run(&it.caller, call)).unwrap().output, "[]\n");
        },
    );
}

/// Lines that go to `a` and export `X`, each with its code and its output.
const GOES_TO_A: &[(&str, i32, &str)] = &[
    ("cd a; export X=1; exit 3", 3, ""),
    // With a trap of its own.
    ("trap 'echo bye' EXIT; cd a; export X=1", 0, "bye\n"),
    ("trap 'echo bye $?; exit 5' EXIT; cd a; export X=1; exit 3", 5, "bye 3\n"),
    ("trap 'echo bye' 0; cd a; export X=1; set -e; false; echo never", 1, "bye\n"),
    ("trap -- 'cd /' INT EXIT; cd a; export X=1", 0, ""),
    ("cd a; export X=1; trap \"echo 'quoted' \\\"twice\\\"\" EXIT", 0, "quoted twice\n"),
    ("trap 'echo no' EXIT; trap - EXIT; cd a; export X=1", 0, ""),
    ("trap 'echo no' EXIT; trap 0; cd a; export X=1", 0, ""),
    ("trap '' EXIT; cd a; export X=1; exit 2", 2, ""),
    ("(trap 'echo out' EXIT; cd b; exit 3); echo $?; cd a; export X=1", 0, "out\n3\n"),
    ("trap 'echo got' USR1; kill -USR1 $$; trap - USR1; cd a; export X=1", 0, "got\n"),
    ("trap 'echo wrong' ERR; false; trap - ERR; false; cd a; export X=1", 0, "wrong\n"),
    ("it='cd a; export X=1; trap \"echo bye\" EXIT'; eval \"$it\"; exit 9", 9, "bye\n"),
    // As another program.
    ("cd a; export X=1; exec echo hi", 0, "hi\n"),
    ("cd a; export X=1; false || exec sh -c 'exit 4'", 4, ""),
    ("cd a; export X=1; true || exec false; exec 3>o; echo x >&3; cat o; rm o", 0, "x\n"),
    ("eval 'cd a; export X=1; exec echo inner'", 0, "inner\n"),
    ("cd a; export X=1; exec nosuch 2>/dev/null", 127, ""),
    ("(cd b; export X=2; exec true); cd a; export X=1; (exec true) & wait", 0, ""),
    ("cd a; export X=1; exec true | cat; exec >/dev/null 2>&1; echo no", 0, ""),
    ("cd a; export X=1; exec 1>&- 2>&-", 0, ""),
    // With options, and without what it is looked up by.
    ("cd a; export X=1; export PATH=/nonexistent", 0, ""),
    ("cd a; export X=1; PATH=", 0, ""),
    ("cd a; export X=1; unset PATH HOME LANG", 0, ""),
    ("cd a; export X=1; set -eufC; IFS=x; false", 1, ""),
    ("cd a; export X=1; set -x 2>/dev/null", 0, ""),
    (
        "cd a; export X=1; set -u; echo $none 2>/dev/null",
        127,
        "bash: line 1: none: unbound variable\n",
    ),
    ("cd a; export X=1; f() { exit 6; }; f", 6, ""),
    ("cd a; X=1; export X; readonly X", 0, ""),
    ("cd a; export X=1 LD_PRELOAD=/none LD_LIBRARY_PATH=/none", 0, ""),
    ("cd a; export X=1; env() { :; }; pwd() { :; }; printf() { :; }; test() { :; }", 0, ""),
    ("cd a; export X=1; unset ${!__hermitage*} ${!BASH*} 2>/dev/null; true", 0, ""),
    ("cd a; export X=1; unset -f $(compgen -A function) 2>/dev/null; unalias -a", 0, ""),
    ("cd a; export X=1; kill -TERM $$", 143, ""),
];

#[test]
fn what_is_kept_does_not_depend_on_how_a_line_ends() {
    each(
        |_| {},
        |it| {
            std::fs::create_dir(it.path("a")).unwrap();
            std::fs::create_dir(it.path("b")).unwrap();
            for (line, code, output) in GOES_TO_A {
                let session = it.tools.session();
                let run = |command: &str| {
                    let call = Terminal { command: command.to_owned(), ..Terminal::default() };
                    block_on(session.run(&it.caller, call)).unwrap()
                };
                let found = run(line);
                assert_eq!((found.exit_code, &*found.output), (*code, *output), "{line}");
                let next = run("PATH=/usr/bin:/bin; echo ${PWD##*/} $X").output;
                assert_eq!(next, "a 1\n", "{}: {line}", it.tools.kind());
            }
        },
    );
}

#[test]
fn what_git_may_not_change_is_told_in_words() {
    let it = Fixture::with(roomy(SandboxChoice::Bubblewrap));
    let init = Command::new("git").args(["init", "-q"]).current_dir(it.path("")).output().unwrap();
    assert!(init.status.success(), "{init:?}");
    for command in ["git config a.b c", "git remote add origin https://example.org/x"] {
        let found = it.run(command).unwrap();
        assert_ne!(found.exit_code, 0, "{command}");
        assert!(found.output.contains("\n[hermitage] commands can't change"), "{}", found.output);
    }
    assert!(!it.text("git -c a.b=c config a.b; git status --short").contains("[hermitage]"));
}

#[test]
fn what_is_drawn_over_is_not_in_the_answer() {
    check(&[
        ("for i in 1 2 3; do printf '\\r%s of 3' $i; done; echo", 0, "3 of 3\n"),
        ("printf 'a\\r\\nb\\r\\n'", 0, "a\nb\n"),
        ("printf 'a\\nb\\n\\033[2A\\033[2Kc\\n\\033[2Kd\\n'", 0, "c\nd\n"),
        ("printf 'work |\\b/\\b-\\bdone\\n'", 0, "work done\n"),
    ]);
}

#[test]
fn a_directory_is_one_of_the_workspace() {
    each(
        |_| {},
        |it| {
            std::fs::create_dir_all(it.path("a/b")).unwrap();
            std::fs::write(it.path("file"), "").unwrap();
            std::os::unix::fs::symlink(it.outer.path(), it.path("out")).unwrap();
            std::os::unix::fs::symlink("a/b", it.path("in")).unwrap();
            let root = it.text("pwd -P");
            let root = root.trim_end();
            let directory = |named: &str| {
                let (command, directory) = ("pwd -P".to_owned(), Some(named.to_owned()));
                it.call(Terminal { command, directory, timeout: None })
            };
            for (named, expected) in [
                ("a", "/a"),
                ("./a//b/", "/a/b"),
                ("a/../a/b", "/a/b"),
                ("in", "/a/b"),
                ("", ""),
                (".", ""),
                (&format!("{root}/a"), "/a"),
            ] {
                assert_eq!(directory(named).unwrap().output, format!("{root}{expected}\n"));
            }
            for named in ["..", "a/../..", "/", "/usr", "/etc/..", "out", "file", "missing", "a\0b"]
            {
                let found = directory(named);
                assert!(matches!(found, Err(ToolError::InvalidArguments(_))), "{named}: {found:?}");
            }
        },
    );
}

#[test]
fn what_is_no_command_is_refused() {
    each(
        |_| {},
        |it| {
            let long = "x".repeat(200 << 10);
            for command in ["", " \n", "echo a\0b", &long] {
                let found = it.run(command);
                assert!(matches!(found, Err(ToolError::InvalidArguments(_))), "{found:?}");
            }
            let call =
                Terminal { command: "true".to_owned(), timeout: Some(0), ..Terminal::default() };
            assert!(matches!(it.call(call), Err(ToolError::InvalidArguments(_))));
        },
    );
}

#[test]
fn the_environment_is_made_and_not_inherited() {
    each(
        |config| config.environment = vec!["CARGO_PKG_NAME".to_owned(), "NO_SUCH".to_owned()],
        |it| {
            let text = it.text("env");
            let mut names: Vec<&str> =
                text.lines().filter_map(|it| Some(it.split_once('=')?.0)).collect();
            names.sort_unstable();
            let expected =
                "CARGO_PKG_NAME GIT_CONFIG_NOSYSTEM HOME LANG PATH PWD SHLVL TERM TMPDIR _";
            assert_eq!(names.join(" "), expected, "{text}");
            assert!(text.contains("CARGO_PKG_NAME=hermitage\n"), "{text}");
            assert_eq!(it.text("echo kept > \"$TMPDIR/x\"; cat \"$TMPDIR/x\""), "kept\n");
            assert_eq!(it.text("ls -A \"$TMPDIR\""), "");
        },
    );
}

#[test]
fn scripts_run_in_their_language() {
    each(
        |_| {},
        |it| {
            it.text("mkdir d; cd d; export SEEN=yes");
            for (language, source) in [
                ("sh", "echo $SEEN ${PWD##*/} $((6 * 7))"),
                ("bash", "a=(6 7); echo $SEEN ${PWD##*/} $((a[0] * a[1]))"),
                (
                    "perl",
                    "use Cwd; print \"$ENV{SEEN} \", (split '/', getcwd)[-1], ' ', 6 * 7, \"\\n\"",
                ),
                (
                    "Python",
                    "import os\nprint(os.environ['SEEN'], os.getcwd().split('/')[-1], 6 * 7)",
                ),
            ] {
                let found = match it.execute(language, source) {
                    // Not every machine has every language; a shell it has.
                    Err(ToolError::InvalidArguments(text)) if language.len() > 4 => {
                        assert!(text.contains("`bash`"), "{text}");
                        continue;
                    }
                    found => found.unwrap(),
                };
                assert_eq!((found.exit_code, &*found.output), (0, "yes d 42\n"), "{language}");
            }
            assert_eq!(it.execute("sh", "cd /; export SEEN=no; exit 5").unwrap().exit_code, 5);
            assert_eq!(it.text("echo $SEEN ${PWD##*/}; ls -A"), "yes d\n", "nothing is left");
            for language in ["", "cobol", "../sh", "sh\0", "/bin/sh", "x;id"] {
                match it.execute(language, "true") {
                    Err(ToolError::InvalidArguments(text)) => {
                        assert!(text.contains("`bash`, `sh`"), "{text}");
                    }
                    found => panic!("{language}: {found:?}"),
                }
            }
        },
    );
}

#[test]
fn calls_of_one_session_follow_one_another() {
    each(
        |_| {},
        |it| {
            let command = "test ! -e busy && : > busy && i=0 && while [ $i -lt 2000 ]; do i=$((i+1)); done; rm busy";
            let call = || Terminal { command: command.to_owned(), ..Terminal::default() };
            let both = block_on(async {
                tokio::join!(it.session.run(&it.caller, call()), it.session.run(&it.caller, call()))
            });
            assert_eq!((both.0.unwrap().exit_code, both.1.unwrap().exit_code), (0, 0));
        },
    );
}

#[test]
fn long_output_loses_its_middle() {
    each(
        |config| config.max_output_bytes = 100,
        |it| {
            let found = it.run("seq 1 1000").unwrap();
            assert!(found.truncated);
            assert!(found.output.starts_with("1\n2\n3\n"), "{}", found.output);
            assert!(found.output.contains("bytes left out …]\n"), "{}", found.output);
            assert!(found.output.ends_with("\n999\n1000\n"), "{}", found.output);
        },
    );
}

#[test]
fn the_kinds_are_probed() {
    let found = block_on(probe(&roomy(SandboxChoice::Auto)));
    let versions: BTreeMap<SandboxKind, String> =
        found.into_iter().map(|(kind, version)| (kind, version.unwrap())).collect();
    assert!(versions[&SandboxKind::Bubblewrap].starts_with("0."), "{versions:?}");
    assert!(versions[&SandboxKind::Landlock].starts_with("ABI "), "{versions:?}");
}
