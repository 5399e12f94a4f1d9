//! Times as people say them.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `12s`, `5m`, `3h`, `4d`: one unit, the largest that fits.
pub(super) fn span(seconds: f64) -> String {
    let seconds = SignedDuration::try_from_secs_f64(seconds).map_or(0, |it| it.as_secs().max(0));
    match seconds {
        it if it < MINUTE => format!("{it}s"),
        it if it < HOUR => format!("{}m", it / MINUTE),
        it if it < DAY => format!("{}h", it / HOUR),
        it => format!("{}d", it / DAY),
    }
}

/// `5m ago`.
pub(super) fn ago(seconds: f64) -> String {
    format!("{} ago", span(seconds))
}

/// `2026-11-29 19:00:00`, in the zone of this machine.
pub(super) fn date(epoch_seconds: f64) -> String {
    let time = SignedDuration::try_from_secs_f64(epoch_seconds).and_then(Timestamp::from_duration);
    let local = |it: Timestamp| it.to_zoned(TimeZone::system());
    time.map_or("unknown".to_owned(), |it| local(it).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_one_unit() {
        let check = |seconds: f64, expect| assert_eq!(span(seconds), expect);
        check(0.4, "0s");
        check(59.9, "59s");
        check(60.0, "1m");
        check(3_599.0, "59m");
        check(7_300.0, "2h");
        check(200_000.0, "2d");
        check(-5.0, "0s");
        check(f64::NAN, "0s");
    }
}
