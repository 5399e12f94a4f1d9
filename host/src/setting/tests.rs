//! A section of all kinds of settings, read and set by hand.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::*;

settings! {
    /// What a cache
    /// keeps.
    ///
    /// And why.
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Cache in "tools.cache" {
        /// What is kept
        /// in memory.
        ///
        /// Bounds it.
        // Not for readers of a file.
        pub(super) max_bytes as "max_kib": u64 = kib(256, 1..=1_000), project: Lower;

        /// How long.
        ///
        /// at most a while.
        pub(super) age as "age_seconds": Duration = seconds(5, 1..=60), project: Lower;

        /// How many.
        pub(super) entries: u32 = count(3, 2..=9), project: Higher;

        /// Whether.
        pub(super) enabled: bool = flag(true), project: Never;

        /// What share.
        pub(super) share: Option<f64> = fraction(0.5, "Number", 0.0..=1.0), project: Never;

        /// Which.
        pub(super) colour: Colour = text("red"), project: Never;

        /// Which ones.
        pub(super) colours: Vec<Colour> = texts(&["red", "blue"]), project: Subset;

        /// Words.
        pub(super) words: Vec<String> = texts(&[]).checked(lower), project: Never;
    } besides {
        /// No setting.
        pub(super) seen: usize = 7;
    }
}

settings! {
    /// Has a name.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Named in "named.NAME" {
        /// What is kept.
        pub(super) level: Option<u32> = count(3, 1..=9), project: Never;

        /// What is kept.
        pub(super) other: u32 = count(4, 1..=9), project: Never;
    }
}

