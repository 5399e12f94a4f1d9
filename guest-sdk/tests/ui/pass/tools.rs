//! Tools in modules, without arguments, with every kind of error, and beside
//! names of the standard library that the author has taken.

use hermitage_guest::{ToolError, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct Search {
    #[allow(dead_code)]
    query: String,
}

#[derive(Serialize)]
struct Found {
    hits: Vec<String>,
}

/// Finds.
#[tool]
fn search(Search { query }: Search) -> std::result::Result<Found, ToolError> {
    Ok(Found { hits: vec![query] })
}

mod issues {
    use super::{ToolError, tool};

    #[allow(dead_code)]
    struct Result;
    #[allow(dead_code)]
    struct String;

    enum Mistake {
        None,
    }

    impl From<Mistake> for ToolError {
        fn from(_: Mistake) -> Self {
            Self::Interrupted
        }
    }

    /// Counts.
    ///
    /// All of them.
    #[tool]
    pub fn count() -> std::result::Result<usize, Mistake> {
        Err(Mistake::None)
    }

    /// Says.
    #[tool]
    pub(crate) fn say(_: super::Search) -> std::result::Result<std::string::String, &'static str> {
        Err("nothing to say")
    }
}

use issues::say;

tools![search, issues::count, say];

fn main() {
    use hermitage_guest::tool::{call, spec};
    assert_eq!(call::<search>(r#"{"query":"x"}"#).unwrap(), r#"{"hits":["x"]}"#);
    assert_eq!(spec::<issues::count>().description, "Counts.\n\nAll of them.");
    assert_eq!(call::<issues::count>("{}"), Err(ToolError::Interrupted));
    assert_eq!(call::<say>(r#"{"query":""}"#), Err("nothing to say".into()));
}
