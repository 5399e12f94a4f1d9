//! Arguments as models write them: a JSON object, in which an optional
//! argument may be there and empty. Whatever is wrong is named.

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::Value;

use super::call::ToolError;

/// Reads the arguments of a tool.
///
/// # Errors
///
/// [`ToolError::InvalidArguments`], which names the argument.
pub(crate) fn object<'a, T: Deserialize<'a>>(arguments: &'a str) -> Result<T, ToolError> {
    // Otherwise a list would be read, too, with the arguments by their places.
    if !arguments.trim_start().starts_with('{') {
        let problem = "the arguments are no JSON object: give one with each argument by its name";
        return Err(ToolError::InvalidArguments(problem.to_owned()));
    }
    let mut source = serde_json::Deserializer::from_str(arguments);
    let read = named(&mut source)?;
    source.end().map_err(|it| ToolError::InvalidArguments(it.to_string()))?;
    Ok(read)
}

/// The same from what is read already.
pub(crate) fn value<T: DeserializeOwned>(value: Value) -> Result<T, ToolError> {
    named(value)
}

fn named<'a, T, D>(source: D) -> Result<T, ToolError>
where
    T: Deserialize<'a>,
    D: Deserializer<'a, Error = serde_json::Error>,
{
    serde_path_to_error::deserialize(source).map_err(|error| {
        let path = error.path().to_string();
        let problem = without_place(error.inner());
        // Some errors name what they mean themselves.
        let is_named =
            path == "." || !error.inner().is_data() || problem.contains(&format!("`{path}`"));
        let problem = if is_named { problem } else { format!("`{path}`: {problem}") };
        ToolError::InvalidArguments(problem)
    })
}

/// The place of an error counts where the text is no JSON; otherwise the name
/// of the argument says it better.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(problem) if error.is_data() => problem.to_owned(),
        _ => text,
    }
}

/// An optional argument: `null` and an empty text count as absent. For
/// `deserialize_with`.
pub(crate) fn optional<'a, T, D>(source: D) -> Result<T, D::Error>
where
    T: Default + DeserializeOwned,
    D: Deserializer<'a>,
{
    match Value::deserialize(source)? {
        Value::Null => Ok(T::default()),
        Value::String(text) if text.is_empty() => Ok(T::default()),
        value => serde_json::from_value(value).map_err(D::Error::custom),
    }
}

/// Drops a text that is there and empty.
pub(crate) fn drop_empty(text: &mut Option<String>) {
    text.take_if(|it| it.is_empty());
}
