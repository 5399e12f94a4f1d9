//! Files that tell a newcomer where to look, found by their names.

/// What a file of a well-known name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landmark {
    /// Where a program or a library starts. Holds what it is.
    EntryPoint(&'static str),
    /// Says how the project is built, checked or run.
    Build,
    Licence,
    Readme,
}

/// Patterns are in lower case and fit the end of a path, name by name; `*`
/// stands for any part of one name.
const ENTRY_POINTS: &[(&str, &str)] = &[
    ("src/main.rs", "Rust program"),
    ("src/bin/*.rs", "Rust program"),
    ("src/bin/*/main.rs", "Rust program"),
    ("src/lib.rs", "Rust library"),
    ("main.go", "Go program"),
    ("__main__.py", "Python program"),
    ("manage.py", "Django commands"),
    ("main.py", "Python program"),
    ("app.py", "Python application"),
    ("src/index.js", "JavaScript module"),
    ("src/index.ts", "TypeScript module"),
    ("src/main.js", "JavaScript program"),
    ("src/main.ts", "TypeScript program"),
    ("src/main.c", "C program"),
    ("main.c", "C program"),
    ("main.cpp", "C++ program"),
    ("main.java", "Java program"),
    ("program.cs", "C# program"),
    ("config.ru", "Rack application"),
    ("main.swift", "Swift program"),
    ("src/main.zig", "Zig program"),
    ("index.html", "web page"),
];

#[rustfmt::skip]
const BUILD: &[&str] = &[
    "cargo.toml", "rust-toolchain.toml", "rust-toolchain", "build.rs", "clippy.toml",
    ".clippy.toml", "rustfmt.toml", ".rustfmt.toml", "deny.toml",
    "package.json", "tsconfig*.json", "vite.config.*", "webpack.config.*", "eslint.config.*",
    ".eslintrc*", ".prettierrc*", "deno.json",
    "pyproject.toml", "setup.py", "setup.cfg", "requirements*.txt", "tox.ini", "noxfile.py",
    "go.mod", "go.work", "gemfile", "rakefile", "composer.json", "mix.exs", "package.swift",
    "pom.xml", "build.gradle*", "settings.gradle*", "build.sbt", "*.csproj", "*.sln",
    "makefile", "gnumakefile", "justfile", "cmakelists.txt", "meson.build", "configure.ac",
    "build.bazel", "build.zig", "flake.nix", "dockerfile", "containerfile", "docker-compose*.y*ml",
    "compose.y*ml", ".github/workflows/*", ".gitlab-ci.yml", "jenkinsfile", ".travis.yml",
    ".pre-commit-config.yaml", ".editorconfig",
];

#[rustfmt::skip]
const LICENCES: &[&str] = &[
    "license", "license.md", "license.txt", "license-*", "licence", "licence.md", "licence.txt",
    "copying", "copying.md", "copying.txt", "copying.lesser", "unlicense",
];

#[rustfmt::skip]
const READMES: &[&str] = &[
    "readme", "readme.md", "readme.markdown", "readme.txt", "readme.rst", "readme.adoc",
];

/// Every meaning of a name: a file can be more than one thing.
pub(crate) fn of(path: &str) -> Vec<Landmark> {
    let path = path.to_lowercase();
    let fits = |pattern: &&str| fits_end(&path, pattern);
    let entry = ENTRY_POINTS.iter().find(|(pattern, _)| fits(pattern));
    let mut found: Vec<_> = entry.map(|(_, what)| Landmark::EntryPoint(what)).into_iter().collect();
    let lists =
        [(BUILD, Landmark::Build), (LICENCES, Landmark::Licence), (READMES, Landmark::Readme)];
    found.extend(lists.iter().filter(|(list, _)| list.iter().any(fits)).map(|(_, mark)| *mark));
    found
}

fn fits_end(path: &str, pattern: &str) -> bool {
    let mut names = path.rsplit('/');
    pattern.rsplit('/').all(|part| names.next().is_some_and(|name| fits(name, part)))
}

/// Compares one name with one part of a pattern. Each `*` tries every split, which
/// is fine for the one or two in a name.
fn fits(name: &str, pattern: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return name == pattern;
    };
    let Some(rest) = name.strip_prefix(head) else {
        return false;
    };
    let mut starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts.any(|at| rest.get(at..).is_some_and(|rest| fits(rest, tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: &[Landmark]) {
        assert_eq!(of(path), expect, "{path}");
    }

    #[test]
    fn names_show_what_a_file_is_for() {
        check("src/main.rs", &[Landmark::EntryPoint("Rust program")]);
        check("host/src/bin/tool.rs", &[Landmark::EntryPoint("Rust program")]);
        check("Cargo.toml", &[Landmark::Build]);
        check(".github/workflows/test.yml", &[Landmark::Build]);
        check("docker-compose.dev.yaml", &[Landmark::Build]);
        check("LICENSE-MIT", &[Landmark::Licence]);
        check("Readme.md", &[Landmark::Readme]);
    }

    #[test]
    fn other_names_show_nothing() {
        check("main.rs", &[]);
        check("src/bin.rs", &[]);
        check("workflows/test.yml", &[]);
        check("readme.py", &[]);
        check("src/gc/copying.rs", &[]);
        check("notmain.go", &[]);
        check("", &[]);
    }
}
