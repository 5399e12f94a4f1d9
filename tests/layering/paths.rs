//! Which paths a file names. Links in its documentation count as well: who
//! explains itself by another file knows of it.

/// A path that begins with `crate`, `self` or `super`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) root: Root,
    /// What follows, down to a module, an item or a part of one.
    pub(crate) names: Vec<String>,
}

/// What a path begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Crate,
    /// So many modules above the file's own.
    Above(usize),
}

/// Every path in a text, those of grouped imports one by one.
pub(crate) fn named(text: &str) -> Vec<Named> {
    // Between the names of a group a comment is none of them.
    let lines = text.lines().filter(|it| !it.trim_start().starts_with("// "));
    let text = lines.collect::<Vec<_>>().join("\n");
    let (mut tokens, mut res) = (Tokens(&text), Vec::new());
    while let Some(token) = tokens.next() {
        let root = match token {
            "crate" => Root::Crate,
            "self" => Root::Above(0),
            "super" => Root::Above(1),
            _ => continue,
        };
        if tokens.takes("::") {
            tail(&mut tokens, Named { root, names: Vec::new() }, &mut res);
        }
    }
    res
}

/// What stands behind a `::`.
fn tail(tokens: &mut Tokens<'_>, mut path: Named, res: &mut Vec<Named>) {
    if tokens.takes("{") {
        return group(tokens, &path, res);
    }
    match (tokens.peek(), path.root) {
        (Some("super"), Root::Above(count)) => path.root = Root::Above(count + 1),
        // The group's own path.
        (Some("self"), _) => (),
        (Some(name), _) if is_name(name) => path.names.push(name.to_owned()),
        _ => return res.push(path),
    }
    tokens.next();
    if tokens.takes("::") { tail(tokens, path, res) } else { res.push(path) }
}

fn group(tokens: &mut Tokens<'_>, above: &Named, res: &mut Vec<Named>) {
    while tokens.peek().is_some_and(|it| it != "}") {
        tail(tokens, above.clone(), res);
        // `as name` names nothing.
        while tokens.peek().is_some_and(|it| it != "," && it != "}") {
            tokens.next();
        }
        tokens.takes(",");
    }
    tokens.next();
}

fn is_name(token: &str) -> bool {
    token.starts_with(|it: char| it.is_alphabetic() || it == '_')
}

/// Names, `::`, and every other character by itself.
struct Tokens<'t>(&'t str);

impl<'t> Tokens<'t> {
    fn peek(&self) -> Option<&'t str> {
        let rest = self.0.trim_start();
        let end = match rest.find(|it: char| !it.is_alphanumeric() && it != '_') {
            Some(0) if rest.starts_with("::") => 2,
            Some(0) => rest.chars().next()?.len_utf8(),
            Some(end) => end,
            None => rest.len(),
        };
        rest.get(..end).filter(|it| !it.is_empty())
    }

    fn next(&mut self) -> Option<&'t str> {
        let token = self.peek()?;
        self.0 = &self.0.trim_start()[token.len()..];
        Some(token)
    }

    fn takes(&mut self, wanted: &str) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.next();
        }
        is_next
    }
}

#[test]
fn paths_are_seen_alone_in_groups_and_in_code() {
    let check = |text: &str, expect: &[&str]| {
        let written = |it: Named| match it.root {
            Root::Crate => format!("crate::{}", it.names.join("::")),
            Root::Above(count) => format!("{count}::{}", it.names.join("::")),
        };
        assert_eq!(named(text).into_iter().map(written).collect::<Vec<_>>(), expect, "{text}");
    };
    check("use crate::id::DelegationId;", &["crate::id::DelegationId"]);
    check("use self::{a, b::{self, C as D}, e::*};", &["0::a", "0::b", "0::b::C", "0::e"]);
    check(
        "use super::{\n    // Not, this.\n    super::up::{X, Y},\n    next,\n};",
        &["2::up::X", "2::up::Y", "1::next"],
    );
    check(
        "pub(in crate::a) fn f(x: &super::b::T<crate::c::U>) -> Self {",
        &["crate::a", "1::b::T", "crate::c::U"],
    );
    check("/// See [`super::sandbox::Sandbox::enter`].", &["1::sandbox::Sandbox::enter"]);
    check("self.run(); pub(super) fn supers::crate_is() {} Self::new()", &[]);
}
