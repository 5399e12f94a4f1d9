//! The anchors that GitHub gives to headings.

use std::collections::BTreeMap;

/// Makes the anchors of one file, in the order of its headings.
#[derive(Default)]
pub(crate) struct Slugs {
    seen: BTreeMap<String, u32>,
}

impl Slugs {
    /// The anchor of the next heading. A text that was there before gets a
    /// number.
    pub(crate) fn next(&mut self, heading: &str) -> String {
        let slug = slug(heading);
        let seen = self.seen.entry(slug.clone()).or_default();
        let anchor = if *seen == 0 { slug } else { format!("{slug}-{seen}") };
        *seen += 1;
        anchor
    }
}

fn slug(heading: &str) -> String {
    heading.to_lowercase().chars().filter_map(keep).collect()
}

/// Letters, digits, `_` and `-` stay, a space becomes `-`, the rest is dropped.
fn keep(c: char) -> Option<char> {
    match c {
        ' ' => Some('-'),
        '-' | '_' | '\u{300}'..='\u{36f}' => Some(c),
        // `²`, `½` and `①` are numeric in Unicode, but not digits.
        '²' | '³' | '¹' | '¼'..='¾' | '⁰'..='₉' | '①'..='⒛' => None,
        c => c.is_alphanumeric().then_some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headings: &[&str], expect: &[&str]) {
        let mut slugs = Slugs::default();
        let found: Vec<_> = headings.iter().map(|heading| slugs.next(heading)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn punctuation_is_dropped_and_spaces_become_hyphens() {
        check(&["Getting Started"], &["getting-started"]);
        check(&["What's new in 2.0?"], &["whats-new-in-20"]);
        check(&["a & b"], &["a--b"]);
        check(&["snake_case - and-kebab"], &["snake_case---and-kebab"]);
        check(&["🚀 Launch"], &["-launch"]);
        check(&[":rocket: Launch"], &["rocket-launch"]);
        check(&["Größe x²"], &["größe-x"]);
        check(&["使い方"], &["使い方"]);
    }

    #[test]
    fn the_same_text_again_gets_a_number() {
        check(&["A", "a", "B", "A!"], &["a", "a-1", "b", "a-2"]);
    }
}
