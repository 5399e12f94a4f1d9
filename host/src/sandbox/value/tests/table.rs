//! The table of every WIT type, in both directions: `plugins/TYPES.md`, each
//! row of which went through a component.

use std::{fmt::Write as _, fs, path::Path};

use super::{super::Docs, echo::Echo};

/// One type: what declares it, its name, and JSON that comes back as it went.
struct Row {
    declares: &'static str,
    ty: &'static str,
    json: &'static [&'static str],
}

const fn row(declares: &'static str, ty: &'static str, json: &'static [&'static str]) -> Row {
    Row { declares, ty, json }
}

const ROWS: &[Row] = &[
    row("", "bool", &["true", "false"]),
    row("", "u8", &["0", "255"]),
    row("", "s8", &["-128", "127"]),
    row("", "u16", &["65535"]),
    row("", "s16", &["-32768"]),
    row("", "u32", &["4294967295"]),
    row("", "s32", &["-2147483648"]),
    row("", "u64", &["18446744073709551615"]),
    row("", "s64", &["-9223372036854775808"]),
    row("", "f32", &["0.1", "-0.0", "\"NaN\"", "\"Infinity\"", "\"-Infinity\""]),
    row("", "f64", &["0.1", "1e300", "-0.0", "\"NaN\""]),
    row("", "char", &["\"é\""]),
    row("", "string", &["\"two\\nlines\""]),
    row("", "list<u8>", &["[]", "[1,2]"]),
    row("", "list<list<string>>", &["[[\"a\"],[]]"]),
    row("", "tuple<u8, string>", &["[1,\"a\"]"]),
    row("", "option<u8>", &["null", "5"]),
    row("", "option<option<u8>>", &["null", "{\"some\":null}", "{\"some\":5}"]),
    row("", "result<u8, string>", &["{\"ok\":5}", "{\"error\":\"why\"}"]),
    row("", "result", &["{\"ok\":null}", "{\"error\":null}"]),
    row("", "result<result<u8>, string>", &["{\"ok\":{\"error\":null}}"]),
    row(
        "record place { name: string, zip-code: option<u32> }",
        "place",
        &["{\"name\":\"a\",\"zip_code\":5}", "{\"name\":\"a\"}"],
    ),
    row(
        "variant sort { none, by-name, by-field(string) }",
        "sort",
        &["\"by_name\"", "{\"by_field\":\"size\"}"],
    ),
    row("enum unit { metre, nautical-mile }", "unit", &["\"nautical_mile\""]),
    row("flags access { read, write }", "access", &["[]", "[\"read\",\"write\"]"]),
];

#[test]
fn every_type_of_the_authors_table_goes_there_and_back() {
    let mut table = "| WIT | JSON | schema |\n|---|---|---|\n".to_owned();
    for Row { declares, ty, json } in ROWS {
        let mut echo = Echo::new(declares, ty);
        for json in *json {
            assert_eq!(echo.of_one(json), *json, "{ty}");
        }
        let wit = if declares.is_empty() { ty } else { declares };
        let json: Vec<String> = json.iter().map(|it| format!("`{it}`")).collect();
        let schema: serde_json::Value =
            echo.tool.spec(&Docs::default()).parameters.parse().unwrap();
        let schema = &schema["properties"]["it"]["items"];
        writeln!(table, "| `{wit}` | {} | `{schema}` |", json.join(", ")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/TYPES.md");
    let guide = fs::read_to_string(&path).unwrap();
    let (head, rest) = guide.split_once("<!-- table -->\n").unwrap();
    let (found, tail) = rest.split_once("<!-- end -->\n").unwrap();
    if std::env::var_os("UPDATE_TYPES").is_some() {
        let whole = format!("{head}<!-- table -->\n{table}<!-- end -->\n{tail}");
        fs::write(&path, whole).unwrap();
        return;
    }
    assert_eq!(found, table, "hint: run the test again with UPDATE_TYPES=1");
}
