//! What a misspelt word is perhaps meant to be.

/// The candidate that `word` is a slip of: at most a third of it differs. Of
/// equals the first.
pub(crate) fn closest<'a, T>(
    word: &str,
    candidates: &'a [T],
    text: impl Fn(&T) -> &str,
) -> Option<&'a T> {
    let distance = |it: &T| strsim::damerau_levenshtein(word, text(it));
    let closest = candidates.iter().min_by_key(|it| distance(it))?;
    (distance(closest) <= word.chars().count().div_ceil(3)).then_some(closest)
}
