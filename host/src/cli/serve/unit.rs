//! A systemd user unit for the service.

use std::{ffi::OsStr, io, path::Path, time::Duration};

use super::super::{Exit, again, args};

/// What the last ends of children may take to reach the disk, after their
/// grace.
const BEHIND_GRACE: Duration = Duration::from_secs(30);

/// The words behind the program that start this service from any directory.
pub(super) fn arguments(
    global: &args::Global,
    args: &args::Serve,
) -> io::Result<Vec<std::ffi::OsString>> {
    let mut res = vec!["serve".into()];
    res.extend(again::options(global)?);
    if let Some(address) = args.listen {
        res.extend(["--listen".into(), address.to_string().into()]);
    }
    res.extend(again::path_option("--workspace", &args.workspace)?);
    Ok(res)
}

/// The text of it: this program, with these arguments and variables. Its
/// children have that grace when it is asked to end.
pub(super) fn unit(
    program: &Path,
    arguments: &[impl AsRef<OsStr>],
    variables: &[(&str, String)],
    grace: Duration,
) -> String {
    let words = [program.as_os_str()].into_iter().chain(arguments.iter().map(AsRef::as_ref));
    let line = words.map(|it| argument(&it.to_string_lossy())).collect::<Vec<_>>().join(" ");
    let variable = |(name, value): &(&str, String)| {
        format!("Environment={}\n", quoted(&format!("{name}={value}")))
    };
    let variables: String = variables.iter().map(variable).collect();
    let seconds = grace.saturating_add(BEHIND_GRACE).as_secs();
    format!(
        "[Unit]\n\
         Description=Hermitage: subagents in the background\n\
         # It is started again however often it fails.\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         ExecStart={line}\n\
         {variables}\
         Restart=on-failure\n\
         RestartSec=1\n\
         # What is wrong with its arguments or its configuration stays wrong.\n\
         RestartPreventExitStatus={}\n\
         # It asks its children itself to return what they have.\n\
         KillMode=mixed\n\
         TimeoutStopSec={seconds}\n\
         \n\
         [Install]\n\
         WantedBy=default.target",
        Exit::Usage as u8,
    )
}

/// An argument that systemd takes as it is: nothing in it is a variable.
fn argument(word: &str) -> String {
    quoted(&word.replace('$', "$$"))
}

/// A word that systemd takes as it is: nothing in it is a specifier, or the
/// end of it.
fn quoted(word: &str) -> String {
    let mut res = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            '"' | '\\' => res.extend(['\\', c]),
            '%' => res.extend([c, c]),
            '\n' => res.push_str("\\n"),
            c => res.push(c),
        }
    }
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-:=,+@".contains(it);
    if !word.is_empty() && word.chars().all(is_plain) { res } else { format!("\"{res}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_to_systemd() {
        let check = |word: &str, expect: &str| assert_eq!(argument(word), expect);
        check("/usr/bin/hermitage", "/usr/bin/hermitage");
        check("127.0.0.1:80", "127.0.0.1:80");
        check("", "\"\"");
        check("my notes", "\"my notes\"");
        check("50%h $HOME \"x\" \\", "\"50%%h $$HOME \\\"x\\\" \\\\\"");
        check("a\nb", "\"a\\nb\"");
    }

    #[test]
    fn the_unit_starts_this_program_as_it_was_set_up_and_waits_for_its_children() {
        let arguments = ["serve", "--workspace", "/home/me/my notes"];
        // In a variable `$` is a letter like any other.
        let variables = [("XDG_STATE_HOME", "/srv/$me/100%".to_owned())];
        let grace = Duration::from_secs(5);
        let text = unit(Path::new("/opt/hermitage"), &arguments, &variables, grace);
        for line in [
            "ExecStart=/opt/hermitage serve --workspace \"/home/me/my notes\"\n",
            "Environment=\"XDG_STATE_HOME=/srv/$me/100%%\"\n",
            "Restart=on-failure\nRestartSec=1\n",
            "RestartPreventExitStatus=2\n",
            "TimeoutStopSec=35\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
