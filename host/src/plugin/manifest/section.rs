//! One table of a manifest, read key by key. What is asked for by no key is
//! unknown; whatever is wrong is noted, and reading goes on.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::mistake::Mistakes;
use crate::completion::sanitize::clean_line;

/// A table, and the keys that were asked for.
pub(super) struct Section<'a> {
    /// As it stands in the file, for messages: `[[http]]`; empty for the top.
    heading: String,
    at: usize,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

/// A text of a manifest, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
}

/// A value, and where it stands.
type Value<'a> = Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn top(table: &'a DeTable<'a>) -> Self {
        Self::of(String::new(), 0, table)
    }

    fn of(heading: String, at: usize, table: &'a DeTable<'a>) -> Self {
        Self { heading, at, table, known: Vec::new() }
    }

    /// Where it begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Value<'a>> {
        self.know(key);
        self.table.get(key)
    }

    /// Some are looked at twice, and told once.
    fn know(&mut self, key: &'static str) {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
    }

    /// `` `url` in `[[http]]` ``.
    fn place(&self, key: &str) -> String {
        match self.heading.as_str() {
            "" => format!("`{key}`"),
            heading => format!("`{key}` in `{heading}`"),
        }
    }

    /// A text as it was written.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Text<'a>> {
        let value = self.get(key)?;
        let text = text(value);
        if text.is_none() {
            let found = type_name(value);
            mistakes.add(value.span().start, format!("{} is {found}, not a text", self.place(key)));
        }
        text
    }

    /// The same of a key that has to be there.
    pub(super) fn needed(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Text<'a>> {
        if !self.table.contains_key(key) {
            self.know(key);
            mistakes.add(self.at, format!("{} is missing", self.place(key)));
            return None;
        }
        self.text(key, mistakes)
    }

    /// Words for a person or a model: on one line, and safe to show.
    pub(super) fn words(
        &mut self,
        key: &'static str,
        max_chars: usize,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<String> {
        let Text { at, text } = self.text(key, mistakes)?;
        // One character more tells a text of that size from a longer one.
        let line = clean_line(text, max_chars.saturating_add(1));
        if line.chars().count() > max_chars {
            let place = self.place(key);
            mistakes.add(at, format!("{place} has more than {max_chars} characters"));
            return None;
        }
        Some(line)
    }

    /// True or false; false when it is not there.
    pub(super) fn flag(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> bool {
        let Some(value) = self.get(key) else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            let (place, found) = (self.place(key), type_name(value));
            mistakes.add(value.span().start, format!("{place} is {found}, not true or false"));
            false
        })
    }

    /// A list of texts, none in one that is not there.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        max: usize,
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<Text<'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let at = value.span().start;
        let items = value.get_ref().as_array().map(|it| it.iter().map(text).collect());
        match items {
            Some(Some(texts)) => self.bounded(key, at, texts, max, mistakes),
            _ => {
                mistakes.add(at, format!("{} is no list of texts", self.place(key)));
                Vec::new()
            }
        }
    }

    /// The table `[key]`.
    pub(super) fn table(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let value = self.get(key)?;
        let at = value.span().start;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let (place, found) = (self.place(key), type_name(value));
            mistakes.add(at, format!("{place} is {found}, not a table `[{key}]`"));
        }
        Some(Self::of(format!("[{key}]"), at, table?))
    }

    /// The tables `[key.NAME]`, with their names.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        max: usize,
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<(Text<'a>, Self)> {
        let Some(all) = self.table(key, mistakes) else { return Vec::new() };
        let mut res = Vec::new();
        for (name, value) in all.table {
            let (at, text) = (name.span().start, name.get_ref().as_ref());
            match value.get_ref().as_table() {
                Some(table) => {
                    let section = Self::of(format!("[{key}.{text}]"), at, table);
                    res.push((Text { at, text }, section));
                }
                None => {
                    let found = type_name(value);
                    let heading = format!("[{key}.{text}]");
                    mistakes.add(
                        at,
                        format!("`{text}` in `[{key}]` is {found}, not a table `{heading}`"),
                    );
                }
            }
        }
        self.bounded(key, all.at, res, max, mistakes)
    }

    /// The tables `[[key]]`.
    pub(super) fn list(
        &mut self,
        key: &'static str,
        max: usize,
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<Self> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let heading = format!("[[{key}]]");
        let section = |it: &'a Value<'a>| {
            Some(Self::of(heading.clone(), it.span().start, it.get_ref().as_table()?))
        };
        let at = value.span().start;
        match value.get_ref().as_array().map(|it| it.iter().map(section).collect()) {
            Some(Some(sections)) => self.bounded(key, at, sections, max, mistakes),
            _ => {
                mistakes.add(at, format!("{} is no list of tables `{heading}`", self.place(key)));
                Vec::new()
            }
        }
    }

    fn bounded<T>(
        &self,
        key: &str,
        at: usize,
        items: Vec<T>,
        max: usize,
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<T> {
        if items.len() <= max {
            return items;
        }
        let (place, count) = (self.place(key), items.len());
        mistakes.add(at, format!("{place} has {count} entries: at most {max} are taken"));
        Vec::new()
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self, mistakes: &mut Mistakes<'_>) {
        let is_unknown = |it: &&Spanned<_>| {
            let key: &std::borrow::Cow<'_, str> = it.get_ref();
            !self.known.contains(&key.as_ref())
        };
        for key in self.table.keys().filter(is_unknown) {
            let what = match self.heading.as_str() {
                "" => "unknown key".to_owned(),
                heading => format!("`{heading}` has the unknown key"),
            };
            mistakes.unknown(key.span().start, &what, key.get_ref(), &self.known);
        }
    }
}

fn text<'a>(value: &'a Value<'a>) -> Option<Text<'a>> {
    Some(Text { at: value.span().start, text: value.get_ref().as_str()? })
}

fn type_name(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
