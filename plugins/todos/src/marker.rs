//! The markers, and which one a line carries.

/// Finds every line that counts: a marker in upper case, as a whole word.
pub(crate) const PATTERN: &str = r"\b(?:TODO|FIXME|HACK|XXX)\b";

/// The most urgent first: this is the order of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Marker {
    Fixme,
    Xxx,
    Hack,
    Todo,
    /// The host cuts the text of long lines, and the marker was behind the cut.
    Unseen,
}

impl Marker {
    /// The first marker of a line: it decides where the line is counted.
    pub(crate) fn first_in(line: &str) -> Marker {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.find_map(Marker::from_word).unwrap_or(Marker::Unseen)
    }

    fn from_word(word: &str) -> Option<Marker> {
        match word {
            "FIXME" => Some(Marker::Fixme),
            "XXX" => Some(Marker::Xxx),
            "HACK" => Some(Marker::Hack),
            "TODO" => Some(Marker::Todo),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Marker::Fixme => "FIXME",
            Marker::Xxx => "XXX",
            Marker::Hack => "HACK",
            Marker::Todo => "TODO",
            Marker::Unseen => "far into a long line",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: Marker) {
        assert_eq!(Marker::first_in(line), expect, "{line}");
    }

    #[test]
    fn a_marker_is_a_whole_word_in_upper_case() {
        check("// TODO: speed", Marker::Todo);
        check("# FIXME(anna) leaks", Marker::Fixme);
        check("(XXX)", Marker::Xxx);
        check("/*HACK*/", Marker::Hack);
        check("HACK", Marker::Hack);
        check("a todo, a Todo, TODOS, MY_TODO, XXXX, TODO2, ÄTODO", Marker::Unseen);
    }

    #[test]
    fn the_first_marker_decides() {
        check("XXX before TODO", Marker::Xxx);
        check("TODO before FIXME", Marker::Todo);
        check("TODOS before HACK", Marker::Hack);
    }
}
