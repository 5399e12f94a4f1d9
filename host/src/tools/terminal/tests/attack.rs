//! What commands try to reach, and must not.

use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, UdpSocket},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::{UnixDatagram, UnixListener},
    },
    process::Command,
};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::*;

/// Runs lines that must not get the canary out, nor change what lies outside.
fn unreachable(fixture: &Fixture, lines: &[String]) {
    for line in lines {
        let found = fixture.text(line);
        assert!(!found.contains("CANARY"), "{}: `{line}`: {found}", fixture.tools.kind());
    }
    let outside = fixture.outer.path().join("secret.txt");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "CANARY-outside\n");
    let mut names: Vec<_> =
        fs::read_dir(fixture.outer.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["secret.txt", "workspace"]);
}

#[test]
fn files_outside_are_neither_read_nor_changed() {
    each(
        |_| {},
        |it| {
            let outer = it.outer.path().canonicalize().unwrap();
            let secret = outer.join("secret.txt");
            std::os::unix::fs::symlink(&outer, it.path("out")).unwrap();
            let before = fs::metadata(&secret).unwrap();
            let (outer, secret) = (outer.display(), secret.display());
            let lines = [
                format!("cat {secret}"),
                "cat ../secret.txt".to_owned(),
                "cat out/secret.txt".to_owned(),
                format!("ln -s {secret} link; cat link; echo x > link"),
                format!("ln {secret} hard && cat hard"),
                format!("mv {secret} . && cat secret.txt"),
                format!("cp /dev/null {secret}; truncate -s 0 {secret}; : > {secret}"),
                format!("rm -rf {outer}; rmdir {outer}; mv {outer} /tmp/x"),
                format!(
                    "touch {outer}/new; mkdir {outer}/new; mkfifo {outer}/new; ln -s a {outer}/new"
                ),
                format!("chmod 777 {secret}; chown 1:1 {secret}; touch -d 2001-01-01 {secret}"),
                format!("exec 3< {secret}; cat <&3"),
                format!("cd {outer} && cat secret.txt"),
                "cat /proc/*/root/tmp/*/secret.txt".to_owned(),
                "cat /proc/*/cwd/secret.txt /proc/*/cwd/../secret.txt".to_owned(),
                format!(
                    "python3 -c \"import os; os.setxattr('{secret}', 'user.x', b'1'); print(open('{secret}').read())\""
                ),
            ];
            unreachable(it, &lines);
            let after = fs::metadata(format!("{secret}")).unwrap();
            assert_eq!((after.mode(), after.mtime()), (before.mode(), before.mtime()));
            for path in ["/etc/shadow", "/root", "/home", "/var", "/sys", "/boot", "/etc/ssh"] {
                let found =
                    it.run(&format!("ls -A {path}/ 2>/dev/null | wc -l; cat {path}")).unwrap();
                assert!(found.output.starts_with("0\n"), "{path}: {}", found.output);
                assert_ne!(found.exit_code, 0, "{path}: {}", found.output);
            }
            for path in ["/usr/x", "/x", "/etc/x", "/dev/x", "/var/tmp/x", "/proc/sys/kernel/x"] {
                assert_ne!(it.run(&format!("echo x > {path}")).unwrap().exit_code, 0, "{path}");
            }
        },
    );
}

#[test]
fn the_host_is_not_seen() {
    // The tests' own process stands for the host: what it has, no command may
    // have.
    let canary = std::env::var("PATH").unwrap();
    let own = std::process::id();
    each(
        |_| {},
        |it| {
            let found = it.text("env; set; export -p; cat /proc/*/environ /proc/*/task/*/environ");
            assert!(!found.contains("CARGO_MANIFEST"), "{found}");
            assert!(!found.contains(&*canary), "{found}");
            let found = it.text(&format!(
                "cat /proc/{own}/cmdline /proc/{own}/maps; ls /proc/{own}/fd; ls /proc"
            ));
            assert!(!found.contains("hermitage"), "{found}");
            assert!(!found.split_whitespace().any(|it| it == own.to_string()), "{found}");
        },
    );
}

