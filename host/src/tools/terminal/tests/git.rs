//! What a command leaves for the person's own git, which is really called
//! afterwards, in the workspace and in every directory of it: no program that
//! a command named may run.

use std::{fs, os::unix::fs::symlink};

use super::*;

/// A workspace as somebody has one: with a submodule and a linked worktree.
struct Work {
    it: Fixture,
    home: PathBuf,
    canary: PathBuf,
}

impl Work {
    fn new(sandbox: SandboxChoice) -> Self {
        let it = Fixture::with(roomy(sandbox));
        // Not in the directory that commands may see.
        let outer = it.outer.path().canonicalize().unwrap();
        let (home, canary) = (outer.join("home"), outer.join("ran"));
        fs::create_dir(&home).unwrap();
        fs::write(
            home.join(".gitconfig"),
            "[user]\n\tname = Ann\n\temail = ann@example.test\n[protocol \"file\"]\n\
             \tallow = always\n[safe]\n\tdirectory = *\n",
        )
        .unwrap();
        let this = Self { it, home, canary };
        let library = outer.join("library");
        this.git(&outer, &["init", "-q", "library"]);
        this.git(&library, &["commit", "-q", "--allow-empty", "-m", "first"]);
        let work = this.path("");
        this.git(&work, &["init", "-q"]);
        for path in ["a.txt", "deep/er/b.txt", ".gitattributes"] {
            fs::create_dir_all(this.path(path).parent().unwrap()).unwrap();
            fs::write(this.path(path), "*.txt filter=x diff=x\n").unwrap();
        }
        let library = library.to_str().unwrap().to_owned();
        this.git(&work, &["submodule", "-q", "add", &library, "sub"]);
        this.git(&work, &["add", "."]);
        this.git(&work, &["commit", "-q", "-m", "first"]);
        this.git(&work, &["worktree", "add", "-q", "tree"]);
        this
    }

    fn path(&self, path: &str) -> PathBuf {
        self.it.path(path)
    }

    fn git(&self, directory: &Path, args: &[&str]) -> std::process::Output {
        let mut command = Command::new("git");
        command.args(args).current_dir(directory).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &self.home);
        // Nobody is asked anything.
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true");
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    /// The line runs with `C` as the program that must never run.
    fn attack(&self, line: &str) -> String {
        let program = format!("touch {}", self.canary.display());
        self.it.text(&format!("C='{program}'; {line}\ntrue"))
    }

    /// What a person does next: much at the top, and a little everywhere.
    fn person_works(&self, after: &str) {
        let mut todo = vec![self.path("")];
        let mut seen = 0;
        while let Some(directory) = todo.pop() {
            seen += 1;
            // A command may have closed it.
            let _ = fs::write(directory.join("touched.txt"), "x");
            let everywhere = [&["status"][..]];
            let at_repositories = [&["add", "-A"][..], &["commit", "-q", "-m", "next"]];
            let is_one = [".git", "HEAD"].iter().any(|it| directory.join(it).exists());
            let at_repositories = at_repositories.iter().filter(|_| is_one);
            let at_top = [
                &["diff", "HEAD~1"][..],
                &["checkout", "-q", "-b", "b"],
                &["fetch", "--all"],
                &["st"],
            ];
            let at_top = at_top.iter().filter(|_| seen == 1);
            for args in everywhere.iter().chain(at_repositories).chain(at_top) {
                self.git(&directory, args);
                let kind = self.it.tools.kind();
                assert!(!self.canary.exists(), "{kind}: {args:?} in {directory:?} after `{after}`");
            }
            for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
                // Of a repository the directories in which it can hide another.
                let name = entry.file_name();
                let is_dull =
                    ["info", "logs", "hooks", "heads", "tags", "branches", "pack", "remotes"]
                        .iter()
                        .any(|it| name == *it);
                let is_fan_out = name.len() == 2 && !entry.path().join("HEAD").exists();
                if entry.file_type().unwrap().is_dir() && !is_dull && !is_fan_out {
                    todo.push(entry.path());
                }
            }
        }
    }
}

