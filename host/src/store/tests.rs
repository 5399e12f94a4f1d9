//! The handle: commits, isolation of operations, and hosts that share a file.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use super::{sample::*, *};
use crate::{
    event::Status,
    id::{DelegationId, OsRandom},
    session::Session,
    unit::UnitRecord,
};

#[derive(Default)]
struct Steps(Mutex<Vec<Step>>);

impl Watch for Steps {
    fn at(&self, step: Step) {
        self.0.lock().unwrap().push(step);
    }
}

impl Steps {
    fn names(&self) -> String {
        let steps = self.0.lock().unwrap();
        steps.iter().map(|it| it.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn count(&self, step: Step) -> usize {
        self.0.lock().unwrap().iter().filter(|it| **it == step).count()
    }
}

fn memory() -> (Store, Arc<Steps>) {
    let steps = Arc::new(Steps::default());
    (Store::over(Box::new(Memory::default()), host(1), steps.clone()).unwrap(), steps)
}

struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("state/store.db")
    }

    fn open(&self) -> Store {
        Store::open(&self.path(), &OsRandom).unwrap()
    }

    fn locks(&self) -> usize {
        fs::read_dir(self.dir.path().join("state/store.db.hosts")).unwrap().count()
    }
}

/// Ends a host, and returns when its thread has ended, too.
fn close(store: Store) -> PathBuf {
    let path = store.path().unwrap();
    let lock = path.with_file_name(format!("store.db.hosts/{}.lock", store.host()));
    assert!(lock.exists());
    drop(store);
    while lock.exists() {
        std::thread::yield_now();
    }
    lock
}

/// Like [`close`], but the lock's file stays, as after a crash.
fn kill(store: Store) {
    fs::write(close(store), "").unwrap();
}

async fn insert(store: &Store, unit: UnitRecord) {
    let host = store.host();
    store.run(move |it| it.insert_unit(&unit, host)).await.unwrap();
}

async fn units(store: &Store) -> Vec<DelegationId> {
    let rows = store.read(|it| it.units(100)).await.unwrap();
    rows.into_iter().map(|it| it.record.id).collect()
}

#[tokio::test]
async fn an_operation_passes_every_step() {
    let (store, steps) = memory();
    insert(&store, unit(1, &[&[0]])).await;
    // A read comes after the last step of the write.
    assert_eq!(units(&store).await, [delegation(1)]);
    assert_eq!(steps.names(), "taken begun applied committed answered");
}

#[tokio::test]
async fn operations_that_wait_share_a_commit() {
    let (store, steps) = memory();
    let (go, gate) = mpsc::channel::<()>();
    let (entered, is_in) = tokio::sync::oneshot::channel();
    let closed = store.run(move |_| {
        entered.send(()).unwrap();
        gate.recv().unwrap();
        Ok(())
    });
    let host = store.host();
    let many = (1..=100).map(|n| store.run(move |it| it.insert_unit(&unit(n, &[&[0]]), host)));
    let open = async {
        is_in.await.unwrap();
        // By now the others were polled once, which sends them.
        tokio::task::yield_now().await;
        go.send(()).unwrap();
    };
    let (first, all, ()) = tokio::join!(closed, futures_util::future::join_all(many), open);
    assert!(first.is_ok() && all.iter().all(Result::is_ok));
    assert_eq!(units(&store).await.len(), 100);
    assert!(steps.count(Step::Committed) <= 3, "{}", steps.names());
}

#[tokio::test]
async fn an_operation_that_fails_is_undone_alone() {
    let (store, _) = memory();
    let host = store.host();
    let good = store.run(move |it| it.insert_unit(&unit(1, &[&[0]]), host));
    let bad = store.run(move |it| {
        it.insert_unit(&unit(2, &[&[0]]), host)?;
        it.insert_unit(&unit(2, &[&[0]]), host)
    });
    let crash = store.run(move |it| -> Result<(), StoreError> {
        it.insert_unit(&unit(3, &[&[0]]), host)?;
        panic!("on purpose")
    });
    let (good, bad, crash) = tokio::join!(good, bad, crash);
    assert_eq!(good, Ok(()));
    assert_eq!(bad, Err(StoreError::Exists(delegation(2).to_string())));
    assert_eq!(crash, Err(StoreError::Io("the operation crashed".to_owned())));
    assert_eq!(units(&store).await, [delegation(1)]);
}

