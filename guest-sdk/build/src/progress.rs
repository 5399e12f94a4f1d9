//! What a build tells the person who waits for it.

use std::io::{self, BufRead, IsTerminal, Write};

/// Takes the lines of a build and answers its one question.
pub trait Progress {
    /// One line, without its end.
    fn say(&mut self, line: &str);

    /// Whether to do what `question` says. Asked only with
    /// [`Install::Ask`](crate::Install::Ask).
    fn confirm(&mut self, question: &str) -> bool;
}

/// Writes to standard error and asks on the terminal; without a terminal the
/// answer is yes.
#[derive(Debug, Default)]
pub struct Stderr;

impl Progress for Stderr {
    fn say(&mut self, line: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn confirm(&mut self, question: &str) -> bool {
        let stdin = io::stdin();
        if !stdin.is_terminal() || !io::stderr().is_terminal() {
            return true;
        }
        let _ = write!(io::stderr(), "{question} [Y/n] ");
        let mut answer = String::new();
        match stdin.lock().read_line(&mut answer) {
            // A closed terminal said nothing, which is not a yes.
            Ok(0) | Err(_) => false,
            Ok(_) => is_yes(&answer),
        }
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_answer_means_yes() {
        for (answer, expect) in
            [("\n", true), ("y\n", true), ("Yes\n", true), ("n\n", false), ("what\n", false)]
        {
            assert_eq!(is_yes(answer), expect, "{answer:?}");
        }
    }
}
