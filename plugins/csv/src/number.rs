//! Numbers as tables have them: decimal, and added up without rounding.

use std::{cmp::Ordering, fmt};

/// Digits that are kept exactly; `i128` has 38.
const MOST_DIGITS: usize = 30;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    /// `digits / 10^scale`.
    Exact { digits: i128, scale: u32 },
    /// With an exponent, or too long to be exact.
    Float(f64),
}

impl Number {
    pub(crate) const ZERO: Self = Self::Exact { digits: 0, scale: 0 };

    /// `-1`, `0.50`, `+3`, `1e6`; blanks around are no part of it. Nothing
    /// that a person would have to guess: no thousands, no percent, no `inf`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !unsigned.starts_with(|it: char| it.is_ascii_digit() || it == '.') {
            return None;
        }
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let is_plain = whole.bytes().chain(fraction.bytes()).all(|it| it.is_ascii_digit());
        let n_digits = whole.len() + fraction.len();
        if !is_plain || n_digits > MOST_DIGITS {
            return text.parse().ok().filter(|it: &f64| it.is_finite()).map(Self::Float);
        }
        let digits = [whole, fraction].concat().parse::<i128>().ok()?;
        let digits = if text.starts_with('-') { -digits } else { digits };
        Some(Self::Exact { digits, scale: u32::try_from(fraction.len()).ok()? })
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Self::Exact { scale: 0, .. })
    }

    pub(crate) fn to_f64(self) -> f64 {
        match self {
            // Its text is parsed to the nearest one; a division would round twice.
            Self::Exact { .. } => self.to_string().parse().unwrap_or(f64::NAN),
            Self::Float(value) => value,
        }
    }

    pub(crate) fn add(self, other: Self) -> Self {
        let exact = self.aligned(other).and_then(|(left, right, scale)| {
            Some(Self::Exact { digits: left.checked_add(right)?, scale })
        });
        exact.unwrap_or_else(|| Self::Float(self.to_f64() + other.to_f64()))
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        match self.aligned(other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }

    /// Both with the same scale, when that is exact.
    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let (Self::Exact { digits: left, scale: of_left }, Self::Exact { digits: right, scale }) =
            (self, other)
        else {
            return None;
        };
        let common = of_left.max(scale);
        let raised =
            |digits: i128, from: u32| digits.checked_mul(10_i128.checked_pow(common - from)?);
        Some((raised(left, of_left)?, raised(right, scale)?, common))
    }
}

/// As JSON has numbers.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exact { digits, scale: 0 } => write!(f, "{digits}"),
            Self::Exact { digits, scale } => {
                let sign = if digits < 0 { "-" } else { "" };
                let width = scale as usize + 1;
                let text = format!("{:0width$}", digits.unsigned_abs());
                let (whole, fraction) = text.split_at(text.len() - scale as usize);
                write!(f, "{sign}{whole}.{fraction}")
            }
            Self::Float(value) if value.is_finite() => write!(f, "{value}"),
            Self::Float(_) => f.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let number = Number::parse(text).map(|it| it.to_string());
        assert_eq!(number.as_deref(), expect, "{text}");
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for same in ["0", "-1", "0.50", "-0.05", "12345678901234567890.12"] {
            check(same, Some(same));
        }
        check(" +3 ", Some("3"));
        check(".5", Some("0.5"));
        check("5.", Some("5"));
        check("1e3", Some("1000"));
        check("007", Some("7"));
        let long = "1".repeat(40);
        assert!(matches!(Number::parse(&long), Some(Number::Float(_))));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "", " ", "-", ".", "1,000", "12%", "inf", "NaN", "1 2", "0x10", "1e999", "--1",
            "1.2.3", "١",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn sums_are_exact() {
        let sum = |texts: &[&str]| {
            let numbers = texts.iter().map(|it| Number::parse(it).unwrap());
            numbers.fold(Number::ZERO, Number::add).to_string()
        };
        assert_eq!(sum(&["0.1", "0.2"]), "0.3");
        assert_eq!(sum(&["1", "-0.001"]), "0.999");
        assert_eq!(sum(&["9007199254740993", "1"]), "9007199254740994");
        assert_eq!(sum(&["1e2", "1"]), "101");
        assert_eq!(
            sum(&[&"9".repeat(30), "0.00000000000000000001"]),
            "1000000000000000000000000000000"
        );
    }

    #[test]
    fn numbers_are_compared_by_what_they_are() {
        let compare =
            |left, right| Number::parse(left).unwrap().compare(Number::parse(right).unwrap());
        assert_eq!(compare("10", "9"), Ordering::Greater);
        assert_eq!(compare("1.50", "1.5"), Ordering::Equal);
        assert_eq!(compare("-1", "0.5"), Ordering::Less);
        assert_eq!(compare("9007199254740993", "9007199254740992"), Ordering::Greater);
        assert_eq!(compare("1e3", "1000"), Ordering::Equal);
    }
}
