//! Long texts, shortened with a mark that says by how much.

/// The first and the last part of `text`, three to one, in at most `max`
/// bytes and the mark.
pub(crate) fn middle(text: String, max: usize) -> String {
    if text.len() <= max {
        return text;
    }
    let head = text.floor_char_boundary(max / 4 * 3);
    let tail = text.ceil_char_boundary(text.len() - max / 4);
    let (Some(first), Some(last)) = (text.get(..head), text.get(tail..)) else {
        return text;
    };
    format!("{first}\n[… {} bytes left out …]\n{last}", tail - head)
}

/// The beginning of `text` on one line, in at most `max` characters and the
/// mark.
pub(crate) fn line(text: &str, max: usize) -> String {
    let mut line = String::new();
    for (at, word) in text.split_whitespace().enumerate() {
        if at > 0 {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > max * 4 {
            break;
        }
    }
    match line.char_indices().nth(max) {
        Some((end, _)) => {
            line.truncate(end);
            line + "…"
        }
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, max: usize, expect: &str) {
        assert_eq!(middle(text.to_owned(), max), expect);
    }

    #[test]
    fn the_middle_of_a_long_text_is_left_out() {
        check("abcdefgh", 8, "abcdefgh");
        check("abcdefghi", 8, "abcdef\n[… 1 bytes left out …]\nhi");
        check("ééééé", 8, "ééé\n[… 2 bytes left out …]\né");
        check("abc", 0, "\n[… 3 bytes left out …]\n");
    }

    #[test]
    fn a_line_is_the_beginning_without_line_ends() {
        assert_eq!(line(" a\n\n b\t", 3), "a b");
        assert_eq!(line("a bc", 3), "a b…");
        assert_eq!(line(&"é".repeat(9), 2), "éé…");
        assert_eq!(line("", 3), "");
    }
}
