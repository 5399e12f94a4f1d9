//! An error as it is told: one line, its hint, and JSON for whoever asked for
//! that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Exit,
    error::CliError,
    output::{self, say},
    paint::Paint,
};
use crate::completion::sanitize::clean_line;

/// Characters of an error: parts of it can come from a component.
const MAX_ERROR_CHARS: usize = 1_000;

impl CliError {
    /// Prints it, as JSON for whoever asked for JSON, too, and gives the exit
    /// code.
    pub(super) fn report(self, json: bool) -> Exit {
        if json {
            // Nobody is left to tell when standard output is closed.
            let _ = output::json(&Report::of(&self));
        }
        let paint = Paint::stderr();
        let line =
            |word: &str, text: &str| say(&format!("{word} {}", clean_line(text, MAX_ERROR_CHARS)));
        line(&paint.bad("error:"), &self.text());
        self.lines().iter().for_each(|it| line(" ", it));
        if let Some(hint) = self.how() {
            line(&paint.strong("hint:"), &hint);
        }
        self.exit()
    }
}

/// What a command with `--json` writes to standard output when it can't do
/// what it was asked to. `schema/error.json` describes it.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Report {
    /// Why there is no result.
    error: Told,
}

/// An error, as a person is told it.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Told {
    /// What could not be done, and why.
    message: String,
    /// How to mend it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The code that the command exits with: 1 it could not be done on this
    /// machine, 2 usage, 3 refused, 4 tool chain, 130 interrupted.
    exit_code: u8,
}

impl Report {
    fn of(it: &CliError) -> Self {
        let clean = |it: String| clean_line(&it, MAX_ERROR_CHARS);
        let text = [it.text()].iter().chain(it.lines()).cloned().collect::<Vec<_>>();
        let (message, hint) = (clean(text.join("; ")), it.how().map(clean));
        Self { error: Told { message, hint, exit_code: it.exit() as u8 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published;

    #[test]
    fn the_published_schema_is_that_of_the_report() {
        let schema = schemars::schema_for!(Report).to_value();
        published::check("error.json", &schema);

        let error = CliError::usage(anyhow::anyhow!("place: cause")).hint("mend it");
        let written = serde_json::to_value(Report::of(&error)).unwrap();
        assert!(jsonschema::is_valid(&schema, &written));
        assert_eq!(serde_json::from_value::<Report>(written).unwrap(), Report::of(&error));
    }
}
