//! Files that are closed for what they are called: secrets, which no child
//! reads, and what the person's own programs trust, which no child writes.
//!
//! The rules are lines of a `.gitignore` and are asked about the real path
//! below the workspace, every directory above included. They are stricter than
//! any file system: case makes no difference, nor does what some of them drop
//! or fold (see [`crate::tools::names`]). A name that only looks alike is another file
//! everywhere, and stays open.

use std::path::Path;

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::{
    FileConfig, WorkspaceError,
    path::{Quoted, WorkspacePath},
};
use crate::{
    defence::{Defence, Defences},
    tools::{git::is_git, names::fold},
    toolset::ToolError,
};

/// The key of [`FileConfig::secret_globs`].
pub(super) const SECRET_KEY: &str = FileConfig::secret_globs.key;

/// The key of [`FileConfig::protected_globs`].
pub(super) const PROTECTED_KEY: &str = FileConfig::protected_globs.key;

/// Files that hold keys and passwords, by the names that programs give them.
pub const SECRET_GLOBS: [&str; 30] = [
    ".env",
    ".env.*",
    "!.env.example",
    "!.env.sample",
    "!.env.template",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.kdbx",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "!id_*.pub",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".git-credentials",
    "credentials.json",
    ".aws/",
    ".ssh/",
    ".gnupg/",
    "**/.git/config",
    "**/.cargo/credentials*",
    "**/.docker/config.json",
    "**/.kube/config",
];

/// Files that an editor, a shell, an agent or the next push obeys without
/// asking. `.git` is closed in any case. What a build runs (`build.rs`,
/// `Makefile`, `package.json`) stays open: changing it is ordinary work, and
/// whoever builds what a child wrote runs what a child wrote.
pub const PROTECTED_GLOBS: [&str; 35] = [
    ".hermitage.toml",
    "AGENTS.md",
    "AGENTS.override.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "GEMINI.md",
    ".cursorrules",
    ".windsurfrules",
    ".mcp.json",
    ".cursor/",
    ".claude/",
    ".codex/",
    ".gemini/",
    "**/.github/workflows/",
    "**/.github/actions/",
    "**/.github/copilot-instructions.md",
    ".gitlab-ci.yml",
    ".circleci/",
    ".pre-commit-config.yaml",
    ".husky/",
    ".envrc",
    ".npmrc",
    "**/.cargo/config*",
    "*.pth",
    ".vscode/",
    ".idea/",
    ".devcontainer/",
    ".devcontainer.json",
    ".bashrc",
    ".bash_profile",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".gitconfig",
];

/// The rules of one workspace.
#[derive(Debug)]
pub(super) struct Rules {
    secret: Gitignore,
    protected: Gitignore,
    defences: Defences,
}

impl Rules {
    pub(super) fn new(config: &FileConfig) -> Result<Self, WorkspaceError> {
        Ok(Self {
            secret: compile(SECRET_KEY, &config.secret_globs)?,
            protected: compile(PROTECTED_KEY, &config.protected_globs)?,
            defences: config.defences,
        })
    }

    /// Whether a file, by its real path, is taken for a secret.
    pub(super) fn is_secret(&self, real: &Path) -> bool {
        rule(&self.secret, &fold(real)).is_some()
    }

    /// Refuses a secret.
    pub(super) fn check_read(&self, path: &WorkspacePath, real: &Path) -> Result<(), ToolError> {
        match rule(&self.secret, &fold(real)) {
            None => Ok(()),
            Some(rule) => Err(denied(path, rule, SECRET_KEY, "no child reads or writes a secret")),
        }
    }

    /// Refuses a secret and what is protected.
    pub(super) fn check_write(&self, path: &WorkspacePath, real: &Path) -> Result<(), ToolError> {
        self.check_read(path, real)?;
        let folded = fold(real);
        if folded.split('/').any(is_git) && self.defences.has(Defence::GitFiles) {
            let path = Quoted(path.given());
            let text = format!("{path} belongs to git: write outside `.git`");
            return Err(ToolError::Failed(text));
        }
        match rule(&self.protected, &folded) {
            None => Ok(()),
            Some(rule) => {
                let why = "other programs obey this file, so say in the result what to change";
                Err(denied(path, rule, PROTECTED_KEY, why))
            }
        }
    }
}

fn denied(path: &WorkspacePath, rule: &str, key: &str, why: &str) -> ToolError {
    let (path, rule) = (Quoted(path.given()), Quoted(rule));
    ToolError::Denied(format!("{path} is closed by {rule} of `{key}`: {why}"))
}

fn compile(key: &'static str, globs: &[String]) -> Result<Gitignore, WorkspaceError> {
    let error = |glob: &str, source: ignore::Error| WorkspaceError::Glob {
        key,
        glob: glob.to_owned(),
        source: Box::new(source),
    };
    let mut builder = GitignoreBuilder::new("");
    builder.case_insensitive(true).map_err(|source| error("", source))?;
    for glob in globs {
        builder.add_line(None, glob).map_err(|source| error(glob, source))?;
    }
    builder.build().map_err(|source| error("", source))
}

