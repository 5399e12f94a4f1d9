//! A filter: compiled once, and an error in it with its place.

use jaq_core::{
    DataT, Lut,
    compile::{Compiler, Undefined},
    data::HasLut,
    load::{self, Arena, File, Loader, parse::Def},
    native,
};
use jaq_json::Val;
use jaq_std::input::{self, HasInputs, Inputs};

pub(crate) type Filter = jaq_core::Filter<Data>;

/// What a filter works on: values of JSON, and the documents that are left.
pub(crate) struct Data;

/// For one run.
pub(crate) struct Run<'a> {
    pub(crate) lut: &'a Lut<Data>,
    pub(crate) inputs: Inputs<'a, Val>,
}

impl DataT for Data {
    type V<'a> = Val;
    type Data<'a> = &'a Run<'a>;
}

impl<'a> HasLut<'a, Data> for &'a Run<'a> {
    fn lut(&self) -> &'a Lut<Data> {
        self.lut
    }
}

impl<'a> HasInputs<'a, Val> for &'a Run<'a> {
    fn inputs(&self) -> Inputs<'a, Val> {
        self.inputs
    }
}

/// Functions that a component can't have, and why.
const ABSENT: [(&str, &str); 6] = [
    ("now", "there is no clock"),
    ("localtime", "there is no time zone, `gmtime` is there"),
    ("strflocaltime", "there is no time zone, `strftime` is there"),
    ("env", "there is no environment"),
    ("input_filename", "documents are given as text"),
    ("input_line_number", "documents are given as text"),
];

fn no_files(_: load::Import<'_, &str, ()>) -> Result<File<String, ()>, String> {
    Err("there are no files here".to_owned())
}

pub(crate) fn compile(code: &str) -> Result<Filter, String> {
    let arena = Arena::default();
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let definitions = definitions.chain(own_definitions());
    let modules =
        Loader::new(definitions).with_read(no_files).load(&arena, File { path: (), code });
    let modules = modules.map_err(|errors| first(code, errors, load_error))?;
    let files = load::import(&modules, |it| no_files(it).map(drop));
    files.map_err(|errors| first(code, errors, load_error))?;
    let filter = Compiler::default().with_funs(functions()).compile(modules);
    filter.map_err(|errors| first(code, errors, |errors| errors.first().map(undefined)))
}

fn own_definitions() -> impl Iterator<Item = Def<&'static str>> {
    load::parse(include_str!("definitions.jq"), |it| it.defs()).into_iter().flatten()
}

fn functions() -> impl Iterator<Item = native::Fun<Data>> {
    let inputs = input::funs::<Data>().into_vec().into_iter().map(native::run::<Data>);
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).chain(inputs);
    all.filter(|(name, ..)| ABSENT.iter().all(|it| it.0 != *name))
}

/// A message, and the piece of the filter that it is about.
type Found<'a> = (String, &'a str);

/// One error at a time: the others often follow from the first.
fn first<'a, E>(
    code: &str,
    errors: load::Errors<&'a str, (), E>,
    found: impl Fn(&E) -> Option<Found<'a>>,
) -> String {
    match errors.iter().find_map(|(_, error)| found(error)) {
        Some((message, piece)) => place(code, load::span(code, piece).start, &message),
        None => "the filter is wrong".to_owned(),
    }
}

fn load_error<'a>(error: &load::Error<&'a str>) -> Option<Found<'a>> {
    match error {
        load::Error::Io(errors) => {
            errors.first().map(|(path, why)| (format!("`{path}` can't be loaded: {why}"), *path))
        }
        load::Error::Lex(errors) => errors.first().map(|(expected, found)| {
            (format!("expected {}, found {}", expected.as_str(), character(found)), *found)
        }),
        load::Error::Parse(errors) => errors.first().map(|(expected, found)| {
            (format!("expected {}, found {}", expected.as_str(), token(found)), *found)
        }),
    }
}

fn undefined<'a>((name, kind): &(&'a str, Undefined)) -> Found<'a> {
    let message = match (kind, ABSENT.iter().find(|it| it.0 == *name)) {
        (Undefined::Filter(_), Some((_, why))) => format!("`{name}` is not here: {why}"),
        (Undefined::Filter(0), None) => format!("there is no filter `{name}`"),
        (Undefined::Filter(arity), None) => {
            let plural = if *arity == 1 { "" } else { "s" };
            format!("there is no filter `{name}` with {arity} argument{plural}")
        }
        (kind, _) => format!("there is no {} `{name}`", kind.as_str()),
    };
    (message, name)
}

fn character(found: &str) -> String {
    found.chars().next().map_or("the end".to_owned(), |it| format!("`{it}`"))
}

fn token(found: &str) -> String {
    if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") }
}

