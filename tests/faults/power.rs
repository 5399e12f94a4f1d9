//! The power cut, as a disk may answer it: what was written to a file since
//! it was last synchronised is there, or not, or in part, in any order.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use hermitage::store::{Leave, Store};
use hermitage_tests::Dice;
use rusqlite::Connection;

use crate::{
    directory, named, number,
    promises::{Promises, Sure, check},
    vfs::{Disk, Verdict, What, mount},
    work::{NOW, Said, Taken, Worker, random, some},
};

/// Cuts in a test run.
const SEEDS: u64 = 480;

/// Cuts for each recorded work.
const CUTS: u64 = 12;

/// A write is whole or not in pieces of this size.
const SECTOR: usize = 512;

/// Steps of one work.
const STEPS: usize = 30;

/// What reached a file.
#[derive(Clone, Debug)]
enum Op {
    Open,
    Write { at: usize, bytes: Vec<u8> },
    Truncate { to: usize },
    Sync,
    Delete,
}

/// Writes down all that reaches files.
#[derive(Default)]
struct Recorder {
    log: Mutex<Vec<(PathBuf, Op)>>,
    open: Mutex<usize>,
    closed: Condvar,
}

impl Recorder {
    fn len(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    /// Waits until every file is closed, and the last words are written.
    fn idle(&self) {
        let open = self.open.lock().unwrap();
        drop(self.closed.wait_while(open, |it| *it > 0).unwrap());
    }
}

impl Disk for Recorder {
    fn before(&self, _: &Path, _: What<'_>) -> Verdict {
        Verdict::Go
    }

    fn after(&self, file: &Path, what: What<'_>) {
        let place = |it: u64| usize::try_from(it).unwrap();
        let op = match what {
            What::Open => {
                *self.open.lock().unwrap() += 1;
                Op::Open
            }
            What::Close => {
                *self.open.lock().unwrap() -= 1;
                self.closed.notify_all();
                return;
            }
            What::Write { at, bytes } => Op::Write { at: place(at), bytes: bytes.to_owned() },
            What::Truncate { to } => Op::Truncate { to: place(to) },
            What::Sync => Op::Sync,
            What::Delete => Op::Delete,
            _ => return,
        };
        self.log.lock().unwrap().push((file.to_owned(), op));
    }
}

/// Work that was done, and all that reached the files meanwhile.
struct Recording {
    log: Vec<(PathBuf, Op)>,
    /// Each with the length of the log before and after it.
    taken: Vec<(Taken, usize, usize)>,
    main: PathBuf,
}

/// Hosts come and go, and now and then the log is copied back.
async fn record(seed: u64) -> Recording {
    let (dir, recorder) = (directory(), Arc::new(Recorder::default()));
    let file = dir.path().canonicalize().unwrap().join("store.db");
    let mounted = mount(dir.path(), Arc::clone(&recorder) as Arc<dyn Disk>);
    let (mut dice, mut worker) = (Dice::new(seed), Worker::default());
    let (mut taken, mut hosts) = (Vec::new(), 0);
    let mut store = Store::open(&file, &*random(0)).unwrap();
    for step in some(&mut dice, STEPS) {
        match dice.roll(14) {
            0 => {
                drop(store);
                recorder.idle();
                hosts += 1;
                worker.forget_claims();
                store = Store::open(&file, &*random(hosts)).unwrap();
                store.recover(NOW, Leave::Nothing).await.unwrap();
            }
            1 => copy_back(&file, "PASSIVE"),
            2 => copy_back(&file, "RESTART"),
            _ => (),
        }
        let began = recorder.len();
        let it = worker.take(&store, &step).await;
        assert_eq!(it.said, Said::Done, "{step:?}");
        taken.push((it, began, recorder.len()));
    }
    drop(store);
    recorder.idle();
    drop(mounted);
    let log = std::mem::take(&mut *recorder.log.lock().unwrap());
    Recording { log, taken, main: file }
}

fn copy_back(file: &Path, how: &str) {
    let db = Connection::open(file).unwrap();
    let sql = format!("PRAGMA wal_checkpoint({how})");
    db.query_row(&sql, [], |_| Ok(())).unwrap();
}

impl Recording {
    /// What the store had said when the power was cut.
    fn promises(&self, cut: usize) -> Promises {
        let sure = |(taken, began, ended): &'_ (Taken, usize, usize)| match () {
            () if *ended <= cut => Some((taken.clone(), Sure::Yes)),
            () if *began < cut => Some((taken.clone(), Sure::Perhaps)),
            () => None,
        };
        let steps: Vec<(Taken, Sure)> = self.taken.iter().filter_map(sure).collect();
        Promises::of(steps.iter().map(|(taken, sure)| (taken, *sure)))
    }

