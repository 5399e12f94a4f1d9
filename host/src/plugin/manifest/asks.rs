//! What a manifest asks for.

use super::{
    description,
    mistake::Mistakes,
    section::{Section, Text},
};
use crate::{
    boundary::{Access, Asks, SecretAsk, SettingAsk, WorkspaceAsk},
    completion::sanitize::clean,
    tools::web::{HttpRule, Rule, is_of_wire},
    toolset::native::is_part,
};

/// Rules, settings, and secrets: a person reads all of them before they agree.
const MAX_RULES: usize = 32;
const MAX_SETTINGS: usize = 32;
const MAX_SECRETS: usize = 8;

/// Characters of the description of a setting or a secret.
const MAX_DESCRIPTION_CHARS: usize = 300;

/// Characters of the value of a setting.
const MAX_DEFAULT_CHARS: usize = 1_000;

/// Bytes of a name of a setting or a secret: it is a key of the configuration.
const MAX_NAME_BYTES: usize = 32;

/// Bytes of a header, and of what stands around a secret in one.
const MAX_HEADER_BYTES: usize = 100;

/// Bytes of the path of a subtree.
const MAX_SUBTREE_BYTES: usize = 255;

/// What a plugin may do to a page. `CONNECT` makes a tunnel, `TRACE` sends back
/// the headers of the host.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What stands for the secret.
const SLOT: &str = "{}";

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Asks {
    let http = http(top, mistakes);
    let secrets = secrets(top, &http, mistakes);
    let settings = settings(top, mistakes);
    let workspace = top.table("workspace", mistakes).and_then(|it| workspace(it, mistakes));
    Asks { http, secrets, settings, workspace }
}

