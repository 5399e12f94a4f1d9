//! The name of a tool as a model writes it.
//!
//! Models put the namespace before it that they were trained with, write it in
//! another case, or leave a token after it. Whoever wrote it meant a tool that
//! there is, when there is one alone that it can be.

/// The granted name that is meant. Nothing when it could be two, or none.
pub(crate) fn meant<'a>(
    written: &str,
    granted: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let bare = bare(written);
    let last = bare.rsplit(['.', ':', '/']).next().unwrap_or(bare);
    let last = last.rsplit("__").next().unwrap_or(last);
    let exactly = |name: &str| granted.clone().find(|it| *it == name);
    let about = |name: &str| {
        let mut like = granted.clone().filter(|it| letters(it) == letters(name));
        like.next().filter(|_| like.next().is_none() && !letters(name).is_empty())
    };
    exactly(written)
        .or_else(|| exactly(bare))
        .or_else(|| exactly(last))
        .or_else(|| about(bare).or_else(|| about(last)))
}

/// Without what stands around it: blanks, quotes, tokens, the number of the
/// call, parentheses.
fn bare(written: &str) -> &str {
    let name = written.split("<|").find(|it| !it.trim().is_empty()).unwrap_or_default();
    let name = name.trim().trim_matches(['"', '\'', '`']);
    let name = name.strip_suffix("()").unwrap_or(name);
    match name.rsplit_once(':') {
        Some((before, number)) if number.bytes().all(|it| it.is_ascii_digit()) => before,
        _ => name,
    }
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expect: Option<&str>) {
        let granted = ["read_file", "now", "web_fetch", "webfetch"];
        assert_eq!(meant(written, granted.into_iter()), expect, "{written}");
    }

    #[test]
    fn a_name_with_one_meaning_is_taken() {
        for written in [
            "read_file",
            " read_file\n",
            "functions.read_file",
            "default_api:read_file",
            "functions.read_file:0",
            "tools/read_file",
            "mcp__files__read_file",
            "read_file<|channel|>commentary",
            "read-file",
            "Read_File",
            "readFile",
            "`read_file`",
            "read_file()",
        ] {
            check(written, Some("read_file"));
        }
        check("web_fetch", Some("web_fetch"));
    }

    #[test]
    fn a_name_with_two_meanings_or_none_is_not() {
        for written in ["", " ", "write_file", "read_file_now", "WebFetch", "files", ".", ":", "<|"]
        {
            check(written, None);
        }
    }
}
