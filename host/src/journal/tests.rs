use std::sync::Arc;

use super::*;

/// Keeps entries in memory, until it is told to fail.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<(Vec<Entry>, bool)>>);

impl Sink for Kept {
    fn keep(
        &self,
        place: u64,
        entries: &[Entry],
        _: Wait,
    ) -> BoxFuture<'static, Result<(), String>> {
        let mut kept = self.0.lock().unwrap();
        let res = if kept.1 { Err("the disk is full".to_owned()) } else { Ok(()) };
        if res.is_ok() {
            assert_eq!(place, kept.0.len() as u64);
            kept.0.extend_from_slice(entries);
        }
        Box::pin(std::future::ready(res))
    }

    fn forget(&self) -> BoxFuture<'static, Result<(), String>> {
        let mut kept = self.0.lock().unwrap();
        let res = if kept.1 { Err("the disk is full".to_owned()) } else { Ok(()) };
        if res.is_ok() {
            kept.0.clear();
        }
        Box::pin(std::future::ready(res))
    }
}

impl Kept {
    fn journal(&self, max_bytes: usize) -> Journal {
        let past = self.0.lock().unwrap().0.clone();
        Journal::new(start(), past, Recorder { sink: Box::new(self.clone()), max_bytes })
    }

    fn break_down(&self, broken: bool) {
        self.0.lock().unwrap().1 = broken;
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().0.len()
    }
}

fn start() -> Start {
    Start { seed: [7; 32], wall_clock_ms: 0 }
}

fn asked(what: &str) -> Asked {
    Asked::new("read_file", what, &what)
}

fn told(answer: &str) -> Told {
    Told { answer: Ok(answer.to_owned()), trace: None, heard: Vec::new() }
}

const ROOM: usize = 1 << 20;

/// Does a call, with an effect or without, as a cell does it.
async fn call(journal: &Journal, what: &str, effect: bool) -> String {
    let asked = asked(what);
    match journal.next(&asked).unwrap() {
        Next::Told(told) => return format!("again {}", told.answer.unwrap()),
        Next::Unfinished(_) => return "not known".to_owned(),
        Next::Live => (),
    }
    if effect && let Err(err) = journal.begin(&asked).await {
        return err.to_string();
    }
    journal.answered(&asked, &told(what), Wait::UntilDurable).await;
    format!("now {what}")
}

#[tokio::test]
async fn what_was_told_is_told_again_and_then_it_goes_on() {
    let kept = Kept::default();
    let journal = kept.journal(ROOM);
    assert_eq!(call(&journal, "a", false).await, "now a");
    assert_eq!(call(&journal, "b", true).await, "now b");
    let journal = kept.journal(ROOM);
    assert!(journal.is_replaying());
    assert_eq!(call(&journal, "a", false).await, "again a");
    assert_eq!(call(&journal, "b", true).await, "again b");
    assert!(!journal.is_replaying());
    assert_eq!(call(&journal, "c", false).await, "now c");
    assert_eq!((journal.calls(), kept.len()), (3, 4));
}

#[tokio::test]
async fn a_call_that_had_begun_is_not_repeated() {
    let kept = Kept::default();
    let journal = kept.journal(ROOM);
    assert_eq!(journal.next(&asked("a")), Ok(Next::Live));
    journal.begin(&asked("a")).await.unwrap();
    let journal = kept.journal(ROOM);
    assert_eq!(call(&journal, "a", true).await, "not known");
    // A unit that the call became is told of once.
    let unit = DelegationId::new(&crate::id::OsRandom);
    let kept = Kept::default();
    let journal = kept.journal(ROOM);
    assert_eq!(journal.next(&asked("a")), Ok(Next::Live));
    journal.begin(&asked("a")).await.unwrap();
    let (place, entry) = journal.delegated(unit).unwrap();
    kept.keep(place, &[entry], Wait::UntilDurable).await.unwrap();
    let journal = kept.journal(ROOM);
    assert_eq!(journal.next(&asked("a")), Ok(Next::Unfinished(Some(unit))));
    assert_eq!((journal.take_unfinished(), journal.take_unfinished()), (Some(unit), None));
}

