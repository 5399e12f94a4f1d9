//! One line of a `.gitignore`, read and matched as git does it.
//!
//! Our own because none of the crates tried gives git's answers to all of a
//! generated corpus (`tests/gitignore`): `globset` has braces and drops what
//! it can't read, `gix-glob` drops a name of blanks and reads an unfinished
//! class otherwise. Works on bytes, as git does, and matches all the ways
//! through a pattern at once, so that no pattern takes longer than its length
//! times that of the path.

use std::ops::RangeInclusive;

/// One rule.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Takes back what an earlier rule excludes.
    pub(super) is_negated: bool,
    directories_only: bool,
    /// Over the last name, not over the path.
    by_name: bool,
    steps: Vec<Step>,
    /// Bytes that a text has at least.
    min_bytes: usize,
}

/// What one place of a pattern takes.
#[derive(Debug)]
enum Step {
    Byte(u8),
    /// `?`: any byte of a name.
    Any,
    Class {
        ranges: Vec<RangeInclusive<u8>>,
        is_negated: bool,
    },
    /// `*`: any bytes of a name.
    Star,
    /// `**`: any bytes.
    StarStar,
    /// May leave out the two steps after it, the `**` and the `/` of a `**/`.
    Optional,
    /// What git can't read: the pattern matches nothing.
    Never,
}

impl Pattern {
    /// Reads a line without its line end; `None` for a comment and for one
    /// that matches nothing.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        if line.starts_with(b"#") {
            return None;
        }
        // Git's strings end there.
        let line = line.split(|it| *it == 0).next().unwrap_or_default();
        let line = without_blanks(line);
        let (is_negated, line) = cut_start(line, b'!');
        let (directories_only, line) = match line.strip_suffix(b"/") {
            Some(line) => (true, line),
            None => (false, line),
        };
        let by_name = !line.contains(&b'/');
        let (_, line) = cut_start(line, b'/');
        let steps = steps(line, by_name);
        let can_match = !steps.is_empty() && !steps.iter().any(|it| matches!(it, Step::Never));
        let min_bytes = min_bytes(&steps);
        can_match.then_some(Self { is_negated, directories_only, by_name, steps, min_bytes })
    }

    /// Whether an entry is meant, by its path from the directory of the file
    /// that the rule is in.
    pub(super) fn matches(&self, path: &[u8], is_directory: bool) -> bool {
        if self.directories_only && !is_directory {
            return false;
        }
        let name = path.rsplit(|it| *it == b'/').next().unwrap_or_default();
        let text = if self.by_name { name } else { path };
        text.len() >= self.min_bytes && self.takes(text)
    }

    fn takes(&self, text: &[u8]) -> bool {
        let mut here = vec![false; self.steps.len() + 1];
        let mut next = here.clone();
        set(&mut here, 0);
        self.go_on_empty(&mut here);
        for byte in text {
            next.fill(false);
            for (at, step) in self.steps.iter().enumerate() {
                if here.get(at) == Some(&true) && step.takes(*byte) {
                    set(&mut next, if step.is_star() { at } else { at + 1 });
                }
            }
            if !next.contains(&true) {
                return false;
            }
            self.go_on_empty(&mut next);
            std::mem::swap(&mut here, &mut next);
        }
        here.last() == Some(&true)
    }

    /// Adds the places that are reached without a byte.
    fn go_on_empty(&self, here: &mut [bool]) {
        for (at, step) in self.steps.iter().enumerate() {
            if here.get(at) != Some(&true) {
                continue;
            }
            match step {
                Step::Star | Step::StarStar => set(here, at + 1),
                Step::Optional => {
                    set(here, at + 1);
                    set(here, at + 3);
                }
                _ => {}
            }
        }
    }
}

impl Step {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Step::Byte(own) => *own == byte,
            Step::Any | Step::Star => byte != b'/',
            Step::Class { ranges, is_negated } => {
                byte != b'/' && ranges.iter().any(|it| it.contains(&byte)) != *is_negated
            }
            Step::StarStar => true,
            Step::Optional | Step::Never => false,
        }
    }

    fn is_star(&self) -> bool {
        matches!(self, Step::Star | Step::StarStar)
    }
}