/// A script that is a program, made without changing a mode.
const MADE: &str = "mk() { mkdir -p \"$(dirname \"$1\")\"; cp /usr/bin/true \"$1\"; \
                    printf '#!/bin/sh\\n%s\\n' \"$C\" > \"$1\"; }; \
                    evil() { mkdir -p \"$1/objects\" \"$1/refs\"; echo 'ref: refs/heads/main' > \"$1/HEAD\"; \
                    printf '[core]\\n\\tbare = false\\n\\trepositoryformatversion = 0\\n\\tworktree = %s\\n\\tfsmonitor = \"%s; false\"\\n' \"$PWD\" \"$C\" > \"$1/config\"; }; \
                    set_to() { printf '[core]\\n\\tbare = false\\n\\trepositoryformatversion = 0\\n%s\\n' \"$2\" > \"$1\"; }; ";

/// What a command writes, each a way that git would obey.
const ATTACKS: [&str; 47] = [
    // The configuration of the repository.
    "printf '[core]\\nfsmonitor = \"%s; false\"\\n' \"$C\" >> .git/config",
    "mk hk/pre-commit; mk hk/post-index-change; set_to .git/config '[core]\nhooksPath = hk'",
    "set_to .git/config \"[core]\nsshCommand = $C\n[remote \\\"x\\\"]\nurl = ssh://x.test/y\"",
    "set_to .git/config \"[filter \\\"x\\\"]\nclean = $C\nsmudge = $C\nrequired = false\"",
    "set_to .git/config \"[filter \\\"x\\\"]\nprocess = $C\"",
    "set_to .git/config \"[diff]\nexternal = $C\"",
    "set_to .git/config \"[diff \\\"x\\\"]\ntextconv = $C\ncommand = $C\"",
    "set_to .git/config '[include]\npath = ../evil.cfg'; set_to evil.cfg \"[core]\nfsmonitor = $C\"",
    "set_to .git/config '[includeIf \"gitdir:**\"]\npath = ../e.cfg'; set_to e.cfg \"[diff]\nexternal = $C\"",
    "set_to .git/config \"[alias]\nst = !$C\n[core]\neditor = $C\npager = $C\"",
    "set_to .git/config \"[credential]\nhelper = !$C\n[remote \\\"x\\\"]\nurl = http://127.0.0.1:1/x\"",
    "mk g; set_to .git/config \"[gpg]\nprogram = $PWD/g\n[commit]\ngpgsign = true\"",
    "set_to .git/config \"[protocol \\\"ext\\\"]\nallow = always\n[remote \\\"x\\\"]\nurl = ext::$C\"",
    "set_to .git/config \"[extensions]\nworktreeConfig = true\"; set_to .git/config.worktree \"[core]\nfsmonitor = $C\"",
    "rm -f .git/config; set_to .git/config \"[core]\nfsmonitor = $C\"",
    "ln -s $PWD/evil.cfg x; set_to evil.cfg \"[core]\nfsmonitor = $C\"; mv x .git/config",
    "mkdir x; mv .git/config x; set_to .git/config \"[core]\nfsmonitor = $C\"",
    // Hooks.
    "mk .git/hooks/pre-commit; mk .git/hooks/post-checkout; mk .git/hooks/post-index-change",
    "mv .git/hooks .git/old; mk .git/hooks/pre-commit; mk .git/hooks/reference-transaction",
    "mk hk/pre-commit; rm -rf .git/hooks; ln -s ../hk .git/hooks",
    "mv .git/hooks/pre-commit.sample .git/hooks/pre-commit; cp .git/hooks/pre-commit y; printf '#!/bin/sh\n%s\n' \"$C\" > .git/hooks/pre-commit",
    "mk hk/pre-commit; ln -s ../../hk/pre-commit .git/hooks/pre-commit",
    "mk hk/pre-commit; ln hk/pre-commit .git/hooks/pre-commit",
    // What leads to another repository.
    "evil evil; echo ../evil > .git/commondir",
    "evil evil; mv .git old; echo 'gitdir: evil' > .git",
    "evil evil; mv .git old; ln -s evil .git",
    "evil evil; echo 'gitdir: ../evil' > tree/.git",
    "evil evil; echo \"$PWD/evil\" > .git/worktrees/tree/commondir",
    "set_to .git/worktrees/tree/config.worktree \"[core]\nfsmonitor = $C\"; set_to .git/worktrees/tree/config \"[core]\nfsmonitor = $C\"",
    "evil evil; echo 'gitdir: ../evil' > sub/.git",
    "set_to .git/modules/sub/config \"[core]\nworktree = ../../../sub\nfsmonitor = $C\"",
    "mk .git/modules/sub/hooks/pre-commit; mk .git/modules/sub/hooks/post-checkout",
    "mv .git/modules/sub .git/modules/was; evil .git/modules/sub",
    // Directories that look like a repository.
    "evil docs",
    "evil deep/er/x/y",
    "evil evil; mkdir docs; cp evil/HEAD docs; echo ../evil > docs/commondir",
    "evil docs/.git",
    "evil evil; mkdir docs; ln -s ../evil docs/.git",
    "evil evil; mkdir docs; echo 'gitdir: ../evil' > docs/.git",
    "evil .git/refs/x; evil .git/objects/aa; evil .GIT; evil 'git~1'",
    "cp -r .git copy; printf '[core]\\nworktree = %s\\nfsmonitor = \"%s; false\"\\n' \"$PWD\" \"$C\" >> copy/config; mk copy/hooks/pre-commit",
    "mv sub moved; rm moved/.git; evil moved/.git; cp -r .git/modules/sub moved2; set_to moved2/config \"[core]\nfsmonitor = $C\"",
    // Later, and out of sight.
    "(sleep 0.2; evil docs; set_to .git/config \"[core]\nfsmonitor = $C\") & disown; sleep 0.1",
    "printf 'URL: ext::%s\\nPull: x\\n' \"$C\" > x; mkdir -p .git/remotes; cp x .git/remotes/origin; cp x .git/branches/origin",
    // A directory that is closed to the one who is to put it right.
    "set_to .git/config \"[core]\nfsmonitor = $C\"; chmod 0555 .git",
    "git init -q d; set_to d/.git/config \"[core]\nfsmonitor = $C\"; chmod 0555 d/.git",
    "mk .git/hooks/pre-commit; chmod 0555 .git/hooks .git",
];