/// Characters of a line that are shown before and after a place.
const AROUND: usize = 40;

/// The message with line and column, and the line with a mark below it.
fn place(code: &str, offset: usize, message: &str) -> String {
    let before = code.get(..offset).unwrap_or(code);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |it| it + 1);
    let left: Vec<char> = code.get(start..offset).unwrap_or_default().chars().collect();
    let right = code.get(offset..).unwrap_or_default().lines().next().unwrap_or_default();
    let shown = left.len().min(AROUND);
    let text: String = left.iter().skip(left.len() - shown).copied().collect();
    let text = text.replace('\t', " ") + &right.chars().take(AROUND).collect::<String>();
    let column = left.len() + 1;
    format!("line {line}, column {column}: {message}\n{text}\n{}^", " ".repeat(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expect: &str) {
        let error = compile(code).err().unwrap_or_else(|| panic!("`{code}` compiles"));
        assert_eq!(error, expect);
    }

    #[test]
    fn an_error_names_its_place() {
        check(
            ".a | map(.b",
            "line 1, column 12: expected closing parenthesis, found the end\n.a | map(.b\n           ^",
        );
        check(
            ".a |\n\t map(.b) | frobnicate",
            "line 2, column 13: there is no filter `frobnicate`\n  map(.b) | frobnicate\n            ^",
        );
        check(".a |", "line 1, column 5: expected term, found the end\n.a |\n    ^");
        check("", "line 1, column 1: expected term, found the end\n\n^");
        check("\"é\" | $x", "line 1, column 7: there is no variable `$x`\n\"é\" | $x\n      ^");
        check(
            "map(.; .)",
            "line 1, column 1: there is no filter `map` with 2 arguments\nmap(.; .)\n^",
        );
        check(".a ] .b", "line 1, column 4: expected token, found `]`\n.a ] .b\n   ^");
        check(".a b", "line 1, column 4: expected nothing, found `b`\n.a b\n   ^");
        check(
            "if .a then 1",
            "line 1, column 13: expected else or end, found the end\n\
             if .a then 1\n            ^",
        );
    }

    #[test]
    fn a_long_line_is_shown_around_its_place() {
        let code = format!("{}frobnicate{}", ".a | ".repeat(30), " | .b".repeat(30));
        check(
            &code,
            "line 1, column 151: there is no filter `frobnicate`\n\
             .a | .a | .a | .a | .a | .a | .a | .a | frobnicate | .b | .b | .b | .b | .b | .b\n\
             \x20                                       ^",
        );
    }

    #[test]
    fn what_a_component_has_not_is_said() {
        check("now", "line 1, column 1: `now` is not here: there is no clock\nnow\n^");
        check(
            "env.HOME",
            "line 1, column 1: `env` is not here: there is no environment\nenv.HOME\n^",
        );
        check("$ENV", "line 1, column 1: there is no variable `$ENV`\n$ENV\n^");
        check(
            "include \"a\"; .",
            "line 1, column 10: `a` can't be loaded: there are no files here\n\
             include \"a\"; .\n         ^",
        );
        check(
            "import \"a\" as $a; .",
            "line 1, column 9: `a` can't be loaded: there are no files here\n\
             import \"a\" as $a; .\n        ^",
        );
    }

    #[test]
    fn our_definitions_are_all_read() {
        let written = include_str!("definitions.jq").matches("\ndef ").count();
        assert_eq!(own_definitions().count(), written);
    }

    /// The names that models use, of each part of the library.
    #[test]
    fn the_standard_library_is_there() {
        let used = [
            "@base64d",
            "@csv",
            "@html",
            "@json",
            "@sh",
            "@tsv",
            "@uri",
            "IN(1)",
            "INDEX(.a)",
            "add(.[])",
            "ascii",
            "capture(\"(?<a>b)\")",
            "fromdate | todate",
            "gmtime | mktime | strftime(\"%Y\")",
            "gsub(\"a\"; \"b\"; \"i\")",
            "limit(1; .[])",
            "ltrimstr(\"a\")",
            "pick(.a)",
            "pow(2; 3) | log | floor",
            "splits(\", *\")",
            "strptime(\"%Y\")",
            "test(\"a\")",
            "to_entries",
            "tojson | fromjson",
            "toarray",
            "trimstr(\"a\")",
            "until(. > 1; . + 1)",
            "with_entries(.)",
            "[inputs] | input",
            "label $out | foreach .[] as $x (0; . + $x; if . > 1 then ., break $out else . end)",
            "reduce .[] as [$a, {b: $c}] (0; . + $a + $c)",
            ".a // \"x\" | .b? | .[1:-1]",
        ];
        for code in used {
            assert!(compile(code).is_ok(), "{code}: {:?}", compile(code).err());
        }
    }
}
