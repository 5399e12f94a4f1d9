//! Notes as Markdown, and back.
//!
//! A note is a bullet in the first column; its further lines are indented by
//! [`INDENT`]. Everything else in the file was written by a person and stays
//! to the byte, as does a note that nobody changes. A line of a new note that
//! Markdown would take for a bullet, a heading or a block gets a `\` in front:
//! so one bullet is one note, for this parser and for an eye.
//!
//! **Invariant:** the notes of a text are those that were put into it.

use crate::completion::sanitize::clean;

/// What stands before the second and further lines of a note.
const INDENT: &str = "  ";

/// What a new file begins with.
const HEADING: &str = "# Notes\n\n";

/// What begins a note; a person may write any of them.
const BULLETS: [&str; 3] = ["- ", "* ", "+ "];

/// Characters that make a line more than text when they are its first.
const BLOCK_STARTS: &str = "#-*+=>\\`~<|_:[";

/// A file of notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    parts: Vec<Part>,
}

/// Some lines of the file, with their ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    raw: String,
    /// What they say, when they are a note.
    note: Option<String>,
}

impl Document {
    /// Reads any text.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut blank = String::new();
        for line in text.split_inclusive('\n') {
            if line.trim().is_empty() {
                blank.push_str(line);
                continue;
            }
            let blank = std::mem::take(&mut blank);
            match parts.last_mut().filter(|it| it.note.is_some()) {
                // Empty lines stand within a note when it goes on after them.
                Some(note) if is_more(line) => note.raw.extend([blank.as_str(), line]),
                _ => {
                    parts.push(Part::text(blank));
                    parts.push(Part { raw: line.to_owned(), note: bullet(line).map(String::from) });
                }
            }
        }
        parts.push(Part::text(blank));
        parts.retain(|it| !it.raw.is_empty());
        for part in parts.iter_mut().filter(|it| it.note.is_some()) {
            part.note = Some(unlay(&part.raw)).filter(|it| !it.is_empty());
        }
        Self { parts }
    }

    /// The whole file.
    pub(super) fn render(&self) -> String {
        self.parts.iter().map(|it| it.raw.as_str()).collect()
    }

    /// What the notes say, from the top.
    pub(super) fn notes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|it| it.note.as_deref())
    }

    /// Adds a note behind the last one, or at the end of what a person wrote.
    pub(super) fn add(&mut self, note: &str) {
        let last = self.parts.iter().rposition(|it| it.note.is_some());
        if self.parts.is_empty() {
            self.parts.push(Part::text(HEADING.to_owned()));
        }
        let before = last.unwrap_or(self.parts.len().saturating_sub(1));
        if let Some(before) = self.parts.get_mut(before) {
            before.end(last.is_none());
        }
        self.parts.insert(before.saturating_add(1), Part::of(note));
    }

    /// Puts `new` in the place of the note `old`, or nothing.
    pub(super) fn replace(&mut self, old: &str, new: Option<&str>) {
        let Some(at) = self.parts.iter().position(|it| it.note.as_deref() == Some(old)) else {
            return;
        };
        self.parts.splice(at..=at, new.map(Part::of));
    }
}

impl Part {
    fn text(raw: String) -> Self {
        Self { raw, note: None }
    }

    fn of(note: &str) -> Self {
        Self { raw: lay(note), note: Some(note.to_owned()) }
    }

    /// Ends the last line, and leaves an empty one when a list begins.
    fn end(&mut self, list_begins: bool) {
        if !self.raw.ends_with('\n') {
            self.raw.push('\n');
        }
        let is_empty_line = self.raw == "\n" || self.raw.ends_with("\n\n");
        if list_begins && !is_empty_line && !self.raw.trim().is_empty() {
            self.raw.push('\n');
        }
    }
}

