//! What `default.toml` says of each key, and the schema that is made of it.

use jsonschema::Validator;
use serde_json::{Value as Json, json};
use toml::{Table, Value};

use super::*;
use crate::config::{
    layers::insert,
    narrow::{RULES, Rule},
    setting::{FRACTIONS, RANGES, Range, range},
    template::{Key, NAME},
};

fn template() -> Template {
    Template::read().unwrap()
}

/// A file that sets one key, with what its entry can't do without.
fn file_with(key: &Key, value: &str) -> String {
    let (section, name) = key.slot.rsplit_once('.').unwrap();
    let section = section.replace(NAME, "openai");
    let needed = match section.as_str() {
        "models.openai" if !["id", "provider"].contains(&name) => "id = 'x'\nprovider = 'openai'",
        _ => "",
    };
    format!("[{section}]\n{needed}\n{name} = {value}\n")
}

fn numbers(template: &Template) -> impl Iterator<Item = &Key> {
    template.keys.iter().filter(|it| it.value.is_integer() || it.value.is_float())
}

#[test]
fn every_key_is_found_with_its_default_or_an_example() {
    let template = template();
    let (built_in, examples): (Vec<_>, Vec<_>) =
        template.keys.iter().partition(|it| template.is_built_in(&it.slot));
    assert_eq!((built_in.len(), examples.len()), (89, 14));
    assert!(examples.iter().all(|it| it.slot.contains(NAME)));
}

#[test]
fn every_key_has_a_comment_with_its_unit_and_range() {
    for Key { slot, value, comment } in &template().keys {
        assert!(comment.len() > 60, "`{slot}` is not explained: {comment}");
        let unit = match slot.rsplit_once('_').map(|(_, unit)| unit) {
            _ if value.is_float() && slot.ends_with("price") => "US dollars per million",
            _ if value.is_float() => "Number",
            Some("kib") => "KiB",
            Some("mib") => "MiB",
            Some("seconds") => "Seconds",
            Some("bytes") => "Bytes",
            _ => "Count",
        };
        let stated = match range(slot) {
            Some(Range::Whole { min, max }) => format!("{unit}, {min} to {max}"),
            Some(Range::Fraction { min, max }) => format!("{unit}, {min} to {max}"),
            None => continue,
        };
        assert!(comment.contains(&stated), "`{slot}` lacks `{stated}`: {comment}");
    }
}

#[test]
fn every_section_has_a_comment() {
    let sections = template().sections;
    assert_eq!(sections.len(), 12);
    for (section, comment) in sections {
        assert!(comment.len() > 20, "`{section}` is not explained: {comment}");
    }
}

#[test]
fn every_number_has_a_range_and_every_range_a_number() {
    let template = template();
    let ranged = RANGES.iter().map(|it| it.0).chain(FRACTIONS.iter().map(|it| it.0));
    let mut ranged: Vec<&str> = ranged.collect();
    let mut numbers: Vec<&str> = numbers(&template).map(|it| it.slot.as_str()).collect();
    ranged.sort_unstable();
    numbers.sort_unstable();
    assert_eq!(ranged, numbers);
}

