//! Variables of the environment as a layer: `HERMITAGE_SECTION__KEY`.
//!
//! Two underscores stand for a dot. Variables of ours without any, such as
//! `HERMITAGE_LOG`, are no keys and none of this module's business.

use std::ffi::OsString;

use toml::Value;

use super::{
    ConfigError,
    keys::{Keys, Place},
    leaf::Leaf,
};
use crate::{setting::Written, slip::closest};

const PREFIX: &str = "HERMITAGE_";

/// Variables of ours that are no keys.
const PLAIN: &[&str] =
    &["HERMITAGE_LOG", "HERMITAGE_PLUGIN_PATH", "HERMITAGE_INSTALL", "HERMITAGE_WASM_TOOLCHAIN"];

/// Variables that begin like ours, and are neither keys nor one of the others
/// that this program knows. No error: they can be those of another one.
pub fn unknown_variables(variables: &[(OsString, OsString)]) -> Vec<ConfigError> {
    let names = variables.iter().map(|it| it.0.to_string_lossy());
    let is_strange = |it: &str| {
        it.strip_prefix(PREFIX).is_some_and(|it| !it.is_empty() && !it.contains("__"))
            && !PLAIN.contains(&it)
    };
    let unknown = |it: std::borrow::Cow<'_, str>| {
        let name = |it: &str| it.strip_prefix(PREFIX).unwrap_or_default().to_owned();
        let names: Vec<String> = PLAIN.iter().copied().map(name).collect();
        let close = closest(&name(&it), &names, |it| it).map(|it| format!("{PREFIX}{it}"));
        ConfigError::UnknownVariable { variable: it.into_owned(), close, known: PLAIN }
    };
    names.filter(|it| is_strange(it)).map(unknown).collect()
}

/// The values that variables set, and what is wrong with the others.
pub(super) fn leaves(
    keys: &Keys,
    variables: &[(OsString, OsString)],
) -> (Vec<Leaf>, Vec<ConfigError>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for (variable, value) in variables {
        let variable = variable.to_string_lossy();
        if !variable.strip_prefix(PREFIX).is_some_and(|it| it.contains("__")) {
            continue;
        }
        match value.to_str().map(|it| set(keys, &variable, it)) {
            Some(Ok(leaf)) => found.push(leaf),
            Some(Err(err)) => errors.push(err),
            None => errors.push(ConfigError::NotText { origin: format!("`{variable}`") }),
        }
    }
    (found, errors)
}

fn set(keys: &Keys, variable: &str, text: &str) -> Result<Leaf, ConfigError> {
    let path = path(variable);
    let (Place::Key(key), true) = (keys.place(&path), variable_of(&path) == variable) else {
        return Err(unknown(keys, variable, &path));
    };
    let (dotted, origin) = (path.join("."), format!("`{variable}`"));
    let example = key.setting.form.value;
    let Some(value) = parse(text, example) else {
        let (found, expected) = ("a text", example.type_name());
        return Err(ConfigError::WrongType { origin, key: dotted, found, expected });
    };
    Leaf::of(key, dotted, value, &origin)
}

fn path(variable: &str) -> Vec<String> {
    let name = variable.strip_prefix(PREFIX).unwrap_or(variable);
    name.split("__").map(str::to_lowercase).collect()
}

fn variable_of(path: &[String]) -> String {
    format!("{PREFIX}{}", path.join("__").to_uppercase())
}

/// The text as a value of the same type as the example.
fn parse(text: &str, example: Written) -> Option<Value> {
    match example {
        Written::Text(_) => Some(Value::String(text.to_owned())),
        Written::Whole(_) => text.trim().parse().ok().map(Value::Integer),
        Written::Fraction(_) => text.trim().parse().ok().map(Value::Float),
        Written::Flag(_) => text.trim().parse().ok().map(Value::Boolean),
        Written::List(_) if text.trim_start().starts_with('[') => text.trim().parse().ok(),
        Written::List(_) => Some(list(text)),
    }
}

fn list(text: &str) -> Value {
    let names = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    Value::Array(names.map(|it| Value::String(it.to_owned())).collect())
}

/// With the variable that is perhaps meant.
fn unknown(keys: &Keys, variable: &str, path: &[String]) -> ConfigError {
    // A path that leads somewhere is a slip of capitals.
    let close = match keys.place(path) {
        Place::Key(_) => Some(path.join(".")),
        _ => keys.close(path),
    };
    let close: Option<Vec<_>> = close.map(|it| it.split('.').map(str::to_owned).collect());
    let close = close.filter(|it| matches!(keys.place(it), Place::Key(_)));
    let (variable, close) = (variable.to_owned(), close.map(|it| variable_of(&it)));
    ConfigError::UnknownVariable { variable, close, known: &[] }
}
