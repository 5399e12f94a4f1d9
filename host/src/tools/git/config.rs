//! The text of a git configuration: what it names, and what of it does no
//! harm.
//!
//! Not a reader of everything that git takes: what is not written plainly is
//! left out of what is kept. So this can know less than git, and never let
//! through more.

/// Keys that say how a repository is stored, whom it talks to and who its
/// author is, and run nothing. `*` stands for any name in quotes.
const HARMLESS: [&str; 22] = [
    "core.repositoryformatversion",
    "core.filemode",
    "core.bare",
    "core.logallrefupdates",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.symlinks",
    "core.autocrlf",
    "core.eol",
    "extensions.objectformat",
    "extensions.compatobjectformat",
    "extensions.refstorage",
    "user.name",
    "user.email",
    "remote.*.url",
    "remote.*.fetch",
    "remote.*.tagopt",
    "branch.*.remote",
    "branch.*.merge",
    "branch.*.rebase",
    "submodule.*.url",
    "submodule.*.active",
];

/// Keys whose value is an address: some forms of them are programs.
const ADDRESSES: [&str; 3] = ["remote.*.url", "branch.*.remote", "submodule.*.url"];

/// Keys that name a file whose text is obeyed as this one is.
const INCLUDES: [&str; 2] = ["include.path", "includeif.*.path"];

/// Keys that name a file that git reads and does not obey.
const READ: [&str; 5] = [
    "core.excludesfile",
    "core.attributesfile",
    "commit.template",
    "blame.ignorerevsfile",
    "mailmap.file",
];

/// Sections that run nothing, so that their values name no program.
const QUIET: [&str; 5] = ["remote", "branch", "submodule", "user", "url"];

/// One setting that is written plainly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting<'a> {
    section: &'a str,
    /// What stands in quotes behind the section.
    name: Option<&'a str>,
    key: &'a str,
    value: &'a str,
}

impl Setting<'_> {
    /// Without the name in quotes, which can be anything.
    fn pattern(&self) -> String {
        let (section, key) = (self.section.to_lowercase(), self.key.to_lowercase());
        if self.name.is_some() { format!("{section}.*.{key}") } else { format!("{section}.{key}") }
    }

    fn is_harmless(&self) -> bool {
        let pattern = self.pattern();
        let is_address = ADDRESSES.contains(&&*pattern);
        let runs = || self.value.contains("::") || self.value.starts_with('-');
        // Quotes and continued lines are left to those who can read them.
        let is_plain = !self.value.contains(['"', '\\']) && !self.value.contains(char::is_control);
        HARMLESS.contains(&&*pattern) && is_plain && !(is_address && runs())
    }
}

/// What of a configuration does no harm, written anew; `None` when that is all
/// of it.
pub(in crate::tools) fn harmless(text: &str) -> Option<String> {
    let (mut res, mut header, mut dropped) = (String::new(), String::new(), false);
    for line in lines(text) {
        match line {
            Line::Blank => {}
            Line::Setting(it) if it.is_harmless() => {
                let is = match it.name {
                    Some(name) => format!("[{} \"{name}\"]\n", it.section),
                    None => format!("[{}]\n", it.section),
                };
                if header != is {
                    res += &is;
                    header = is;
                }
                res += &format!("\t{} = {}\n", it.key, it.value);
            }
            Line::Setting(_) | Line::Strange => dropped = true,
        }
    }
    dropped.then_some(res)
}

/// What a configuration names that may be a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::tools) struct Named {
    /// Further files of configuration.
    pub(in crate::tools) includes: Vec<String>,
    /// Directories of hooks.
    pub(in crate::tools) hooks: Vec<String>,
    /// Words of values that run programs, some of which may be paths.
    pub(in crate::tools) words: Vec<String>,
}

/// Finds them. A text that is written strangely may name more.
pub(in crate::tools) fn named(text: &str) -> Named {
    let mut res = Named::default();
    for line in lines(text) {
        let Line::Setting(it) = line else { continue };
        let pattern = it.pattern();
        let value = it.value.trim_matches('"');
        if INCLUDES.contains(&&*pattern) {
            res.includes.push(value.to_owned());
        } else if pattern == "core.hookspath" {
            res.hooks.push(value.to_owned());
        } else if !QUIET.contains(&&*it.section.to_lowercase()) && !READ.contains(&&*pattern) {
            let words = value.split(|it: char| it.is_whitespace() || "'\"`;|&()<>!\\".contains(it));
            res.words.extend(words.filter(|it| !it.is_empty()).map(str::to_owned));
        }
    }
    res
}

