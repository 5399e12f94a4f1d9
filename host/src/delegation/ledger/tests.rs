//! A store that takes no writes for a while, or has lost the unit.

use tokio::sync::broadcast;

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    completion::{Deliveries, Queue, QueueConfig},
    delegation::{feed::Update, retry::Trouble},
    event::Role,
    id::{ChildId, DelegationId, OsRandom},
    session::Session,
    store::{Breaks, ClaimFilter, Store, UnitRow},
    unit::{Group, TaskRecord},
};

struct Rig {
    store: Store,
    breaks: Breaks,
    record: Arc<UnitRecord>,
    ledger: Option<Ledger>,
    updates: broadcast::Receiver<Update>,
    deliveries: Deliveries,
}

impl Rig {
    /// A unit of so many tasks in one group, recorded.
    async fn new(tasks: usize, mode: Mode) -> Self {
        let (store, breaks) = Store::breakable(&OsRandom);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let queue = Queue::new(store.clone(), Arc::clone(&clock), QueueConfig::default());
        let record = Arc::new(unit(tasks, mode));
        let feed = Feed::new();
        let updates = feed.subscribe();
        let deliveries = queue.deliveries(ClaimFilter::of(record.session.clone()));
        let books = Books { store: store.clone(), queue, clock, trouble: Trouble::default() };
        let ledger = Some(Ledger::new(books, feed, Arc::clone(&record), false, Interrupt::new()));
        let rig = Self { store, breaks, record, ledger, updates, deliveries };
        rig.insert().await;
        rig
    }

    async fn insert(&self) {
        let (owner, record) = (self.store.host(), Arc::clone(&self.record));
        self.store.run(move |tables| tables.insert_unit(&record, owner)).await.unwrap();
    }

    fn break_commits(&self, with: Option<StoreError>) {
        *self.breaks.lock().unwrap() = with;
    }

    async fn take(&mut self, task: usize) {
        let result = ChildResult {
            summary: Some(format!("did {task}")),
            error: None,
            ..self.record.lost(task, Status::Completed, "").unwrap()
        };
        self.ledger.as_mut().unwrap().take(result).await;
    }

    async fn row(&self) -> UnitRow {
        let id = self.record.id;
        self.store.read(move |tables| tables.unit(id)).await.unwrap().unwrap()
    }

    fn take_event(&mut self) -> CompletionEvent {
        self.ledger.take().unwrap().into_event().unwrap()
    }
}

fn unit(tasks: usize, mode: Mode) -> UnitRecord {
    let task = |idx| TaskRecord {
        child_id: ChildId::new(idx, &OsRandom),
        goal: format!("task {idx}"),
        agent: "scout".to_owned(),
        role: Role::Leaf,
        grant: Vec::new(),
    };
    UnitRecord {
        id: DelegationId::new(&OsRandom),
        parent: None,
        session: Session::Local,
        mode,
        depth: 1,
        role: Role::Leaf,
        context: None,
        toolsets: None,
        model: None,
        workspace: None,
        dispatched_at: 1_772_366_400.0,
        tasks: (0..tasks).map(task).collect(),
        groups: vec![Group { name: None, tasks: (0..tasks).collect() }],
        notes: Vec::new(),
    }
}

fn full() -> StoreError {
    StoreError::Full("no room".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_child_is_told_of_when_its_result_is_on_disk_and_not_before() {
    let mut rig = Rig::new(2, Mode::Background).await;
    rig.break_commits(Some(full()));
    rig.take(0).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(rig.updates.try_recv().is_err());
    assert_eq!(rig.row().await.results, []);

    rig.break_commits(None);
    let told = rig.updates.recv().await.unwrap().progress;
    assert!(matches!(told, Progress::ChildEnded(it) if it.task_index == 0));
    assert_eq!(rig.row().await.results[0].summary.as_deref(), Some("did 0"));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_the_store_can_not_take_is_tried_again_until_it_can() {
    let mut rig = Rig::new(1, Mode::Background).await;
    rig.break_commits(Some(full()));
    rig.take(0).await;
    assert_eq!(rig.row().await.ended, None);
    let event = rig.take_event();
    assert!(event.notes[0].starts_with("the end of this is not on disk yet"), "{event:?}");
    // The unit is over, and its slot free: what is known outlasts it.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    rig.break_commits(None);
    let delivery = rig.deliveries.next().await.unwrap();
    let event = delivery.completion().unwrap().clone();
    assert_eq!((event.status, event.notes.len()), (Status::Completed, 0));
    assert_eq!(event.results[0].summary.as_deref(), Some("did 0"));
    delivery.ack().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_to_stop_gets_what_is_known_and_waits_for_no_store() {
    let mut rig = Rig::new(1, Mode::Foreground).await;
    rig.break_commits(Some(full()));
    rig.ledger.as_ref().unwrap().stop.ask();
    let begin = tokio::time::Instant::now();
    rig.take(0).await;
    assert!(begin.elapsed() <= PATIENCE_OF_A_STOP, "{:?}", begin.elapsed());
    let event = rig.take_event();
    assert_eq!(event.results[0].summary.as_deref(), Some("did 0"));
    assert!(event.notes[0].starts_with("the end of this is not on disk yet"), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_never_taken_says_so_to_the_caller() {
    let mut rig = Rig::new(1, Mode::Foreground).await;
    rig.break_commits(Some(StoreError::Io("the disk is gone".to_owned())));
    rig.take(0).await;
    let event = rig.take_event();
    assert_eq!(event.results[0].summary.as_deref(), Some("did 0"));
    assert!(event.notes[0].starts_with("the end of this was not recorded"), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_is_gone_from_the_store_has_its_event_all_the_same() {
    let mut rig = Rig::new(1, Mode::Background).await;
    // Another store knows nothing of it, as one from which it was taken out.
    let (store, breaks) = Store::breakable(&OsRandom);
    let queue = Queue::new(store.clone(), Arc::new(SystemClock), QueueConfig::default());
    let mut ledger = rig.ledger.take().unwrap();
    ledger.books.store = store.clone();
    rig.deliveries = queue.deliveries(ClaimFilter::of(Session::Local));
    ledger.books.queue = queue;
    (rig.store, rig.breaks, rig.ledger) = (store, breaks, Some(ledger));
    rig.take(0).await;
    let delivery = rig.deliveries.next().await.unwrap();
    assert_eq!(delivery.completion().unwrap().delegation_id, rig.record.id);
    assert_eq!(rig.row().await.ended.unwrap().0, Status::Completed);
    delivery.ack().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_in_trouble_is_told_of_once_and_then_that_it_is_over() {
    let trouble = Trouble::default();
    let tries = std::sync::atomic::AtomicU32::new(0);
    let write = || async {
        match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0..100 => Err(full()),
            it => Ok(it),
        }
    };
    assert_eq!(trouble.outlast(write).await, Ok(100));
    let refused = || async { Err::<(), _>(StoreError::Closed) };
    assert_eq!(trouble.outlast(refused).await, Err(StoreError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_summary_that_is_kept_in_part_is_told_of() {
    let mut rig = Rig::new(1, Mode::Foreground).await;
    let whole = "x".repeat(MOST_SUMMARY + 1);
    let lost = rig.record.lost(0, Status::Completed, "").unwrap();
    rig.ledger.as_mut().unwrap().take(ChildResult { full_summary: Some(whole), ..lost }).await;
    let note = format!(
        "the whole summary of task 1 has {} bytes: the first {MOST_SUMMARY} are kept",
        MOST_SUMMARY + 1
    );
    assert_eq!(rig.take_event().notes, [note]);
}
