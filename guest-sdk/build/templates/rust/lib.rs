//! Counts the words and the lines of a text.

use hermitage_guest::{ToolError, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct Count {
    /// What is counted in.
    text: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Counts {
    words: usize,
    lines: usize,
}

/// Counts the words and the lines of a text.
#[tool]
fn count(Count { text }: Count) -> Result<Counts, ToolError> {
    if text.is_empty() {
        return Err(ToolError::invalid("the text is empty"));
    }
    Ok(Counts { words: text.split_whitespace().count(), lines: text.lines().count() })
}

tools![count];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_lines_are_counted() {
        let text = "one two\nthree".to_owned();
        assert_eq!(count(Count { text }), Ok(Counts { words: 3, lines: 2 }));
        assert!(count(Count { text: String::new() }).is_err());
    }
}
