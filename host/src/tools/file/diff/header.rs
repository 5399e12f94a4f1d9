//! The lines between hunks: which file a diff is for, and what it does to it
//! besides changing its text.

/// What `patch` doesn't do, and how it is done instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Create,
    Delete,
    Rename,
    Mode,
    Binary,
}

impl Refused {
    /// What a line between hunks asks for.
    pub(super) fn of(line: &str) -> Option<Self> {
        [
            ("new file mode ", Refused::Create),
            ("*** Add File:", Refused::Create),
            ("deleted file mode ", Refused::Delete),
            ("*** Delete File:", Refused::Delete),
            ("rename from ", Refused::Rename),
            ("rename to ", Refused::Rename),
            ("copy from ", Refused::Rename),
            ("copy to ", Refused::Rename),
            ("*** Move to:", Refused::Rename),
            ("old mode ", Refused::Mode),
            ("new mode ", Refused::Mode),
            ("GIT binary patch", Refused::Binary),
            ("Binary files ", Refused::Binary),
        ]
        .into_iter()
        .find_map(|(start, refused)| line.starts_with(start).then_some(refused))
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Refused::Create => {
                "`diff` creates a file, which `patch` does not: write it with write_file, or give \
                 a diff against what the file holds"
            }
            Refused::Delete => {
                "`diff` deletes the file, which `patch` does not: remove it by a command (`rm`), \
                 or say in the result that it should go"
            }
            Refused::Rename => {
                "`diff` renames or copies the file, which `patch` does not: do that by a command \
                 (`mv`, `cp`), or write the new file with write_file, and give the hunks alone"
            }
            Refused::Mode => {
                "`diff` changes the mode of the file, which `patch` does not: do that by a command \
                 (`chmod`), and give the hunks alone"
            }
            Refused::Binary => "`diff` is of a binary file: only text can be patched",
        }
    }
}

/// A file as a line of a diff names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    name: String,
    /// Of a line with `---`.
    is_old: bool,
}

/// Names that stand for no file, but for the two sides of a diff.
const SIDES: [&str; 14] = [
    "a", "b", "old", "new", "original", "modified", "before", "after", "updated", "current",
    "file", "source", "target", "-",
];

/// Endings by which programs call the file before and after.
const COPIES: [&str; 5] = [".orig", ".old", ".new", ".bak", "~"];

impl Named {
    /// Reads `--- NAME`, `+++ NAME`, `diff --git A B` and the envelope's
    /// `*** Update File: NAME`.
    pub(super) fn of(line: &str) -> Option<Self> {
        if let Some(names) = line.strip_prefix("diff --git ") {
            // The names are the same but for their prefixes, or a rename says so.
            let second = names.rfind(" b/").map_or(names, |it| names.get(it + 1..).unwrap_or(""));
            return Some(Self::new(second, false));
        }
        let starts = ["--- ", "+++ ", "*** Update File:", "*** Add File:", "*** Delete File:"];
        starts
            .into_iter()
            .find_map(|it| line.strip_prefix(it))
            .map(|name| Self::new(name, line.starts_with("--- ")))
    }

    /// A name may be followed by a tab and a time, and be quoted.
    fn new(text: &str, is_old: bool) -> Self {
        let name = text.split('\t').next().unwrap_or_default().trim();
        let quoted = name.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let name = quoted.map_or_else(|| name.to_owned(), unescape);
        Self { name: name.strip_prefix("./").map(str::to_owned).unwrap_or(name), is_old }
    }

    pub(super) fn is_old(&self) -> bool {
        self.is_old
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.name == "/dev/null"
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may be the file at `path`: by its name, with the prefix of
    /// a side, from a directory above or below the workspace.
    pub(super) fn may_be(&self, path: &str) -> bool {
        let name = COPIES.iter().find_map(|it| self.name.strip_suffix(it)).unwrap_or(&self.name);
        SIDES.contains(&&*self.name)
            || [&self.name, name].into_iter().any(|it| ends_alike(it, path))
    }
}

/// Whether one path is the end of the other, name by name.
fn ends_alike(a: &str, b: &str) -> bool {
    let mut names = a.rsplit('/').zip(b.rsplit('/'));
    names.all(|(a, b)| a == b) || {
        // `a/x` and `sub/x`: the first is a prefix, not a directory.
        let (side, rest) = a.split_once('/').unwrap_or_default();
        matches!(side, "a" | "b" | "c" | "i" | "o" | "w") && {
            let mut names = rest.rsplit('/').zip(b.rsplit('/'));
            !rest.is_empty() && names.all(|(a, b)| a == b)
        }
    }
}

/// A name as git quotes one: `\303\251` for bytes, `\t` and so on.
fn unescape(quoted: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = quoted.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(first @ b'0'..=b'3') => {
                let digits = [Some(first), rest.next(), rest.next()].map(|it| it.unwrap_or(b'0'));
                let octal = str::from_utf8(&digits).unwrap_or_default();
                bytes.push(u8::from_str_radix(octal, 8).unwrap_or(b'?'));
            }
            other => bytes.extend(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, path: &str, expect: bool) {
        assert_eq!(Named::of(line).unwrap().may_be(path), expect, "{line:?} for {path:?}");
    }

    #[test]
    fn a_header_names_the_file_or_another() {
        for (line, path, expect) in [
            ("--- a/src/x.rs", "src/x.rs", true),
            ("+++ b/src/x.rs\t2024-01-01 00:00:00", "src/x.rs", true),
            ("--- src/x.rs.orig", "src/x.rs", true),
            ("--- /workspace/src/x.rs", "src/x.rs", true),
            ("--- a/crates/one/src/x.rs", "src/x.rs", true),
            ("--- x.rs", "src/x.rs", true),
            ("--- a/x.rs", "src/x.rs", true),
            ("--- original", "src/x.rs", true),
            ("+++ \"b/caf\\303\\251.txt\"", "caf\u{e9}.txt", true),
            ("diff --git a/x y.rs b/x y.rs", "x y.rs", true),
            ("*** Update File: src/x.rs", "src/x.rs", true),
            ("--- a/src/y.rs", "src/x.rs", false),
            ("--- src/sub/x.rs", "src/x.rs", false),
            ("--- ax.rs", "x.rs", false),
            ("diff --git a/y.rs b/y.rs", "x.rs", false),
            ("*** Update File: y.rs", "x.rs", false),
        ] {
            check(line, path, expect);
        }
    }
}
