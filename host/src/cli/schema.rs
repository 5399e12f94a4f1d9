//! What commands print with `--json` is what the published schemas say.

use std::{env, fs, path::Path};

use schemars::{JsonSchema, schema_for};

use super::plugin::{check::Finding, sheet::Sheet};
use crate::host::ToolListing;

fn check<T: JsonSchema>(file: &str) {
    let schema = schema_for!(T).to_value();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(file);
    let text = format!("{schema:#}\n");
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "hint: run the test again with UPDATE_SCHEMA=1");
}

#[test]
fn the_published_schemas_are_those_of_what_is_printed() {
    check::<Sheet>("plugin.json");
    check::<Finding>("plugin-check.json");
    check::<ToolListing>("tool.json");
}
