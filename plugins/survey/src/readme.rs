//! The headline and the first sentence of a README. A few rules for the forms
//! that are usual; not a parser.

/// Lines of a README that are read: the sentence comes early or not at all.
pub(crate) const LINES: u32 = 120;

/// A first sentence of more characters is cut.
const LONGEST: usize = 300;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Introduction {
    pub(crate) headline: Option<String>,
    pub(crate) sentence: Option<String>,
}

pub(crate) fn introduction(text: &str) -> Introduction {
    let blocks = blocks(text);
    let headline = blocks.iter().find_map(|block| headline(block));
    let prose = blocks.iter().find(|block| is_prose(block));
    Introduction { headline, sentence: prose.map(|block| first_sentence(block)) }
}

/// The runs of lines between blank lines, without fenced code.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    let mut blocks = vec![Vec::new()];
    let mut fenced = false;
    for line in text.lines().map(str::trim) {
        let fence = line.starts_with("```") || line.starts_with("~~~");
        fenced ^= fence;
        if line.is_empty() || fence || fenced {
            blocks.push(Vec::new());
        } else if line.starts_with('#') {
            // A heading needs no blank line around it.
            blocks.extend([vec![line], Vec::new()]);
        } else if let Some(block) = blocks.last_mut() {
            block.push(line);
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

fn headline(block: &[&str]) -> Option<String> {
    let first = block.first()?;
    let text = if let Some(text) = first.strip_prefix("# ") {
        text.trim_end_matches('#').to_owned()
    } else if first.contains("<h1") {
        without_tags(first)
    } else if block.get(1).is_some_and(|line| is_underline(line)) {
        (*first).to_owned()
    } else {
        return None;
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn is_underline(line: &str) -> bool {
    line.len() > 2 && (line.chars().all(|c| c == '=') || line.chars().all(|c| c == '-'))
}

/// Not a heading, badge, picture, list, table, rule, quote or piece of HTML.
fn is_prose(block: &[&str]) -> bool {
    let starts = ["#", "[!", "![", "- ", "* ", "+ ", "|", "---", "===", ">", "<", "..", ":"];
    let first = block.first().copied().unwrap_or_default();
    let markup = starts.iter().any(|start| first.starts_with(start));
    !markup && headline(block).is_none()
}

fn first_sentence(block: &[&str]) -> String {
    let text = block.join(" ");
    // The next word starts with a capital: `e.g. this` does not end one.
    let ends = text.match_indices(". ").map(|(at, _)| at);
    let mut ends = ends.filter(|at| {
        let next = text.get(at + 2..).and_then(|rest| rest.chars().next());
        next.is_some_and(|c| !c.is_lowercase())
    });
    let sentence = ends.next().and_then(|at| text.get(..=at)).unwrap_or(&text);
    if sentence.chars().count() <= LONGEST {
        return sentence.to_owned();
    }
    sentence.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn without_tags(line: &str) -> String {
    let mut inside = false;
    let keep = |c: &char| {
        inside = (inside || *c == '<') && *c != '>';
        !inside && *c != '>'
    };
    line.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, headline: &str, sentence: &str) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let expect = Introduction { headline: some(headline), sentence: some(sentence) };
        assert_eq!(introduction(text), expect, "{text}");
    }

    #[test]
    fn the_usual_forms_are_understood() {
        check("# Name\n\nIt does\nthis. And that.", "Name", "It does this.");
        check("# Name #\nIt does, e.g. this. More.", "Name", "It does, e.g. this.");
        check("Name\n====\n\nText", "Name", "Text");
        check("<h1 align=\"center\">Name</h1>\n\nText.", "Name", "Text.");
    }

    #[test]
    fn badges_pictures_lists_and_code_are_passed_over() {
        check("[![CI](a)](b)\n\n# Name\n![x](y)\n\n- a\n\n```\ncode\n```\nText.", "Name", "Text.");
        check("```\n# no headline\n```", "", "");
    }

    #[test]
    fn one_or_both_may_be_missing() {
        check("", "", "");
        check("Just text", "", "Just text");
        check("# Name\n\n## Install\n\n- x", "Name", "");
    }

    #[test]
    fn a_long_sentence_is_cut() {
        let sentence = introduction(&"é".repeat(400)).sentence.unwrap();
        assert_eq!(sentence.chars().count(), LONGEST);
    }
}
