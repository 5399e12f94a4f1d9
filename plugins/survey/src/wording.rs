//! Numbers and file names as a reader likes them.

/// `1 file`, `1,204 files`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let stem = noun.strip_suffix('y');
    match (count, stem) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{} {stem}ies", thousands(count)),
        (_, None) => format!("{} {noun}s", thousands(count)),
    }
}

/// `1,204`.
pub(crate) fn thousands(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        upper => format!("{},{:03}", thousands(upper), number % 1000),
    }
}

/// `512 B`, `1.5 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for next in UNITS {
        // What would be shown as 1024.0 belongs to the next unit.
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    format!("{value:.1} {unit}")
}

/// `… and 37 more`, or nothing when everything was shown.
pub(crate) fn and_more(all: usize, shown: usize) -> Option<String> {
    let rest = all.saturating_sub(shown);
    (rest > 0).then(|| format!("… and {} more", thousands(rest as u64)))
}

/// One printable line: files may hold anything, and this ends on a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!(plural(0, "file"), "0 files");
        assert_eq!(plural(1, "directory"), "1 directory");
        assert_eq!(plural(1204, "directory"), "1,204 directories");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000_042), "1,000,042");
    }

    #[test]
    fn sizes_have_three_figures_or_four() {
        let check = |bytes, expect| assert_eq!(size(bytes), expect);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check(1536, "1.5 KiB");
        check(1024 * 1024 - 1, "1.0 MiB");
        check(5 << 40, "5.0 TiB");
    }
}
