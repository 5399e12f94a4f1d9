//! Layers of configuration, and which of them a value is from.

use std::{cmp::Reverse, collections::BTreeMap, ffi::OsString};

use toml::{Table, Value};

use super::{
    BUILT_IN, ConfigError,
    document::{self, Lines},
    environment,
    leaves::{Leaf, Leaves},
    narrow,
    setting::Setting,
    source::Source,
    template::Template,
};

/// What lies over the built-in values, lowest first. All are absent by
/// default.
#[derive(Default)]
pub struct Layers {
    /// The user's own file.
    pub user: Option<Source>,
    /// The file of the workspace, which may narrow what it finds, and not
    /// widen it.
    pub project: Option<Source>,
    /// Variables of the environment; those that are not of the form
    /// `HERMITAGE_SECTION__KEY` are passed over.
    pub environment: Vec<(OsString, OsString)>,
}

/// A layer, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// `default.toml`.
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

/// Two keys that say the same in two ways: the layer that sets one of them
/// takes away the other one of the layers below.
const EITHER: [(&str, &str); 2] =
    [("providers.NAME.api_key_env", "api_key_cmd"), ("providers.NAME.api_key_cmd", "api_key_env")];

/// A value, and where it is from.
pub(super) struct Set {
    pub(super) layer: Layer,
    pub(super) leaf: Leaf,
}

/// Every value that is set, by its dotted key, as far as the layers are laid.
#[derive(Default)]
pub(super) struct Values(BTreeMap<String, Set>);

impl Values {
    /// Lays what is right of all layers, and tells everything that is wrong
    /// with each.
    pub(super) fn of(template: &Template, layers: &Layers) -> (Self, Vec<ConfigError>) {
        let (mut res, mut errors) = (Self::default(), Vec::new());
        let lines = Lines::default();
        let built_in = Leaves::of(template, BUILT_IN, &lines, template.built_in.clone());
        errors.extend(built_in.errors);
        res.lay(Layer::BuiltIn, built_in.found);

        let user = file(template, layers.user.as_ref(), &mut errors);
        res.lay(Layer::User, user);

        let project = file(template, layers.project.as_ref(), &mut errors);
        let mut narrowing = Vec::new();
        for leaf in project {
            match narrow::check(&leaf, &res) {
                Ok(()) => narrowing.push(leaf),
                Err(err) => errors.push(err),
            }
        }
        res.lay(Layer::Project, narrowing);

        let (environment, wrong) = environment::leaves(template, &layers.environment);
        errors.extend(wrong);
        res.lay(Layer::Environment, environment);
        (res, errors)
    }

    fn lay(&mut self, layer: Layer, leaves: Vec<Leaf>) {
        for leaf in &leaves {
            let other = EITHER.iter().find(|it| it.0 == leaf.slot).map(|it| it.1);
            if let Some((other, (section, _))) = other.zip(leaf.key.rsplit_once('.')) {
                self.0.remove(&format!("{section}.{other}"));
            }
        }
        self.0.extend(leaves.into_iter().map(|leaf| (leaf.key.clone(), Set { layer, leaf })));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Set> {
        self.0.values()
    }

    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key).map(|it| &it.leaf.value)
    }

    /// Whether there is a table of that name with anything in it.
    pub(super) fn has_entry(&self, table: &str, name: &str) -> bool {
        let section = format!("{table}.{name}.");
        self.0.keys().any(|it| it.starts_with(&section))
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

    /// A number as its setting has it.
    pub(super) fn take<T>(&self, setting: Setting<T>, number: i64) -> Result<T, ConfigError> {
        setting.of(number, self.origin(setting.key()))
    }

    /// One table of all values.
    pub(super) fn table(&self) -> Table {
        let mut res = Table::new();
        for set in self.0.values() {
            insert(&mut res, &set.leaf.key, set.leaf.value.clone());
        }
        res
    }
}

fn file(template: &Template, source: Option<&Source>, errors: &mut Vec<ConfigError>) -> Vec<Leaf> {
    let Some(source) = source else { return Vec::new() };
    match document::parse(source) {
        Ok((table, lines)) => {
            let mut leaves = Leaves::of(template, &source.name, &lines, table);
            errors.append(&mut leaves.errors);
            leaves.found.iter_mut().for_each(|it| source.start_paths_at(it));
            leaves.found
        }
        Err(all) => {
            errors.extend(all);
            Vec::new()
        }
    }
}

/// A key of the template is never both a value and a table.
pub(super) fn insert(table: &mut Table, dotted: &str, value: Value) {
    let Some((section, rest)) = dotted.split_once('.') else {
        table.insert(dotted.to_owned(), value);
        return;
    };
    let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        insert(inner, rest, value);
    }
}
