//! The schemas that are published as files, held against the types that they are
//! made of: for tests.

use std::{env, fs, path::Path};

use serde_json::Value;

/// That the file of that name below `schema/` holds that schema; with
/// `UPDATE_SCHEMA` it does afterwards.
pub(crate) fn check(file: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(file);
    // Links of the documentation are names here.
    let text = format!("{schema:#}\n").replace("[`", "`").replace("`]", "`");
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "`schema/{file}`: run the test again with UPDATE_SCHEMA=1");
}