#[tokio::test]
async fn another_call_than_was_recorded_is_told_with_both() {
    let kept = Kept::default();
    assert_eq!(call(&kept.journal(ROOM), "a", false).await, "now a");
    let err = kept.journal(ROOM).next(&asked("b")).unwrap_err();
    assert_eq!(err.to_string(), "it asks for `read_file b` where `read_file a` was recorded");
    let err = kept.journal(ROOM).end().unwrap_err();
    assert_eq!(err.to_string(), "it ended where `read_file a` was recorded");
}

#[tokio::test]
async fn clocks_say_what_they_said() {
    let kept = Kept::default();
    let journal = kept.journal(ROOM);
    let said: Vec<u64> = (0..1_000).map(|_| journal.reading()).collect();
    call(&journal, "a", false).await;
    let journal = kept.journal(ROOM);
    let again: Vec<u64> = (0..1_000).map(|_| journal.reading()).collect();
    assert_eq!(said, again);
    call(&journal, "a", false).await;
    assert!(said.last() <= Some(&journal.reading()));
}

#[tokio::test]
async fn a_run_that_only_shows_ends_with_what_was_recorded() {
    let kept = Kept::default();
    let journal = kept.journal(ROOM);
    for what in ["a", "b"] {
        call(&journal, what, true).await;
    }
    let entries = kept.0.lock().unwrap().0.clone();
    let journal = Journal::to_read(start(), entries.clone(), Some(1));
    assert_eq!(call(&journal, "a", true).await, "again a");
    let err = journal.next(&asked("b")).unwrap_err();
    assert_eq!(err.to_string(), "stopped before call 2, `read_file b`");
    let journal = Journal::to_read(start(), entries, None);
    assert_eq!(call(&journal, "a", true).await, "again a");
    assert_eq!(call(&journal, "b", true).await, "again b");
    assert_eq!(journal.end(), Ok(()));
    let err = journal.next(&asked("c")).unwrap_err();
    assert_eq!(err.to_string(), "the record ends before `read_file c`");
}

#[tokio::test]
async fn what_is_not_recorded_is_not_done() {
    let kept = Kept::default();
    let journal = kept.journal(ROOM);
    kept.break_down(true);
    let refused = "this call can't be recorded, so it is not made: the disk is full";
    assert_eq!(call(&journal, "a", true).await, refused);
    assert_eq!(call(&journal, "b", true).await, refused);
    // What was recorded is forgotten before anything is done again.
    kept.break_down(false);
    assert_eq!(call(&journal, "c", true).await, "now c");
    assert_eq!(kept.len(), 0);
}

#[tokio::test]
async fn a_child_that_is_told_too_much_is_not_recorded() {
    let kept = Kept::default();
    let journal = kept.journal(2 * ENTRY_BYTES);
    assert_eq!(call(&journal, "a", false).await, "now a");
    assert_eq!(kept.len(), 1);
    assert_eq!(call(&journal, "b", true).await, "now b");
    assert_eq!(call(&journal, "c", true).await, "now c");
    assert_eq!(kept.len(), 0);
}

#[tokio::test]
async fn what_can_be_had_again_is_written_with_what_follows_and_before_any_effect() {
    let kept = Kept::default();
    let journal = kept.journal(ROOM);
    for what in ["a", "b"] {
        assert_eq!(journal.next(&asked(what)), Ok(Next::Live));
        journal.answered(&asked(what), &told(what), Wait::ForOthers).await;
    }
    // Unless the test takes long.
    assert!(kept.len() < 3);
    assert_eq!(journal.next(&asked("c")), Ok(Next::Live));
    journal.begin(&asked("c")).await.unwrap();
    assert_eq!(kept.len(), 3);
    for what in 0..MOST_WAITING {
        journal.answered(&asked(&what.to_string()), &told("d"), Wait::ForOthers).await;
    }
    assert!(3 < kept.len());
}

#[tokio::test]
async fn nothing_is_recorded_of_a_child_behind_its_stop() {
    let kept = Kept::default();
    let journal = kept.journal(ROOM);
    call(&journal, "a", false).await;
    journal.stopped().await;
    journal.stopped().await;
    call(&journal, "b", true).await;
    assert_eq!(kept.len(), 2);
    assert!(kept.journal(ROOM).was_stopped());
}
