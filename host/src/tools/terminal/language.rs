//! The languages of `execute_code`, and the programs that run them.

use std::path::{Path, PathBuf};

use super::shown::Shown;
use crate::{completion::sanitize::clean_line, toolset::ToolError};

/// Names of a language, and the programs for it, the first that there is.
const LANGUAGES: &[(&[&str], &[&str])] = &[
    (&["bash"], &["bash"]),
    (&["sh"], &["sh"]),
    (&["python", "python3"], &["python3", "python"]),
    (&["javascript", "node"], &["node", "nodejs"]),
    (&["ruby"], &["ruby"]),
    (&["perl"], &["perl"]),
];

/// Real places of programs that every sandbox shows.
const SHOWN: [&str; 4] = ["/usr", "/bin", "/sbin", "/lib"];

/// The program that runs scripts of `language`.
///
/// Fails when it is unknown, or when the program is not in the sandbox.
pub(super) fn interpreter(language: &str, shown: &Shown) -> Result<PathBuf, ToolError> {
    let wanted = language.trim().to_ascii_lowercase();
    let known = LANGUAGES.iter().find(|(names, _)| names.contains(&wanted.as_str()));
    known.and_then(|(_, programs)| find(programs, shown)).ok_or_else(|| {
        ToolError::InvalidArguments(format!(
            "`{}` can't be run here; there are {}",
            clean_line(language, 40),
            installed(shown).join(", ")
        ))
    })
}

fn installed(shown: &Shown) -> Vec<String> {
    let there = LANGUAGES.iter().filter(|(_, programs)| find(programs, shown).is_some());
    there.filter_map(|(names, _)| names.first()).map(|it| format!("`{it}`")).collect()
}

fn find(programs: &[&str], shown: &Shown) -> Option<PathBuf> {
    programs.iter().find_map(|program| {
        shown.program_dirs().map(|it| it.join(program)).find(|it| is_shown(it, shown))
    })
}

fn is_shown(program: &Path, shown: &Shown) -> bool {
    let places = || SHOWN.iter().map(Path::new).chain(shown.read_only.iter().map(PathBuf::as_path));
    let real = program.canonicalize();
    real.is_ok_and(|real| real.is_file() && places().any(|it| real.starts_with(it)))
}
