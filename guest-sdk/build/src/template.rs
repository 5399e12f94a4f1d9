//! New projects: a small plugin or agent that builds, with a test.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a project is written in, and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Template {
    /// A plugin in Rust.
    Rust,
    /// An agent, in Rust.
    Agent,
    /// A plugin in C.
    C,
    /// A plugin in JavaScript.
    JavaScript,
    /// A plugin in Python.
    Python,
}

/// Where a project in Rust has the SDK from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// The `guest-sdk` of a checkout.
    Path(PathBuf),
    /// The registry.
    Registry,
}

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewError {
    /// Something of that name is there.
    #[error("`{}` is there already", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be written.
    #[error("can't write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

type Text = (&'static str, &'static str);

macro_rules! text {
    ($to:literal, $from:literal) => {
        ($to, include_str!(concat!("../templates/", $from)))
    };
}

const IGNORED: Text = text!(".gitignore", "gitignore");
const MANIFEST: Text = text!("plugin.toml", "plugin.toml");
const CASES: Text = text!("tests.toml", "tests.toml");
const WORLD: Text = text!("wit/world.wit", "wit/world.wit");
const README: Text = text!("README.md", "README.md");

const RUST: [Text; 6] = [
    text!("Cargo.toml", "rust/Cargo.toml.in"),
    text!("src/lib.rs", "rust/lib.rs"),
    text!("README.md", "rust/README.md"),
    MANIFEST,
    CASES,
    IGNORED,
];
const AGENT: [Text; 4] = [
    text!("Cargo.toml", "agent/Cargo.toml.in"),
    text!("src/lib.rs", "agent/lib.rs"),
    text!("README.md", "agent/README.md"),
    IGNORED,
];
const C: [Text; 6] = [text!("plugin.c", "c/plugin.c"), WORLD, MANIFEST, CASES, README, IGNORED];
const JAVASCRIPT: [Text; 7] = [
    text!("plugin.js", "javascript/plugin.js"),
    text!("package.json", "javascript/package.json"),
    WORLD,
    MANIFEST,
    CASES,
    README,
    IGNORED,
];
const PYTHON: [Text; 6] =
    [text!("plugin.py", "python/plugin.py"), WORLD, MANIFEST, CASES, README, IGNORED];

impl Template {
    fn texts(self) -> &'static [Text] {
        match self {
            Self::Rust => &RUST,
            Self::Agent => &AGENT,
            Self::C => &C,
            Self::JavaScript => &JAVASCRIPT,
            Self::Python => &PYTHON,
        }
    }

    /// What its README says of the tool chain.
    fn install(self) -> &'static str {
        match self {
            // Found or installed by the build itself.
            Self::Rust | Self::Agent => "",
            Self::C => crate::c::INSTALL,
            Self::JavaScript => "npm install",
            Self::Python => {
                "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1"
            }
        }
    }
}

/// Writes a project of that name into `folder`, which must not be there yet.
/// The name is that of the plugin, in snake case.
///
/// The files, in the order in which they were written.
pub fn create(
    folder: &Path,
    name: &str,
    template: Template,
    sdk: &Sdk,
) -> Result<Vec<PathBuf>, NewError> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(NewError::Exists { folder: folder.to_owned() });
        }
        made => made.map_err(|source| NewError::Io { path: folder.to_owned(), source })?,
    }
    let mut paths = Vec::new();
    for (to, text) in template.texts() {
        let text = text
            .replace("{{name}}", name)
            .replace("{{install}}", template.install())
            .replace("{{sdk}}", &dependency(template, sdk));
        let path = folder.join(to);
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
        written.map_err(|source| NewError::Io { path: path.clone(), source })?;
        paths.push(path);
    }
    Ok(paths)
}

/// The line of a `Cargo.toml`.
fn dependency(template: Template, sdk: &Sdk) -> String {
    let features = if template == Template::Agent { "" } else { ", features = [\"tools\"]" };
    match sdk {
        Sdk::Path(path) => {
            // A string of JSON is one of TOML.
            let path = serde_json::Value::from(path.to_string_lossy()).to_string();
            format!("hermitage-guest = {{ path = {path}{features} }}")
        }
        Sdk::Registry => {
            let version = env!("CARGO_PKG_VERSION");
            format!(
                "# Or, of a checkout: `path = \"…/guest-sdk\"` in the place of `version`.\n\
                 hermitage-guest = {{ version = \"{version}\"{features} }}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Source;
    use crate::wit::Wit;

    const ALL: [Template; 5] =
        [Template::Rust, Template::Agent, Template::C, Template::JavaScript, Template::Python];

    fn new(test: &str) -> PathBuf {
        let folder = std::env::temp_dir();
        let folder = folder.join(format!("hermitage-template-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        let folder = new("filled");
        for template in ALL {
            let to = folder.join(format!("{template:?}"));
            let sdk = Sdk::Path(PathBuf::from("/a \"b\"/guest-sdk"));
            for path in create(&to, "word_count", template, &sdk).unwrap() {
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains("{{"), "{}: {text}", path.display());
                assert!(!text.contains('\t') && text.ends_with('\n'), "{}", path.display());
            }
        }
        let manifest = fs::read_to_string(folder.join("Rust/Cargo.toml")).unwrap();
        let line = r#"hermitage-guest = { path = "/a \"b\"/guest-sdk", features = ["tools"] }"#;
        assert!(manifest.contains(line), "{manifest}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let folder = new("there");
        let error = create(&folder, "x", Template::C, &Sdk::Registry).unwrap_err();
        assert!(matches!(error, NewError::Exists { .. }), "{error}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_project_that_is_no_rust_has_a_language_of_its_own() {
        let folder = new("language");
        for (template, expect) in
            [(Template::C, "C"), (Template::JavaScript, "JavaScript"), (Template::Python, "Python")]
        {
            let to = folder.join(expect);
            create(&to, "x", template, &Sdk::Registry).unwrap();
            let Source::Other(source) = Source::find(&to).unwrap() else { panic!() };
            assert_eq!(source.language.name(), expect);
            assert_eq!(Wit::of(&source).unwrap().name, "plugin");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
