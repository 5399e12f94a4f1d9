//! A page that leads on by itself: `<meta http-equiv="refresh">`, or the header
//! of that name.

use super::target::Target;

/// Seconds for which a page is shown that is on its way to another; one that
/// stays longer is meant to be read.
const SOON: u64 = 5;

/// Bytes of a value. Real ones are an address and a few more.
const MAX_BYTES: usize = 4_096;

/// Where a page leads to, and after how many seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refresh {
    pub(super) seconds: u64,
    pub(super) to: Target,
}

impl Refresh {
    /// Reads `5; url='…'` as WHATWG has it. `base` is what the address may be
    /// relative to. `None` for a page that only loads itself anew, and for
    /// what is no address of a page.
    pub(super) fn parse(value: &str, base: &Target) -> Option<Self> {
        let value = value.get(..MAX_BYTES.min(value.len()))?.trim();
        let (seconds, rest) = seconds(value)?;
        let address = address(rest)?;
        base.leads_to(address).ok().map(|to| Self { seconds, to })
    }

    /// Whether it is a redirect in other clothes.
    pub(super) fn is_soon(&self) -> bool {
        self.seconds <= SOON
    }
}

/// Whole seconds, and what follows them and their fraction.
fn seconds(text: &str) -> Option<(u64, &str)> {
    let rest = text.trim_start_matches(|it: char| it.is_ascii_digit());
    let digits = text.strip_suffix(rest)?;
    // Without a digit only a fraction is a time.
    if digits.is_empty() && !rest.starts_with('.') {
        return None;
    }
    let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.');
    let seconds = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    Some((seconds, rest))
}

/// The address after `; url=`, whose parts may all be left out but the first.
fn address(text: &str) -> Option<&str> {
    let after = text.trim_start();
    let has_mark = after.starts_with([';', ',']);
    if !has_mark && after.len() == text.len() {
        return None;
    }
    let after = after.strip_prefix([';', ',']).unwrap_or(after).trim_start();
    let address = match after.get(..3) {
        Some(word) if word.eq_ignore_ascii_case("url") => {
            let rest = after.get(3..).unwrap_or_default().trim_start();
            rest.strip_prefix('=').map_or(after, str::trim_start)
        }
        _ => after,
    };
    let quote = address.chars().next().filter(|it| matches!(it, '"' | '\''));
    let address = match quote {
        Some(quote) => address.split(quote).nth(1).unwrap_or_default(),
        None => address,
    };
    Some(address.trim()).filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Option<(u64, String)> {
        let base = Target::parse("https://docs.rs/a/b").unwrap();
        Refresh::parse(value, &base).map(|it| (it.seconds, it.to.url().to_string()))
    }

    #[test]
    fn a_value_is_read_as_browsers_read_it() {
        let check = |value: &str, seconds: u64, url: &str| {
            assert_eq!(parse(value), Some((seconds, url.to_owned())), "{value}");
        };
        check("0;url=/c", 0, "https://docs.rs/c");
        check("0; URL = '/c d'", 0, "https://docs.rs/c%20d");
        check("  5 ,url=\"../x\" ignored", 5, "https://docs.rs/x");
        check("3 https://rust-lang.org/", 3, "https://rust-lang.org/");
        check("0; /c", 0, "https://docs.rs/c");
        check("1.5; url=c", 1, "https://docs.rs/a/c");
        check(".5;url=c", 0, "https://docs.rs/a/c");
        check("99999999999999999999;url=c", u64::MAX, "https://docs.rs/a/c");
        check("0;url=url", 0, "https://docs.rs/a/url");
        check("0;urls", 0, "https://docs.rs/a/urls");
        check("0;url='c", 0, "https://docs.rs/a/c");
    }

    #[test]
    fn what_leads_nowhere_is_none() {
        for value in [
            "",
            " ",
            "5",
            "5;",
            "5; url=",
            "5;url=''",
            "x;url=c",
            "-1;url=c",
            "0url=c",
            ";url=c",
            "0;url=javascript:alert(1)",
            "0;url=data:text/html,x",
            "0;url=file:///etc/passwd",
            "0;url=https://u:p@docs.rs/",
            "0;url=https://docs.rs\\@evil.org",
            "5é",
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
        assert_eq!(parse(&format!("0;url=/{}", "x".repeat(9_000))), None);
        assert_eq!(parse(&"é".repeat(MAX_BYTES)), None);
    }
}
