//! What a process holds, and how that grows.

use std::{env, fs, path::Path};

/// What this process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// In memory, in KiB.
    pub rss: u64,
    pub threads: u64,
    pub files: usize,
    /// Files and directories below the directory for temporary ones.
    pub temporary: usize,
}

impl Held {
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|it| it.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self {
            rss: number("VmRSS:"),
            threads: number("Threads:"),
            // Less the one that this is read by.
            files: fs::read_dir("/proc/self/fd").unwrap().count() - 1,
            temporary: below(&env::temp_dir()),
        }
    }
}

fn below(dir: &Path) -> usize {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let count = |it: fs::DirEntry| match it.file_type() {
        Ok(kind) if kind.is_dir() => 1 + below(&it.path()),
        _ => 1,
    };
    entries.flatten().map(count).sum()
}

/// The slope of the line through these points that is nearest to all of them.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|it| it.0), mean(|it| it.1));
    let up: f64 = points.iter().map(|it| (it.0 - x) * (it.1 - y)).sum();
    let along: f64 = points.iter().map(|it| (it.0 - x).powi(2)).sum();
    if along == 0.0 { 0.0 } else { up / along }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line_through_the_points() {
        let line: Vec<(f64, f64)> =
            (0..10).map(|it| (f64::from(it), 3.0 * f64::from(it) + 7.0)).collect();
        assert!((slope(&line) - 3.0).abs() < 1e-9);
        assert_eq!(slope(&[(1.0, 5.0)]), 0.0);
    }
}
