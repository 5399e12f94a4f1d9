//! Attributes in the raw HTML of a Markdown file. READMEs hold pieces of it,
//! often without an end tag, so this looks at tags one by one.

/// `name="value"` within a tag.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    /// Bytes of the HTML in front of the value.
    pub(crate) offset: usize,
}

/// Every attribute that has a value, comments left out.
pub(crate) fn attributes(html: &str) -> Vec<Attribute<'_>> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        rest = match tag.strip_prefix("!--") {
            Some(comment) => comment.split_once("-->").map_or("", |(_, rest)| rest),
            None => tag_attributes(html, tag, &mut found),
        };
    }
    found
}

/// Takes the attributes of the tag that `rest` starts with, and returns what
/// comes after it.
fn tag_attributes<'a>(html: &'a str, mut rest: &'a str, found: &mut Vec<Attribute<'a>>) -> &'a str {
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let (name, after) = split(rest, |c| c.is_whitespace() || "=/>".contains(c));
        if name.is_empty() {
            // The end of the tag or of the text; a stray `=` is stepped over.
            return rest.strip_prefix(['>', '=']).unwrap_or(rest);
        }
        rest = after;
        if let Some(assigned) = after.trim_start().strip_prefix('=') {
            let (value, after) = value(assigned.trim_start());
            let offset = html.len() - assigned.trim_start().len();
            found.push(Attribute { name, value, offset });
            rest = after;
        }
    }
}

fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    split(text, |c| c.is_whitespace() || c == '>')
}

/// Splits before the first character that ends the word.
fn split(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at_checked(text.find(ends).unwrap_or(text.len())).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, expect: &[(&str, &str)]) {
        let found: Vec<_> = attributes(html).iter().map(|a| (a.name, a.value)).collect();
        assert_eq!(found, expect, "{html}");
    }

    #[test]
    fn attributes_may_be_quoted_or_bare() {
        check("<a name=\"x\"></a>", &[("name", "x")]);
        check("<a href='a b' id = c>t</a>", &[("href", "a b"), ("id", "c")]);
        check("<img src=a.png />", &[("src", "a.png")]);
        check(
            "<p\n  align=center\n><img alt=\">\" src=\"b\">",
            &[("align", "center"), ("alt", ">"), ("src", "b")],
        );
    }

    #[test]
    fn text_and_comments_have_none() {
        check("a = b <b>c = d</b> <br/>", &[]);
        check("<!-- <a href=x> --><a href=y>", &[("href", "y")]);
        check("<!-- <a href=x>", &[]);
    }

    #[test]
    fn broken_html_is_survived() {
        check("<a href=\"x", &[("href", "x")]);
        check("< =>= <", &[]);
        check("<a href=", &[("href", "")]);
    }

    #[test]
    fn offsets_point_at_the_value() {
        let html = "<p>\n<a href=\"x\">";
        assert_eq!(attributes(html)[0].offset, html.find("\"x").unwrap());
    }
}
