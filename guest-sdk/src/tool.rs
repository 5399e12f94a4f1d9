//! Tools of a plugin. Feature `tools`.
//!
//! A tool is one function, [`tool`](macro@crate::tool) makes it one, and
//! [`tools!`](crate::tools) names those of a plugin. A model reads its name,
//! its doc comment and the schema of its arguments; all three are made of the
//! source.
//!
//! ```
//! use hermitage_guest::{ToolError, tool, tools};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Count {
//!     /// The text whose words are counted.
//!     text: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Counted {
//!     words: usize,
//! }
//!
//! /// Counts the words of a text.
//! #[tool]
//! fn count(Count { text }: Count) -> Result<Counted, ToolError> {
//!     match text.split_whitespace().count() {
//!         0 => Err(ToolError::invalid("`text` is empty")),
//!         words => Ok(Counted { words }),
//!     }
//! }
//!
//! tools![count];
//! # fn main() {
//! # let text = hermitage_guest::tool::call::<count>(r#"{"text": "a b"}"#).unwrap();
//! # assert_eq!(text, r#"{"words":2}"#);
//! # }
//! ```
//!
//! Its crate is a `cdylib` that has `serde` (with `derive`) and `schemars` 1
//! among its dependencies.
//!
//! # What a call has
//!
//! Each call has a fresh instance, so no `static` outlives it. What the
//! plugin's manifest asked for and the person approved is in [`http`] and
//! [`settings`]; everything else answers [`ToolError::Denied`].
//!
//! # Natively
//!
//! A tool is a plain function, so `cargo test` calls it as it is; [`call`]
//! goes the way of the host, from JSON to JSON. Neither can leave the process:
//! calling the host there panics.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{ToolError, ToolSpec};

#[expect(
    unsafe_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::panic,
    clippy::unwrap_used,
    reason = "generated: written by `tests/sdk_bindings.rs` from `wit/`"
)]
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;

pub mod http;
pub mod settings;

/// A function that is a tool. [`tool`](macro@crate::tool) writes it.
pub trait Tool {
    /// The function's name.
    const NAME: &'static str;
    /// Its doc comment.
    const DESCRIPTION: &'static str;
    /// What it takes: a struct with named fields.
    type Arguments: DeserializeOwned + JsonSchema;

    /// Calls the function; its result as JSON.
    fn answer(arguments: Self::Arguments) -> Result<String, ToolError>;
}

/// The arguments of a tool that takes none.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
pub struct NoArguments {}

/// What a model reads of it.
pub fn spec<T: Tool>() -> ToolSpec {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        // Small models read a schema better in one piece.
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T::Arguments>();
    // The name of a Rust type, and what the tool's own text says better.
    schema.remove("title");
    schema.remove("description");
    if !schema.get("properties").is_some_and(Value::is_object) {
        schema.insert("properties".to_owned(), Value::Object(serde_json::Map::new()));
    }
    ToolSpec {
        name: T::NAME.to_owned(),
        description: T::DESCRIPTION.to_owned(),
        parameters: schema.to_value().to_string(),
    }
}

/// Calls it the way the host does: with a JSON object, for a JSON value.
pub fn call<T: Tool>(arguments: &str) -> Result<String, ToolError> {
    let mut json = serde_json::Deserializer::from_str(arguments);
    let arguments = serde_path_to_error::deserialize(&mut json).map_err(ToolError::invalid)?;
    json.end().map_err(ToolError::invalid)?;
    T::answer(arguments)
}

/// Names the tools of this plugin, once: `tools![search, issues::create];`.
///
/// Each is a function with [`tool`](macro@crate::tool), by its path.
#[macro_export]
macro_rules! tools {
    ($($tool:path),+ $(,)?) => {
        const _: () = {
            struct Plugin;

            const _: () = $crate::rt::tool::no_name_twice(&[
                $(<$tool as $crate::tool::Tool>::NAME),+
            ]);

            impl $crate::rt::tool::Guest for Plugin {
                fn describe() -> ::std::vec::Vec<$crate::ToolSpec> {
                    ::std::vec![$($crate::tool::spec::<$tool>()),+]
                }

                fn call(
                    name: ::std::string::String,
                    arguments: ::std::string::String,
                ) -> ::core::result::Result<::std::string::String, $crate::ToolError> {
                    $crate::rt::tool::begin();
                    $(
                        if name == <$tool as $crate::tool::Tool>::NAME {
                            return $crate::tool::call::<$tool>(&arguments);
                        }
                    )+
                    $crate::rt::tool::unknown(&name)
                }
            }

            // Elsewhere the symbols would be exported to no one, and the
            // functions would count as unused.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() -> ::std::vec::Vec<$crate::ToolSpec> =
                <Plugin as $crate::rt::tool::Guest>::describe;
            #[cfg(target_arch = "wasm32")]
            $crate::rt::tool::bindings::export_tools!(
                Plugin with_types_in $crate::rt::tool::bindings
            );
        };
    };
}

#[cfg(test)]
#[expect(non_camel_case_types, reason = "what the macro writes for a function")]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    struct Search {
        /// Words to look for.
        query: String,
        limit: Option<u8>,
    }

    enum search {}

    impl Tool for search {
        const NAME: &'static str = "search";
        const DESCRIPTION: &'static str = "Finds.";
        type Arguments = Search;

        fn answer(Search { query, limit }: Search) -> Result<String, ToolError> {
            crate::rt::tool::answer(Ok::<_, ToolError>((query, limit)))
        }
    }

    enum now {}

    impl Tool for now {
        const NAME: &'static str = "now";
        const DESCRIPTION: &'static str = "Tells.";
        type Arguments = NoArguments;

        fn answer(NoArguments {}: NoArguments) -> Result<String, ToolError> {
            crate::rt::tool::answer(Err::<(), _>("no clock"))
        }
    }

    #[test]
    fn a_schema_has_the_fields_and_their_comments() {
        let spec = spec::<search>();
        assert_eq!((spec.name.as_str(), spec.description.as_str()), ("search", "Finds."));
        let schema: Value = serde_json::from_str(&spec.parameters).unwrap();
        assert_eq!(schema["properties"]["query"]["description"], "Words to look for.");
        assert_eq!(schema["required"], json!(["query"]));
        assert_eq!((&schema["title"], &schema["$schema"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn a_tool_without_arguments_takes_an_empty_object() {
        let schema: Value = serde_json::from_str(&spec::<now>().parameters).unwrap();
        assert_eq!(schema, json!({"type": "object", "properties": {}}));
        assert_eq!(call::<now>("{}"), Err(ToolError::Failed("no clock".to_owned())));
    }

    #[test]
    fn arguments_that_do_not_fit_name_the_path() {
        assert_eq!(call::<search>(r#"{"query": "x"}"#).unwrap(), r#"["x",null]"#);
        for (arguments, expect) in [
            ("{}", "missing field `query`"),
            (r#"{"query": "x", "limit": 300}"#, "limit: invalid value: integer `300`, expected u8"),
            (r#"{"query": "x"} x"#, "trailing characters"),
            ("", "EOF"),
        ] {
            match call::<search>(arguments) {
                Err(ToolError::InvalidArguments(text)) => {
                    assert!(text.starts_with(expect), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
