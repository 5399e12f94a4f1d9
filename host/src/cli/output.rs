//! The two ways out: results go to standard output, everything else to
//! standard error. A reader that goes away, as `head` does, is no failure.

use std::io::{self, ErrorKind, Write as _};

use console::Term;
use serde::Serialize;

use super::error::CliError;
use crate::completion::sanitize::clean;

/// Writes a result and the end of its last line.
pub(super) fn result(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    written(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
}

/// Writes a result as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(CliError::host)?;
    result(&escape(&text))
}

/// A number, and the ending of the word behind it.
pub(super) fn plural(count: usize) -> (usize, &'static str) {
    (count, if count == 1 { "" } else { "s" })
}

/// Columns of lines that no terminal shows.
const USUAL_WIDTH: usize = 120;

/// Columns of standard error.
pub(super) fn width() -> usize {
    columns(&Term::stderr())
}

/// Columns of standard output.
pub(super) fn width_of_result() -> usize {
    columns(&Term::stdout())
}

fn columns(terminal: &Term) -> usize {
    terminal.size_checked().map_or(USUAL_WIDTH, |it| usize::from(it.1))
}

/// Writes a line for the person.
pub(super) fn say(line: &str) {
    // Nobody is left to tell when standard error is closed.
    // In one piece: what another process writes does not come between.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// What came of writing to standard output.
pub(super) fn written(outcome: io::Result<()>) -> Result<(), CliError> {
    match outcome {
        Err(err) if err.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::host(err).context("standard output can't be written"))
        }
        _ => Ok(()),
    }
}

/// JSON in which every character that a terminal would obey or hide is an
/// escape. They stand within strings only, line ends apart.
fn escape(json: &str) -> String {
    let mut res = String::with_capacity(json.len());
    let mut utf8 = [0; 4];
    for c in json.chars() {
        let text = c.encode_utf8(&mut utf8);
        if clean(text) == *text {
            res.push(c);
        } else {
            let units = text.encode_utf16();
            res.extend(units.map(|it| format!("\\u{it:04x}")));
        }
    }
    res
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_means_the_same_and_drives_no_terminal() {
        let text = "é ✓\n\t\r\u{7f}\u{9b}31m\u{85}\u{202e}\u{2028}\u{e0001}\u{1b}[2J";
        let json = serde_json::to_string_pretty(&[text]).unwrap();
        let escaped = escape(&json);
        assert_eq!(
            escaped,
            "[\n  \"é ✓\\n\\t\\r\\u007f\\u009b31m\\u0085\\u202e\\u2028\\udb40\\udc01\\u001b[2J\"\n]"
        );
        assert_eq!(serde_json::from_str::<[String; 1]>(&escaped).unwrap(), [text]);
    }
}