#[tokio::test]
async fn a_commit_that_failed_is_an_error_for_all_and_when_in_doubt_the_last() {
    let tables = Memory::default();
    let broken = tables.broken.clone();
    let store = Store::over(Box::new(tables), host(1), Arc::new(NoWatch)).unwrap();
    let insert = |n| {
        let host = store.host();
        store.run(move |it| it.insert_unit(&unit(n, &[&[0]]), host))
    };
    let full = StoreError::Full("no room".to_owned());
    *broken.lock().unwrap() = Some(full.clone());
    assert_eq!(insert(1).await, Err(full));
    *broken.lock().unwrap() = None;
    assert_eq!(insert(1).await, Ok(()), "there is room again");
    let lost = StoreError::Io("the disk is gone".to_owned());
    *broken.lock().unwrap() = Some(lost.clone());
    assert_eq!(insert(2).await, Err(lost.clone()));
    *broken.lock().unwrap() = None;
    assert_eq!(insert(3).await, Err(lost));
    assert_eq!(units(&store).await, [delegation(1)], "it can still be read");
}

#[tokio::test]
async fn what_is_sent_is_written_although_the_handle_is_gone() {
    let case = Case::new();
    let store = case.open();
    let host = store.host();
    for n in 1..=20 {
        store.send(move |it| it.insert_unit(&unit(n, &[&[0]]), host));
    }
    close(store);
    assert_eq!(units(&case.open()).await.len(), 20);
}

#[tokio::test]
async fn an_operation_may_own_the_last_handle() {
    let (store, steps) = memory();
    let (done, ended) = tokio::sync::oneshot::channel::<()>();
    let owned = store.clone();
    store.send(move |_| {
        drop(owned);
        drop(done);
        Ok(())
    });
    drop(store);
    assert!(ended.await.is_err());
    assert!(steps.names().starts_with("taken"));
}

#[tokio::test]
async fn a_store_says_where_it_is() {
    let store = Store::memory(&Fixed(3));
    assert_eq!((store.host(), store.is_durable(), store.path()), (host(3), false, None));
    let case = Case::new();
    let store = case.open();
    let path = fs::canonicalize(case.path()).unwrap();
    assert_eq!((store.is_durable(), store.path()), (true, Some(path.as_path())));
}

#[tokio::test]
async fn recovery_settles_what_dead_hosts_left_and_nothing_else() {
    let case = Case::new();
    let (dead, alive, third) = (case.open(), case.open(), case.open());
    insert(&dead, unit(1, &[&[0]])).await;
    insert(&alive, unit(2, &[&[0]])).await;
    assert_eq!(third.recover(5.0, Leave::Nothing).await.unwrap(), Recovered::default());
    kill(dead);
    let res = third.recover(5.0, Leave::Nothing).await.unwrap();
    assert_eq!((res.units, res.events), (vec![delegation(1)], 1));
    assert_eq!(third.recover(6.0, Leave::Nothing).await.unwrap(), Recovered::default());
    let row = alive.read(|it| it.unit(delegation(2))).await.unwrap().unwrap();
    assert_eq!(row.ended, None);
    assert_eq!(case.locks(), 2, "those of hosts that live");
}

#[tokio::test]
async fn a_host_without_a_lock_file_is_dead_and_one_with_nothing_left_is_forgotten() {
    let case = Case::new();
    let (one, two, three) = (case.open(), case.open(), case.open());
    insert(&one, unit(1, &[&[0]])).await;
    close(one);
    kill(two);
    assert_eq!(three.recover(5.0, Leave::Nothing).await.unwrap().units, [delegation(1)]);
    assert_eq!(case.locks(), 1);
}

