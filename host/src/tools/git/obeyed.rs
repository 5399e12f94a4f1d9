//! Files of a workspace that git obeys because a configuration names them:
//! included ones, hooks, and the programs of filters and the like.

use std::{
    env,
    fs::File,
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use etcetera::{BaseStrategy as _, base_strategy::Xdg};

use super::config::{Named, named};

/// Bytes of a configuration, and of a file that points to one, that are read.
/// Bounds what a huge one takes of the host's memory.
pub(in crate::tools) const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Repositories above a workspace that are looked for.
const MAX_ABOVE: usize = 64;

/// A path, relative to the workspace, that is obeyed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tools) struct Obeyed {
    pub(in crate::tools) path: PathBuf,
    /// With all that is in it, or read as further configuration, or run.
    pub(in crate::tools) what: What,
}

/// How a path is obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tools) enum What {
    Included,
    Hooks,
    /// When there is such a file.
    Word,
    Program,
}

impl Obeyed {
    /// Whether it is this path, or what is below it.
    pub(in crate::tools) fn holds(&self, path: &Path) -> bool {
        if self.what == What::Hooks { path.starts_with(&self.path) } else { path == self.path }
    }
}

/// Where a repository is: its own directory and the one above its files,
/// absolute.
pub(in crate::tools) struct Repository {
    pub(in crate::tools) directory: PathBuf,
    pub(in crate::tools) top: PathBuf,
}

impl Repository {
    /// What its configuration names below `workspace`.
    pub(in crate::tools) fn obeyed(&self, text: &str, workspace: &Path) -> Vec<Obeyed> {
        let Named { includes, hooks, words } = named(text);
        let home = env::home_dir().unwrap_or_default();
        let below = |from: &Path, path: &str, what| {
            let path = match path.strip_prefix("~/") {
                Some(path) => home.join(path),
                None => from.join(path),
            };
            let path = lexical(&path)?;
            let path = path.strip_prefix(workspace).ok()?.to_owned();
            (!path.as_os_str().is_empty()).then_some(Obeyed { path, what })
        };
        let includes = includes.iter().map(|it| below(&self.directory, it, What::Included));
        let hooks = hooks.iter().map(|it| below(&self.top, it, What::Hooks));
        let kind = |it: &str| if it.contains('/') { What::Program } else { What::Word };
        let words = words.iter().map(|it| below(&self.top, it, kind(it)));
        includes.chain(hooks).chain(words).flatten().collect()
    }
}

/// What is obeyed in a workspace by the repositories that hold it, and by git
/// everywhere; those in it are found by whoever looks through it.
pub(in crate::tools) fn from_above(workspace: &Path) -> Vec<Obeyed> {
    let mut res: Vec<Obeyed> = of_person().iter().flat_map(|it| by_file(it, workspace)).collect();
    res.extend(of_person().iter().flat_map(|it| everywhere(it, workspace)));
    for top in workspace.ancestors().take(MAX_ABOVE) {
        let Some(directory) = directory_of(top) else { continue };
        if let Some(text) = read(&directory.join("config")) {
            let repository = Repository { directory, top: top.to_owned() };
            res.extend(repository.obeyed(&text, workspace));
        }
    }
    res
}

/// The person's own configuration, which may be kept in a workspace, and what
/// that names there.
fn by_file(file: &Path, workspace: &Path) -> Vec<Obeyed> {
    let Ok(real) = file.canonicalize() else { return Vec::new() };
    let directory = real.parent().unwrap_or(&real).to_owned();
    let text = read(&real).unwrap_or_default();
    let repository = Repository { top: directory.clone(), directory };
    let mut res = repository.obeyed(&text, workspace);
    if let Ok(below) = real.strip_prefix(workspace) {
        res.push(Obeyed { path: below.to_owned(), what: What::Included });
    }
    res
}