fn set(places: &mut [bool], at: usize) {
    if let Some(place) = places.get_mut(at) {
        *place = true;
    }
}

fn min_bytes(steps: &[Step]) -> usize {
    let bytes =
        steps.iter().filter(|it| matches!(it, Step::Byte(_) | Step::Any | Step::Class { .. }));
    let optional = steps.iter().filter(|it| matches!(it, Step::Optional)).count();
    bytes.count().saturating_sub(optional)
}

fn cut_start(line: &[u8], byte: u8) -> (bool, &[u8]) {
    match line.split_first() {
        Some((first, rest)) if *first == byte => (true, rest),
        _ => (false, line),
    }
}

/// Without the blanks at the end. Tabs stay, and so does a blank behind a
/// backslash.
fn without_blanks(line: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut bytes = line.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b' ' => {}
            b'\\' => match bytes.next() {
                Some((escaped, _)) => end = escaped + 1,
                None => return line,
            },
            _ => end = at + 1,
        }
    }
    line.get(..end).unwrap_or_default()
}

/// Reads a pattern over a name or over a path.
fn steps(pattern: &[u8], by_name: bool) -> Vec<Step> {
    // Git compares what comes before the first special character by itself and
    // begins to read behind it, so that a `**` there is at a start.
    let start = pattern.iter().position(|it| b"*?[\\".contains(it)).unwrap_or(pattern.len());
    let mut steps = Vec::new();
    let mut rest = pattern;
    while let Some((first, after)) = rest.split_first() {
        let at = pattern.len() - rest.len();
        rest = after;
        match first {
            b'?' => steps.push(Step::Any),
            b'*' => {
                let stars = 1 + after.iter().take_while(|it| **it == b'*').count();
                rest = after.get(stars - 1..).unwrap_or_default();
                let before = at.checked_sub(1).and_then(|it| pattern.get(it));
                let is_start = at == start || before == Some(&b'/');
                rest = star(&mut steps, rest, stars > 1 && is_start && !by_name);
            }
            b'[' => match class(after) {
                Some((class, after)) => {
                    steps.push(class);
                    rest = after;
                }
                None => return vec![Step::Never],
            },
            b'\\' => match after.split_first() {
                Some((escaped, after)) => {
                    steps.push(Step::Byte(*escaped));
                    rest = after;
                }
                None => return vec![Step::Never],
            },
            byte => steps.push(Step::Byte(*byte)),
        }
    }
    steps
}

/// Adds the step for one or more stars, and for the slash of a `**/`. Returns
/// what is left to read.
fn star<'a>(steps: &mut Vec<Step>, rest: &'a [u8], may_be_deep: bool) -> &'a [u8] {
    match rest {
        [b'/', after @ ..] if may_be_deep => {
            steps.extend([Step::Optional, Step::StarStar, Step::Byte(b'/')]);
            after
        }
        [] | [b'\\', b'/', ..] if may_be_deep => {
            steps.push(Step::StarStar);
            rest
        }
        _ => {
            steps.push(Step::Star);
            rest
        }
    }
}

/// Reads a class behind its `[`, and gives what comes after its `]`.
fn class(mut rest: &[u8]) -> Option<(Step, &[u8])> {
    let is_negated = matches!(rest.first(), Some(b'!' | b'^'));
    if is_negated {
        rest = rest.get(1..)?;
    }
    let mut ranges = Vec::new();
    // The byte that a `-` would make a range of.
    let mut from = None;
    let mut is_first = true;
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b']' if !is_first => return Some((Step::Class { ranges, is_negated }, rest)),
            b'\\' => {
                let (escaped, after) = rest.split_first()?;
                rest = after;
                ranges.push(*escaped..=*escaped);
                from = Some(*escaped);
            }
            b'-' if from.is_some() && rest.first().is_some_and(|it| *it != b']') => {
                let (to, after) = range_end(rest)?;
                rest = after;
                ranges.extend(from.take().map(|it| it..=to));
            }
            b'[' if rest.first() == Some(&b':') => {
                let end = rest.iter().position(|it| *it == b']')?;
                match rest.get(1..end)?.strip_suffix(b":") {
                    Some(name) => {
                        ranges.extend(named(name)?.iter().cloned());
                        rest = rest.get(end + 1..)?;
                        from = None;
                    }
                    // No name, so its bytes stand for themselves.
                    None => {
                        ranges.push(b'['..=b'[');
                        from = Some(b'[');
                    }
                }
            }
            byte => {
                ranges.push(*byte..=*byte);
                from = Some(*byte);
            }
        }
        is_first = false;
    }
}