fn check_attacks(sandbox: SandboxChoice) {
    for line in ATTACKS {
        let work = Work::new(sandbox);
        work.attack(&format!("{MADE}{line}"));
        work.person_works(line);
    }
}

#[test]
fn the_persons_git_runs_nothing_of_a_command_in_bubblewrap() {
    check_attacks(SandboxChoice::Bubblewrap);
}

#[test]
fn the_persons_git_runs_nothing_of_a_command_in_landlock() {
    check_attacks(SandboxChoice::Landlock);
}

/// Without the guard they get what they want: these are attacks.
#[test]
fn git_obeys_what_is_written_without_a_guard() {
    for number in [0, 3, 7, 17, 20, 23, 25, 27, 30, 33, 35, 37] {
        let work = Work::new(SandboxChoice::Landlock);
        let line = ATTACKS.get(number).unwrap();
        let program = format!("touch {}", work.canary.display());
        let line = format!("C='{program}'; {MADE}{line}");
        let mut command = Command::new("bash");
        assert!(command.args(["-c", &line]).current_dir(work.path("")).status().unwrap().success());
        let work = std::panic::AssertUnwindSafe(work);
        let worked = std::panic::catch_unwind(|| work.person_works("no guard"));
        assert!(worked.is_err(), "{number} is no attack");
    }
}

#[test]
fn what_was_there_is_put_back_and_told() {
    each(|_| {}, |_| {});
    let work = Work::new(SandboxChoice::Landlock);
    fs::write(work.path(".git/hooks/pre-push"), "mine").unwrap();
    let before = fs::read_to_string(work.path(".git/config")).unwrap();
    let told = work.attack(
        "echo '[core]' >> .git/config; rm .git/hooks/pre-push; echo theirs > .git/commondir",
    );
    assert_eq!(
        told,
        "[hermitage] `.git/config` was put back; what the command wrote is `.git/config.set-aside`\n\
         [hermitage] `.git/hooks/pre-push` was put back\n\
         [hermitage] git would obey `.git/commondir`, which is now `.git/commondir.set-aside`\n"
    );
    assert_eq!(fs::read_to_string(work.path(".git/config")).unwrap(), before);
    assert_eq!(fs::read_to_string(work.path(".git/hooks/pre-push")).unwrap(), "mine");
    assert_eq!(work.attack("true"), "");
    // What the person changes between two commands stays.
    work.git(&work.path(""), &["config", "user.name", "Bea"]);
    assert_eq!(work.attack("true"), "");
    assert!(fs::read_to_string(work.path(".git/config")).unwrap().contains("Bea"));
}