/// Hooks and programs that it names relatively are meant in every repository.
/// This is the one that the workspace is, or may become.
fn everywhere(file: &Path, workspace: &Path) -> Vec<Obeyed> {
    let text = read(file).unwrap_or_default();
    let repository = Repository { directory: workspace.into(), top: workspace.into() };
    let mut res = repository.obeyed(&text, workspace);
    res.retain(|it| matches!(it.what, What::Hooks | What::Program));
    res
}

fn of_person() -> Vec<PathBuf> {
    let home = env::home_dir().unwrap_or_default();
    let settings = Xdg::new().ok().map(|it| it.config_dir().join("git/config"));
    [home.join(".gitconfig"), "/etc/gitconfig".into()].into_iter().chain(settings).collect()
}

/// The directory with the configuration of the repository of `top`: its
/// `.git`, or what that points to.
fn directory_of(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let own = top.join(pointer(&read(&git)?)?);
    let common = read(&own.join("commondir"));
    Some(common.map_or(own.clone(), |it| own.join(it.trim())))
}

/// Where the text of a `.git` file points.
pub(in crate::tools) fn pointer(text: &str) -> Option<&str> {
    text.strip_prefix("gitdir:").map(str::trim).filter(|it| !it.is_empty())
}

fn read(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_CONFIG_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// An absolute path without `.` and `..`.
fn lexical(path: &Path) -> Option<PathBuf> {
    let mut res = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(res.pop()),
            Component::CurDir => {}
            Component::Prefix(_) => return None,
            Component::RootDir | Component::Normal(_) => res.push(component),
        }
    }
    res.is_absolute().then_some(res)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_persons_configuration_may_be_kept_in_a_workspace() {
        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        fs::create_dir(outer.join("dotfiles")).unwrap();
        let text = "[include]\npath = more.cfg\n[core]\nhooksPath = ~/none\n";
        fs::write(outer.join("dotfiles/gitconfig"), text).unwrap();
        std::os::unix::fs::symlink("dotfiles/gitconfig", outer.join(".gitconfig")).unwrap();
        let found = by_file(&outer.join(".gitconfig"), &outer.join("dotfiles"));
        let paths: Vec<_> = found.iter().map(|it| it.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["more.cfg", "gitconfig"]);
    }

    #[test]
    fn what_the_person_names_relatively_is_meant_in_the_workspace() {
        let outer = tempfile::tempdir().unwrap();
        let file = outer.path().join("gitconfig");
        let text = "[include]\npath = more.cfg\n[core]\nhooksPath = .githooks\n";
        fs::write(&file, text).unwrap();
        let found = everywhere(&file, Path::new("/somewhere/else"));
        assert_eq!(found, [Obeyed { path: ".githooks".into(), what: What::Hooks }]);
    }

    #[test]
    fn what_a_repository_above_names_in_the_workspace_is_found() {
        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        let workspace = outer.join("w");
        fs::create_dir_all(outer.join(".git/worktrees/w")).unwrap();
        fs::create_dir_all(&workspace).unwrap();
        let config = format!(
            "[include]\npath = ../w/a.cfg\npath = {}/b.cfg\n[core]\nhooksPath = w/hooks\n\
             editor = vim -u w/x.vim /etc/y ../z\n",
            workspace.display()
        );
        fs::write(outer.join(".git/config"), config).unwrap();
        let obeyed = |path: &str, what| Obeyed { path: path.into(), what };
        let expect = [
            obeyed("a.cfg", What::Included),
            obeyed("b.cfg", What::Included),
            obeyed("hooks", What::Hooks),
            obeyed("x.vim", What::Program),
        ];
        assert_eq!(from_above(&workspace), expect);
        // The same as a linked worktree, whose paths begin where its files do.
        fs::write(workspace.join(".git"), "gitdir: ../.git/worktrees/w\n").unwrap();
        fs::write(outer.join(".git/worktrees/w/commondir"), "../..\n").unwrap();
        fs::write(outer.join(".git/config"), "[core]\nhooksPath = .githooks\n").unwrap();
        let found = from_above(&workspace);
        assert_eq!(found, [obeyed(".githooks", What::Hooks)]);
        assert!(found.iter().any(|it| it.holds(Path::new(".githooks/pre-commit"))));
    }
}