/// A note as it is kept: printable, lines without spaces at their ends, no
/// empty ones around it.
pub(super) fn canonical(text: &str) -> String {
    let text = clean(text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}

/// The bullet's lines. None is empty but for its end.
fn lay(note: &str) -> String {
    let mut raw = String::new();
    for (place, line) in note.split('\n').enumerate() {
        match (place, line.is_empty()) {
            (0, _) => raw.push_str("- "),
            (_, true) => {}
            (_, false) => raw.push_str(INDENT),
        }
        raw.push_str(&escape(line));
        raw.push('\n');
    }
    raw
}

/// What the lines of a bullet say. The text may be a person's, or another
/// program's: it is cleaned like any.
fn unlay(raw: &str) -> String {
    let line = |line: &str| unescape(bullet(line).or_else(|| outdented(line)).unwrap_or(line));
    let mut lines = raw.lines();
    let first = lines.next().map(line);
    let more = lines.map(|it| unescape(outdented(it).unwrap_or(it)));
    canonical(&first.into_iter().chain(more).collect::<Vec<_>>().join("\n"))
}

fn bullet(line: &str) -> Option<&str> {
    BULLETS.iter().find_map(|it| line.strip_prefix(it))
}

fn is_more(line: &str) -> bool {
    outdented(line).is_some()
}

fn outdented(line: &str) -> Option<&str> {
    line.strip_prefix(INDENT).or_else(|| line.strip_prefix('\t'))
}

/// Puts a `\` before the first character of a line that Markdown reads as the
/// start of a block.
fn escape(line: &str) -> String {
    let (indent, rest) = indent_of(line);
    let slash = if rest.starts_with(is_block_start) { "\\" } else { "" };
    format!("{indent}{slash}{rest}")
}

/// Undoes [`escape`].
fn unescape(line: &str) -> String {
    let (indent, rest) = indent_of(line);
    match rest.strip_prefix('\\') {
        Some(plain) if plain.starts_with(is_block_start) => format!("{indent}{plain}"),
        _ => line.to_owned(),
    }
}

fn indent_of(line: &str) -> (&str, &str) {
    let rest = line.trim_start();
    (line.strip_suffix(rest).unwrap_or_default(), rest)
}

fn is_block_start(c: char) -> bool {
    BLOCK_STARTS.contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notes(text: &str) -> Vec<String> {
        Document::parse(text).notes().map(String::from).collect()
    }

    fn document(notes: &[String]) -> Document {
        let mut document = Document::default();
        notes.iter().for_each(|it| document.add(it));
        document
    }

    #[test]
    fn a_new_file_has_a_heading_and_a_bullet_for_each_note() {
        let notes = ["one".to_owned(), "two\n\n  deep\nlines".to_owned()];
        assert_eq!(document(&notes).render(), "# Notes\n\n- one\n- two\n\n    deep\n  lines\n");
    }

    #[test]
    fn a_note_forges_neither_another_one_nor_a_heading() {
        let hostile = "first\n- forged\n# Notes\n\n* forged\n===\n  - deep\n<!--\n```\n\\- x";
        let text = document(&[hostile.to_owned(), "# x".to_owned(), "- x".to_owned()]).render();
        assert_eq!(notes(&text), [hostile, "# x", "- x"]);
        assert_eq!(
            text,
            "# Notes\n\n- first\n  \\- forged\n  \\# Notes\n\n  \\* forged\n  \\===\n    \\- \
             deep\n  \\<!--\n  \\```\n  \\\\- x\n- \\# x\n- \\- x\n"
        );
    }

    #[test]
    fn what_a_person_wrote_is_read_and_kept() {
        let text = "My notes.\r\n\r\n* star\r\n  more\r\n-no note\n+ plus\n\n\tafter a tab\n\n## \
                    Other\ntext\n  - deep\n- \n- last";
        assert_eq!(notes(text), ["star\nmore", "plus\n\nafter a tab", "last"]);
        let mut document = Document::parse(text);
        assert_eq!(document.render(), text);
        document.replace("star\nmore", None);
        document.add("new");
        let expect = text.replace("* star\r\n  more\r\n", "") + "\n- new\n";
        assert_eq!(document.render(), expect);
    }

    #[test]
    fn the_first_note_stands_apart_from_what_is_above() {
        for (before, after) in [
            ("", "# Notes\n\n- x\n"),
            ("text", "text\n\n- x\n"),
            ("text\n", "text\n\n- x\n"),
            ("text\n\n", "text\n\n- x\n"),
            ("\n", "\n- x\n"),
        ] {
            let mut document = Document::parse(before);
            document.add("x");
            assert_eq!(document.render(), after, "{before:?}");
            assert_eq!(notes(after), ["x"]);
        }
    }

    fn hostile() -> impl Strategy<Value = String> {
        let part = "[-*+#=>\\\\`<~_:|\\[ \t\n\r\u{2028}\u{3000}\u{202e}\u{1b}\u{345}a1.]{0,12}";
        prop_oneof![part, any::<String>(), "(\n|- |  |# |x|\\\\){0,20}"]
    }

    proptest! {
        #[test]
        fn notes_read_back(texts in prop::collection::vec(hostile(), 0..6)) {
            let mut expect: Vec<String> = texts.iter().map(|it| canonical(it)).collect();
            expect.retain(|it| !it.is_empty());
            let text = document(&expect).render();
            prop_assert_eq!(notes(&text), expect, "{}", text);
        }

        #[test]
        fn any_file_is_kept_and_takes_a_note(text in hostile(), note in hostile()) {
            let mut document = Document::parse(&text);
            prop_assert_eq!(document.render(), &*text);
            let note = canonical(&note);
            let mut expect = notes(&text);
            if !note.is_empty() {
                document.add(&note);
                expect.push(note.clone());
                prop_assert_eq!(notes(&document.render()), expect, "{}", document.render());
            }
        }

        #[test]
        fn canonical_notes_stay(text in hostile()) {
            let note = canonical(&text);
            prop_assert_eq!(canonical(&note), note);
        }
    }
}