#[test]
fn what_a_configuration_names_is_put_back() {
    let work = Work::new(SandboxChoice::Landlock);
    fs::create_dir(work.path("tools")).unwrap();
    fs::write(work.path("tools/z.sh"), "cat").unwrap();
    for (key, value) in [
        ("include.path", "../not-yet.cfg"),
        ("core.hooksPath", ".githooks"),
        ("filter.x.clean", "sh tools/z.sh"),
    ] {
        work.git(&work.path(""), &["config", key, value]);
    }
    let line = "mk .githooks/pre-commit; mk .githooks/post-checkout; echo \"$C\" > tools/z.sh; \
                set_to not-yet.cfg \"[core]\nfsmonitor = $C\"";
    work.attack(&format!("{MADE}{line}"));
    work.person_works(line);
    assert_eq!(fs::read_to_string(work.path("tools/z.sh")).unwrap(), "cat");
    let line = "evil/x; rm -rf tools; mk evil/z.sh; ln -s evil tools";
    work.attack(&format!("{MADE}{line}"));
    work.person_works(line);
    assert_eq!(fs::read_to_string(work.path("tools/z.sh")).unwrap(), "cat");
}

#[test]
fn git_writes_through_no_link_that_a_command_made() {
    let work = Work::new(SandboxChoice::Landlock);
    let victim = work.home.join("victim");
    fs::write(&victim, "mine").unwrap();
    let link = format!("ln -s {}", victim.display());
    work.attack(&format!(
        "rm .git/logs/HEAD; {link} .git/logs/HEAD; {link} .git/COMMIT_EDITMSG; {link} .git/FETCH_HEAD"
    ));
    work.person_works("links");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}

#[test]
fn the_guard_writes_through_no_link() {
    let work = Work::new(SandboxChoice::Landlock);
    let outer = work.home.join("outer");
    fs::create_dir_all(outer.join("hooks")).unwrap();
    fs::write(outer.join("config"), "mine").unwrap();
    let git = outer.display();
    work.attack(&format!("mv .git old; ln -s {git} .git; rm -rf deep; ln -s {git} deep"));
    assert_eq!(fs::read_to_string(outer.join("config")).unwrap(), "mine");
    assert_eq!(fs::read_dir(&outer).unwrap().count(), 2);
    symlink("/", work.path("everything")).unwrap();
    assert_eq!(work.attack("true"), "");
}

#[test]
fn everyday_work_with_git_goes_on_and_is_not_mentioned() {
    let work = Work::new(SandboxChoice::Bubblewrap);
    for line in [
        "git init -q new && cd new && git config user.name A && git config user.email a@b.test",
        "echo x > x && git add x && git commit -q -m one && git branch next",
        "cd .. && git clone -q new copy && git -C copy log --oneline | wc -l",
        "git -C copy config user.name B; git -C new worktree add -q ../linked next",
        "git -C linked status --short; git -C linked log --oneline | wc -l",
        "git init -q --bare store.git; git -C copy remote add store ../store.git",
        "git -C copy push -q store HEAD:refs/heads/main && git -C store.git log --oneline | wc -l",
    ] {
        let found = work.it.run(line).unwrap();
        assert_eq!(found.exit_code, 0, "{line}: {}", found.output);
        assert!(!found.output.contains("[hermitage]"), "{line}: {}", found.output);
    }
    assert_eq!(work.it.text("git -C linked log --oneline | wc -l"), "1\n");
}

#[test]
fn a_directory_that_cannot_be_listed_is_looked_into() {
    let work = Work::new(SandboxChoice::Bubblewrap);
    let line = "evil docs/x; chmod 111 docs; chmod 000 docs/x";
    work.attack(&format!("{MADE}{line}"));
    assert!(
        !fs::read_to_string(work.path("docs/x/config")).unwrap_or_default().contains("fsmonitor")
    );
}

/// A pipe where git reads a file stops whoever calls it.
#[test]
fn git_waits_at_no_pipe_that_a_command_made() {
    for sandbox in [SandboxChoice::Bubblewrap, SandboxChoice::Landlock] {
        let work = Work::new(sandbox);
        work.attack(
            "rm .git/HEAD; mkfifo .git/HEAD .git/refs/heads/x .git/packed-refs .gitignore; \
             mkdir -p bare/objects bare/refs sub; mkfifo bare/HEAD sub/.gitattributes; \
             git init -q new; rm new/.git/HEAD; mkfifo new/.git/HEAD new/.git/config.x pipe",
        );
        let pipes = Command::new("find").arg(work.path("")).args(["-type", "p"]).output().unwrap();
        let pipes = String::from_utf8(pipes.stdout).unwrap();
        assert_eq!(pipes.trim_end(), work.path("pipe").to_str().unwrap(), "{sandbox:?}");
    }
}
