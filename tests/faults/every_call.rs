//! Every call of SQLite to its files fails once, with all that come after it,
//! or as on a disk without room.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use hermitage::store::{Leave, Store};
use hermitage_tests::Dice;
use rusqlite::ffi;

use crate::{
    directory,
    promises::{Promises, check},
    vfs::{Disk, Verdict, What, mount},
    work::{NOW, Said, Step, Taken, Worker, random, some},
};

/// More calls than the work makes: then something goes round in circles.
const MOST_CALLS: u64 = 10_000;

/// The event that is queued when the disk works again.
const LAST: u32 = 100_000;

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// One call.
    Once,
    /// That one and all after it.
    FromThenOn,
    /// One write, of which half is written: there is no room.
    NoRoomOnce,
    /// The same, and there is none from then on.
    NoRoom,
}

const WAYS: [Way; 4] = [Way::Once, Way::FromThenOn, Way::NoRoomOnce, Way::NoRoom];

/// Fails from the n-th call on that can.
struct Failing {
    way: Way,
    at: u64,
    calls: AtomicU64,
    failed: AtomicBool,
    is_well: AtomicBool,
}

impl Failing {
    fn new(way: Way, at: u64) -> Self {
        let (calls, failed) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { way, at, calls, failed, is_well: AtomicBool::new(false) }
    }
}

impl Disk for Failing {
    fn before(&self, _: &Path, what: What<'_>) -> Verdict {
        let is_room = matches!(self.way, Way::NoRoom | Way::NoRoomOnce);
        let verdict = if is_room { no_room(what) } else { broken(what) };
        if verdict == Verdict::Go || self.is_well.load(SeqCst) {
            return Verdict::Go;
        }
        let call = self.calls.fetch_add(1, SeqCst);
        let lasts = matches!(self.way, Way::FromThenOn | Way::NoRoom);
        if call == self.at || (lasts && self.at < call) {
            self.failed.store(true, SeqCst);
            return verdict;
        }
        Verdict::Go
    }
}

fn broken(what: What<'_>) -> Verdict {
    Verdict::Fail(match what {
        What::Open => ffi::SQLITE_CANTOPEN,
        What::Read => ffi::SQLITE_IOERR_READ,
        What::Write { .. } => return Verdict::Half(ffi::SQLITE_IOERR_WRITE),
        What::Truncate { .. } => ffi::SQLITE_IOERR_TRUNCATE,
        What::Sync => ffi::SQLITE_IOERR_FSYNC,
        What::Size => ffi::SQLITE_IOERR_FSTAT,
        What::Lock => ffi::SQLITE_IOERR_LOCK,
        What::ShmMap => ffi::SQLITE_IOERR_SHMMAP,
        What::ShmLock => ffi::SQLITE_IOERR_SHMLOCK,
        What::Delete => ffi::SQLITE_IOERR_DELETE,
        What::Access => ffi::SQLITE_IOERR_ACCESS,
        What::Close => return Verdict::Go,
    })
}

fn no_room(what: What<'_>) -> Verdict {
    match what {
        What::Write { .. } => Verdict::Half(ffi::SQLITE_FULL),
        What::ShmMap => Verdict::Fail(ffi::SQLITE_IOERR_SHMSIZE),
        _ => Verdict::Go,
    }
}

/// Two hosts, one after the other, each with a half of the steps.
async fn work(file: &Path, steps: &[Step], disk: &Failing) -> Vec<Taken> {
    let (mut taken, mut worker) = (Vec::new(), Worker::default());
    for (number, part) in steps.chunks(steps.len().div_ceil(2)).enumerate() {
        worker.forget_claims();
        let store = match Store::open(file, &*random(u32::try_from(number).unwrap())) {
            Ok(it) => it,
            Err(err) => {
                assert!(err.to_string().contains("store.db"), "which file? {err}");
                assert!(disk.failed.load(SeqCst), "{err}");
                continue;
            }
        };
        let recovered = store.recover(NOW, Leave::Nothing).await;
        assert!(recovered.is_ok() || disk.failed.load(SeqCst), "{recovered:?}");
        let before = taken.len();
        for step in part {
            taken.push(worker.take(&store, step).await);
        }
        // When the disk works again, so does a store that said of every
        // failure that nothing was written.
        if number == 1 {
            disk.is_well.store(true, SeqCst);
            let last = worker.take(&store, &Step::Push(LAST)).await;
            let knows = |it: &Taken| !matches!(it.said, Said::Failed(_));
            assert!(!taken[before..].iter().all(knows) || last.said == Said::Done, "{last:?}");
            taken.push(last);
        }
    }
    taken
}

/// Whether it failed at all.
async fn fails_at(way: Way, at: u64, steps: &[Step]) -> bool {
    let dir = directory();
    let file = dir.path().join("store.db");
    let disk = Arc::new(Failing::new(way, at));
    let mounted = mount(dir.path(), Arc::clone(&disk) as Arc<dyn Disk>);
    let taken = work(&file, steps, &disk).await;
    disk.is_well.store(true, SeqCst);
    drop(mounted);
    let failed = disk.failed.load(SeqCst);
    let told = taken.iter().all(|it| it.said == Said::Done);
    assert!(failed || told, "{way:?} at {at}: {taken:#?}");
    check(&file, &Promises::said(&taken)).await;
    failed
}

fn every_call(way: Way, steps: &[Step]) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = |at| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(fails_at(way, at, steps))
        }))
        .unwrap_or_else(|panic| {
            eprintln!("{way:?}, call {at}");
            std::panic::resume_unwind(panic)
        })
    };
    let calls = (0..MOST_CALLS).find(|at| !name(*at)).expect("the work ends");
    println!("{way:?}: {calls} calls");
    calls
}

#[test]
fn whatever_call_to_a_file_fails_what_was_said_is_so() {
    let steps = some(&mut Dice::new(1), 24);
    let calls: Vec<u64> = thread::scope(|scope| {
        let steps = &steps;
        let running = WAYS.map(|way| scope.spawn(move || every_call(way, steps)));
        running.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(200 < calls[0] && 30 < calls[2], "so few are no work: {calls:?}");
}
