//! The rule, on interfaces that the contract does not have.

use std::panic::catch_unwind;

use wit_parser::Resolve;

use crate::tables;

/// The table of an interface `clock` that holds this, without its blanks.
fn table(items: &str) -> String {
    let text = format!(
        "package hermitage:subagent@0.1.0;
         interface types {{ variant tool-error {{ denied(string) }} }}
         interface clock {{ use types.{{tool-error}}; {items} }}
         world subagent {{ import clock; }}"
    );
    let mut wit = Resolve::default();
    let package = wit.push_str("clock.wit", &text).unwrap();
    tables(&wit, package)["tables/clock.rs"].split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn parameters_are_fields_and_an_answer_is_the_type_of_its_name() {
    let table = table(
        "enum zone { utc, local }
         record moment { seconds: u64, %type: zone }
         now: func(zone: option<zone>, at: list<string>) -> result<option<moment>, tool-error>;",
    );
    for part in [
        "use crate::{ sandbox::{function::Entry, typed::TypedTool, wit::contract::clock as wit}, \
         tools::clock as tools, };",
        "&[Entry::of::<tools::Now>()]",
        "const INTERFACE: &'static str = \"hermitage:subagent/clock@0.1.0\";",
        "type Params = (Option<wit::Zone>, Vec<String>);",
        "type Answer = Option<wit::Moment>;",
        "let (zone, at) = params; Self { zone: zone.map(Into::into), at, }",
        "output.map(Into::into)",
        "impl From<wit::Zone> for tools::Zone",
        "impl From<tools::Zone> for wit::Zone",
        "tools::Zone::Utc => Self::Utc",
        "Self { seconds, type_: type_.into(), }",
    ] {
        assert!(table.contains(part), "{part}\n{table}");
    }
    assert!(!table.contains("impl From<wit::Moment>"), "{table}");
}

#[test]
fn a_single_record_is_taken_apart() {
    let table = table(
        "record moment { seconds: u64 }
         wait: func(until: moment) -> result<_, tool-error>;",
    );
    assert!(table.contains("let (wit::Moment { seconds },) = params; Self { seconds }"), "{table}");
    assert!(table.contains("type Answer = (); "), "{table}");
}

#[test]
fn what_names_do_not_say_is_refused() {
    for items in [
        // A stub could not say that it is denied.
        "now: func() -> u64;",
        "now: func() -> result<u64, string>;",
        // No type of the tool has this form.
        "variant when { now, at(u64) } now: func(when: when) -> result<u64, tool-error>;",
        "now: func() -> result<result<u64>, tool-error>;",
    ] {
        assert!(catch_unwind(|| table(items)).is_err(), "{items}");
    }
}