    /// The files as they may be found.
    fn found(&self, cut: usize, dice: &mut Dice) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut platter = Platter::new(&self.main);
        for (file, op) in &self.log[..cut] {
            platter.take(file, op);
        }
        platter.found(dice)
    }
}

/// A file, by whatever name.
#[derive(Default)]
struct Inode {
    durable: Vec<u8>,
    /// Not synchronised.
    pending: Vec<Op>,
    /// Whether its directory was synchronised since it was made.
    is_entered: bool,
}

/// What is on the disk for sure, and what came after.
struct Platter {
    inodes: Vec<Inode>,
    /// What each name stood for since the directory was synchronised last, in
    /// the order of time.
    names: BTreeMap<PathBuf, Vec<Option<usize>>>,
}

impl Platter {
    /// With the database, empty: the host makes it, and waits for the disk.
    fn new(main: &Path) -> Self {
        let inode = Inode { is_entered: true, ..Inode::default() };
        Self { inodes: vec![inode], names: BTreeMap::from([(main.to_owned(), vec![Some(0)])]) }
    }

    fn take(&mut self, file: &Path, op: &Op) {
        let history = self.names.entry(file.to_owned()).or_insert_with(|| vec![None]);
        let inode = match (history.last().copied().flatten(), op) {
            (Some(inode), Op::Delete) => {
                history.push(None);
                inode
            }
            (Some(inode), _) => inode,
            (None, Op::Open) => {
                history.push(Some(self.inodes.len()));
                self.inodes.push(Inode::default());
                self.inodes.len() - 1
            }
            (None, op) => panic!("{op:?} of a file that is not there: {}", file.display()),
        };
        match op {
            Op::Write { .. } | Op::Truncate { .. } => self.inodes[inode].pending.push(op.clone()),
            Op::Sync => self.synchronise(inode),
            Op::Open | Op::Delete => (),
        }
    }

    /// SQLite synchronises the directory with a new log or journal.
    fn synchronise(&mut self, inode: usize) {
        let it = &mut self.inodes[inode];
        for op in std::mem::take(&mut it.pending) {
            apply(&mut it.durable, &op);
        }
        if !std::mem::replace(&mut it.is_entered, true) {
            for history in self.names.values_mut() {
                history.drain(..history.len() - 1);
            }
        }
    }

    fn found(mut self, dice: &mut Dice) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut res = BTreeMap::new();
        for (name, history) in self.names {
            if let Some(inode) = history[dice.place(history.len())] {
                let Inode { durable, pending, .. } = std::mem::take(&mut self.inodes[inode]);
                res.insert(name, survived(durable, pending, dice));
            }
        }
        res
    }
}

/// Of what was not synchronised, some: all of it, none, or as it comes.
fn survived(mut bytes: Vec<u8>, mut pending: Vec<Op>, dice: &mut Dice) -> Vec<u8> {
    let how = dice.roll(4);
    if how > 1 {
        for idx in (1..pending.len()).rev() {
            if dice.roll(3) == 0 {
                pending.swap(idx, dice.place(idx + 1));
            }
        }
    }
    for op in pending {
        match (how, dice.roll(3)) {
            (0, _) | (2.., 0) => (),
            (1, _) | (_, 1) => apply(&mut bytes, &op),
            _ => torn(&mut bytes, &op, dice),
        }
    }
    bytes
}