enum Line<'a> {
    Blank,
    Setting(Setting<'a>),
    /// Not of a form that is known here.
    Strange,
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut section: Option<(&str, Option<&str>)> = None;
    text.lines().map(move |line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Line::Blank;
        }
        if line.starts_with('[') {
            section = header(line);
            return if section.is_some() { Line::Blank } else { Line::Strange };
        }
        let setting = section.zip(pair(line)).map(|((section, name), (key, value))| {
            Line::Setting(Setting { section, name, key, value })
        });
        setting.unwrap_or(Line::Strange)
    })
}

fn header(line: &str) -> Option<(&str, Option<&str>)> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let is_word =
        |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    match inner.split_once(' ') {
        None => is_word(inner).then_some((inner, None)),
        Some((section, name)) => {
            let name = name.trim().strip_prefix('"')?.strip_suffix('"')?;
            let is_plain = !name.contains(['"', '\\']) && !name.contains(char::is_control);
            (is_word(section) && is_plain).then_some((section, Some(name)))
        }
    }
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let is_key = key.starts_with(|it: char| it.is_ascii_alphabetic())
        && key.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    is_key.then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(harmless(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn what_a_fresh_repository_has_stays_as_it_is() {
        check("", None);
        check(
            "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\
             \tlogallrefupdates = true\n# comment\n[remote \"origin\"]\n\turl = https://x.test/a.git\n\
             \tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"main\"]\n\tremote = origin\n\
             \tmerge = refs/heads/main\n",
            None,
        );
    }

    #[test]
    fn what_runs_or_redirects_goes() {
        for line in [
            "[core]\nfsmonitor = ./x",
            "[core]\nhooksPath = x",
            "[CORE]\nFSMONITOR = ./x",
            "[core] fsmonitor = ./x",
            "[core]\nworktree = /home/ann",
            "[core]\nsshCommand = x",
            "[core \"x\"]\nbare = true",
            "[core.x]\nbare = true",
            "[include]\npath = x",
            "[includeIf \"gitdir:/\"]\npath = x",
            "[filter \"x\"]\nclean = x",
            "[diff]\nexternal = x",
            "[alias]\nst = !x",
            "[credential]\nhelper = !x",
            "[extensions]\nworktreeConfig = true",
            "[extensions]\npartialClone = origin",
            "[remote \"origin\"]\nurl = ext::sh -c x",
            "[remote \"origin\"]\nurl = -oProxyCommand=x",
            "[remote \"origin\"]\nuploadpack = x",
            "[remote \"x\\\"]\nurl = a",
            "[submodule \"x\"]\nupdate = !x",
            "\u{feff}[core]\nbare = false",
            "bare",
        ] {
            check(line, Some(""));
        }
    }

    #[test]
    fn what_is_left_is_written_plainly() {
        // What is continued is left out; the line that continues it does no harm.
        check(
            "[user]\nname = a\n[core]\neditor = x \\\nbare = true\n[user]\nemail = b\n",
            Some("[user]\n\tname = a\n[core]\n\tbare = true\n[user]\n\temail = b\n"),
        );
    }

    #[test]
    fn files_that_a_configuration_names_are_found() {
        let text = "[include]\npath = \"../shared.cfg\"\n[core]\nhooksPath = .githooks\n\
                    fsmonitor = \"tools/watch --x\"\n[filter \"z\"]\nclean = python tools/z.py %f\n\
                    [remote \"o\"]\nurl = ../other\n";
        let expect = Named {
            includes: vec!["../shared.cfg".to_owned()],
            hooks: vec![".githooks".to_owned()],
            words: ["tools/watch", "--x", "python", "tools/z.py", "%f"].map(str::to_owned).to_vec(),
        };
        assert_eq!(named(text), expect);
    }
}