/// The rule that closes a folded path: of the first directory that is closed,
/// or of the file. What is allowed in a closed directory stays closed.
fn rule<'a>(rules: &'a Gitignore, folded: &str) -> Option<&'a str> {
    let slashes = folded.match_indices('/').map(|(at, _)| (at, true));
    slashes.chain([(folded.len(), false)]).find_map(|(end, is_directory)| {
        match rules.matched(folded.get(..end)?, is_directory) {
            Match::Ignore(glob) => Some(glob.original()),
            Match::None | Match::Whitelist(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::file::tests::roomy;

    fn rules() -> Rules {
        let owned = |globs: &[&str]| globs.iter().map(|it| (*it).to_owned()).collect();
        let (secret_globs, protected_globs) = (owned(&SECRET_GLOBS), owned(&PROTECTED_GLOBS));
        Rules::new(&FileConfig { secret_globs, protected_globs, ..roomy() }).unwrap()
    }

    /// Which rules close a path: for reading, and for writing alone.
    fn check(path: &str, secret: Option<&str>, protected: Option<&str>) {
        let (rules, folded) = (rules(), fold(Path::new(path)));
        let actual = (rule(&rules.secret, &folded), rule(&rules.protected, &folded));
        assert_eq!(actual, (secret, protected), "{path:?} as {folded:?}");
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for (path, rule) in [
            (".env", ".env"),
            ("a/b/.env", ".env"),
            (".env.local", ".env.*"),
            (".env/x", ".env"),
            ("tls/server.pem", "*.pem"),
            ("a.key", "*.key"),
            ("store.p12", "*.p12"),
            ("id_rsa", "id_rsa*"),
            ("id_ed25519_work", "id_ed25519*"),
            (".netrc", ".netrc"),
            (".pypirc", ".pypirc"),
            (".git-credentials", ".git-credentials"),
            (".git/config", "**/.git/config"),
            ("sub/.git/config", "**/.git/config"),
            (".aws/credentials", ".aws/"),
            ("home/.ssh/.env.example", ".ssh/"),
            ("gcp/credentials.json", "credentials.json"),
            ("x/.docker/config.json", "**/.docker/config.json"),
        ] {
            check(path, Some(rule), None);
        }
        check(".npmrc", Some(".npmrc"), Some(".npmrc"));
    }

    #[test]
    fn what_others_obey_is_protected() {
        for (path, rule) in [
            (".hermitage.toml", ".hermitage.toml"),
            ("AGENTS.md", "AGENTS.md"),
            ("docs/agents.md", "AGENTS.md"),
            ("CLAUDE.md", "CLAUDE.md"),
            (".cursorrules", ".cursorrules"),
            (".cursor/rules/x.mdc", ".cursor/"),
            (".github/workflows/ci.yml", "**/.github/workflows/"),
            ("sub/.github/workflows/new/ci.yml", "**/.github/workflows/"),
            (".gitlab-ci.yml", ".gitlab-ci.yml"),
            (".envrc", ".envrc"),
            (".vscode/tasks.json", ".vscode/"),
            (".idea/workspace.xml", ".idea/"),
            (".husky/pre-commit", ".husky/"),
            (".cargo/config.toml", "**/.cargo/config*"),
            (".pre-commit-config.yaml", ".pre-commit-config.yaml"),
            ("lib/site-packages/x.pth", "*.pth"),
            (".devcontainer/devcontainer.json", ".devcontainer/"),
        ] {
            check(path, None, Some(rule));
        }
    }

    #[test]
    fn ordinary_files_stay_open() {
        for path in [
            "src/main.rs",
            ".env.example",
            "a/.env.sample",
            ".env.template",
            "env",
            "id_rsa.pub",
            "keyboard.rs",
            "a.keys",
            "Makefile",
            "build.rs",
            "package.json",
            ".gitignore",
            ".github/ISSUE_TEMPLATE/bug.md",
            "config.toml",
            "Cargo.toml",
            ".cargo.md",
            "git~x/config",
            // Only looks alike: Cyrillic е.
            ".\u{435}nv",
        ] {
            check(path, None, None);
        }
    }

    #[test]
    fn another_spelling_of_the_same_file_is_closed() {
        for path in [
            ".ENV",
            ".Env",
            "./.env",
            ".env.",
            ".env . .",
            ".env::$DATA",
            ".e\u{200c}nv",
            "\u{feff}.env",
            "\u{ff0e}env",
            ".\u{ff25}nv",
            "a/./.ENV",
        ] {
            let (rules, folded) = (rules(), fold(Path::new(path)));
            assert!(rule(&rules.secret, &folded).is_some(), "{path:?} as {folded:?}");
        }
        // Letters that some file systems take for `s` and `k`.
        check(".\u{17f}sh/x", Some(".ssh/"), None);
        check("a.\u{212a}ey", Some("*.key"), None);
        check(".Git/config", Some("**/.git/config"), None);
        check("Agents.MD", None, Some("AGENTS.md"));
    }

    #[test]
    fn a_pattern_that_is_none_is_named() {
        let config = FileConfig { protected_globs: vec!["{a".to_owned()], ..roomy() };
        let error = Rules::new(&config).unwrap_err().to_string();
        assert_eq!(error, "`{a` of `tools.file.protected_globs` is no pattern of a `.gitignore`");
        let config = FileConfig { secret_globs: vec!["[b-a]".to_owned()], ..roomy() };
        assert!(config.check_globs().is_err());
    }
}
