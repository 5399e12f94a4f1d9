//! Which language a file is written in, judged by its name alone: a look into
//! every file would cost a second call to the host for each.

/// A language, the whole names and the extensions that show it, in lower case.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// To know one more language, add one row. Whole names win over extensions.
#[rustfmt::skip]
const LANGUAGES: &[Row] = &[
    ("Assembly", &[], &["s", "asm"]),
    ("Batch", &[], &["bat", "cmd"]),
    ("C", &[], &["c", "h"]),
    ("C#", &[], &["cs"]),
    ("C++", &[], &["cc", "cpp", "cxx", "hh", "hpp", "hxx"]),
    ("CMake", &["cmakelists.txt"], &["cmake"]),
    ("CSS", &[], &["css", "scss", "sass", "less"]),
    ("CSV", &[], &["csv", "tsv"]),
    ("Clojure", &[], &["clj", "cljs", "cljc", "edn"]),
    ("Dart", &[], &["dart"]),
    ("Dockerfile", &["dockerfile", "containerfile"], &["dockerfile"]),
    ("Elixir", &[], &["ex", "exs"]),
    ("Erlang", &[], &["erl", "hrl"]),
    ("F#", &[], &["fs", "fsi", "fsx"]),
    ("Fortran", &[], &["f", "f90", "f95"]),
    ("Go", &["go.mod"], &["go"]),
    ("GraphQL", &[], &["graphql", "gql"]),
    ("Groovy", &["jenkinsfile"], &["groovy", "gradle"]),
    ("HCL", &[], &["tf", "hcl"]),
    ("HTML", &[], &["html", "htm"]),
    ("Haskell", &[], &["hs", "cabal"]),
    ("INI", &[".editorconfig", ".gitconfig"], &["ini", "cfg", "conf"]),
    ("JSON", &[], &["json", "jsonc", "json5", "jsonl"]),
    ("Java", &[], &["java"]),
    ("JavaScript", &[], &["js", "jsx", "mjs", "cjs"]),
    ("Julia", &[], &["jl"]),
    ("Kotlin", &[], &["kt", "kts"]),
    // Written by tools; counted as TOML or JSON they would outweigh the rest.
    ("Lock file", &["package-lock.json", "pnpm-lock.yaml", "go.sum"], &["lock"]),
    ("Lua", &[], &["lua"]),
    ("Makefile", &["makefile", "gnumakefile"], &["mk"]),
    ("Markdown", &[], &["md", "markdown", "mdx"]),
    ("Nix", &[], &["nix"]),
    ("OCaml", &[], &["ml", "mli"]),
    ("Objective-C", &[], &["m", "mm"]),
    ("PHP", &[], &["php"]),
    ("Perl", &[], &["pl", "pm"]),
    ("PowerShell", &[], &["ps1", "psm1"]),
    ("Protocol Buffers", &[], &["proto"]),
    ("Python", &[], &["py", "pyi", "pyx"]),
    ("R", &[], &["r", "rmd"]),
    ("Ruby", &["gemfile", "rakefile"], &["rb", "gemspec"]),
    ("Rust", &[], &["rs"]),
    ("SQL", &[], &["sql"]),
    ("SVG", &[], &["svg"]),
    ("Scala", &[], &["scala", "sbt"]),
    ("Shell", &[".bashrc", ".profile", ".zshrc"], &["sh", "bash", "zsh", "fish"]),
    ("Starlark", &["build", "build.bazel", "workspace"], &["bzl", "star"]),
    ("Svelte", &[], &["svelte"]),
    ("Swift", &[], &["swift"]),
    ("TOML", &[], &["toml"]),
    ("TeX", &[], &["tex", "bib", "sty"]),
    ("Text", &["readme", "license", "copying", "changelog"], &["txt", "rst", "adoc", "org"]),
    ("TypeScript", &[], &["ts", "tsx", "mts", "cts"]),
    ("Vue", &[], &["vue"]),
    ("WIT", &[], &["wit"]),
    ("WebAssembly text", &[], &["wat", "wast"]),
    ("XML", &[], &["xml", "xsd", "xsl", "plist"]),
    ("YAML", &[], &["yaml", "yml"]),
    ("Zig", &[], &["zig", "zon"]),
];

/// The language of the file at `path`, or `Other`.
pub(crate) fn of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    // `.bashrc` is a name, not an extension.
    let extension = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    let by_name = LANGUAGES.iter().find(|(_, names, _)| names.contains(&name.as_str()));
    let by_extension = || {
        let (_, extension) = extension?;
        LANGUAGES.iter().find(|(_, _, extensions)| extensions.contains(&extension))
    };
    by_name.or_else(by_extension).map_or("Other", |(language, ..)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: &str) {
        assert_eq!(of(path), expect, "{path}");
    }

    #[test]
    fn extensions_show_the_language() {
        check("src/main.rs", "Rust");
        check("a.b/c.test.TSX", "TypeScript");
        check("app/Dockerfile.dockerfile", "Dockerfile");
    }

    #[test]
    fn whole_names_win_over_extensions() {
        check("CMakeLists.txt", "CMake");
        check("web/package-lock.json", "Lock file");
        check("Cargo.lock", "Lock file");
        check("docker/Dockerfile", "Dockerfile");
        check("LICENSE", "Text");
        check(".bashrc", "Shell");
    }

    #[test]
    fn anything_else_is_other() {
        check("", "Other");
        check(".rs", "Other");
        check("dir.rs/data", "Other");
        check("notes.", "Other");
    }

    #[test]
    fn no_name_or_extension_is_in_two_rows() {
        for keys in [|row: &Row| row.1, |row: &Row| row.2] {
            let mut all: Vec<_> = LANGUAGES.iter().flat_map(keys).collect();
            let count = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count);
        }
    }
}