#[test]
fn no_file_of_the_host_is_open() {
    each(
        |_| {},
        |it| {
            // By number, since not every sandbox shows them by name.
            let (fcntl, get) = (libc::SYS_fcntl, libc::F_GETFD);
            let found = it.text(&format!(
                "perl -e 'for (0..1000) {{ print \"$_ \" if syscall({fcntl}, $_, {get}, 0) >= 0 }}'"
            ));
            let open: std::collections::BTreeSet<&str> = found.split_whitespace().collect();
            let expected = ["0", "1", "2"].into_iter().collect();
            assert_eq!(open, expected, "{}", it.tools.kind());
        },
    );
}

#[test]
fn an_inherited_file_is_closed() {
    // A pipe that every program started from here inherits, as if the host
    // had it from whoever started it: so the test runs itself.
    const INNER: &str = "tools::terminal::tests::attack::no_file_of_the_host_is_open";
    let script = "exec 7</etc/passwd; exec \"$@\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash"]).arg(std::env::current_exe().unwrap());
    let output = command.args(["--exact", INNER]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn there_is_no_network() {
    each(
        |_| {},
        |it| {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            let unix = UnixListener::bind(it.path("socket")).unwrap();
            let outside = it.outer.path().join("outside.socket");
            let _outside = UnixListener::bind(&outside).unwrap();
            tcp.set_nonblocking(true).unwrap();
            udp.set_nonblocking(true).unwrap();
            unix.set_nonblocking(true).unwrap();
            let (tcp_port, udp_port) =
                (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
            for line in [
                format!("exec 3<>/dev/tcp/127.0.0.1/{tcp_port} && echo through"),
                format!("echo x > /dev/udp/127.0.0.1/{udp_port}"),
                format!(
                    "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(\"127.0.0.1:{tcp_port}\") and print \"through\"'"
                ),
                "perl -e 'use Socket; socket(S, 40, 1, 0) and print \"through\"'".to_owned(),
                "perl -e 'use Socket; socket(S, 16, 3, 0) and print \"through\"'".to_owned(),
                "perl -e 'use Socket; socket(S, 17, 3, 0) and print \"through\"'".to_owned(),
                format!(
                    "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => \"{}\") and print \"through\"'",
                    outside.display()
                ),
            ] {
                let found = it.text(&line);
                assert!(!found.contains("through"), "{}: `{line}`: {found}", it.tools.kind());
            }
            assert_eq!(tcp.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(udp.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
            fs::remove_file(&outside).unwrap();
        },
    );
}

#[test]
fn a_granted_network_is_there() {
    each(
        |config| config.network = true,
        |it| {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = tcp.local_addr().unwrap().port();
            let found =
                it.run(&format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo x >&3")).unwrap();
            assert_eq!(found.exit_code, 0, "{}: {}", it.tools.kind(), found.output);
            assert!(tcp.accept().is_ok());
        },
    );
}

/// Calls by number, which perl makes without a library, and the error that
/// stands for a refusal.
#[test]
fn dangerous_system_calls_are_refused() {
    let (refused, absent) = (libc::EPERM, libc::ENOSYS);
    let mut calls: Vec<(libc::c_long, &str, i32)> = vec![
        (libc::SYS_ptrace, "0, 0, 0, 0", refused),
        (libc::SYS_process_vm_readv, "1, 0, 0, 0, 0, 0", refused),
        (libc::SYS_bpf, "0, 0, 0", refused),
        (libc::SYS_perf_event_open, "0, 0, 0, 0, 0", refused),
        (libc::SYS_keyctl, "0, 0, 0", refused),
        (libc::SYS_add_key, "0, 0, 0, 0, 0", refused),
        (libc::SYS_userfaultfd, "0", refused),
        (libc::SYS_mount, "0, 0, 0, 0, 0", refused),
        (libc::SYS_umount2, "0, 0", refused),
        (libc::SYS_pivot_root, "0, 0", refused),
        (libc::SYS_unshare, "0x10000000", refused),
        (libc::SYS_unshare, "0x20000", refused),
        (libc::SYS_setns, "0, 0", refused),
        (libc::SYS_open_by_handle_at, "0, 0, 0", refused),
        (libc::SYS_shmget, "0, 4096, 0x1ff", refused),
        (libc::SYS_mq_open, "0, 0, 0, 0", refused),
        (libc::SYS_syslog, "10, 0, 0", refused),
        (libc::SYS_kexec_load, "0, 0, 0, 0", refused),
        (libc::SYS_init_module, "0, 0, 0", refused),
        (libc::SYS_pidfd_getfd, "0, 0, 0", refused),
        // Each namespace that a clone can make.
        (libc::SYS_clone, "0x10000000, 0, 0, 0, 0", refused),
        (libc::SYS_clone, "0x00020000, 0, 0, 0, 0", refused),
        (libc::SYS_clone, "0x40000000, 0, 0, 0, 0", refused),
        // Typing into a terminal, and into a console.
        (libc::SYS_ioctl, "0, 0x5412, 0", libc::ENOTTY),
        (libc::SYS_ioctl, "0, 0x541c, 0", libc::ENOTTY),
        // The upper half of the register is nothing that the kernel reads.
        (libc::SYS_ioctl, "0, 0x100005412, 0", libc::ENOTTY),
        // Flags of a file, and a file system that stands still.
        (libc::SYS_ioctl, "0, 0x40086602, 0", libc::ENOTTY),
        (libc::SYS_ioctl, "0, 0xc0045877, 0", libc::ENOTTY),
        (libc::SYS_clone3, "0, 0", absent),
        (libc::SYS_openat2, "0, 0, 0, 0", absent),
        (libc::SYS_io_uring_setup, "1, 0", absent),
        (libc::SYS_io_uring_enter, "0, 0, 0, 0, 0, 0", absent),
        (libc::SYS_memfd_create, "0, 0", absent),
        (libc::SYS_io_setup, "1, 0", absent),
        // Of the kernel's newest calls, and of those that are still to come.
        (443, "0, 0, 0, 0", refused),
        (457, "0, 0, 0, 0", absent),
        (463, "0, 0, 0, 0, 0, 0", absent),
        (467, "0, 0, 0, 0, 0", absent),
        (469, "0, 0, 0, 0, 0", absent),
        (500, "0", absent),
        (0x3fff_ffff, "0", absent),
    ];
    // The second table of numbers.
    if cfg!(target_arch = "x86_64") {
        calls.push((0x4000_0000 | libc::SYS_getpid, "", absent));
        calls.push((0x4000_0000 + 521, "0, 0, 0, 0", absent));
    }
    let mut script = "use strict;\n".to_owned();
    for (call, arguments, _) in &calls {
        let comma = if arguments.is_empty() { "" } else { ", " };
        writeln!(script, "$! = 0; my $r{0} = syscall({call}{comma}{arguments}); print $r{0}, ' ', $!+0, \"\\n\";", script.lines().count()).unwrap();
    }
    each(
        |_| {},
        |it| {
            let found = it.execute("perl", &script).unwrap().output;
            let expected: String = calls.iter().map(|it| format!("-1 {}\n", it.2)).collect();
            assert_eq!(found, expected, "{}: {calls:?}", it.tools.kind());
        },
    );
}

#[test]
fn processes_outside_get_no_signal_and_no_limit() {
    each(
        |_| {},
        |it| {
            let mut victim = Command::new("sleep").arg("1000").spawn().unwrap();
            let (id, own) = (victim.id(), std::process::id());
            let before = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
            let prlimit = libc::SYS_prlimit64;
            it.text(&format!(
                "kill -9 {id}; kill -0 {own} && echo CANARY; \
                 prlimit --nofile=3 --pid {id}; \
                 perl -e 'syscall({prlimit}, {id}, 7, pack(\"QQ\", 3, 3), 0)'"
            ));
            let found = it.text(&format!("kill -0 {own} && echo CANARY; renice 10 {id}; true"));
            assert!(!found.contains("CANARY"), "{found}");
            assert_eq!(fs::read_to_string(format!("/proc/{id}/limits")).unwrap(), before);
            assert!(victim.try_wait().unwrap().is_none(), "{}: it lives", it.tools.kind());
            victim.kill().unwrap();
            victim.wait().unwrap();
            // Its own it may signal, but not the holder of its group.
            let found = it.run("sleep 1000 & kill -9 $! && kill -9 0; echo here").unwrap();
            assert_eq!(found.exit_code, 137, "{found:?}");
        },
    );
}

/// What starts a command must not be in the command's reach, not even for the
/// moment in which it starts one.
#[test]
fn a_command_that_kills_its_neighbours_ends_nobody_but_itself() {
    each(
        |_| {},
        |it| {
            let near = "for it in $PPID $(seq $(($$ - 6)) $(($$ - 1))); do \
                        [ $it -gt 1 ] && kill -STOP $it && kill -KILL $it; done 2>/dev/null; echo alive";
            let one = async || {
                for _ in 0..12 {
                    let session = it.tools.session();
                    let call = Terminal { command: near.to_owned(), ..Terminal::default() };
                    let found = session.run(&it.caller, call).await;
                    assert_eq!(found.unwrap().output, "alive\n", "{}", it.tools.kind());
                }
            };
            block_on(async { tokio::join!(one(), one(), one()) });
        },
    );
}

/// Whatever the host may do, its commands may not.
#[test]
fn a_command_has_no_rights_of_root() {
    let calls = [
        ("setpriority", format!("{}, 0, 0, -20", libc::SYS_setpriority)),
        ("fifo", format!("{}, 0, 1, $first", libc::SYS_sched_setscheduler)),
        ("freeze", format!("{}, fileno(D), 0xc0045877, 0", libc::SYS_ioctl)),
        ("flags", format!("{}, fileno(F), 0x40086602, $flags", libc::SYS_ioctl)),
        ("time", format!("{}, fileno(F), 0, 0, 0", libc::SYS_utimensat)),
        ("mode", format!("{}, fileno(F), 0755", libc::SYS_fchmod)),
        ("owner", format!("{}, fileno(F), 0, 0", libc::SYS_fchown)),
        ("hostname", format!("{}, $name, 1", libc::SYS_sethostname)),
        ("setuid", format!("{}, 0", libc::SYS_setuid)),
        ("remount", "467, -100, $name, 0, 0, 0".to_owned()),
    ];
    let mut script = "my ($name, $first, $flags) = ('/usr', pack('i', 1), pack('q', 16)); open(D, '<', '.'); open(F, '<', '/usr/bin/env') or die;\n".to_owned();
    for (name, call) in &calls {
        writeln!(script, "print '{name} ' if syscall({call}) != -1;").unwrap();
    }
    script.push_str("print \"done\\n\";");
    each(
        |_| {},
        |it| {
            let before = fs::metadata("/usr/bin/env").unwrap();
            assert_eq!(
                it.execute("perl", &script).unwrap().output,
                "done\n",
                "{}",
                it.tools.kind()
            );
            let after = fs::metadata("/usr/bin/env").unwrap();
            let facts = |it: &fs::Metadata| (it.mode(), it.uid(), it.mtime(), it.ctime());
            assert_eq!(facts(&after), facts(&before));
            assert_eq!(it.text("find /proc/sys -type f -writable 2>/dev/null"), "");
            assert_eq!(it.text("[ \"$(id -u)\" != 0 ] && echo other"), "other\n");
            let none = "0000000000000000";
            let found = it.text("perl -e 'open F, \"</proc/self/status\"; print grep /^Cap/, <F>'");
            for line in found.lines() {
                let is_bound = line.starts_with("CapBnd") && !rustix::process::geteuid().is_root();
                assert!(is_bound || line.ends_with(none), "{line}");
            }
        },
    );
}

/// Where a call is made for the command, it is made on one file, whatever
/// stands at its path a moment later.
#[test]
fn mode_owner_and_times_of_files_outside_stay_whatever_a_path_does() {
    let swap = "my ($own, $out) = @ARGV;
        if (my $child = fork) {
            for (1 .. 1500) {
                chmod 0777, 'turn', 'link/secret.txt', $out, \"../secret.txt\";
                utime 1, 1, 'turn', 'link/secret.txt', $out;
                chown -1, $), 'turn';
            }
            kill 'KILL', $child; waitpid $child, 0;
        } else {
            while (1) { symlink $own, 'a'; rename 'a', 'turn'; symlink $out, 'b'; rename 'b', 'turn'; }
        }";
    each(
        |_| {},
        |it| {
            let secret = it.outer.path().canonicalize().unwrap().join("secret.txt");
            fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
            let facts = |it: &Path| {
                let it = fs::metadata(it).unwrap();
                (it.mode(), it.uid(), it.gid(), it.mtime(), it.ctime(), it.ctime_nsec())
            };
            let before = facts(&secret);
            std::os::unix::fs::symlink(it.outer.path(), it.path("link")).unwrap();
            fs::write(it.path("own"), "").unwrap();
            fs::write(it.path("swap.pl"), swap).unwrap();
            it.text(&format!("perl swap.pl \"$PWD/own\" {}", secret.display()));
            assert_eq!(facts(&secret), before, "{}", it.tools.kind());
            let own = fs::metadata(it.path("own")).unwrap();
            assert_eq!((own.mode() & 0o777, own.mtime()), (0o777, 1), "{}", it.tools.kind());
            // A directory that may only be read, and links to itself.
            it.text("chmod 700 /proc/self/cwd/link /proc/self/root/usr; chmod 711 /dev/fd/0 /usr");
            it.text("exec 5</usr/bin/env; chmod 777 /proc/self/fd/5 /dev/fd/5; touch -h link/x");
            assert_eq!(facts(&secret), before, "{}", it.tools.kind());
        },
    );
}

/// The processes of a user are one to `ioprio_set`, in a sandbox or not.
#[test]
fn the_priority_of_other_processes_stays() {
    each(
        |_| {},
        |it| {
            let mut victim = Command::new("sleep").arg("1000").spawn().unwrap();
            let class = || {
                let pid = victim.id().to_string();
                Command::new("ionice").args(["-p", &pid]).output().unwrap().stdout
            };
            let before = class();
            let (who, idle) = (3, 3 << 13);
            it.text(&format!("perl -e 'syscall({}, {who}, 0, {idle})'", libc::SYS_ioprio_set));
            assert_eq!(class(), before, "{}", it.tools.kind());
            victim.kill().unwrap();
            victim.wait().unwrap();
        },
    );
}

/// What listens there may be a program of the person, and do as it is told.
#[test]
fn a_socket_in_the_workspace_is_not_reached() {
    each(
        |_| {},
        |it| {
            let stream = UnixListener::bind(it.path("stream")).unwrap();
            let datagrams = UnixDatagram::bind(it.path("datagrams")).unwrap();
            for name in ["stream", "datagrams"] {
                fs::set_permissions(it.path(name), fs::Permissions::from_mode(0o777)).unwrap();
            }
            stream.set_nonblocking(true).unwrap();
            datagrams.set_nonblocking(true).unwrap();
            let script = "use Socket;
                socket(S, AF_UNIX, SOCK_STREAM, 0) and connect(S, sockaddr_un('stream')) and print 'stream ';
                socket(D, AF_UNIX, SOCK_DGRAM, 0) and send(D, 'x', 0, sockaddr_un('datagrams')) and print 'datagram ';
                for my $kind (SOCK_DGRAM, SOCK_RAW) {
                    socketpair(A, B, AF_UNIX, $kind, 0) and send(A, 'x', 0, sockaddr_un('datagrams')) and print 'pair ';
                }
                socketpair(A, B, AF_UNIX, SOCK_STREAM, 0) or die;
                connect(A, sockaddr_un('stream')) and print 'turned ';
                syswrite(A, 'piped'); sysread(B, my $got, 10); print $got;";
            assert_eq!(it.execute("perl", script).unwrap().output, "piped", "{}", it.tools.kind());
            assert_eq!(stream.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(datagrams.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        },
    );
}

/// A host that is root, or not: what its commands make is the workspace's.
#[test]
fn what_a_command_makes_belongs_to_the_owner_of_the_workspace() {
    each(
        |_| {},
        |it| {
            let owner = fs::metadata(it.path("")).unwrap();
            it.text("mkdir -p a/b; echo x > a/b/made; echo y > made; ln -s made link");
            for name in ["a", "a/b/made", "made", "link"] {
                let found = fs::symlink_metadata(it.path(name)).unwrap();
                let ids = |it: &fs::Metadata| (it.uid(), it.gid());
                assert_eq!(ids(&found), ids(&owner), "{}: {name}", it.tools.kind());
            }
            fs::write(it.path("of-the-host"), "one\n").unwrap();
            assert_eq!(it.text("echo two >> of-the-host; cat of-the-host"), "one\ntwo\n");
        },
    );
}

#[test]
fn there_is_no_terminal() {
    check(&[
        ("test -t 0 || test -t 1 || test -t 2 || echo none", 0, "none\n"),
        ("{ : < /dev/tty; } 2>/dev/null || echo none", 0, "none\n"),
        ("read -t 5 line; echo $?", 0, "1\n"),
        ("readlink /dev/stdin >/dev/null; cat /dev/stdin", 0, ""),
    ]);
}

#[test]
fn no_program_gets_rights_of_its_owner() {
    each(
        |_| {},
        |it| {
            it.text("cp /usr/bin/id own; chmod u+s own; chmod g+s own; chmod 6755 own");
            let open = libc::SYS_openat;
            it.text(&format!(
                "perl -e 'syscall({open}, -100, \"made\", 0101, 04755); \
                 syscall({open}, -100, \"made2\", 0101, 02755)'"
            ));
            for name in ["own", "made", "made2"] {
                let mode = fs::metadata(it.path(name)).map_or(0, |it| it.mode());
                assert_eq!(mode & 0o6000, 0, "{}: {name} {mode:o}", it.tools.kind());
            }
            let found = it.text("grep -E '^(NoNewPrivs|CapEff|CapPrm):' /proc/self/status");
            let none = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n";
            assert!(!it.is_bubblewrap() || found == none, "{found}");
        },
    );
}

#[test]
fn devices_are_not_made() {
    each(
        |_| {},
        |it| {
            let found = it.run("mknod disk b 254 0 || mknod disk c 1 1").unwrap();
            assert_ne!(found.exit_code, 0, "{}", it.tools.kind());
            assert!(!it.path("disk").exists());
        },
    );
}

#[test]
fn output_drives_no_terminal() {
    each(
        |_| {},
        |it| {
            let hostile = "printf 'a\\033[2J\\033]0;title\\007\\033]52;c;cm0=\\007\\033]8;;http://e.vil\\033\\\\b\\302\\2331m\\342\\200\\256c\\000\\377\\r\\n'";
            assert_eq!(it.text(hostile), "a\nbc\u{fffd}\n");
            let found = it.text("head -c 20000 /dev/urandom");
            assert!(matches!(
                crate::completion::sanitize::clean(&found),
                std::borrow::Cow::Borrowed(_)
            ));
        },
    );
}

#[test]
fn what_a_command_leaves_is_not_trusted() {
    each(
        |_| {},
        |it| {
            let root = it.text("pwd");
            // The place for it is found as the child would find it.
            for (line, expected) in [
                ("export LD_PRELOAD=/x BASH_ENV=/x IFS=x PS4='$(id)' A=kept; true", "[][][kept]"),
                (
                    "trap 'printf \"/usr\\0A=other\\0\" > \"$__hermitage_kept\"' EXIT; true",
                    "[][][other]",
                ),
                (
                    "trap 'printf \"/../..\\0LD_PRELOAD=x\\0A=b\\0\" > \"$__hermitage_kept\"' EXIT",
                    "[][][b]",
                ),
                ("trap 'ln -sf /etc/hostname \"$__hermitage_kept\"' EXIT", "[][][b]"),
                ("trap 'mkfifo \"$__hermitage_kept\"' EXIT", "[][][b]"),
                ("trap 'head -c 1000000 /dev/zero > \"$__hermitage_kept\"' EXIT", "[][][b]"),
                (
                    "trap 'mkdir -p \"$__hermitage_kept\"/a/b; chmod 0 \"$__hermitage_kept\"/a \"$__hermitage_kept\"' EXIT",
                    "[][][b]",
                ),
                ("trap '' EXIT; exec true", "[][][b]"),
            ] {
                it.text(line);
                let found = it.text("printf '%s' \"[$LD_PRELOAD][$BASH_ENV][$A]\"");
                assert_eq!(found, expected, "{}: `{line}`", it.tools.kind());
                assert_eq!(it.text("pwd"), root, "{}: `{line}`", it.tools.kind());
            }
        },
    );
}

/// Words of every kind reach a program as they were written: nothing on the
/// way takes them for a part of a script.
#[test]
fn no_word_is_taken_for_another() {
    each(
        |_| {},
        |it| {
            let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
            let word =
                prop_oneof!["[ -~\n\t]{0,20}", "\\PC{0,10}", "[$`'\"\\\\;&|<>(){}*?!#~-]{0,8}"];
            let words = prop::collection::vec(word, 1..5);
            TestRunner::new_with_rng(
                config,
                proptest::test_runner::TestRng::deterministic_rng(
                    proptest::test_runner::RngAlgorithm::ChaCha,
                ),
            )
            .run(&words, |words| {
                let quoted: Vec<String> =
                    words.iter().map(|it| format!("'{}'", it.replace('\'', "'\\''"))).collect();
                let found =
                    it.text(&format!("printf '%s\\0' {} | od -An -v -tx1", quoted.join(" ")));
                let found: String = found.split_whitespace().collect();
                let bytes = words.iter().flat_map(|it| it.bytes().chain([0]));
                let expected: String = bytes.map(|it| format!("{it:02x}")).collect();
                prop_assert_eq!(found, expected);
                Ok(())
            })
            .unwrap();
        },
    );
}

/// Landlock has no rule that closes a part of what another one opens.
#[test]
fn what_git_runs_and_obeys_is_not_written_nor_moved_away() {
    for has_hooks in [true, false] {
        let it = Fixture::with(roomy(SandboxChoice::Bubblewrap));
        std::fs::create_dir_all(it.path(if has_hooks { ".git/hooks" } else { ".git" })).unwrap();
        std::fs::write(it.path(".git/config"), "[core]\n").unwrap();
        for command in [
            "echo x > .git/hooks/pre-commit",
            "echo x >> .git/config",
            "mv .git .old",
            "rm -rf .git/hooks && mkdir .git/hooks",
            "mv .git/config .git/other",
            "mkdir x; mv x .git/hooks",
        ] {
            it.text(command);
            let hooks = std::fs::read_dir(it.path(".git/hooks")).unwrap().count();
            assert_eq!(hooks, 0, "{command}");
            let config = std::fs::read_to_string(it.path(".git/config")).unwrap();
            assert_eq!(config, "[core]\n", "{command}");
        }
        assert_eq!(it.text("echo ok > .git/index && cat .git/index"), "ok\n");
    }
}
