//! The tool `diff`: what is different between two texts.
//!
//! It asks for nothing, and everything is in the arguments.

mod compare;

use hermitage_guest::{ToolError, tool, tools};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::compare::{Difference, Format, compare};

/// Lines around a change when nobody says how many.
const CONTEXT: usize = 3;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Diff {
    /// The text before.
    old: String,
    /// The text after.
    new: String,
    /// What the first line calls the text before; `old` when absent.
    #[serde(default)]
    old_name: Option<String>,
    /// What the second line calls the text after; `new` when absent.
    #[serde(default)]
    new_name: Option<String>,
    /// How many lines that are the same to show around each change: 3 when
    /// absent.
    #[serde(default)]
    context: Option<usize>,
    /// Mark what changed within lines: `[-old-]` and `{+new+}`. Such a diff is
    /// for reading, and can't be applied.
    #[serde(default)]
    words: bool,
}

/// Compares two texts and returns a unified diff, with the numbers of lines
/// added and removed.
#[tool]
fn diff(arguments: Diff) -> Result<Difference, ToolError> {
    let (old_name, new_name) = (arguments.old_name, arguments.new_name);
    Ok(compare(
        &arguments.old,
        &arguments.new,
        Format {
            old_name: &on_one_line(old_name.as_deref().unwrap_or("old")),
            new_name: &on_one_line(new_name.as_deref().unwrap_or("new")),
            context: arguments.context.unwrap_or(CONTEXT),
            words: arguments.words,
        },
    ))
}

/// A name can't become a line of the diff.
fn on_one_line(name: &str) -> String {
    name.replace(char::is_control, " ")
}

tools![diff];

#[cfg(test)]
mod tests {
    use hermitage_guest::tool::call;

    use super::*;

    #[test]
    fn a_name_stays_on_its_line() {
        let answer = call::<diff>(r#"{"old": "a\n", "new": "b\n", "old_name": "x\n+++ y"}"#);
        assert_eq!(
            answer.unwrap(),
            r#"{"same":false,"added":1,"removed":1,"diff":"--- x +++ y\n+++ new\n@@ -1 +1 @@\n-a\n+b\n"}"#,
        );
    }
}
