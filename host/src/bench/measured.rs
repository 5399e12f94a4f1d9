//! A figure, what it stands beside, and what it should be.

use std::fmt;

use serde::{Serialize, Serializer};

/// One figure of a bench.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The bench, and which figure of it.
    pub name: &'static str,
    /// The middle of all rounds.
    pub value: f64,
    /// What it is counted in.
    pub unit: &'static str,
    /// The same of the least that can do it, in the same unit and run.
    pub floor: Option<f64>,
    /// The middle of what each round's value was of its floor.
    pub ratio: Option<f64>,
    /// What is aimed at.
    pub aim: Option<Aim>,
    /// Whether it is reached.
    pub reached: Option<bool>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// The ratio, at most.
    RatioAtMost(f64),
    /// The ratio, at least.
    RatioAtLeast(f64),
    /// The value, at most.
    AtMost(f64),
    /// The value, at least.
    AtLeast(f64),
}

impl Aim {
    fn is_reached(self, value: f64, ratio: Option<f64>) -> Option<bool> {
        Some(match self {
            Self::RatioAtMost(most) => ratio? <= most,
            Self::RatioAtLeast(least) => ratio? >= least,
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        })
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtMost(it) => write!(f, "ratio ≤ {it}"),
            Self::RatioAtLeast(it) => write!(f, "ratio ≥ {it}"),
            Self::AtMost(it) => write!(f, "≤ {it}"),
            Self::AtLeast(it) => write!(f, "≥ {it}"),
        }
    }
}

impl Serialize for Aim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Measured {
    /// A figure that stands alone.
    pub(super) fn alone(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, floor: None, ratio: None, aim: None, reached: None }
    }

    pub(super) fn aiming(self, aim: Aim) -> Self {
        let reached = aim.is_reached(self.value, self.ratio);
        Self { aim: Some(aim), reached, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(aim: Aim, value: f64, ratio: Option<f64>, expect: Option<bool>) {
        let figure = Measured { ratio, ..Measured::alone("x", value, "") };
        assert_eq!(figure.aiming(aim).reached, expect, "{aim}");
    }

    #[test]
    fn an_aim_is_of_the_value_or_of_the_ratio() {
        check(Aim::AtMost(2.0), 2.0, Some(9.0), Some(true));
        check(Aim::AtMost(2.0), 2.1, None, Some(false));
        check(Aim::AtLeast(2.0), 1.9, Some(9.0), Some(false));
        check(Aim::RatioAtMost(1.5), 9.0, Some(1.4), Some(true));
        check(Aim::RatioAtLeast(0.7), 9.0, Some(0.6), Some(false));
        check(Aim::RatioAtLeast(0.7), 9.0, None, None);
    }
}
