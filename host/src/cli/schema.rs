//! What commands print with `--json` is what the published schemas say.

use schemars::{JsonSchema, schema_for};

use super::plugin::{check::Finding, sheet::Sheet};
use crate::{host::ToolListing, published};

fn check<T: JsonSchema>(file: &str) {
    published::check(file, &schema_for!(T).to_value());
}

#[test]
fn the_published_schemas_are_those_of_what_is_printed() {
    check::<Sheet>("plugin.json");
    check::<Finding>("plugin-check.json");
    check::<ToolListing>("tool.json");
}
