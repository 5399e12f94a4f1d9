//! What is known of a tool when the program is compiled.

use std::any::TypeId;

use schemars::schema_for;
use serde_json::Value;

use super::{
    id::{Effect, HeldBy},
    spec::ToolSpec,
    tool::Tool,
};

/// A tool, before anything is opened.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    pub(super) name: &'static str,
    pub(super) held_by: HeldBy,
    pub(super) effect: Effect,
    /// Of the arguments, which are the tool.
    pub(super) type_id: TypeId,
    pub(super) spec: fn() -> ToolSpec,
}

impl Declared {
    /// Of that tool.
    pub const fn of<T: Tool>() -> Self {
        Self {
            name: T::NAME,
            held_by: T::HELD_BY,
            effect: T::EFFECT,
            type_id: TypeId::of::<T>(),
            spec: spec::<T>,
        }
    }

    /// Its canonical name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// Of a tool with types: what the doc comments of its arguments say.
fn spec<T: Tool>() -> ToolSpec {
    let mut schema = schema_for!(T);
    let description = match schema.remove("description") {
        Some(Value::String(text)) => text.replace('\n', " "),
        _ => String::new(),
    };
    for key in ["$schema", "title"] {
        schema.remove(key);
    }
    each_property(schema.get_mut("properties"));
    ToolSpec::new(T::NAME, description, schema.to_value().to_string())
}

fn each_property(properties: Option<&mut Value>) {
    let properties = properties.and_then(Value::as_object_mut);
    properties.into_iter().flatten().for_each(|(_, property)| plain(property));
}

/// Writes an argument the way small models understand it: an optional one with
/// one type, and absent from `required`; the entries of a list in its place.
fn plain(property: &mut Value) {
    let Some(property) = property.as_object_mut() else {
        return;
    };
    property.remove("default");
    property.remove("format");
    if let Some(Value::String(text)) = property.get_mut("description") {
        *text = text.replace('\n', " ");
    }
    if let Some(Value::Array(types)) = property.get("type")
        && let Some(first) = types.first().cloned()
    {
        property.insert("type".to_owned(), first);
    }
    if let Some(entries) = property.get_mut("items") {
        plain(entries);
    }
    each_property(property.get_mut("properties"));
}
