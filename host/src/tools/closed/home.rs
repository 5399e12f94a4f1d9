//! A workspace that holds the home directory of the user.
//!
//! What lies there under a name with a dot is obeyed: by shells, editors,
//! agents, desktops, package managers, by git and by ssh. Lists of such files
//! are never complete, so the whole kind is closed.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use super::is_named;

/// Further names directly in a home directory from which programs are run:
/// they are in the `PATH` that many systems set up, or looked up by `node`
/// from everywhere below.
const PROGRAMS: [&str; 3] = ["bin", "go", "node_modules"];

/// Why a workspace is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HomeError {
    /// It is, or lies in, a directory of the host.
    #[error("the workspace `{}` is the host's own directory", path.display())]
    Own {
        /// Its real path.
        path: PathBuf,
    },
    /// It lies in the directory of git's own files.
    #[error("the workspace `{}` lies in a directory of git's own files", path.display())]
    Git {
        /// Its real path.
        path: PathBuf,
    },
    /// It holds what the person's programs obey.
    #[error("the workspace `{}` holds {what}", path.display())]
    Home {
        /// Its real path.
        path: PathBuf,
        /// What it holds.
        what: &'static str,
    },
}

impl HomeError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            HomeError::Own { .. } => "take another directory",
            HomeError::Git { .. } => "take the directory that holds the `.git`, or one in it",
            HomeError::Home { .. } => {
                "take a directory for the work alone; or allow this with `--allow-home` or \
                 `workspace.allow_home` in your own configuration, and names with a dot stay closed"
            }
        }
    }
}

/// The home directory of a user who allowed it as a workspace.
#[derive(Clone, Debug)]
pub(in crate::tools) struct Personal {
    homes: Vec<PathBuf>,
}

impl Personal {
    /// For a workspace by its real path; `None` when it is an ordinary one.
    pub(super) fn of(
        workspace: &Path,
        usual: &[PathBuf],
        allowed: bool,
    ) -> Result<Option<Self>, HomeError> {
        let homes = homes();
        let what = if workspace.parent().is_none() {
            "everything"
        } else if homes.iter().any(|it| it.starts_with(workspace)) {
            "your home directory, where shells, editors and agents look for what they obey"
        } else if usual.iter().any(|it| it.starts_with(workspace)) {
            "directories of this host"
        } else {
            return Ok(None);
        };
        if !allowed {
            return Err(HomeError::Home { path: workspace.to_owned(), what });
        }
        // Of homes that have nothing to do with it nothing is closed.
        let homes: Vec<_> = homes
            .into_iter()
            .filter(|it| it.starts_with(workspace) || workspace.starts_with(it))
            .collect();
        let is_ordinary = homes.is_empty() && workspace.parent().is_some();
        Ok((!is_ordinary).then_some(Self { homes }))
    }

    /// Whether a path, without symbolic links, is one that is only read. All
    /// that is in no home is: whoever allowed their home did not mean `/etc`.
    pub(super) fn closes(&self, path: &Path) -> bool {
        let is_open = |home: &PathBuf| {
            let first = path.strip_prefix(home).ok().and_then(|it| it.iter().next());
            first.is_some_and(is_open)
        };
        !self.homes.iter().any(is_open)
    }

    /// The directories that stay open, directly in a home below `workspace`.
    pub(in crate::tools) fn open_directories(&self) -> Vec<PathBuf> {
        let entries = self.homes.iter().filter_map(|it| fs::read_dir(it).ok()).flatten().flatten();
        let is_open = |it: &fs::DirEntry| {
            it.file_type().is_ok_and(|it| it.is_dir()) && is_open(&it.file_name())
        };
        entries.filter(is_open).map(|it| it.path()).collect()
    }
}

fn is_open(name: &std::ffi::OsStr) -> bool {
    let hidden = super::fold_name(&name.to_string_lossy()).starts_with('.');
    !hidden && !PROGRAMS.iter().any(|it| is_named(name, it))
}

/// What `HOME` says, and what the list of users says: the shell that is
/// started next may go by either. By their real paths.
pub(in crate::tools) fn homes() -> Vec<PathBuf> {
    let of_variable = env::home_dir().filter(|it| it.is_absolute());
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of_list = home_in(&users, geteuid().as_raw());
    let all = of_variable.into_iter().chain(of_list);
    // One that is not there yet would be made by a child.
    let mut res: Vec<PathBuf> = all.map(|it| it.canonicalize().unwrap_or(it)).collect();
    res.dedup();
    res
}

/// The home of a user in the text of `/etc/passwd`.
fn home_in(users: &str, id: u32) -> Option<PathBuf> {
    let of_user = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let is_user = fields.next()?.parse::<u32>() == Ok(id);
        fields.nth(2).filter(|it| is_user && it.starts_with('/')).map(PathBuf::from)
    };
    users.lines().find_map(of_user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_users_knows_a_home() {
        let users = "root:x:0:0:root:/root:/bin/bash\nbad\nann:x:1000:1000::/home/ann:/bin/sh\n";
        for (id, home) in [(0, Some("/root")), (1000, Some("/home/ann")), (7, None)] {
            assert_eq!(home_in(users, id), home.map(PathBuf::from));
        }
    }

    #[test]
    fn names_with_a_dot_and_places_of_programs_are_closed_in_a_home() {
        let personal = Personal { homes: vec!["/home/ann".into()] };
        for path in [
            "/home/ann/.bashrc",
            "/home/ann/.config/systemd/user/x.service",
            "/home/ann/.ssh",
            "/home/ann/bin/ls",
            "/home/ann/BIN/ls",
            "/home/ann/node_modules/x/index.js",
            "/home/ann/\u{ff0e}bashrc",
            "/home/ann",
            "/home/other/x",
            "/etc/profile",
        ] {
            assert!(personal.closes(Path::new(path)), "{path}");
        }
        for path in ["/home/ann/notes.txt", "/home/ann/work/.github/x", "/home/ann/work/bin/x"] {
            assert!(!personal.closes(Path::new(path)), "{path}");
        }
    }
}
