//! How patient the queue is.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    setting::{self, count, seconds, settings},
    store::LONGEST_PAUSE,
};

/// Shortest pause: none at all would burn every attempt at once.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(1);

/// Longest pause before a failed event is offered again. Who mends a consumer
/// should not have to wait for much longer to see that it works.
const MAX_RETRY_DELAY: Duration = LONGEST_PAUSE;

/// Shortest lease. One that ends before its event is applied gives the event
/// to two consumers.
const MIN_LEASE: Duration = Duration::from_secs(1);

/// Longest lease: a day. What a dead process held has to come back some time.
const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

// One queue serves every project: shorter leases deliver events of others
// twice, and fewer attempts give them up.
settings! {
    /// How completion events get to the sessions that wait for them. A consumer
    /// claims an event, applies it and acknowledges it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct QueueConfig in "queue" {
        /// How long a claim holds without an acknowledgement.
        ///
        /// Bounds how long an event stays with a consumer that died; one that
        /// takes longer than this gets its event twice.
        lease_time as "lease_seconds": Duration = seconds(300, 1..=86_400), project: Never;

        /// Failed deliveries after which an event is set aside as a dead
        /// letter, where it can be seen. A consumer that is busy has not
        /// failed.
        ///
        /// Bounds an event that makes its consumer fail each time.
        attempts as "max_attempts": u32 = count(8, 1..=1_000), project: Never;

        /// From the first failed delivery to the next attempt; doubled with
        /// each, and never more than 300.
        ///
        /// Bounds the load of a consumer that fails at once; longer pauses
        /// carry an event over an outage.
        retry_delay as "retry_delay_seconds": Duration = seconds(5, 1..=300), project: Never;
    }
}

impl QueueConfig {
    /// `lease`: how long a consumer has an event before another one gets it;
    /// `max_attempts`: failed attempts before an event is dead; `retry_delay`:
    /// the pause after the first of them, doubled with each.
    ///
    /// # Errors
    ///
    /// A lease that is not in 1 s to a day, no attempt, or a pause that is not
    /// in 1 ms to 300 s.
    pub fn new(
        lease: Duration,
        max_attempts: u32,
        retry_delay: Duration,
    ) -> Result<Self, QueueConfigError> {
        in_range("lease", lease, MIN_LEASE..=MAX_LEASE)?;
        in_range("retry delay", retry_delay, MIN_RETRY_DELAY..=MAX_RETRY_DELAY)?;
        match max_attempts {
            0 => Err(QueueConfigError::NoAttempt),
            attempts => Ok(Self { lease_time: lease, attempts, retry_delay }),
        }
    }

    /// How long a consumer has an event.
    pub fn lease(&self) -> Duration {
        self.lease_time
    }

    /// Failed attempts before an event is dead.
    pub fn max_attempts(&self) -> u32 {
        self.attempts
    }

    /// The pause after the attempt of that number, from 1.
    pub fn delay_after(&self, attempt: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.retry_delay.saturating_mul(factor).min(MAX_RETRY_DELAY)
    }
}

impl Default for QueueConfig {
    /// As a host has it that nobody configured. The pauses come to some ten
    /// minutes: no outage of a moment is the end of an event.
    fn default() -> Self {
        setting::built_in()
    }
}

/// Why numbers are none of a queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueConfigError {
    /// Too short or too long.
    #[error("a {what} of {given:?} is not in {min:?} to {max:?}")]
    OutOfRange {
        /// Which one.
        what: &'static str,
        /// As it was given.
        given: Duration,
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// No attempt at all.
    #[error("0 attempts deliver nothing")]
    NoAttempt,
}

fn in_range(
    what: &'static str,
    given: Duration,
    range: RangeInclusive<Duration>,
) -> Result<(), QueueConfigError> {
    if range.contains(&given) {
        return Ok(());
    }
    let (min, max) = range.into_inner();
    Err(QueueConfigError::OutOfRange { what, given, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::{Range, Setting};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_defaults_are_those_of_the_semantics_and_pass_their_own_check() {
        let config = QueueConfig::default();
        assert_eq!((config.lease().as_secs(), config.max_attempts()), (300, 8));
        let same = QueueConfig::new(config.lease(), 8, config.retry_delay);
        assert_eq!(same, Ok(config));
    }

    #[test]
    fn what_a_file_may_say_passes_the_same_check() {
        let ends = |setting: Setting| match setting.form.amount.unwrap().range {
            Range::Whole { min, max } => [min, max].map(|it| u64::try_from(it).unwrap()),
            Range::Fraction { .. } => panic!("{setting:?}"),
        };
        let ends =
            [QueueConfig::lease_time, QueueConfig::attempts, QueueConfig::retry_delay].map(ends);
        for end in [0, 1] {
            let [lease, attempts, delay] = ends.map(|it| it[end]);
            let attempts = u32::try_from(attempts).unwrap();
            let checked =
                QueueConfig::new(Duration::from_secs(lease), attempts, Duration::from_secs(delay));
            assert!(checked.is_ok(), "{checked:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_cap() {
        let config = QueueConfig::new(SECOND, 8, SECOND).unwrap();
        let seconds = |attempt| config.delay_after(attempt).as_secs();
        let seen = [0, 1, 2, 3, 8, 9, 10, u32::MAX].map(seconds);
        assert_eq!(seen, [1, 1, 2, 4, 128, 256, 300, 300]);
    }

    #[test]
    fn zeros_and_numbers_beyond_reason_are_errors() {
        let zero = Duration::ZERO;
        for (lease, attempts, delay, why) in [
            (zero, 8, SECOND, "a lease of 0ns is not in 1s to 86400s"),
            (SECOND, 0, SECOND, "0 attempts deliver nothing"),
            (SECOND, 8, zero, "a retry delay of 0ns is not in 1ms to 300s"),
            (Duration::MAX, 8, SECOND, "a lease of"),
            (SECOND, 8, 301 * SECOND, "a retry delay of 301s"),
        ] {
            let err = QueueConfig::new(lease, attempts, delay).unwrap_err().to_string();
            assert!(err.starts_with(why), "{err}");
        }
    }
}
