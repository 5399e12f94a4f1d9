//! What the person's own git obeys: by which names it knows a repository, and
//! what a configuration says.
//!
//! Git runs programs that a repository's configuration and hooks name, with
//! the rights of whoever calls it next in a directory of it. It takes for a
//! repository whatever is called `.git`, and every directory that looks like
//! one, whatever it is called.

use super::names::fold_name;

pub(super) mod config;
pub(super) mod obeyed;

/// The folded name is that of git's own directory, or of the file that points
/// to it. The second form is the short name that a FAT or NTFS file system
/// gives it.
pub(super) fn is_git(folded: &str) -> bool {
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    folded == ".git" || folded.strip_prefix("git~").is_some_and(digits)
}

/// Which of the names that make a directory a repository it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    head: bool,
    objects: bool,
    refs: bool,
    commondir: bool,
}

impl Shape {
    /// The names that matter, as git spells them.
    pub(super) const NAMES: [&str; 4] = ["HEAD", "objects", "refs", "commondir"];

    /// Adds a name, in whatever case a file system takes for the same.
    pub(super) fn add(&mut self, name: &str) {
        // Nearly every name is none of them.
        if !Self::NAMES.iter().any(|it| it.len() <= name.len()) {
            return;
        }
        match fold_name(name).as_str() {
            "head" => self.head = true,
            "objects" => self.objects = true,
            "refs" => self.refs = true,
            "commondir" => self.commondir = true,
            _ => {}
        }
    }

    /// Whether git takes the directory for a repository.
    pub(super) fn is_repository(self) -> bool {
        self.head && ((self.objects && self.refs) || self.commondir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gits_own_directory_has_a_short_name() {
        for (name, expect) in
            [(".git", true), ("git~1", true), ("git~", false), ("git~x", false), (".gitx", false)]
        {
            assert_eq!(is_git(name), expect, "{name}");
        }
    }

    #[test]
    fn a_repository_is_known_by_what_is_in_it() {
        for (names, expect) in [
            (&["HEAD", "objects", "refs"][..], true),
            (&["head", "OBJECTS", "Refs", "config"], true),
            (&["HEAD", "commondir"], true),
            (&["HEAD", "objects", "config"], false),
            (&["objects", "refs", "commondir"], false),
            (&["HEAD.md", "objects", "refs"], false),
        ] {
            let mut shape = Shape::default();
            names.iter().for_each(|it| shape.add(it));
            assert_eq!(shape.is_repository(), expect, "{names:?}");
        }
    }
}