#[test]
fn both_ends_of_every_range_are_taken_and_nothing_beyond() {
    let template = template();
    for key in numbers(&template) {
        let (ends, beyond) = match range(&key.slot).unwrap() {
            Range::Whole { min, max } => {
                // A limit of zero is no limit or no work.
                assert!(min > 0, "{}", key.slot);
                let beyond = [min - 1, max + 1, -1, i64::MIN, i64::MAX].map(|it| it.to_string());
                ([min, max].map(|it| it.to_string()), beyond)
            }
            Range::Fraction { min, max } => (
                [min, max].map(|it| format!("{it:?}")),
                [min - 0.1, max + 0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
                    .map(|it| format!("{it:?}").to_lowercase()),
            ),
        };
        for end in ends {
            let taken = load(&file_with(key, &end));
            let is_taken = matches!(
                taken,
                Ok(_) | Err(ConfigError::Exceeds { .. } | ConfigError::Missing { .. })
            );
            assert!(is_taken, "`{}` = {end} gives {taken:?}", key.slot);
        }
        for bad in beyond {
            let err = load(&file_with(key, &bad)).unwrap_err();
            let ConfigError::OutOfRange { key: named, .. } = &err else {
                panic!("`{}` = {bad} gives {err}", key.slot)
            };
            assert_eq!(*named, key.slot.replace(NAME, "openai"));
        }
    }
}

#[test]
fn the_default_file_has_the_keys_of_the_structs() {
    let template = template();
    assert!(template.built_in.clone().try_into::<Raw>().is_ok());
    for Key { slot, value, .. } in &template.keys {
        let mut less = template.built_in.clone();
        if remove(&mut less, slot) {
            assert!(less.try_into::<Raw>().is_err(), "`{slot}` is read by nobody");
        }
        let key = slot.replace(NAME, "openai");
        let with = |key: &str| {
            let mut more = template.built_in.clone();
            insert(&mut more, key, value.clone());
            more.try_into::<Raw>().is_ok()
        };
        assert!(with(&key), "`{slot}` is read by nobody, or as something else");
        assert!(!with(&format!("{key}_x")), "the section of `{slot}` takes any key");
    }
}

fn remove(table: &mut Table, dotted: &str) -> bool {
    match dotted.split_once('.') {
        None => table.remove(dotted).is_some(),
        Some((section, rest)) => {
            table.get_mut(section).and_then(Value::as_table_mut).is_some_and(|it| remove(it, rest))
        }
    }
}

#[test]
fn every_key_says_what_a_project_may_do_with_it() {
    let template = template();
    let is_for = |rule: &str, slot: &str| slot == rule || slot.starts_with(&format!("{rule}."));
    for Key { slot, .. } in &template.keys {
        let rules = RULES.iter().filter(|it| is_for(it.0, slot)).count();
        assert_eq!(rules, 1, "`{slot}` has {rules} rules");
    }
    for (rule, _) in RULES {
        assert!(template.keys.iter().any(|it| is_for(rule, &it.slot)), "`{rule}` is no key");
    }
    assert_eq!(Rule::of("queues.x"), Rule::Never);
}

/// Whether the schema takes a file.
fn is_valid(validator: &Validator, text: &str) -> bool {
    let table: Table = text.parse().unwrap();
    validator.is_valid(&serde_json::to_value(table).unwrap())
}

#[test]
fn the_schema_takes_the_default_file_and_its_examples() {
    let schema = schema().unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    assert!(is_valid(&validator, DEFAULT_TOML));
    for key in &template().keys {
        let example = file_with(key, &show::whole(&key.value));
        assert!(is_valid(&validator, &example), "{example}");
    }
}

#[test]
fn the_schema_refuses_what_loading_refuses() {
    let validator = jsonschema::draft202012::new(&schema().unwrap()).unwrap();
    for text in [
        "nonsense = 1",
        "[elsewhere]",
        "[file]\nmax_hits = 1",
        "[tools.files]",
        "[sandbox]\nmemory_mb = 1",
        "[sandbox]\nmemory_mib = '1'",
        "[sandbox]\nmemory_mib = 1.5",
        "[delegation]\nblocked_tools = ['writefile']",
        "[delegation]\ndefault_toolsets = [1]",
        "[providers.Local]\nkind = 'openai'",
        "[providers.local]\nkind = 'gemini'",
        "[providers.local]\napi_key = 'x'",
        "[models.small]\nname = 'x'",
    ] {
        assert!(!is_valid(&validator, text), "{text}");
        assert!(load(text).is_err(), "{text}");
    }
}

#[test]
fn the_schema_has_every_range() {
    let schema = schema().unwrap();
    let at = |slot: &str| {
        let path = slot.split('.').map(|it| match it {
            NAME => format!("patternProperties/{}", template::NAME_PATTERN),
            it => format!("properties/{it}"),
        });
        let pointer = path.fold(String::new(), |res, it| format!("{res}/{it}"));
        schema.pointer(&pointer).unwrap_or_else(|| panic!("no {pointer}")).clone()
    };
    let ends = |it: &Json| (it["minimum"].clone(), it["maximum"].clone());
    for key in &template().keys {
        let expected = match range(&key.slot) {
            Some(Range::Whole { min, max }) => (json!(min), json!(max)),
            Some(Range::Fraction { min, max }) => (json!(min), json!(max)),
            None => (Json::Null, Json::Null),
        };
        let key_schema = at(&key.slot);
        assert_eq!(ends(&key_schema), expected, "{}", key.slot);
        assert_eq!(key_schema["description"], key.comment);
    }
}
