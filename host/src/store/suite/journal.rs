//! What children were told, and units that another host goes on with.

use super::*;

fn line(text: &str, blob: Option<&[u8]>) -> Line {
    Line { text: text.to_owned(), blob: blob.map(Blob::new) }
}

fn place(unit: u8, task: usize, line: u64) -> Place {
    Place { unit: delegation(unit), task, line }
}

fn head(component: &[u8]) -> Head {
    Head { text: "how it began".to_owned(), components: vec![Blob::new(component)] }
}

#[test]
fn what_a_child_was_told_is_kept_in_its_order() {
    on_each(|tables| {
        tables.insert_unit(&unit(1, &[&[0, 1]]), host(1)).unwrap();
        let lines = [line("one", None), line("two", Some(b"long")), line("three", Some(b"long"))];
        for (at, line) in (0..).zip(&lines) {
            tables.add_line(place(1, 1, at), line).unwrap();
        }
        assert_eq!(tables.lines(delegation(1), 1).unwrap(), lines);
        assert_eq!(tables.lines(delegation(1), 0).unwrap(), []);
        assert_eq!(tables.last_lines(delegation(1)).unwrap(), ["three"]);
        assert!(tables.add_line(place(1, 1, 2), &line("again", None)).is_err());
        // One is missing.
        tables.add_line(place(1, 1, 4), &line("five", None)).unwrap();
        assert!(matches!(tables.lines(delegation(1), 1), Err(StoreError::Corrupt { .. })));
    });
}

#[test]
fn what_is_forgotten_is_no_longer_kept_unless_others_share_it() {
    on_each(|tables| {
        for id in [1, 2] {
            tables.insert_unit(&unit(id, &[&[0]]), host(1)).unwrap();
            tables.keep_head(delegation(id), &head(b"component")).unwrap();
            tables.add_line(place(id, 0, 0), &line("a", Some(b"answer"))).unwrap();
        }
        tables.forget_journal(delegation(1)).unwrap();
        assert_eq!(tables.head(delegation(1)).unwrap(), None);
        assert_eq!(tables.lines(delegation(1), 0).unwrap(), []);
        let kept = KeptHead { head: head(b"component"), resumed: Vec::new() };
        assert_eq!(tables.head(delegation(2)).unwrap(), Some(kept));
        assert_eq!(tables.lines(delegation(2), 0).unwrap(), [line("a", Some(b"answer"))]);
    });
}

#[test]
fn a_unit_that_can_be_run_again_is_left_and_taken_over() {
    on_each(|tables| {
        for (id, has_head) in [(1, true), (2, false)] {
            tables.insert_unit(&unit(id, &[&[0]]), host(1)).unwrap();
            if has_head {
                tables.keep_head(delegation(id), &head(b"component")).unwrap();
            }
        }
        // Of a child of the first, and of one of the second.
        for (id, parent) in [(3, 1), (4, 2)] {
            let below = UnitRecord { parent: Some(delegation(parent)), ..unit(id, &[&[0]]) };
            tables.insert_unit(&below, host(1)).unwrap();
            tables.keep_head(delegation(id), &head(b"component")).unwrap();
        }
        let settled = tables.recover(host(1), 50.0, Leave::Resumable).unwrap();
        assert_eq!(settled.units, [delegation(2), delegation(4)]);
        assert_eq!(tables.resumable(host(1)).unwrap(), [delegation(1)]);
        assert!(tables.take_over(delegation(1), host(2), 60.0).unwrap());
        assert!(!tables.take_over(delegation(2), host(2), 60.0).unwrap());
        assert_eq!(tables.resumable(host(1)).unwrap(), []);
        assert_eq!(tables.unit(delegation(1)).unwrap().unwrap().owner, host(2));
        assert_eq!(tables.head(delegation(1)).unwrap().unwrap().resumed, [60.0]);
        // Its child's unit waits for it, and for nothing when it has ended.
        let settled = tables.recover(host(1), 70.0, Leave::Resumable).unwrap();
        assert_eq!(settled.units, []);
        assert_eq!(tables.give_up(delegation(1), "why", 80.0).unwrap().units, [delegation(1)]);
        let settled = tables.recover(host(1), 90.0, Leave::Resumable).unwrap();
        assert_eq!(settled.units, [delegation(3)]);
    });
}

#[test]
fn a_stop_that_nobody_heard_is_heard_by_whoever_goes_on() {
    on_each(|tables| {
        tables.insert_unit(&unit(1, &[&[0]]), host(1)).unwrap();
        tables.keep_head(delegation(1), &head(b"component")).unwrap();
        assert_eq!(tables.ask_to_stop(&ToStop::Unit(delegation(1)), host(2), None).unwrap(), 1);
        tables.recover(host(1), 50.0, Leave::Resumable).unwrap();
        tables.take_over(delegation(1), host(3), 60.0).unwrap();
        let asked = tables.asked_to_stop(host(3)).unwrap();
        assert_eq!(asked.iter().map(|it| it.unit).collect::<Vec<_>>(), [delegation(1)]);
    });
}