#[tokio::test]
async fn of_two_hosts_that_recover_one_does() {
    let case = Case::new();
    let (dead, one, two) = (case.open(), case.open(), case.open());
    for n in 1..=20 {
        insert(&dead, unit(n, &[&[0]])).await;
    }
    kill(dead);
    let (one, two) =
        tokio::join!(one.recover(5.0, Leave::Nothing), two.recover(5.0, Leave::Nothing));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.units.len() + two.units.len(), one.events + two.events), (20, 20));
}

#[tokio::test]
async fn two_hosts_write_and_read_one_file() {
    let case = Case::new();
    let (one, two) = (case.open(), case.open());
    let record = unit(1, &[&[0]]);
    insert(&one, record.clone()).await;
    let end = finish(&record, 0, Status::Completed, 3.0);
    one.run(move |it| it.finish(&end)).await.unwrap().unwrap();
    let by = two.host();
    let claim = move |it: &mut dyn Tables| it.claim(&all_of(chat()), by, 4.0, 9.0, 8);
    let (row, token) = two.run(claim).await.unwrap().unwrap();
    assert_eq!(two.run(move |it| it.ack(row.id, token)).await, Ok(Some(Settled::Done)));
    let row = one.read(move |it| it.event(row.id)).await.unwrap().unwrap();
    assert_eq!(row.state, EventState::Acked);
}