sections! {
    /// Both.
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Both {
        pub(super) cache: Cache,
        pub(super) named: Named,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Colour {
    #[default]
    Red,
    Blue,
}

impl FromText for Colour {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        word(text, &[("red", Colour::Red), ("blue", Colour::Blue)])
    }
}

fn lower(text: &str) -> Result<(), Wrong> {
    let is_lower = !text.contains(char::is_uppercase);
    is_lower.then_some(()).ok_or(Wrong::Malformed("in small letters"))
}

impl Values for BTreeMap<&str, Value> {
    fn value(&self, key: &str) -> Option<Value> {
        self.get(key).cloned()
    }
}

fn read<const N: usize>(values: [(&'static str, Value); N]) -> (Cache, Vec<(String, String)>) {
    let values = BTreeMap::from(values);
    let mut reader = Reader::new(&values);
    let cache = Cache::read(&mut reader);
    let wrong = reader.into_wrong().into_iter();
    (cache, wrong.map(|(key, it)| (key, format!("{it:?}"))).collect())
}

#[test]
fn what_nobody_sets_has_its_default() {
    let expected = Cache {
        max_bytes: 256 << 10,
        age: Duration::from_secs(5),
        entries: 3,
        enabled: true,
        share: None,
        colour: Colour::Red,
        colours: vec![Colour::Red, Colour::Blue],
        words: Vec::new(),
        seen: 7,
    };
    assert_eq!(built_in::<Cache>(), expected);
    assert_eq!(read([]), (expected, Vec::new()));
}

#[test]
fn a_value_becomes_what_its_field_is() {
    let (cache, wrong) = read([
        ("tools.cache.max_kib", json!(2)),
        ("tools.cache.age_seconds", json!(60)),
        ("tools.cache.enabled", json!(false)),
        ("tools.cache.share", json!(1)),
        ("tools.cache.colour", json!("blue")),
        ("tools.cache.colours", json!(["blue"])),
        ("tools.cache.words", json!(["a", "b"])),
        ("cache.entries", json!(9)),
    ]);
    assert_eq!(wrong, []);
    let Cache { max_bytes, age, entries, enabled, share, colour, colours, words, .. } = cache;
    assert_eq!((max_bytes, age.as_secs(), entries, enabled), (2048, 60, 3, false));
    assert_eq!((share, colour, colours), (Some(1.0), Colour::Blue, vec![Colour::Blue]));
    assert_eq!(words, ["a", "b"]);
}

#[test]
fn everything_wrong_is_noted_and_the_default_stands_in() {
    let (cache, wrong) = read([
        ("tools.cache.max_kib", json!(0)),
        ("tools.cache.age_seconds", json!(61)),
        ("tools.cache.entries", json!("x")),
        ("tools.cache.colours", json!(["green", "blue", "grey"])),
        ("tools.cache.words", json!(["A", "b", "C"])),
    ]);
    assert_eq!(cache, built_in());
    let keys: Vec<&str> =
        wrong.iter().map(|it| it.0.strip_prefix("tools.cache.").unwrap()).collect();
    assert_eq!(keys, ["max_kib", "age_seconds", "entries", "colours", "colours", "words"]);
    let told = |n: usize| wrong[n].1.as_str();
    assert_eq!(told(0), r#"OutOfRange { value: "0", range: Whole { min: 1, max: 1000 } }"#);
    assert_eq!(told(2), r#"Malformed("a whole number")"#);
    assert_eq!(told(3), r#"Unknown { name: "green", known: ["red", "blue"] }"#);
    assert_eq!(told(5), r#"Malformed("in small letters")"#);
}

#[test]
fn entries_are_read_by_their_names() {
    let values = BTreeMap::from([("named.a.level", json!(5)), ("named.b.other", json!(6))]);
    let of = |name| Named::read(&mut Reader::of_entry(&values, &[name]));
    assert_eq!(of("a"), Named { level: Some(5), other: 4 });
    assert_eq!(of("b"), Named { level: None, other: 6 });
}

#[test]
fn what_was_set_by_hand_is_above_nothing_and_no_more_than_a_file_can_say() {
    let unfit = |change: fn(&mut Both)| {
        let mut both: Both = built_in();
        change(&mut both);
        let all = both.unfit().into_iter();
        all.map(|it| format!("{} {} {}", it.key, it.value, it.most)).collect::<Vec<_>>()
    };
    assert_eq!(unfit(|_| ()), Vec::<String>::new());
    // Less than a file can say.
    assert_eq!(unfit(|it| it.cache.age = Duration::from_millis(1)), Vec::<String>::new());
    assert_eq!(unfit(|it| it.cache.max_bytes = 1), Vec::<String>::new());
    assert_eq!(unfit(|it| it.cache.entries = 0), ["tools.cache.entries 0 9"]);
    assert_eq!(unfit(|it| it.named.other = 10), ["named.NAME.other 10 9"]);
    let most = |it: &mut Both| it.cache.max_bytes = (1000 << 10) + 1;
    assert_eq!(unfit(most), ["tools.cache.max_kib 1024001 1024000"]);
}

#[test]
fn a_comment_says_what_it_is_then_unit_and_range_then_what_it_bounds() {
    let comment = |it: Setting| it.comment().join(" | ");
    assert_eq!(comment(Cache::max_bytes), "What is kept in memory. | KiB, 1 to 1000. Bounds it.");
    assert_eq!(comment(Cache::age), "How long. | Seconds, 1 to 60; at most a while.");
    assert_eq!(comment(Cache::entries), "How many. | Count, 2 to 9.");
    assert_eq!(comment(Cache::enabled), "Whether.");
    assert_eq!(comment(Cache::share), "What share. | Number, 0 to 1.");
    let sections = Both::sections();
    let [cache, named] = &sections[..] else { panic!("{sections:?}") };
    assert_eq!(paragraphs(cache.about), ["What a cache keeps.", "And why."]);
    assert_eq!((cache.is_named(), named.is_named()), (false, true));
    assert_eq!(cache.settings.iter().map(Setting::name).nth(1), Some("age_seconds"));
}

#[test]
fn an_option_has_the_range_of_its_setting() {
    assert_eq!(number(60, &Cache::age.form).ok(), Some(Duration::from_secs(60)));
    assert!(number::<Duration>(61, &Cache::age.form).is_err());
}
