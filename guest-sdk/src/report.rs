//! Constructors of the report that an agent hands back.

use crate::{Outcome, Report};

impl Report {
    /// The task is done. `summary` says what was done and found, for a reader
    /// who has only this text; a blank one counts as failed.
    pub fn completed(summary: impl Into<String>) -> Self {
        Self { outcome: Outcome::Completed, summary: summary.into(), truncated: false }
    }

    /// The task could not be done. `summary` says why, and what was found on
    /// the way.
    pub fn failed(summary: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, summary: summary.into(), truncated: false }
    }

    /// Says that the work stopped early and the summary covers a part of it.
    #[must_use]
    pub fn truncated(self) -> Self {
        Self { truncated: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constructors_set_the_outcome_and_keep_the_summary() {
        let report = Report::failed("no").truncated();
        assert_eq!(report.outcome, Outcome::Failed);
        assert_eq!((report.summary.as_str(), report.truncated), ("no", true));
        let report = Report::completed("yes");
        assert_eq!(report.outcome, Outcome::Completed);
        assert_eq!((report.summary.as_str(), report.truncated), ("yes", false));
    }
}
