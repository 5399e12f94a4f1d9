//! Which language a folder is written in, by what lies in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::BuildError;

/// What is looked for beside `wit`.
const WIT: &str = "wit";

/// Where tools put what they made or fetched; nothing in it is source.
const NOT_SOURCE: [&str; 5] = ["node_modules", "target", "__pycache__", "venv", BINDINGS];

/// Where bindings are written, for the author to look at.
pub(crate) const BINDINGS: &str = "bindings";

/// Files of a folder: what is deeper or more is no plugin.
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 10_000;

/// A language that is built here, besides Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    C,
    JavaScript,
    Python,
}

impl Language {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        }
    }

    /// Of a file, by its ending.
    fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "c" => Some(Self::C),
            "js" | "mjs" => Some(Self::JavaScript),
            "py" => Some(Self::Python),
            _ => None,
        }
    }
}

/// What a folder holds.
#[derive(Debug)]
pub(crate) enum Source {
    /// A package of cargo, by its real path.
    Rust(PathBuf),
    /// A plugin in another language.
    Other(Folder),
}

/// A folder with a world in `wit`, and beside it the source of a component that
/// exports it.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Its real path.
    pub(crate) path: PathBuf,
    pub(crate) language: Language,
}

impl Source {
    /// What is in `folder`, as it was given.
    pub(crate) fn find(folder: &Path) -> Result<Self, BuildError> {
        let given = || folder.to_owned();
        let missing = |source| BuildError::NoFolder { folder: given(), source };
        let path = fs::canonicalize(folder).map_err(missing)?;
        if path.join("Cargo.toml").is_file() {
            return Ok(Self::Rust(path));
        }
        let entries = fs::read_dir(&path).map_err(missing)?;
        let files = entries.flatten().map(|entry| entry.path()).filter(|file| file.is_file());
        let languages: BTreeSet<Language> =
            files.filter_map(|file| Language::of_file(&file)).collect();
        let languages: Vec<Language> = languages.into_iter().collect();
        match languages.as_slice() {
            [language] if path.join(WIT).is_dir() => {
                Ok(Self::Other(Folder { path, language: *language }))
            }
            [language] => Err(BuildError::NoWit { folder: given(), language: language.name() }),
            [] => Err(BuildError::NoSource { folder: given() }),
            several => Err(BuildError::SeveralLanguages {
                folder: given(),
                languages: several.iter().map(|language| language.name()).collect(),
            }),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Rust(folder) => folder,
            Self::Other(folder) => &folder.path,
        }
    }
}

impl Folder {
    pub(crate) fn wit(&self) -> PathBuf {
        self.path.join(WIT)
    }

    /// What its component is called.
    pub(crate) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// The sources of its language that lie beside `wit`, sorted.
    pub(crate) fn main_files(&self) -> Vec<PathBuf> {
        let of_language = |path: &&PathBuf| {
            path.parent() == Some(self.path.as_path())
                && Language::of_file(path) == Some(self.language)
        };
        self.files().iter().filter(of_language).cloned().collect()
    }

    /// Every file that may have a part in the component, sorted.
    pub(crate) fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        visit(&self.path, 0, &mut files);
        files
    }
}

fn visit(folder: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if files.len() >= MAX_FILES || !is_source(&path) {
            continue;
        }
        // Links lead out of the folder, and round in circles.
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() && depth < MAX_DEPTH => {
                visit(&path, depth + 1, files);
            }
            Ok(_) if path.is_file() => drop(files.insert(path)),
            _ => {}
        }
    }
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_none_or(|name| !name.starts_with('.') && !NOT_SOURCE.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn with(test: &str, files: &[&str]) -> Self {
            let name = format!("hermitage-language-{}-{test}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            for file in files {
                let path = folder.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            Self(folder)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[track_caller]
    fn check(test: &str, files: &[&str], expect: Result<Option<Language>, &str>) {
        let folder = Scratch::with(test, files);
        let found = Source::find(&folder.0).map(|source| match source {
            Source::Rust(_) => None,
            Source::Other(folder) => Some(folder.language),
        });
        let found = found.map_err(|error| {
            let path = format!("`{}` ", folder.0.display());
            error.to_string().replace(&path, "")
        });
        assert_eq!(found, expect.map_err(str::to_owned), "{files:?}");
    }

    #[test]
    fn a_folder_is_of_the_language_of_its_files() {
        check("rust", &["Cargo.toml", "build.py"], Ok(None));
        check("c", &["a.c", "b.c", "a.h", "wit/world.wit"], Ok(Some(Language::C)));
        check("js", &["app.js", "package.json", "wit/world.wit"], Ok(Some(Language::JavaScript)));
        check("py", &["app.py", "wit/world.wit", "tests/a.js"], Ok(Some(Language::Python)));
    }

    #[test]
    fn a_folder_that_is_of_none_says_what_is_missing() {
        check("none", &["wit/world.wit", "README.md"], Err("has no source that can be built"));
        check("no-wit", &["app.py"], Err("is written in Python and has no folder `wit`"));
        let several = "is written in several languages: C, Python";
        check("several", &["app.py", "a.c", "wit/world.wit"], Err(several));
    }

    #[test]
    fn what_tools_made_is_no_source() {
        let files = ["app.js", "wit/a.wit", "lib/b.js", "node_modules/x/y.js", ".git/config"];
        let folder = Scratch::with("files", &files);
        let Source::Other(source) = Source::find(&folder.0).unwrap() else { panic!() };
        let names = |paths: Vec<PathBuf>| -> Vec<String> {
            let strip = |path: PathBuf| path.strip_prefix(&source.path).unwrap().to_owned();
            paths.into_iter().map(|it| strip(it).display().to_string()).collect()
        };
        assert_eq!(
            names(source.files().into_iter().collect()),
            ["app.js", "lib/b.js", "wit/a.wit"]
        );
        assert_eq!(names(source.main_files()), ["app.js"]);
    }
}
