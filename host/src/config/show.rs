//! The configuration as it came out, with the layer that set each value. Keys
//! of providers are never in it: the configuration only says where they are.

use serde_json::Value;

use super::{
    keys::Keys,
    literal::{json, text},
    values::{Layer, Set},
};
use crate::completion::sanitize::clean;

/// A value, and why it is what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Dotted.
    pub key: String,
    /// As JSON.
    pub value: Value,
    /// What set it.
    pub layer: Layer,
    /// The file or the variable that it is from.
    pub origin: String,
}

impl Entry {
    pub(super) fn of(set: &Set) -> Self {
        let leaf = &set.leaf;
        let (key, origin) = (leaf.key.clone(), leaf.origin.clone());
        Self { key, value: json(&leaf.value), layer: set.layer, origin }
    }
}

/// In the order of `default.toml`, entries with names by name.
pub(super) fn sort(entries: &mut [Entry], keys: &Keys) {
    let place = |entry: &Entry| {
        let path: Vec<String> = entry.key.split('.').map(str::to_owned).collect();
        let slot = keys.slot(&path).unwrap_or_default();
        let section = section_of(&slot);
        let of_section = keys.all.iter().position(|it| section_of(it.slot) == section);
        let of_key = keys.all.iter().position(|it| it.slot == slot);
        (of_section, section_of(&entry.key).to_owned(), of_key)
    };
    entries.sort_by_cached_key(place);
}

/// As TOML that can be loaded again, with the origin of each value behind it.
pub fn to_toml(entries: &[Entry]) -> String {
    let (mut lines, mut section) = (Vec::new(), "");
    for entry in entries {
        let (own, key) = entry.key.rsplit_once('.').unwrap_or(("", &entry.key));
        if own != section {
            section = own;
            lines.extend((!lines.is_empty()).then(String::new));
            lines.push(format!("[{section}]"));
        }
        let line = format!("{key} = {}", text(&entry.value));
        lines.push(format!("{line:<36}  # {}", origin(entry)));
    }
    lines.join("\n")
}

fn origin(entry: &Entry) -> String {
    let Entry { layer, origin, .. } = entry;
    match layer {
        Layer::BuiltIn => layer.name().to_owned(),
        // A line end in a file's name would end the comment.
        _ => clean(&format!("{}: {origin}", layer.name())).replace('\n', " "),
    }
}

fn section_of(dotted: &str) -> &str {
    dotted.rsplit_once('.').map_or("", |(section, _)| section)
}