fn http(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<HttpRule> {
    let mut res = Vec::new();
    for mut section in top.list("http", MAX_RULES, mistakes) {
        let rule = section.needed("url", mistakes).and_then(|it| rule(it, mistakes));
        let methods = section.texts("methods", METHODS.len(), mistakes);
        let methods = methods.into_iter().filter_map(|it| method(it, mistakes)).collect();
        section.finish(mistakes);
        res.extend(rule.map(|rule| HttpRule { rule, methods: or_get(methods) }));
    }
    res
}

/// Without a list, pages are read.
fn or_get(mut methods: Vec<String>) -> Vec<String> {
    methods.sort_unstable();
    methods.dedup();
    if methods.is_empty() { vec!["GET".to_owned()] } else { methods }
}

fn rule(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> Option<Rule> {
    // A rule of the configuration may have a method before it.
    if text.contains(' ') {
        mistakes.add(at, format!("`{text}` is no address: it has a blank"));
        return None;
    }
    text.parse().map_err(|err| mistakes.told(at, &err)).ok()
}

fn method(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    if !METHODS.contains(&text) {
        mistakes.unknown(at, "unknown method", text, &METHODS);
        return None;
    }
    Some(text.to_owned())
}

fn settings(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<SettingAsk> {
    let mut res = Vec::new();
    for (name, mut section) in top.tables("settings", MAX_SETTINGS, mistakes) {
        let name = key(name, mistakes);
        let description = description(&mut section, MAX_DESCRIPTION_CHARS, mistakes);
        let default = section.words("default", MAX_DEFAULT_CHARS, mistakes);
        section.finish(mistakes);
        if let (Some(name), Some(description)) = (name, description) {
            res.push(SettingAsk { name, description, default });
        }
    }
    res
}

fn secrets(
    top: &mut Section<'_>,
    http: &[HttpRule],
    mistakes: &mut Mistakes<'_>,
) -> Vec<SecretAsk> {
    let all = top.tables("secrets", MAX_SECRETS, mistakes);
    all.into_iter().filter_map(|(name, it)| secret(name, it, http, mistakes)).collect()
}

fn secret(
    name: Text<'_>,
    mut section: Section<'_>,
    http: &[HttpRule],
    mistakes: &mut Mistakes<'_>,
) -> Option<SecretAsk> {
    let name = key(name, mistakes);
    let description = description(&mut section, MAX_DESCRIPTION_CHARS, mistakes);
    let addresses = section.texts("audience", MAX_RULES, mistakes);
    if addresses.is_empty() {
        let hint = "say where the secret is sent: `audience = [\"https://…\"]`".to_owned();
        mistakes.with_hint(section.at(), "`audience` names nothing", Some(hint));
    }
    let audience = addresses.into_iter().filter_map(|it| within(it, http, mistakes)).collect();
    let header = section.text("header", mistakes).map(|it| header(it, mistakes));
    let format = section.text("format", mistakes).map(|it| format(it, mistakes));
    let required = section.flag("required", mistakes);
    section.finish(mistakes);
    let header = header.unwrap_or_else(|| "Authorization".to_owned());
    let format = format.unwrap_or_else(|| SLOT.to_owned());
    Some(SecretAsk { name: name?, description: description?, audience, header, format, required })
}

/// An address that requests may be sent to, with the methods of those.
fn within(text: Text<'_>, http: &[HttpRule], mistakes: &mut Mistakes<'_>) -> Option<HttpRule> {
    let rule = rule(text, mistakes)?;
    let around = http.iter().filter(|it| it.rule.contains(&rule));
    let methods: Vec<String> = around.flat_map(|it| it.methods.iter().cloned()).collect();
    if methods.is_empty() {
        let what = format!("`{}` lies within no `[[http]]`, so nothing is sent there", text.text);
        mistakes.add(text.at, what);
        return None;
    }
    let found = HttpRule { rule, methods: or_get(methods) };
    if !found.may_get_secrets() {
        let hint = "name each host, with `https` unless it is this machine".to_owned();
        let what = format!("a secret can't be sent to `{}`, where others may read it", text.text);
        mistakes.with_hint(text.at, what, Some(hint));
    }
    Some(found)
}

fn header(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> String {
    let is_part = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
    if text.is_empty() || text.len() > MAX_HEADER_BYTES || !text.bytes().all(is_part) {
        mistakes.add(at, format!("`{text}` is no name of a header"));
    } else if is_of_wire(text) || text.eq_ignore_ascii_case("cookie") {
        mistakes.add(at, format!("`{text}` is a header that the host writes itself"));
    }
    text.to_owned()
}

fn format(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> String {
    let is_part = |it: u8| it == b' ' || it.is_ascii_graphic();
    let is_right = text.len() <= MAX_HEADER_BYTES && text.bytes().all(is_part);
    if !is_right || text.matches(SLOT).count() != 1 {
        let hint = "such as `Bearer {}`".to_owned();
        let what = format!("`format` is no line of ASCII with one `{SLOT}` for the secret");
        mistakes.with_hint(at, what, Some(hint));
    }
    text.to_owned()
}

fn workspace(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<WorkspaceAsk> {
    const KINDS: [&str; 2] = ["read", "read-write"];
    let access = section.needed("access", mistakes);
    let subtree =
        section.text("subtree", mistakes).map_or_else(String::new, |it| subtree(it, mistakes));
    section.finish(mistakes);
    let Text { at, text } = access?;
    let access = match text {
        "read" => Access::Read,
        "read-write" => Access::ReadWrite,
        _ => {
            mistakes.unknown(at, "unknown access", text, &KINDS);
            return None;
        }
    };
    Some(WorkspaceAsk { access, subtree })
}

/// A path that can only lead down; empty for the whole workspace.
fn subtree(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> String {
    let path = text.strip_suffix('/').unwrap_or(text);
    let is_name = |it: &str| !it.is_empty() && it != "." && it != "..";
    let is_plain = path.len() <= MAX_SUBTREE_BYTES
        && path.split('/').all(is_name)
        && !path.contains(['\\', ':', '\n'])
        && clean(path) == path;
    if path == "." {
        return String::new();
    }
    if !is_plain {
        let hint = "a path like `data/tables`; without one it is all of the workspace".to_owned();
        mistakes.with_hint(
            at,
            format!("`{text}` is no plain path below the workspace"),
            Some(hint),
        );
    }
    path.to_owned()
}

/// The name of a setting or a secret.
fn key(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    if text.len() > MAX_NAME_BYTES || !is_part(text) {
        let hint = format!("in snake case, at most {MAX_NAME_BYTES} bytes");
        mistakes.with_hint(at, format!("`{text}` is no name"), Some(hint));
        return None;
    }
    Some(text.to_owned())
}
