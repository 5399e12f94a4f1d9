//! Everyday work, which has the same outcome in both kinds of sandbox: what a
//! child learns of a build in one must hold in the other.

use super::*;

/// The program that a line is about, the line, and what it prints. Each runs
/// in a directory of its own, and ends with success.
const EVERYDAY: &[(&str, &str, &str)] = &[
    // Modes, owners and times of files.
    ("chmod", "echo hi > a; chmod 750 a; stat -c %a a", "750\n"),
    ("chmod", "echo hi > a; chmod +x,g-r a; chmod -R go= .; stat -c %a a", "700\n"),
    ("chmod", "mkdir d; chmod 700 d; ln -s d l; chmod 755 l; stat -c %a d", "755\n"),
    ("touch", "touch -d 2001-02-03 a; stat -c %y a | cut -c1-10", "2001-02-03\n"),
    ("touch", "touch a; touch -r /usr/bin/env a; [ a -ot /etc/ld.so.cache ] && echo old", "old\n"),
    (
        "cp",
        "echo x > a; chmod 640 a; touch -d 2002-01-01 a; cp -p a b; stat -c '%a %Y' b | cut -c1-7",
        "640 100\n",
    ),
    ("cp", "mkdir -p d/e; echo x > d/e/f; ln -s e d/l; cp -a d c; ls c/l; readlink c/l", "f\ne\n"),
    ("mv", "mkdir d; echo x > a; mv a d/b; mv d e; cat e/b", "x\n"),
    // `mv` copies where it can't rename; these do not.
    ("ln", "mkdir d e; echo x > d/a; ln d/a e/b && cat e/b", "x\n"),
    (
        "python3",
        "mkdir d e; echo x > d/a; python3 -c 'import os; os.rename(\"d/a\", \"e/b\")'; cat e/b",
        "x\n",
    ),
    (
        "git",
        "git init -q r; cd r; mkdir s; echo x > a; git add a; git mv a s/ && git branch -m o && \
         git status --short --branch",
        "## No commits yet on o\nA  s/a\n",
    ),
    ("install", "echo x > a; install -D -m 755 a bin/b; stat -c %a bin/b", "755\n"),
    ("mktemp", "f=$(mktemp); stat -c %a \"$f\"; d=$(mktemp -d); stat -c %a \"$d\"", "600\n700\n"),
    ("ln", "echo x > a; ln a b; ln -s a c; stat -c %h a; cat c", "2\nx\n"),
    ("chown", "echo x > a; chown \"$(id -u):$(id -g)\" a && echo own", "own\n"),
    ("umask", "umask 027; echo x > a; mkdir d; stat -c %a a d", "640\n750\n"),
    ("mkfifo", "mkfifo p; (echo through > p &); cat p", "through\n"),
    ("truncate", "truncate -s 5 a; stat -c %s a", "5\n"),
    ("rm", "mkdir -p d/e; touch d/e/f; chmod 500 d/e; chmod 700 d/e; rm -rf d; ls | wc -l", "0\n"),
    // Archives.
    (
        "tar",
        "mkdir d; echo x > d/a; chmod 711 d/a; tar cf t.tar d; rm -r d; tar xpf t.tar; stat -c %a d/a",
        "711\n",
    ),
    ("gzip", "echo x > a; tar czf t.tgz a; rm a; tar xzf t.tgz; gzip -k a; gunzip -c a.gz", "x\n"),
    // git.
    ("git", "git init -q . && git rev-parse --is-inside-work-tree", "true\n"),
    (
        "git",
        "git init -q -b main .; echo x > a; git add a; git -c user.name=n -c user.email=e commit -qm first; git log --format=%s",
        "first\n",
    ),
    (
        "git",
        "git init -q -b main .; echo x > a; git add a; git -c user.name=n -c user.email=e commit -qm first; git checkout -qb other; echo y > a; git diff --stat | tail -1",
        " 1 file changed, 1 insertion(+), 1 deletion(-)\n",
    ),
    (
        "git",
        "git init -q -b main a; cd a; git -c user.name=n -c user.email=e commit -q --allow-empty -m first; cd ..; git clone -q a b && git -C b log --format=%s",
        "first\n",
    ),
    (
        "git",
        "git init -q .; git config core.filemode; git config user.name c; git config user.name",
        "true\nc\n",
    ),
    (
        "git",
        "git init -q -b main .; git -c user.name=n -c user.email=e commit -q --allow-empty -m one; git tag t; git stash list; git gc -q; git describe --tags",
        "t\n",
    ),
    // Building.
    (
        "cc",
        "printf '#include <stdio.h>\\nint main(void){puts(\"built\");}' > a.c; cc a.c && ./a.out",
        "built\n",
    ),
    (
        "cc",
        "printf 'int f(void){return 7;}' > f.c; printf 'int f(void);int main(void){return f();}' > m.c; cc -c f.c m.c; ar rcs libf.a f.o; cc m.o libf.a -o m; ./m; echo $?",
        "7\n",
    ),
    (
        "cc",
        "printf 'int f(void){return 7;}' > f.c; cc -shared -fPIC f.c -o libf.so; printf 'int f(void);int main(void){return f();}' > m.c; cc m.c -L. -lf -Wl,-rpath,. -o m; ./m; echo $?",
        "7\n",
    ),
    (
        "make",
        "printf 'all: a b\\n\\t@echo all\\na b:\\n\\t@echo $@\\n' > Makefile; make -s",
        "a\nb\nall\n",
    ),
    (
        "make",
        "printf 'all: a b\\na b:\\n\\t@touch $@\\n' > Makefile; make -s -j4; ls a b",
        "a\nb\n",
    ),
    ("sh", "printf '#!/bin/sh\\necho script \"$1\"\\n' > s; chmod +x s; ./s one", "script one\n"),
    ("cargo", "cargo new -q --vcs none p 2>/dev/null; ls p/src", "main.rs\n"),
    // Languages.
    (
        "python3",
        "python3 -c 'import os,sys; os.chmod(\".\", 0o755); print(sys.version_info[0])'",
        "3\n",
    ),
    (
        "python3",
        "python3 -c 'import subprocess as s; print(s.run([\"echo\",\"sub\"],capture_output=True,text=True,start_new_session=True).stdout)'",
        "sub\n\n",
    ),
    (
        "python3",
        "python3 -c 'from concurrent.futures import ThreadPoolExecutor as T; print(sum(T(4).map(int, \"1234\")))'",
        "10\n",
    ),
    (
        "python3",
        "python3 -c 'import tempfile,shutil,os; d=tempfile.mkdtemp(); open(d+\"/a\",\"w\").write(\"x\"); shutil.copy2(d+\"/a\",\"b\"); print(open(\"b\").read())'",
        "x\n",
    ),
    (
        "python3",
        "python3 -m zipfile -c z.zip /usr/bin/env && python3 -m zipfile -l z.zip | wc -l",
        "2\n",
    ),
    (
        "python3",
        "python3 -m venv --without-pip v && v/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'",
        "True\n",
    ),
    (
        "python3",
        "python3 -c 'import socket; a,b=socket.socketpair(); a.send(b\"pair\"); print(b.recv(9).decode())'",
        "pair\n",
    ),
    (
        "node",
        "node -e 'const fs=require(\"fs\"); fs.writeFileSync(\"a\",\"x\"); fs.chmodSync(\"a\",0o600); console.log((fs.statSync(\"a\").mode&0o777).toString(8))'",
        "600\n",
    ),
    (
        "node",
        "node -e 'console.log(require(\"child_process\").execSync(\"echo sub\").toString().trim())'",
        "sub\n",
    ),
    (
        "node",
        "node -e 'require(\"fs\").utimesSync(\".\", 1e9, 1e9); console.log(require(\"fs\").statSync(\".\").mtimeMs/1000)'",
        "1000000000\n",
    ),
    (
        "perl",
        "perl -e 'mkdir \"d\", 0700; chmod 0711, \"d\"; utime 1, 2, \"d\"; printf \"%o %d\\n\", (stat \"d\")[2] & 0777, (stat \"d\")[9]'",
        "711 2\n",
    ),
    // Processes.
    ("timeout", "timeout 1 sleep 5; echo after $?", "after 124\n"),
    ("timeout", "timeout 20 sh -c 'echo in time'", "in time\n"),
    (
        "timeout",
        "timeout --foreground 1 sleep 5; echo $?; sh -c 'timeout -s KILL 1 sleep 5; echo $?' 2>/dev/null",
        "124\n137\n",
    ),
    ("setsid", "setsid -w sh -c 'echo led'; echo $?", "led\n0\n"),
    ("nohup", "nohup sh -c 'echo kept' > out 2>/dev/null; cat out", "kept\n"),
    ("bash", "set -m; sleep 0.1 & fg %1 >/dev/null; echo ended $?", "ended 0\n"),
    ("bash", "sleep 100 & kill %1; wait %1; echo $?", "143\n"),
    ("bash", "sleep 100 & kill -9 $!; wait $! 2>/dev/null; echo $?", "137\n"),
    ("bash", "for i in 1 2 3; do (echo $i > f$i) & done; wait; cat f1 f2 f3", "1\n2\n3\n"),
    ("bash", "trap 'echo got USR1' USR1; kill -USR1 $$; echo on", "got USR1\non\n"),
    ("bash", "(trap 'echo out' EXIT; exit 3); echo $?", "out\n3\n"),
    ("bash", "seq 1 100000 | grep -c 7 | tee n; cat n", "40951\n40951\n"),
    ("bash", "set -o pipefail; yes | head -1; echo $?", "y\n141\n"),
    ("bash", "diff <(printf '1\\n2\\n') <(printf '1\\n3\\n') | wc -l", "4\n"),
    ("bash", "exec 3> out; echo x >&3; exec 3>&-; cat out", "x\n"),
    ("bash", "coproc cat; echo ping >&${COPROC[1]}; read -r it <&${COPROC[0]}; echo $it", "ping\n"),
    ("bash", "echo 'a b' | { read -r x y; echo \"$y$x\"; }", "ba\n"),
    ("xargs", "printf '1 2 3 4' | xargs -n1 -P4 sh -c 'echo $0' | sort | tr -d '\\n'", "1234"),
    (
        "find",
        "mkdir d; touch d/a d/b; find . -type f -exec chmod 600 {} + -printf '%m\\n' | sort -u | wc -l",
        "1\n",
    ),
    ("nice", "nice -n 5 true && echo nicer", "nicer\n"),
    ("flock", "flock lock echo locked", "locked\n"),
    ("sed", "echo one > a; chmod 604 a; sed -i s/one/two/ a; cat a; stat -c %a a", "two\n604\n"),
    (
        "patch",
        "printf 'a\\n' > f; printf -- '--- f\\n+++ f\\n@@ -1 +1 @@\\n-a\\n+b\\n' | patch -s f; cat f",
        "b\n",
    ),
    ("rsync", "mkdir s; echo x > s/a; chmod 640 s/a; rsync -a s/ t; stat -c %a t/a", "640\n"),
];