fn range_end(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (to, after) = rest.split_first()?;
    let (to, after) = if *to == b'\\' { after.split_first()? } else { (to, after) };
    Some((*to, after))
}

/// The bytes of a named class as git knows them; `None` for one that it does
/// not.
fn named(name: &[u8]) -> Option<&'static [RangeInclusive<u8>]> {
    Some(match name {
        b"alnum" => &[b'0'..=b'9', b'A'..=b'Z', b'a'..=b'z'],
        b"alpha" => &[b'A'..=b'Z', b'a'..=b'z'],
        b"blank" => &[b' '..=b' ', b'\t'..=b'\t'],
        b"cntrl" => &[0..=0x1f, 0x7f..=0x7f],
        b"digit" => &[b'0'..=b'9'],
        b"graph" => &[0x21..=0x7e],
        b"lower" => &[b'a'..=b'z'],
        b"print" => &[0x20..=0x7e],
        b"punct" => &[0x21..=0x2f, 0x3a..=0x40, 0x5b..=0x60, 0x7b..=0x7e],
        b"space" => &[b'\t'..=b'\n', b'\r'..=b'\r', b' '..=b' '],
        b"upper" => &[b'A'..=b'Z'],
        b"xdigit" => &[b'0'..=b'9', b'A'..=b'F', b'a'..=b'f'],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, path: &str, expect: bool) {
        let pattern = Pattern::parse(line.as_bytes());
        let matches = pattern.is_some_and(|it| it.matches(path.as_bytes(), false));
        assert_eq!(matches, expect, "{line:?} and {path:?}");
    }

    #[test]
    fn stars_stay_in_a_name_and_two_go_on() {
        for (line, path, expect) in [
            ("*.log", "a/b.log", true),
            ("a/*.log", "a/b/c.log", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("/c", "a/c", false),
            // Behind a literal start git takes it for one at the start.
            ("ab**/c", "ab/x/c", true),
            ("a?b**/c", "axb/x/c", false),
        ] {
            check(line, path, expect);
        }
    }

    #[test]
    fn only_what_git_knows_is_special() {
        for (line, path, expect) in [
            ("{a,b}", "a", false),
            ("{a,b}", "{a,b}", true),
            ("a  ", "a", true),
            ("a\\ ", "a ", true),
            ("a\t", "a", false),
            ("a\t", "a\t", true),
            ("\t", "\t", true),
            ("\\#a", "#a", true),
            ("#a", "#a", false),
            ("\\!a", "!a", true),
            ("a\\", "a\\", false),
            ("[a-c]", "b", true),
            ("[^a-c]", "b", false),
            ("[]a]", "]", true),
            ("[[:digit:]x]", "7", true),
            ("[[:x]a]", "[a]", true),
            ("[[:x]", "x", true),
            ("[[:bad:]]", "b", false),
            ("[a", "[a", false),
            ("?", "\u{e9}", false),
            ("??", "\u{e9}", true),
        ] {
            check(line, path, expect);
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_longer() {
        let line = "*a".repeat(2000);
        let pattern = Pattern::parse(format!("/{line}b").as_bytes()).unwrap();
        assert!(!pattern.matches("a".repeat(4000).as_bytes(), false));
        assert!(pattern.matches(format!("{}b", "a".repeat(4000)).as_bytes(), false));
    }
}
