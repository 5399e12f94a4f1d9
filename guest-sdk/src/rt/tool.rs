//! What `#[tool]` and `tools!` refer to.

use serde::Serialize;

use crate::ToolError;

pub use crate::tool::bindings;
pub use crate::tool::bindings::exports::hermitage::subagent::tools::Guest;

/// The author's result, as the contract has it.
pub fn answer<T: Serialize, E: Into<ToolError>>(result: Result<T, E>) -> Result<String, ToolError> {
    let value = result.map_err(Into::into)?;
    serde_json::to_string(&value)
        .map_err(|error| ToolError::failed(format!("the result is no JSON: {error}")))
}

/// Comes before the call of a tool.
pub fn begin() {
    #[cfg(target_arch = "wasm32")]
    super::panics::install_hook();
}

/// The host asks only for what `describe` named.
pub fn unknown(name: &str) -> Result<String, ToolError> {
    Err(ToolError::invalid(format!("there is no tool `{name}`")))
}

/// Fails to compile when two tools have one name: the second one could not be
/// called.
pub const fn no_name_twice(mut names: &[&str]) {
    while let [first, others @ ..] = names {
        assert!(!has(others, first), "two tools of this plugin have one name");
        names = others;
    }
}

const fn has(mut names: &[&str], name: &str) -> bool {
    while let [first, others @ ..] = names {
        if same(first.as_bytes(), name.as_bytes()) {
            return true;
        }
        names = others;
    }
    false
}

const fn same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([x, rest_of_a @ ..], [y, rest_of_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (rest_of_a, rest_of_b);
    }
    a.is_empty() && b.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors_become_those_of_the_contract() {
        assert_eq!(answer(Ok::<_, ToolError>("x")).unwrap(), r#""x""#);
        assert_eq!(answer(Ok::<_, ToolError>(())).unwrap(), "null");
        let error = answer(Err::<(), _>("no")).unwrap_err();
        assert_eq!(error, ToolError::Failed("no".to_owned()));
        // A map whose keys are no texts is no JSON.
        let odd = std::collections::BTreeMap::from([(vec![1], 1)]);
        assert!(matches!(answer(Ok::<_, ToolError>(odd)), Err(ToolError::Failed(_))));
    }

    #[test]
    #[should_panic(expected = "two tools of this plugin have one name")]
    fn a_name_twice_is_refused() {
        no_name_twice(&["a", "b", "a"]);
    }

    #[test]
    fn names_that_differ_are_fine() {
        no_name_twice(&["a", "ab", "b"]);
    }
}
