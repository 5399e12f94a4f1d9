//! The JSON Schema of arguments, the way small models understand it: an
//! optional argument has one type, and is absent from `required`.

use serde_json::{Map, Value, json};

use super::{
    name::Name,
    shape::{Case, Field, Shape},
};

/// Of the parameters of a function.
pub(super) fn arguments(params: &[Field]) -> Value {
    object(params)
}

fn object(fields: &[Field]) -> Value {
    let property = |it: &Field| (it.name.json.to_string(), present(&it.shape));
    let properties: Map<String, Value> = fields.iter().map(property).collect();
    let required = fields.iter().filter(|it| !it.shape.has_null());
    let required: Vec<&str> = required.map(|it| &*it.name.json).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Of a value that is there: what may be absent needs no `null`.
fn present(shape: &Shape) -> Value {
    match shape {
        Shape::Option(it) => some(it),
        other => schema(other),
    }
}

/// Of what is in an option: plain, but where that could be `null` itself.
fn some(shape: &Shape) -> Value {
    if shape.has_null() { single("some", schema(shape)) } else { schema(shape) }
}

fn schema(shape: &Shape) -> Value {
    match shape {
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Integer(it) => {
            let (min, max) = it.range();
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        Shape::F32 | Shape::F64 => json!({"type": "number"}),
        Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Shape::String => json!({"type": "string"}),
        Shape::List(it) => json!({"type": "array", "items": schema(it)}),
        Shape::Tuple(parts) => {
            let (len, parts) = (parts.len(), parts.iter().map(schema));
            let parts: Vec<Value> = parts.collect();
            json!({"type": "array", "prefixItems": parts, "minItems": len, "maxItems": len})
        }
        Shape::Record(fields) => object(fields),
        Shape::Variant(cases) => variant(cases),
        Shape::Enum(names) => one_of(names.iter()),
        Shape::Flags(names) => {
            json!({"type": "array", "items": one_of(names.iter()), "uniqueItems": true})
        }
        Shape::Option(it) => json!({"anyOf": [some(it), {"type": "null"}]}),
        Shape::Result { ok, error } => {
            let side = |name, it: &Option<Box<Shape>>| {
                single(name, it.as_deref().map_or_else(|| json!({"type": "null"}), schema))
            };
            json!({"anyOf": [side("ok", ok), side("error", error)]})
        }
    }
}

/// The name alone, or an object with the name and what comes with it.
fn variant(cases: &[Case]) -> Value {
    let alone = cases.iter().filter(|it| it.payload.is_none()).map(|it| &it.name);
    let alone = (alone.clone().count() > 0).then(|| one_of(alone));
    let with = cases.iter().filter_map(|it| {
        let payload = it.payload.as_ref()?;
        Some(single(&it.name.json, schema(payload)))
    });
    let mut forms: Vec<Value> = alone.into_iter().chain(with).collect();
    match (forms.pop(), forms.is_empty()) {
        (Some(only), true) => only,
        (last, _) => json!({"anyOf": forms.into_iter().chain(last).collect::<Vec<_>>()}),
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a Name>) -> Value {
    json!({"type": "string", "enum": names.map(|it| &*it.json).collect::<Vec<_>>()})
}

fn single(name: &str, schema: Value) -> Value {
    json!({
        "type": "object",
        "properties": {name: schema},
        "required": [name],
        "additionalProperties": false,
    })
}