/// A program that is not there is none of a sandbox.
fn is_there(fixture: &Fixture, program: &str) -> bool {
    fixture.run(&format!("command -v {program}")).is_ok_and(|it| it.exit_code == 0)
}

#[test]
fn everyday_commands_have_one_outcome_in_both_kinds() {
    let wrong = std::cell::RefCell::new(String::new());
    each(
        |_| {},
        |it| {
            let mut tried = 0;
            for (idx, (program, line, expected)) in EVERYDAY.iter().enumerate() {
                if !is_there(it, program) {
                    continue;
                }
                tried += 1;
                let dir = format!("case{idx}");
                std::fs::create_dir(it.path(&dir)).unwrap();
                let call =
                    Terminal { command: (*line).to_owned(), directory: Some(dir), timeout: None };
                let found = block_on(it.tools.session().run(&it.caller, call));
                match found {
                    Ok(found) if (found.exit_code, &*found.output) == (0, *expected) => {}
                    found => {
                        let kind = it.tools.kind();
                        writeln!(wrong.borrow_mut(), "{kind}: `{line}`: {found:?}").unwrap();
                    }
                }
            }
            assert!(tried > 45, "{}: only {tried} of {}", it.tools.kind(), EVERYDAY.len());
        },
    );
    assert!(wrong.borrow().is_empty(), "{}", wrong.borrow());
}
