//! Every value that is set, and which layer it is from.

use std::{cmp::Reverse, collections::BTreeMap};

use toml::Value;

use super::{BUILT_IN, keys::Keys, leaf::Leaf, literal::json};
use crate::setting::{self, NAME};

/// A layer, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What the program itself says.
    BuiltIn,
    /// The user's own file.
    User,
    /// The file of the workspace.
    Project,
    /// A variable of the environment.
    Environment,
}

impl Layer {
    /// As it is written in a list of values.
    pub fn name(self) -> &'static str {
        match self {
            Layer::BuiltIn => "built-in",
            Layer::User => "user",
            Layer::Project => "project",
            Layer::Environment => "environment",
        }
    }
}

/// Keys that say the same in several ways: the layer that sets one of them
/// takes away the others of the layers below.
const EITHER: [(&str, &str); 8] = [
    ("providers.NAME.api_key_env", "api_key_cmd"),
    ("providers.NAME.api_key_cmd", "api_key_env"),
    ("plugins.NAME.secrets.NAME.api_key_env", "api_key_cmd"),
    ("plugins.NAME.secrets.NAME.api_key_env", "api_key_file"),
    ("plugins.NAME.secrets.NAME.api_key_cmd", "api_key_env"),
    ("plugins.NAME.secrets.NAME.api_key_cmd", "api_key_file"),
    ("plugins.NAME.secrets.NAME.api_key_file", "api_key_env"),
    ("plugins.NAME.secrets.NAME.api_key_file", "api_key_cmd"),
];

/// A value, and where it is from.
pub(super) struct Set {
    pub(super) layer: Layer,
    pub(super) leaf: Leaf,
}

/// Every value that is set, by its dotted key, as far as the layers are laid.
#[derive(Default)]
pub(super) struct Values(BTreeMap<String, Set>);

impl Values {
    /// The lowest layer: the default of each key, and the entries that are
    /// built in.
    pub(super) fn built_in(keys: &Keys) -> Self {
        let mut leaves: Vec<Leaf> = Vec::new();
        let mut add = |setting, key, value| {
            let (origin, place) = (BUILT_IN.to_owned(), BUILT_IN.to_owned());
            leaves.push(Leaf { key, setting, value, origin, place, line: None });
        };
        for key in keys.all.iter().filter(|it| it.is_built_in) {
            add(key.setting, key.slot.to_owned(), key.value.clone());
        }
        for section in &keys.sections {
            for (name, texts) in section.entries {
                for (key, text) in *texts {
                    let slot = format!("{}.{key}", section.slot);
                    if let Some(key) = keys.key(&slot) {
                        add(key.setting, slot.replace(NAME, name), Value::from(*text));
                    }
                }
            }
        }
        let mut res = Self::default();
        res.lay(Layer::BuiltIn, leaves);
        res
    }

    pub(super) fn lay(&mut self, layer: Layer, leaves: Vec<Leaf>) {
        for leaf in &leaves {
            let section = leaf.key.rsplit_once('.').map_or("", |it| it.0);
            let others = EITHER.iter().filter(|it| it.0 == leaf.setting.key).map(|it| it.1);
            others.for_each(|it| drop(self.0.remove(&format!("{section}.{it}"))));
        }
        self.0.extend(leaves.into_iter().map(|leaf| (leaf.key.clone(), Set { layer, leaf })));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Set> {
        self.0.values()
    }

    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key).map(|it| &it.leaf.value)
    }

    /// The names of the entries that have anything in them, or of the keys that
    /// the user chose, sorted.
    pub(super) fn names_in(&self, table: &str) -> Vec<String> {
        let name = |key: &String| {
            let rest = key.strip_prefix(table)?.strip_prefix('.')?;
            rest.split('.').next().map(str::to_owned)
        };
        let mut res: Vec<String> = self.0.keys().filter_map(name).collect();
        res.sort();
        res.dedup();
        res
    }

    /// The uppermost origin of a key, or of all keys of a section.
    pub(super) fn origin(&self, key: &str) -> &str {
        self.uppermost(&[key]).map_or(BUILT_IN, |it| &it.leaf.place)
    }

    /// The origin that was laid last of two keys.
    pub(super) fn later(&self, one: &str, other: &str) -> &str {
        self.uppermost(&[one, other]).map_or(BUILT_IN, |it| &it.leaf.place)
    }

    fn uppermost(&self, keys: &[&str]) -> Option<&Set> {
        let is_in = |key: &str, whole: &str| {
            key.strip_prefix(whole).is_some_and(|it| it.is_empty() || it.starts_with('.'))
        };
        let in_any = |it: &&Set| keys.iter().any(|whole| is_in(&it.leaf.key, whole));
        self.0.values().filter(in_any).max_by_key(|it| (it.layer, Reverse(it.leaf.line)))
    }
}

impl setting::Values for Values {
    fn value(&self, key: &str) -> Option<serde_json::Value> {
        self.value(key).map(json)
    }
}
