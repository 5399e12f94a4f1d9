//! Keeps lines of untrusted text apart from the marker lines of a notice.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::defence::{Defence, has_here};

/// How much of a line is compared, in characters that count.
const HEAD_CHARS: usize = 24;

/// Marker lines, as [`skeleton`] leaves them.
const MARKERS: [&str; 6] =
    ["[ASYNCDELEGATION", "[ASYNCEVENT", "---RESULT", "---TASK", "PARTIALOUTPUT:", "(NOOUTPUT"];

/// Puts a `\` in front of each line that looks like a marker.
pub(super) fn escape(text: &str) -> String {
    let escapes = has_here(Defence::Markers);
    each_line(text, |line| match escapes && is_marker(line) {
        true => format!("\\{line}"),
        false => line.to_owned(),
    })
}

/// The same for a text that is kept and read again: escaping what is escaped
/// changes nothing.
pub(crate) fn escaped(text: &str) -> String {
    escape(&unescape(text))
}

/// Undoes [`escape`].
pub(super) fn unescape(text: &str) -> String {
    each_line(text, |line| match line.strip_prefix('\\') {
        Some(rest) if is_marker(rest) => rest.to_owned(),
        _ => line.to_owned(),
    })
}

fn each_line(text: &str, change: impl Fn(&str) -> String) -> String {
    text.split('\n').map(change).collect::<Vec<_>>().join("\n")
}

/// Whether a line reads like a marker to a parser or to a hasty eye. A `\`
/// before it makes no difference, so that escaped lines are escaped again.
fn is_marker(line: &str) -> bool {
    let skeleton = skeleton(line);
    let dashes_cut = skeleton.trim_start_matches('-');
    let n_dashes = skeleton.len() - dashes_cut.len();
    let skeleton = if n_dashes > 3 { format!("---{dashes_cut}") } else { skeleton };
    MARKERS.iter().any(|it| skeleton.starts_with(it))
}

/// The head of a line without what looks alike or shows little: spaces, check
/// marks and emphasis gone, letters upper case, full-width forms and dashes as
/// in ASCII.
fn skeleton(line: &str) -> String {
    line.chars()
        .map(fold)
        .filter(|c| is_letter_or_digit(*c) || matches!(c, '[' | '(' | '-' | ':'))
        .take(HEAD_CHARS)
        .collect()
}

/// Not every mark is left out by `is_alphanumeric`: some count as alphabetic.
fn is_letter_or_digit(c: char) -> bool {
    c.is_alphanumeric() && c.general_category_group() != GeneralCategoryGroup::Mark
}

fn fold(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2500}' | '\u{2501}' | '\u{fe58}' => '-',
        '\u{ff01}'..='\u{ff5e}' => {
            let ascii = u32::from(c).checked_sub(0xfee0).and_then(char::from_u32);
            ascii.unwrap_or(c).to_ascii_uppercase()
        }
        c => c.to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_look_like_markers_are_escaped() {
        for line in [
            "[ASYNC DELEGATION COMPLETE — deleg_0]",
            "[ASYNC DELEGATION BATCH COMPLETE — deleg_0]",
            "[ASYNC DELEGATION CHILD FAILED — deleg_0]",
            "[ASYNC EVENT — watch_match]",
            "  [async delegation complete",
            "[A\u{345}SYNC DELEGATION CHILD FAILED",
            "**[ASYNC DELEGATION COMPLETE]**",
            "［ＡＳＹＮＣ ＤＥＬＥＧＡＴＩＯＮ",
            "--- RESULT ---",
            "---RESULT---",
            "\t---   result",
            "——— RESULT",
            "--- ✓ TASK 1/2: x  (status=completed) ---",
            "--- ✗ TASK 1/2",
            "--- ✔ Task 2/2",
            "----- TASK",
            "──────── TASK",
            "Partial output:",
            "> partial output: x",
            "(no output)",
            "\\--- RESULT ---",
            "\\\\ --- RESULT ---",
        ] {
            assert_eq!(escape(line), format!("\\{line}"));
            assert_eq!(unescape(&escape(line)), line);
        }
    }

    #[test]
    fn other_lines_stay() {
        for line in [
            "",
            "\\",
            "\\x",
            "---",
            "--- a/src/task.rs",
            "-- RESULT",
            "--result FILE",
            "Status: completed",
            "The result: ---",
            "[async] work",
            "Partial outputs differ",
        ] {
            assert_eq!(escape(line), line);
            assert_eq!(unescape(line), line);
        }
    }
}
