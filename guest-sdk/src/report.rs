//! Constructors of the report that an agent hands back.

use crate::{Outcome, Report};

impl Report {
    /// The task is done. `summary` says what was done and found, for a reader
    /// who has only this text; a blank one counts as failed.
    pub fn completed(summary: impl Into<String>) -> Self {
        Self { outcome: Outcome::Completed, summary: summary.into(), truncated: false }
    }

    /// The task could not be done. `why` becomes the error of the result;
    /// what was done until then is told by [`Self::with_summary`].
    ///
    /// ```
    /// # use hermitage_guest::Report;
    /// let report = Report::failed("the registry has no package `x`")
    ///     .with_summary("Read 3 of 5 manifests: none names a licence.");
    /// # assert!(report.is_failed());
    /// ```
    pub fn failed(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed(why.into()), summary: String::new(), truncated: false }
    }

    /// The work that was done, however the task ended.
    #[must_use]
    pub fn with_summary(self, summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..self }
    }

    /// Says that the work stopped early and the summary covers a part of it.
    #[must_use]
    pub fn truncated(self) -> Self {
        Self { truncated: true, ..self }
    }

    /// Whether the task could not be done.
    pub fn is_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constructors_set_the_outcome_and_keep_the_summary() {
        let report = Report::failed("no").truncated();
        assert_eq!(report.outcome, Outcome::Failed("no".to_owned()));
        assert_eq!((report.summary.as_str(), report.truncated), ("", true));
        let report = Report::failed("no").with_summary("half");
        assert!(report.is_failed());
        assert_eq!(report.summary, "half");
        let report = Report::completed("yes");
        assert_eq!((&report.outcome, report.is_failed()), (&Outcome::Completed, false));
        assert_eq!((report.summary.as_str(), report.truncated), ("yes", false));
    }
}
