//! The same thing measured several times, in turn with its floor.

use super::Measured;

/// A value and its floor of each round.
#[derive(Default)]
pub(super) struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    pub(super) fn push(&mut self, value: f64, floor: f64) {
        self.0.push((value, floor));
    }

    /// The middle of the values and of the floors, and that of the ratios: load
    /// that comes and goes hits both sides of one round.
    pub(super) fn measured(&self, name: &'static str, unit: &'static str) -> Measured {
        let of = |figure: fn(&(f64, f64)) -> f64| middle(self.0.iter().map(figure).collect());
        Measured {
            floor: Some(of(|it| it.1)),
            ratio: Some(of(|it| it.0 / it.1)),
            ..Measured::alone(name, of(|it| it.0), unit)
        }
    }
}

/// The one in the middle, or the lower of two; 0 of none.
pub(super) fn middle(values: Vec<f64>) -> f64 {
    at(values, 50)
}

/// The value that so many percent of all are below.
pub(super) fn at(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = values.len().saturating_sub(1).saturating_mul(percent) / 100;
    values.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], percent: usize, expect: f64) {
        assert_eq!(at(values.to_vec(), percent), expect, "{values:?} at {percent}");
    }

    #[test]
    fn the_middle_is_a_value_that_was_measured() {
        check(&[], 50, 0.0);
        check(&[3.0], 99, 3.0);
        check(&[3.0, 1.0, 2.0], 50, 2.0);
        check(&[4.0, 1.0, 2.0, 3.0], 50, 2.0);
        check(&[4.0, 1.0, 2.0, 3.0], 100, 4.0);
    }

    #[test]
    fn a_ratio_is_that_of_one_round() {
        let mut pairs = Pairs::default();
        // The machine is ten times as slow in the second round.
        [(2.0, 1.0), (30.0, 10.0), (2.0, 1.0)].iter().for_each(|it| pairs.push(it.0, it.1));
        let measured = pairs.measured("x", "µs");
        assert_eq!((measured.value, measured.floor, measured.ratio), (2.0, Some(1.0), Some(2.0)));
    }
}
