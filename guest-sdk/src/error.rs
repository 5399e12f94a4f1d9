//! Why an agent could not do its work at all.
//!
//! Owns the text that the host gets instead of a report. A task that was
//! tried and did not succeed is [`Report::failed`](crate::Report::failed).

use std::fmt;

use crate::ToolError;
use crate::model::ModelError;

/// A failure of the agent itself, as text for the host's operator.
///
/// `?` makes one of a [`ToolError`], a [`ModelError`] or a text;
/// [`Error::new`] takes anything else that can be displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    text: String,
}

impl Error {
    /// Takes the text of `cause`, for example `.map_err(Error::new)?`.
    pub fn new(cause: impl fmt::Display) -> Self {
        Self { text: cause.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self { text }
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

impl From<ToolError> for Error {
    fn from(error: ToolError) -> Self {
        let text = match error {
            ToolError::Denied(text) => format!("denied: {text}"),
            ToolError::InvalidArguments(text) => format!("invalid arguments: {text}"),
            ToolError::Failed(text) => text,
            ToolError::Interrupted => INTERRUPTED.to_owned(),
            ToolError::TimedOut => TIMED_OUT.to_owned(),
            ToolError::Exhausted(text) => format!("exhausted: {text}"),
        };
        Self { text }
    }
}

impl From<ModelError> for Error {
    fn from(error: ModelError) -> Self {
        let text = match error {
            ModelError::Denied(text) => format!("denied: {text}"),
            ModelError::InvalidRequest(text) => format!("invalid request: {text}"),
            ModelError::Failed(text) => text,
            ModelError::TooLong(text) => format!("conversation too long: {text}"),
            ModelError::Interrupted => INTERRUPTED.to_owned(),
            ModelError::TimedOut => TIMED_OUT.to_owned(),
            ModelError::Exhausted(text) => format!("exhausted: {text}"),
        };
        Self { text }
    }
}

impl ToolError {
    /// The tool ran and did not succeed. Takes anything that can be
    /// displayed: `.map_err(ToolError::failed)?`.
    pub fn failed(why: impl fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }

    /// The arguments are wrong; `why` says which, and how to mend them.
    pub fn invalid(why: impl fmt::Display) -> Self {
        Self::InvalidArguments(why.to_string())
    }

    /// Whether the run is ending, whatever the agent does next: it is
    /// interrupted, out of time, or has spent a budget. The host asks for what
    /// there is, so this is no failure of the agent.
    ///
    /// ```
    /// # use hermitage_guest::{Error, Report, ToolError};
    /// fn report(found: String, ended: Result<(), ToolError>) -> Result<Report, Error> {
    ///     match ended {
    ///         Ok(()) => Ok(Report::completed(found)),
    ///         Err(error) if error.is_stop() => Ok(Report::completed(found).truncated()),
    ///         Err(error) => Err(error.into()),
    ///     }
    /// }
    /// ```
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Interrupted | Self::TimedOut | Self::Exhausted(_))
    }
}

impl From<String> for ToolError {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl From<&str> for ToolError {
    fn from(text: &str) -> Self {
        Self::Failed(text.to_owned())
    }
}

impl ModelError {
    /// Whether the run is ending, whatever the agent does next: see
    /// [`ToolError::is_stop`].
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Interrupted | Self::TimedOut | Self::Exhausted(_))
    }
}

const INTERRUPTED: &str = "the run is being interrupted";
const TIMED_OUT: &str = "the run is out of time";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: impl Into<Error>, expect: &str) {
        assert_eq!(error.into().to_string(), expect);
    }

    #[test]
    fn every_tool_error_becomes_a_text() {
        let text = || "x".to_owned();
        check(ToolError::Denied(text()), "denied: x");
        check(ToolError::InvalidArguments(text()), "invalid arguments: x");
        check(ToolError::Failed(text()), "x");
        check(ToolError::Interrupted, "the run is being interrupted");
        check(ToolError::TimedOut, "the run is out of time");
        check(ToolError::Exhausted(text()), "exhausted: x");
    }

    #[test]
    fn every_model_error_becomes_a_text() {
        let text = || "x".to_owned();
        check(ModelError::Denied(text()), "denied: x");
        check(ModelError::InvalidRequest(text()), "invalid request: x");
        check(ModelError::Failed(text()), "x");
        check(ModelError::TooLong(text()), "conversation too long: x");
        check(ModelError::Interrupted, "the run is being interrupted");
        check(ModelError::TimedOut, "the run is out of time");
        check(ModelError::Exhausted(text()), "exhausted: x");
    }

    #[test]
    fn a_run_that_ends_is_told_from_a_failure() {
        let text = || "x".to_owned();
        for stop in [ToolError::Interrupted, ToolError::TimedOut, ToolError::Exhausted(text())] {
            assert!(stop.is_stop(), "{stop:?}");
        }
        let failures = [ToolError::Denied, ToolError::InvalidArguments, ToolError::Failed];
        assert!(!failures.iter().any(|it| it(text()).is_stop()));
        for stop in [ModelError::Interrupted, ModelError::TimedOut, ModelError::Exhausted(text())] {
            assert!(stop.is_stop(), "{stop:?}");
        }
        let failures = [
            ModelError::Denied,
            ModelError::InvalidRequest,
            ModelError::Failed,
            ModelError::TooLong,
        ];
        assert!(!failures.iter().any(|it| it(text()).is_stop()));
    }

    #[test]
    fn a_text_is_the_error_of_a_tool_that_did_not_succeed() {
        let failed = || ToolError::Failed("x".to_owned());
        assert_eq!(ToolError::from("x"), failed());
        assert_eq!(ToolError::from("x".to_owned()), failed());
        assert_eq!(ToolError::failed('x'), failed());
        assert_eq!(ToolError::invalid('x'), ToolError::InvalidArguments("x".to_owned()));
    }

    #[test]
    fn texts_are_kept_as_they_are() {
        check("x", "x");
        check("x".to_owned(), "x");
        check(Error::new(1.5), "1.5");
    }
}
