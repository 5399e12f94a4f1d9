//! What `default.toml` says of each key, and the schema that is made of it.

use jsonschema::Validator;
use serde_json::{Value as Json, json};
use toml::Table;

use super::*;
use crate::{
    config::keys::{Key, NAME_PATTERN},
    setting::{NAME, Range},
};

fn range(key: &Key) -> Option<Range> {
    key.setting.form.amount.map(|it| it.range)
}

fn comment(key: &Key) -> String {
    key.setting.comment().join(" ")
}

/// A file that sets one key, with what its entry can't do without.
fn file_with(key: &Key, value: &str) -> String {
    let (section, name) = key.slot.rsplit_once('.').unwrap();
    let section = section.replace(NAME, "openai");
    let needed = match section.as_str() {
        "models.openai" if !["id", "provider"].contains(&name) => "id = 'x'\nprovider = 'openai'",
        _ => "",
    };
    let name = name.replace(NAME, "openai");
    format!("[{section}]\n{needed}\n{name} = {value}\n")
}

fn numbers() -> impl Iterator<Item = &'static Key> {
    sections::keys().all.iter().filter(|it| it.value.is_integer() || it.value.is_float())
}

#[test]
fn every_key_is_found_with_its_default_or_an_example() {
    let (built_in, examples): (Vec<_>, Vec<_>) =
        sections::keys().all.iter().partition(|it| it.is_built_in);
    // None is lost; a new one is its own business.
    assert!(built_in.len() >= 89 && examples.len() >= 14);
    assert!(examples.iter().all(|it| it.slot.contains(NAME)));
}

#[test]
fn every_key_has_a_comment_with_its_unit_and_range() {
    for key in &sections::keys().all {
        let (Key { slot, value, .. }, comment) = (key, comment(key));
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
        let stated = match range(key) {
            Some(Range::Whole { min, max }) => format!("{unit}, {min} to {max}"),
            Some(Range::Fraction { min, max }) => format!("{unit}, {min} to {max}"),
            None => continue,
        };
        assert!(comment.contains(&stated), "`{slot}` lacks `{stated}`: {comment}");
    }
}

#[test]
fn every_section_has_a_comment() {
    let sections = &sections::keys().sections;
    assert_eq!(sections.len(), 18);
    for section in sections {
        let (comment, section) = (section.comment.join(" "), section.slot);
        assert!(comment.len() > 20, "`{section}` is not explained: {comment}");
    }
}

#[test]
fn every_number_has_a_range_and_every_range_a_number() {
    let ranged = sections::keys().all.iter().filter(|it| range(it).is_some());
    let mut ranged: Vec<&str> = ranged.map(|it| it.slot).collect();
    let mut numbers: Vec<&str> = numbers().map(|it| it.slot).collect();
    ranged.sort_unstable();
    numbers.sort_unstable();
    assert_eq!(ranged, numbers);
}

#[test]
fn both_ends_of_every_range_are_taken_and_nothing_beyond() {
    for key in numbers() {
        let (ends, beyond) = match range(key).unwrap() {
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

/// Whether the schema takes a file.
fn is_valid(validator: &Validator, text: &str) -> bool {
    let table: Table = text.parse().unwrap();
    validator.is_valid(&serde_json::to_value(table).unwrap())
}

#[test]
fn the_schema_takes_the_default_file_and_its_examples() {
    let schema = schema();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    assert!(is_valid(&validator, DEFAULT_TOML));
    for key in &sections::keys().all {
        let example = file_with(key, &literal::whole(&key.value));
        assert!(is_valid(&validator, &example), "{example}");
    }
}

#[test]
fn the_schema_refuses_what_loading_refuses() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
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
    let schema = schema();
    let at = |slot: &str| {
        let path = slot.split('.').map(|it| match it {
            NAME => format!("patternProperties/{}", NAME_PATTERN),
            it => format!("properties/{it}"),
        });
        let pointer = path.fold(String::new(), |res, it| format!("{res}/{it}"));
        schema.pointer(&pointer).unwrap_or_else(|| panic!("no {pointer}")).clone()
    };
    let ends = |it: &Json| (it["minimum"].clone(), it["maximum"].clone());
    for key in &sections::keys().all {
        let expected = match range(key) {
            Some(Range::Whole { min, max }) => (json!(min), json!(max)),
            Some(Range::Fraction { min, max }) => (json!(min), json!(max)),
            None => (Json::Null, Json::Null),
        };
        let key_schema = at(key.slot);
        assert_eq!(ends(&key_schema), expected, "{}", key.slot);
        assert_eq!(key_schema["description"], comment(key));
    }
}