#[tokio::test]
async fn files_and_directories_are_private() {
    let case = Case::new();
    let store = case.open();
    insert(&store, unit(1, &[&[0]])).await;
    let mode = |name: &str| {
        let path = case.dir.path().join("state").join(name);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_eq!((mode(""), mode("store.db.hosts")), (0o700, 0o700));
    assert_eq!(mode(&format!("store.db.hosts/{}.lock", store.host())), 0o600);
}

fn refused(path: &Path) -> String {
    match Store::open(path, &OsRandom).unwrap_err() {
        StoreError::Open { why, .. } => why,
        err => panic!("{err}"),
    }
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    for text in ["a", "my notes, which are longer than the head of a database"] {
        fs::write(&path, text).unwrap();
        assert_eq!(refused(&path), "it is no database, or a damaged one");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(refused(dir.path()), "it is no regular file");
    let other = dir.path().join("other.db");
    let db = rusqlite::Connection::open(&other).unwrap();
    db.execute_batch("CREATE TABLE theirs (id)").unwrap();
    assert_eq!(refused(&other), "it is the database of another program");
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let bytes = [b"SQLite format 3\0".as_slice(), &[0xff; 5000]].concat();
    fs::write(&path, &bytes).unwrap();
    assert_eq!(refused(&path), "it is no database, or a damaged one");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_database_with_a_second_name_is_refused_under_both() {
    let case = Case::new();
    close(case.open());
    let other = case.dir.path().join("other.db");
    fs::hard_link(case.path(), &other).unwrap();
    for path in [&case.path(), &other] {
        let error = refused(path);
        assert!(error.contains("it has 2 names"), "{error}");
    }
    fs::remove_file(other).unwrap();
    case.open();
}

#[test]
fn a_newer_database_is_refused() {
    let case = Case::new();
    close(case.open());
    let db = rusqlite::Connection::open(case.path()).unwrap();
    db.pragma_update(None, "user_version", 7).unwrap();
    let err = Store::open(&case.path(), &OsRandom).unwrap_err();
    let path = fs::canonicalize(case.path()).unwrap();
    assert_eq!(err, StoreError::Newer { path, found: 7, known: 4 });
}

#[test]
fn a_file_is_found_by_any_of_its_names() {
    let case = Case::new();
    let _store = case.open();
    let link = case.dir.path().join("link.db");
    std::os::unix::fs::symlink(case.path(), &link).unwrap();
    let _other = Store::open(&link, &OsRandom).unwrap();
    assert_eq!(case.locks(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_event_is_handed_out_once_by_hosts_that_compete() {
    let case = Case::new();
    let (one, two) = (case.open(), case.open());
    const EVENTS: usize = 60;
    let host = one.host();
    let fill = move |it: &mut dyn Tables| {
        for n in 0..EVENTS {
            it.push(&other("watch_match", &n.to_string(), chat()), host)?;
        }
        Ok(())
    };
    one.run(fill).await.unwrap();
    let claimed = Arc::new(AtomicUsize::new(0));
    let consume = |store: Store| {
        let (claimed, by) = (claimed.clone(), store.host());
        tokio::spawn(async move {
            let claim = move |it: &mut dyn Tables| it.claim(&all_of(chat()), by, 1.0, 9.0, 8);
            while let Some((row, token)) = store.run(claim).await.unwrap() {
                let res = store.run(move |it| it.ack(row.id, token)).await.unwrap();
                assert_eq!(res, Some(Settled::Done));
                claimed.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let tasks = [&one, &two, &one, &two].map(|it| consume(it.clone()));
    futures_util::future::join_all(tasks).await.into_iter().for_each(|it| it.unwrap());
    assert_eq!(claimed.load(Ordering::Relaxed), EVENTS);
    let left = one.read(|it| it.next_due(&all_of(Session::Local), host_of_nobody())).await;
    assert_eq!(left, Ok(None));
}

fn host_of_nobody() -> HostId {
    host(200)
}

/// Inserts a unit, and says why it can't.
async fn refusal(store: &Store, n: u8) -> String {
    let host = store.host();
    let insert = store.run(move |it| it.insert_unit(&unit(n, &[&[0]]), host));
    insert.await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_file_that_is_lost_while_it_is_in_use_takes_nothing_and_what_was_in_it_is_kept() {
    type Lose = fn(&Path);
    let lose: [(&str, Lose); 6] = [
        ("was deleted or renamed", |it| fs::remove_file(it).unwrap()),
        ("was deleted or renamed", |it| fs::rename(it, it.with_extension("old")).unwrap()),
        ("was deleted or renamed", |it| fs::remove_dir_all(it.parent().unwrap()).unwrap()),
        ("was replaced by another file", |it| {
            fs::copy(it, it.with_extension("new")).unwrap();
            fs::rename(it.with_extension("new"), it).unwrap();
        }),
        ("has lost its log, which was deleted or renamed", |it| {
            fs::remove_file(it.with_extension("db-wal")).unwrap();
        }),
        ("has lost the index of its log, which was deleted or renamed", |it| {
            fs::remove_file(it.with_extension("db-shm")).unwrap();
        }),
    ];
    for (why, lose) in lose {
        let case = Case::new();
        let store = case.open();
        insert(&store, unit(1, &[&[0]])).await;
        lose(store.path().unwrap());
        let path = fs::canonicalize(case.dir.path()).unwrap().join("state/store.db");
        let copy = path.with_extension("db.rescued-1");
        let expect = format!(
            "the store `{}` {why}, while it is in use; what was in it is kept in `{}`",
            path.display(),
            copy.display()
        );
        assert_eq!(refusal(&store, 2).await, expect);
        assert_eq!(refusal(&store, 3).await, expect, "once it is lost, it stays so");
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let copied = Store::open(&copy, &OsRandom).unwrap();
        assert_eq!(units(&copied).await, [delegation(1)], "{why}");
    }
}

#[tokio::test]
async fn a_file_that_is_truncated_while_it_is_in_use_takes_nothing() {
    let truncate = |path: &Path, len: u64| {
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
    };
    for (suffix, why) in
        [("db", "was truncated"), ("db-wal", "has lost its log, which was truncated")]
    {
        let case = Case::new();
        let store = case.open();
        insert(&store, unit(1, &[&[0]])).await;
        truncate(&store.path().unwrap().with_extension(suffix), 0);
        let refusal = refusal(&store, 2).await;
        assert!(refusal.contains(&format!("` {why}, while it is in use")), "{refusal}");
    }
}

#[tokio::test]
async fn a_file_that_another_process_made_smaller_is_in_order() {
    let case = Case::new();
    let store = case.open();
    for n in 1..=100 {
        insert(&store, unit(n, &[&[0]])).await;
    }
    let other = rusqlite::Connection::open(case.path()).unwrap();
    other.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    let sql = "PRAGMA wal_checkpoint(FULL); DELETE FROM unit; VACUUM; PRAGMA wal_checkpoint(FULL)";
    other.execute_batch(sql).unwrap();
    insert(&store, unit(1, &[&[0]])).await;
    assert_eq!(units(&store).await, [delegation(1)]);
}

#[test]
fn the_tables_are_in_the_file_itself_from_the_start() {
    let case = Case::new();
    let _store = case.open();
    let copy = case.dir.path().join("copy.db");
    // Without its log.
    fs::copy(case.path(), &copy).unwrap();
    let store = Store::open_to_read(&copy, &OsRandom).unwrap();
    assert!(store.path().is_some());
}

#[tokio::test]
async fn a_store_that_is_looked_at_takes_no_writes_and_is_nobody_s() {
    let case = Case::new();
    let store = case.open();
    insert(&store, unit(1, &[&[0]])).await;
    let look = Store::open_to_read(&case.path(), &OsRandom).unwrap();
    assert_eq!(units(&look).await, [delegation(1)]);
    assert!(refusal(&look, 2).await.ends_with("is open for reading alone"));
    assert_eq!(case.locks(), 1);
    let path = close(store);
    assert!(!path.exists());
    let missing = Store::open_to_read(&case.dir.path().join("no.db"), &OsRandom);
    assert!(matches!(missing, Err(StoreError::Open { .. })));
}

#[test]
fn names_that_mean_something_else_are_no_files() {
    for name in [":memory:", "file:store.db", "file::memory:?cache=shared", ""] {
        let err = Store::open(Path::new(name), &OsRandom).unwrap_err();
        assert!(matches!(err, StoreError::Open { .. }), "{name}: {err}");
        assert!(!Path::new(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn what_another_process_writes_is_heard_of_within_moments() {
    let case = Case::new();
    let (one, two) = (case.open(), case.open());
    let mut changes = one.changes_elsewhere();
    // Its own writes are no news.
    insert(&one, unit(1, &[&[0]])).await;
    let soon = std::time::Duration::from_millis(600);
    assert!(tokio::time::timeout(soon, changes.next()).await.is_err());
    insert(&two, unit(2, &[&[0]])).await;
    changes.next().await;
    let mut ends = one.ends_elsewhere();
    close(two);
    ends.next().await;
}

#[tokio::test]
async fn news_of_an_end_is_not_lost_with_whoever_waited_for_it() {
    let case = Case::new();
    let (one, two) = (case.open(), case.open());
    let mut ends = one.ends_elsewhere();
    close(two);
    // Shorter than the moment until a lock is free.
    let moment = std::time::Duration::from_millis(1);
    while tokio::time::timeout(moment, ends.next()).await.is_err() {}
}

#[tokio::test]
async fn what_another_process_writes_is_heard_of_while_this_one_writes() {
    let case = Case::new();
    let (one, two) = (case.open(), case.open());
    let mut changes = one.changes_elsewhere();
    let own = async {
        for n in 1.. {
            insert(&one, unit(n, &[&[0]])).await;
        }
    };
    let heard = async {
        insert(&two, unit(0, &[&[0]])).await;
        changes.next().await;
    };
    tokio::select! {
        () = own => panic!("nothing was heard"),
        () = heard => (),
    }
}

#[tokio::test]
async fn a_process_that_stopped_in_a_transaction_is_named() {
    let case = Case::new();
    let store = case.open();
    let other = rusqlite::Connection::open(case.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM unit").unwrap();
    let expect = format!("the store is busy: process {} (`", std::process::id());
    let refusal = refusal(&store, 1).await;
    assert!(refusal.starts_with(&expect), "{refusal}");
    assert!(refusal.ends_with("is in the middle of a write"), "{refusal}");
    other.execute_batch("ROLLBACK").unwrap();
    insert(&store, unit(1, &[&[0]])).await;
}
