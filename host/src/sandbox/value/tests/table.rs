//! Tools in the real sandbox, and the table of every WIT type in both
//! directions: `plugins/TYPES.md`, each row of which was called.

use std::{fmt::Write as _, fs, path::Path, sync::Arc};

use super::echo::echo;
use crate::{
    boundary::Asks,
    id::OsRandom,
    sandbox::{AdmittedPlugin, Binary, Given, PluginCall, Sandbox},
    session::Session,
    setting::built_in,
    toolset::{Caller, ToolSpec},
};

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

/// A plugin in the real sandbox.
struct Guest {
    sandbox: Sandbox,
    plugin: Arc<AdmittedPlugin>,
    spec: ToolSpec,
}

impl Guest {
    async fn new(component: Vec<u8>) -> Self {
        let sandbox = Sandbox::new(built_in(), 1, Arc::new(OsRandom)).unwrap();
        let binary = Binary::new(component);
        let loaded = sandbox.load(&binary).await.unwrap();
        let plugin = sandbox.admit_plugin(&loaded, &Asks::default()).unwrap();
        let spec = sandbox.describe(&plugin, &binary).await.unwrap().remove(0);
        Self { sandbox, plugin: Arc::new(plugin), spec }
    }

    async fn call(&self, arguments: String) -> String {
        let call = PluginCall {
            plugin: Arc::clone(&self.plugin),
            tool: self.spec.name.clone(),
            arguments,
            given: Given::default(),
            caller: Caller::of("test", Session::Local),
        };
        self.sandbox.call(call).await.answer.unwrap()
    }
}

#[tokio::test]
async fn every_type_of_the_authors_table_goes_there_and_back() {
    let mut table = "| WIT | JSON | schema |\n|---|---|---|\n".to_owned();
    for Row { declares, ty, json } in ROWS {
        let guest = Guest::new(echo(declares, ty)).await;
        for json in *json {
            let answer = guest.call(format!(r#"{{"it": [{json}]}}"#)).await;
            assert_eq!(answer, format!("[{json}]"), "{ty}");
        }
        let wit = if declares.is_empty() { ty } else { declares };
        let json: Vec<String> = json.iter().map(|it| format!("`{it}`")).collect();
        let schema: serde_json::Value = guest.spec.parameters.parse().unwrap();
        let schema = &schema["properties"]["it"]["items"];
        writeln!(table, "| `{wit}` | {} | `{schema}` |", json.join(", ")).unwrap();
    }
    compare(&table);
}

fn compare(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/TYPES.md");
    let guide = fs::read_to_string(&path).unwrap();
    let (head, rest) = guide.split_once("<!-- table -->\n").unwrap();
    let (found, tail) = rest.split_once("<!-- end -->\n").unwrap();
    if std::env::var_os("UPDATE_TYPES").is_some() {
        fs::write(&path, format!("{head}<!-- table -->\n{table}<!-- end -->\n{tail}")).unwrap();
    } else {
        assert_eq!(found, table, "hint: run the test again with UPDATE_TYPES=1");
    }
}

/// `package-docs`, as tools of WIT write it.
fn with_docs(mut component: Vec<u8>, json: &str) -> Vec<u8> {
    let content = format!("\u{c}package-docs\u{1}{json}");
    component.push(0);
    component.push(u8::try_from(content.len()).ok().filter(|it| *it < 0x80).unwrap());
    component.extend(content.bytes());
    component
}

#[tokio::test]
async fn the_comments_that_a_component_carries_describe_its_tools() {
    let docs = r#"{"interfaces":{"api":{"funcs":{"call":{"docs":"Gives it back."}}}}}"#;
    let guest = Guest::new(with_docs(echo("", "u8"), docs)).await;
    assert_eq!(guest.spec.description, "Gives it back.");
    let guest = Guest::new(with_docs(echo("", "u8"), "{")).await;
    let types = "`call` of `acme:test/api@1.0.0`: func(it: list<u8>) -> list<u8>";
    assert_eq!(guest.spec.description, types);
}