fn apply(file: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write { at, bytes } => {
            let end = at + bytes.len();
            file.resize(file.len().max(end), 0);
            file[*at..end].copy_from_slice(bytes);
        }
        Op::Truncate { to } => file.resize(*to, 0),
        Op::Open | Op::Sync | Op::Delete => (),
    }
}

/// Some of its sectors. The file has its new length all the same.
fn torn(file: &mut Vec<u8>, op: &Op, dice: &mut Dice) {
    let Op::Write { at, bytes } = op else { return apply(file, op) };
    file.resize(file.len().max(at + bytes.len()), 0);
    let mut begin = 0;
    while begin < bytes.len() {
        let to_border = SECTOR - (at + begin) % SECTOR;
        let end = bytes.len().min(begin + to_border);
        if dice.roll(2) == 0 {
            file[at + begin..at + end].copy_from_slice(&bytes[begin..end]);
        }
        begin = end;
    }
}

/// The store as it is found after a cut, in a directory of its own.
async fn cut(recording: &Recording, seed: u64) {
    let mut dice = Dice::new(seed ^ 0x0c07);
    let cut = dice.place(recording.log.len() + 1);
    let (dir, main) = (directory(), &recording.main);
    for (name, bytes) in recording.found(cut, &mut dice) {
        fs::write(dir.path().join(name.file_name().unwrap()), bytes).unwrap();
    }
    let file = dir.path().join(main.file_name().unwrap());
    if dice.roll(2) == 0 {
        // The index of the log is in memory, and what a disk has of it is old.
        let name = file.with_file_name("store.db-shm");
        let old: Vec<u8> = (0..32_768).map(|_| dice.draw().to_le_bytes()[0]).collect();
        fs::write(name, old).unwrap();
    }
    check(&file, &recording.promises(cut)).await;
}

fn campaign(first: u64, seeds: u64, part: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wanted = first..first + seeds;
    // A seed alone repeats the work that it has among others.
    for work in (first / CUTS..wanted.end.div_ceil(CUTS)).filter(|it| it % 2 == part) {
        let recording = named(work * CUTS, || runtime.block_on(record(work)));
        for seed in (work * CUTS..(work + 1) * CUTS).filter(|it| wanted.contains(it)) {
            named(seed, || runtime.block_on(cut(&recording, seed)));
        }
    }
}

#[test]
fn after_a_power_cut_everything_that_was_said_is_there() {
    let first = number("HERMITAGE_FAULTS_SEED", 0);
    let seeds = number("HERMITAGE_FAULTS_SEEDS", SEEDS);
    println!("HERMITAGE_FAULTS_SEED={first} HERMITAGE_FAULTS_SEEDS={seeds}");
    thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || campaign(first, seeds, part));
        }
    });
}

/// The test can fail: a disk that says it has synchronised what it has not
/// loses what was promised.
#[test]
fn a_disk_that_lies_is_noticed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut recording = runtime.block_on(record(1));
    recording.log.retain(|(_, op)| !matches!(op, Op::Sync));
    let lost = (0..12).filter(|seed| {
        let cut = || runtime.block_on(cut_at_the_end(&recording, *seed));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(cut)).is_err()
    });
    assert!(lost.count() > 0);
}

async fn cut_at_the_end(recording: &Recording, seed: u64) {
    let dir = directory();
    for (name, bytes) in recording.found(recording.log.len(), &mut Dice::new(seed)) {
        fs::write(dir.path().join(name.file_name().unwrap()), bytes).unwrap();
    }
    check(&dir.path().join("store.db"), &recording.promises(usize::MAX)).await;
}
