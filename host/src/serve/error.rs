//! Why a call was refused, as JSON.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    OpenError,
    wire::{Refused, Why},
};
use crate::{
    completion::queue::SettleError,
    delegation::{ChildError, DelegateError},
    store::StoreError,
};

/// A refused call: its HTTP status, and what stands in its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None }
    }

    /// A field or a parameter is wrong.
    pub(super) fn bad(field: &str, what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", format!("`{field}`: {what}"))
    }

    /// There is none, or it is another's: the caller can't tell which.
    pub(super) fn unknown(what: &str, id: impl std::fmt::Display) -> Self {
        let message = format!("there is no {what} `{id}`");
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// No token, or one that is none any more.
    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
            .hint("send `Authorization: Bearer TOKEN`; `hermitage token` prints one")
    }

    /// It can't be done any more.
    pub(super) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// There is no room for it now.
    pub(super) fn full(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "capacity", message).hint("try again later")
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint: hint.or(self.hint), ..self }
    }
}

/// It comes from a caller, and stands in an answer.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, code, message, hint } = self;
        let code = code.to_owned();
        (status, Json(Refused { error: Why { code, message, hint } })).into_response()
    }
}

impl From<StoreError> for Refusal {
    fn from(it: StoreError) -> Self {
        if let StoreError::TooLarge { most, .. } = it {
            let message = format!("what is asked has more than the {most} bytes that are recorded");
            let refusal = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message);
            return refusal.hint("put what is long into a file of the workspace");
        }
        // The operator reads the log, with the names of files.
        tracing::error!(err = %it, "the store failed");
        let failed =
            |code, message: &str| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        let how = it.how_to_mend();
        match it {
            StoreError::Full(_) => failed("disk_full", "the disk is full: nothing can be recorded")
                .hint("make room on the disk of the store, and try again"),
            StoreError::Busy(_) => failed("store", "the store is busy").hint("try again later"),
            StoreError::Lost { .. } => {
                let message = "the files of the store were moved or replaced: nothing is recorded";
                failed("store", message).hint("end the service, look at its log, and start it anew")
            }
            StoreError::Damaged(_) => failed("store", "the file of the store is damaged")
                .hint(format!("{}; the log has its name", how.unwrap_or_default())),
            _ => failed("store", "the store can't be read or written now"),
        }
    }
}

impl From<OpenError> for Refusal {
    fn from(it: OpenError) -> Self {
        Self::bad("workspace", it.message).maybe_hint(it.hint)
    }
}

impl From<DelegateError> for Refusal {
    fn from(it: DelegateError) -> Self {
        let (hint, message) = (it.hint(), it.to_string());
        let refusal = match it {
            DelegateError::Rejected(_) => Self::full(message),
            DelegateError::Store(it) => return it.into(),
            DelegateError::Spent(_) => Self::conflict("budget", message),
            DelegateError::KeyUsed { .. } => Self::conflict("key_used", message),
            DelegateError::Forgotten(_) => Self::conflict("forgotten", message),
            _ => Self::new(StatusCode::BAD_REQUEST, "bad_request", message),
        };
        refusal.maybe_hint(hint)
    }
}

impl From<ChildError> for Refusal {
    fn from(it: ChildError) -> Self {
        let message = it.to_string();
        match it {
            ChildError::Unknown(id) => Self::unknown("delegation", id),
            ChildError::NoTask { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", message),
            ChildError::Ended { .. } => Self::conflict("too_late", message)
                .hint("a follow-up has a new child go on where it has ended"),
            ChildError::Running { .. } => Self::conflict("running", message),
            ChildError::NoModel { .. } => Self::conflict("no_model", message),
            ChildError::Text(_) => Self::bad("text", message),
            ChildError::Elsewhere(_) => Self::conflict("elsewhere", message)
                .hint("a stop of the whole delegation alone reaches every host on the store"),
            ChildError::Store(it) => it.into(),
        }
    }
}

impl From<SettleError> for Refusal {
    fn from(it: SettleError) -> Self {
        match it {
            SettleError::Store(it) => it.into(),
            _ => Self::conflict("lost", it.to_string())
                .hint("the event is or was delivered once more: look for its delegation's id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_stays_damaged_is_told_from_one_that_may_recover_and_no_path_is_told() {
        let damaged = Refusal::from(StoreError::Damaged("`/var/a.db`: malformed".to_owned()));
        assert_eq!(damaged.message, "the file of the store is damaged");
        let hint = damaged.hint.unwrap();
        assert!(hint.contains(".recover") && !hint.contains("/var"), "{hint}");
        let failed = Refusal::from(StoreError::Io("`/var/a.db`: gone".to_owned()));
        assert_eq!((failed.message.contains("/var"), failed.hint), (false, None));
    }

    #[test]
    fn what_is_too_large_to_be_recorded_is_no_fault_of_the_store() {
        let large = StoreError::TooLarge { what: "unit", bytes: 9, most: 8 };
        let refused = Refusal::from(large);
        assert_eq!((refused.status, refused.code), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    }
}
