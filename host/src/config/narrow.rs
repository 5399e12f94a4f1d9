//! What a project's file may do with each key, as its declaration says
//! ([`Project`]): with the file or without it, a child can't do, spend or reach
//! anything that the user did not allow.

use toml::Value;

use super::{ConfigError, leaf::Leaf, literal::literal, values::Values};
use crate::{setting::Project, tools::bundled};

/// What is allowed, after "a project may".
fn words(rule: Project) -> &'static str {
    match rule {
        Project::Lower => "only lower it",
        Project::Higher => "only raise it",
        Project::Subset => "only leave some of it out",
        Project::Superset => "only add to it",
        Project::Tools => "only give fewer tools",
        Project::KnownModel => "only choose a model of yours",
        Project::Never => "not set it",
    }
}

/// Whether `wanted` allows nothing that `below` does not.
pub(super) fn permits(rule: Project, wanted: &Value, below: Option<&Value>) -> bool {
    let Some(below) = below else { return false };
    match rule {
        Project::Lower => is_at_most(wanted, below),
        Project::Higher => is_at_most(below, wanted),
        Project::Subset => is_within(wanted, below),
        Project::Superset => is_within(below, wanted),
        Project::Tools => match (bundled().expand(&texts(wanted)), bundled().expand(&texts(below)))
        {
            (Ok(wanted), Ok(below)) => wanted.is_within(&below),
            _ => false,
        },
        Project::KnownModel | Project::Never => false,
    }
}

/// Refuses a value of the project's file that widens what lies below it.
pub(super) fn check(leaf: &Leaf, below: &Values) -> Result<(), ConfigError> {
    let rule = leaf.setting.project;
    if rule == Project::Tools {
        names_exist(leaf)?;
    }
    let permitted = match rule {
        Project::KnownModel => is_known_model(&leaf.value, below),
        rule => permits(rule, &leaf.value, below.value(&leaf.key)),
    };
    if permitted {
        return Ok(());
    }
    Err(ConfigError::Widens {
        origin: leaf.place.clone(),
        key: leaf.key.clone(),
        value: literal(&leaf.value),
        below: below.value(&leaf.key).map(literal),
        rule: words(rule),
    })
}

/// A name that nothing has is called so, before anybody says that it widens.
fn names_exist(leaf: &Leaf) -> Result<(), ConfigError> {
    let Some(check) = leaf.setting.form.check else { return Ok(()) };
    let checked = texts(&leaf.value).into_iter().try_for_each(check);
    checked.map_err(|wrong| ConfigError::of(wrong, &leaf.place, &leaf.key))
}

fn is_known_model(wanted: &Value, below: &Values) -> bool {
    let is_known =
        |name: &str| name.is_empty() || below.names_in("models").iter().any(|it| it == name);
    wanted.as_str().is_some_and(is_known)
}

fn is_at_most(low: &Value, high: &Value) -> bool {
    match (low, high) {
        (Value::Integer(low), Value::Integer(high)) => low <= high,
        (Value::Boolean(low), Value::Boolean(high)) => low <= high,
        _ => false,
    }
}

fn is_within(part: &Value, whole: &Value) -> bool {
    let whole = texts(whole);
    texts(part).iter().all(|it| whole.contains(it))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
