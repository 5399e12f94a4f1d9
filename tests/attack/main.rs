//! Attacks, each with its exact outcome, on a host that is watched from
//! outside: it lives and does not panic; each delegation ends with one event;
//! an honest sibling does its work in time; slots, descriptors, processes,
//! control groups and temporary files are given back; no secret is in any
//! output; nothing changed but what was to; nobody was connected to.
//!
//! A case is named by the row of the threat model that it belongs to: IB
//! imports, CB the compiler, RT running, HB values, AS stops, FS files, NW the
//! web, TM commands, SE secrets, DL delegation, EV events, PI injection, TN
//! tenancy, SC what is kept. `ATTACK=FS- cargo test --test attack` runs those
//! whose name begins so, and says how long each took; `UPDATE_OUTCOMES=1` takes
//! down how each ends.

mod agent;
mod attacked;
mod boundary;
mod case;
mod delegation;
mod files;
mod generated;
mod judge;
mod kept;
mod limits;
mod look;
mod plugins;
mod table;
mod terminal;
mod watcher;
mod web;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use hermitage::defence::Defence;

use attacked::{Who, is_root};
use case::{Case, Held, Sandboxes};
use table::{Table, is_learning, printable};
use watcher::{Variant, Watcher};

/// Every case, or those that were asked for.
fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    all.extend(boundary::cases());
    all.extend(kept::cases());
    all.extend(limits::cases());
    all.extend(files::cases());
    all.extend(web::cases());
    all.extend(terminal::cases());
    all.extend(delegation::cases());
    all.extend(plugins::cases());
    let asked = std::env::var("ATTACK").unwrap_or_default();
    all.retain(|it| it.id.starts_with(&asked));
    all
}

/// The runs of a case.
fn variants(case: &Case) -> Vec<Variant> {
    let of = |sandbox| Variant { sandbox, ..Variant::default() };
    match case.sandboxes {
        Sandboxes::Any => vec![of(None)],
        Sandboxes::Each => vec![of(Some("bubblewrap")), of(Some("landlock"))],
    }
}

/// Families in which the host's user makes a difference: files, commands, the
/// compiler, the cache. The others are run once, as whoever runs the tests.
const OF_A_USER: [&str; 4] = ["FS-", "TM-", "CB-", "SC-"];

/// Runs cases on hosts of one user, each in the sandboxes that it is for.
fn attack(who: Who, table: &mut Table) -> Vec<String> {
    look::adopt_orphans();
    let mut watcher = Watcher::new(who);
    let mut found = Vec::new();
    let is_for = |it: &Case| who == Who::Own || OF_A_USER.iter().any(|of| it.id.starts_with(of));
    for case in cases().into_iter().filter(is_for) {
        for variant in variants(&case) {
            let words: Vec<&str> = variant.sandbox.into_iter().chain(who.word()).collect();
            let started = Instant::now();
            let outcome = watcher.watch(&case, &variant);
            let verdict = printable(&outcome.verdict);
            let name = format!("{} {words:?}", case.id);
            if std::env::var_os("ATTACK").is_some() {
                eprintln!("{name} took {:?}: {:?}", started.elapsed(), outcome.complaints);
            }
            found.extend(outcome.complaints.into_iter().map(|it| format!("{name}: {it}")));
            if is_learning() {
                table.learn(&case.id, &words, verdict);
                table.write();
            } else if table.outcome(&case.id, &words) != Some(&verdict) {
                let expect = table.outcome(&case.id, &words);
                found.push(format!("{name}: ended as {verdict:?},\n  expected {expect:?}"));
            }
        }
    }
    found
}

fn assert_contained(found: &[String]) {
    assert!(found.is_empty(), "{} complaints\n{}", found.len(), found.join("\n"));
}

#[test]
fn attacks_are_contained() {
    let mut table = Table::read();
    let mut found = attack(Who::Own, &mut table);
    if is_learning() && is_root() {
        found.extend(attack(Who::Nobody, &mut table));
    }
    assert_contained(&found);
}

#[test]
fn attacks_on_a_host_of_an_ordinary_user_are_contained() {
    // Whoever is not root is an ordinary user already.
    if is_root() && !is_learning() {
        assert_contained(&attack(Who::Nobody, &mut Table::read()));
    }
}

/// A table that was emptied by accident would be contained, too.
const AT_LEAST: usize = 500;

#[test]
fn every_case_has_a_name_of_its_own() {
    let cases = cases();
    assert!(std::env::var_os("ATTACK").is_some() || AT_LEAST <= cases.len(), "{}", cases.len());
    let ids: BTreeSet<&str> = cases.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids.len(), cases.len());
}

/// What nobody thought of ends in one of the known ways.
#[test]
fn generated_components_are_contained() {
    look::adopt_orphans();
    let mut watcher = Watcher::new(Who::Own);
    let mut found = Vec::new();
    let mut ends = BTreeMap::<String, usize>::new();
    for case in generated::cases() {
        let outcome = watcher.watch(&case, &Variant::default());
        found.extend(outcome.complaints.into_iter().map(|it| format!("{}: {it}", case.id)));
        for verdict in outcome.others.iter().chain([&outcome.verdict]) {
            let end = verdict.split([':', '\n']).next().unwrap_or_default();
            *ends.entry(end.to_owned()).or_default() += 1;
            if !generated::ENDS.contains(&end) {
                found.push(format!("{}: ended as {verdict:?}", case.id));
            }
        }
    }
    eprintln!("{ends:?}");
    assert_contained(&found);
}

/// A defence that nothing fails without is none, or is not tested.
#[test]
fn without_a_defence_its_attacks_succeed() {
    look::adopt_orphans();
    let mut watcher = Watcher::new(Who::Own);
    let cases = cases();
    let mut all: BTreeSet<Held> = cases.iter().flat_map(|it| it.held.clone()).collect();
    if std::env::var_os("ATTACK").is_none() {
        all.extend(Defence::ALL.map(Held::By));
        if !is_root() {
            all.remove(&Held::By(Defence::CommandUser));
        }
    }
    let mut idle = Vec::new();
    for held in all {
        let mut of_it = cases.iter().filter(|it| it.held.contains(&held));
        match of_it.find_map(|it| broken_without(&mut watcher, it, &held)) {
            Some(broken) => eprintln!("without {held:?}: {broken}"),
            None => idle.push(format!("{held:?}")),
        }
    }
    assert!(idle.is_empty(), "nothing fails without {idle:?}");
}

/// What becomes of a case without what holds it, in the sandbox where that
/// is.
fn broken_without(watcher: &mut Watcher, case: &Case, held: &Held) -> Option<String> {
    variants(case).into_iter().find_map(|mut variant| {
        if case.sandboxes == Sandboxes::Each {
            // A sandbox proves itself once in a process: this one has to be
            // whole then.
            watcher.watch(case, &variant);
        }
        match held {
            Held::By(defence) => variant.without.push(format!("{defence:?}")),
            Held::Below(key, value) => variant.config.push((*key, (*value).to_owned())),
        }
        let outcome = watcher.watch(case, &variant);
        let verdict = printable(&outcome.verdict);
        let words: Vec<&str> = variant.sandbox.into_iter().chain(Who::Own.word()).collect();
        let expect = Table::read().outcome(&case.id, &words).map(str::to_owned);
        let ended = (expect.as_ref() != Some(&verdict)).then_some(verdict);
        let first = ended.into_iter().chain(outcome.complaints).next()?;
        Some(format!("{}: {first}", case.id))
    })
}
