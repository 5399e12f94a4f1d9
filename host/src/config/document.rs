//! One file as TOML: its values, and the line of each key.

use std::collections::BTreeMap;

use toml::{
    Table,
    de::{DeTable, DeValue},
};

use super::ConfigError;

/// Mistakes of grammar that are told of one file. What follows the first ones
/// of something that is no TOML at all says nothing.
const MAX_GRAMMAR_ERRORS: usize = 10;

/// No key lies deeper.
const MAX_DEPTH: usize = 8;

/// The lines of the keys of one file, by their paths.
#[derive(Default)]
pub(super) struct Lines(BTreeMap<Vec<String>, usize>);

/// The values of a file, and where they stand. All mistakes of its grammar
/// when there are any.
pub(super) fn parse(name: &str, text: &str) -> Result<(Table, Lines), Vec<ConfigError>> {
    let ends: Vec<usize> = text.match_indices('\n').map(|it| it.0).collect();
    let line_of = |offset: usize| ends.partition_point(|it| *it < offset).saturating_add(1);
    let (spanned, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let error = |it: toml::de::Error| {
            let line = it.span().map(|it| line_of(it.start));
            ConfigError::toml(place(name, line), it)
        };
        return Err(errors.into_iter().take(MAX_GRAMMAR_ERRORS).map(error).collect());
    }
    let mut lines = Lines::default();
    lines.walk(spanned.get_ref(), &mut Vec::new(), &line_of);
    match text.parse() {
        Ok(table) => Ok((table, lines)),
        Err(source) => Err(vec![ConfigError::toml(name.to_owned(), source)]),
    }
}

/// A file and a line of it, as editors take them.
pub(super) fn place(file: &str, line: Option<usize>) -> String {
    line.map_or_else(|| file.to_owned(), |it| format!("{file}:{it}"))
}

impl Lines {
    pub(super) fn get(&self, path: &[String]) -> Option<usize> {
        self.0.get(path).copied()
    }

    fn walk(
        &mut self,
        table: &DeTable<'_>,
        path: &mut Vec<String>,
        line_of: &dyn Fn(usize) -> usize,
    ) {
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.0.insert(path.clone(), line_of(key.span().start));
            if let DeValue::Table(inner) = value.get_ref()
                && path.len() < MAX_DEPTH
            {
                self.walk(inner, path, line_of);
            }
            path.pop();
        }
    }
}
