//! Which characters a person sees, by their Unicode properties.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// Marks and letters that show nothing and are no format characters by
/// category: combining joiner, Hangul fillers, inherent Khmer vowels, and
/// variation selectors, of which a run can carry any hidden text.
const INVISIBLE: [(char, char); 9] = [
    ('\u{034f}', '\u{034f}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180d}'),
    ('\u{180f}', '\u{180f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{e0100}', '\u{e01ef}'),
];

/// A pattern of no dots: a symbol that is drawn as a space.
const BRAILLE_BLANK: char = '\u{2800}';

/// Whether it shows nothing although its category is one of those that do.
/// Together with the category `Other` these are the default-ignorable ones.
pub(crate) fn is_hidden(it: char) -> bool {
    INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&it))
}

/// Whether a person sees it: no white space, no control or format character,
/// none that is nobody's or of private use, and none that is drawn as nothing.
pub(crate) fn is_visible(it: char) -> bool {
    let group = it.general_category_group();
    !it.is_whitespace()
        && !matches!(group, GeneralCategoryGroup::Other | GeneralCategoryGroup::Separator)
        && !is_hidden(it)
        && it != BRAILLE_BLANK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_seen_and_nothing_else() {
        for it in "aÄ7-_:.@é日한🦀€\u{301}⠁".chars() {
            assert!(is_visible(it), "{it:?}");
        }
        let blank = " \n\t\u{a0}\u{3000}\u{2028}\0\u{7f}\u{85}\u{ad}\u{34f}\u{61c}\u{115f}\u{17b4}\
                     \u{180e}\u{200b}\u{200d}\u{202e}\u{2060}\u{2065}\u{2800}\u{3164}\u{e000}\
                     \u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{ffff}\u{1d173}\u{e0041}\u{e0100}";
        for it in blank.chars() {
            assert!(!is_visible(it), "{it:?}");
        }
    }
}
