//! Searches for components that are dear to compile: `compile-search HELPER
//! MINUTES SEED`, with the command line of Hermitage as the helper.
//!
//! Shapes are drawn, changed and kept by what they cost for each of their
//! bytes: processor time and memory of the helper, and of this process, which
//! is the host. A line is printed for each that is the dearest so far, and the
//! ten dearest of each kind now and then.

use std::{
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use hermitage::{
    config::{Config, Layers},
    id::OsRandom,
    sandbox::{Binary, Sandbox},
};
use hermitage_tests::{Dice, shapes::Shape};

/// Shapes that are kept and changed, for each kind of cost.
const KEPT: usize = 10;

/// After so many the ten dearest are printed.
const TOLD: usize = 200;

/// How often the memory of a helper is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What one shape cost.
#[derive(Clone, Debug)]
struct Cost {
    bytes: usize,
    /// Of the helper: seconds, and MiB at its peak.
    cpu: f64,
    memory: f64,
    /// The same of the host.
    host_cpu: f64,
    host_memory: f64,
    outcome: String,
}

/// A kind of cost: its name, and how much of it there is for each byte.
type Kind = (&'static str, fn(&Cost) -> f64);

const KINDS: [Kind; 4] = [
    ("processor time", |it| it.of_each_byte(it.cpu, 0.03)),
    ("memory", |it| it.of_each_byte(it.memory, 50.0)),
    ("processor time of the host", |it| it.of_each_byte(it.host_cpu, 0.01)),
    ("memory of the host", |it| it.of_each_byte(it.host_memory, 1.0)),
];

impl Cost {
    /// Less what the smallest component costs, which is the process itself.
    fn of_each_byte(&self, cost: f64, least: f64) -> f64 {
        (cost - least).max(0.0) / self.bytes.max(1_024) as f64
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [helper, minutes, seed] = &arguments[..] else {
        panic!("compile-search HELPER MINUTES SEED");
    };
    let end = Instant::now() + Duration::from_secs_f64(minutes.parse::<f64>().unwrap() * 60.0);
    let Config { mut sandbox, delegation, .. } = Config::load(&Layers::default()).unwrap();
    sandbox.helper = Some(helper.into());
    let random = Arc::new(OsRandom);
    let host = Host { sandbox: Sandbox::new(sandbox, delegation.max_depth, random).unwrap() };
    let mut dice = Dice::new(seed.parse().unwrap());
    let mut best: [Vec<(Shape, Cost)>; 4] = Default::default();
    let (mut tried, mut worst) = (0_usize, [0.0_f64; 4]);
    while Instant::now() < end {
        let kind = dice.place(KINDS.len());
        let shape = match best[kind].len() {
            n if n > 0 && dice.roll(3) > 0 => best[kind][dice.place(n)].0.changed(&mut dice),
            _ => Shape::random(&mut dice),
        };
        let Some(bytes) = shape.render().filter(|it| it.len() <= 1 << 20) else { continue };
        let Some(cost) = host.cost(&bytes).await else { continue };
        tried += 1;
        for (most, now) in
            worst.iter_mut().zip([cost.cpu, cost.memory, cost.host_cpu, cost.host_memory])
        {
            *most = most.max(now);
        }
        for (kind, best) in best.iter_mut().enumerate() {
            keep(kind, best, &shape, &cost);
        }
        if tried % TOLD == 0 {
            tell(tried, &worst, &best);
        }
    }
    tell(tried, &worst, &best);
}

fn tell(tried: usize, worst: &[f64; 4], best: &[Vec<(Shape, Cost)>; 4]) {
    println!(
        "{tried} components; at most: helper {:.2} s and {:.0} MiB, host {:.3} s and {:.1} MiB",
        worst[0], worst[1], worst[2], worst[3]
    );
    for ((name, _), best) in KINDS.iter().zip(best) {
        println!("dearest by {name}:");
        for (shape, cost) in best {
            println!("{}", line(shape, cost));
        }
    }
}

fn keep(kind: usize, best: &mut Vec<(Shape, Cost)>, shape: &Shape, cost: &Cost) {
    let score = KINDS[kind].1;
    if best.iter().any(|(it, _)| it == shape) {
        return;
    }
    let at = best.partition_point(|(_, it)| score(it) >= score(cost));
    if at == 0 {
        println!("{}: {}", KINDS[kind].0, line(shape, cost));
    }
    best.insert(at, (shape.clone(), cost.clone()));
    best.truncate(KEPT);
}

fn line(shape: &Shape, cost: &Cost) -> String {
    let Cost { bytes, cpu, memory, host_cpu, host_memory, outcome } = cost;
    format!(
        "  {bytes} bytes: helper {cpu:.2} s {memory:.0} MiB, host {host_cpu:.3} s {host_memory:.1} MiB: {outcome}: `{shape}`"
    )
}

struct Host {
    sandbox: Sandbox,
}

impl Host {
    async fn cost(&self, bytes: &[u8]) -> Option<Cost> {
        // From now on the peak is counted anew.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let (cpu, own) = (seconds_of(libc::RUSAGE_CHILDREN), seconds_of(libc::RUSAGE_SELF));
        let memory = status("/proc/self/status", "VmRSS");
        let watch = Watch::start();
        let loaded = self.sandbox.load(&Binary::new(bytes)).await;
        let peak = watch.stop();
        // The machine was at fault, or there is no helper.
        if let Some(err) = loaded.as_ref().err().filter(|it| it.is_transient()) {
            eprintln!("{err}");
            return None;
        }
        Some(Cost {
            bytes: bytes.len(),
            cpu: seconds_of(libc::RUSAGE_CHILDREN) - cpu,
            memory: peak as f64 / 1024.0,
            host_cpu: seconds_of(libc::RUSAGE_SELF) - own,
            host_memory: status("/proc/self/status", "VmHWM").saturating_sub(memory) as f64
                / 1024.0,
            outcome: loaded.err().map_or("compiled".to_owned(), |it| it.to_string()),
        })
    }
}

fn seconds_of(who: i32) -> f64 {
    // SAFETY: all zeros are a value of this plain struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is writable and lives for the call.
    assert_eq!(unsafe { libc::getrusage(who, &raw mut usage) }, 0);
    let seconds = |it: libc::timeval| it.tv_sec as f64 + it.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// A number of KiB of a process; 0 when it is gone.
fn status(file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|it| it.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Looks at the memory of the children of this process.
struct Watch(Arc<(AtomicBool, AtomicU64)>, thread::JoinHandle<()>);

impl Watch {
    fn start() -> Self {
        let shared = Arc::new((AtomicBool::new(true), AtomicU64::new(0)));
        let looking = Arc::clone(&shared);
        let look = move || {
            while looking.0.load(Relaxed) {
                for id in children() {
                    looking.1.fetch_max(status(&format!("/proc/{id}/status"), "VmHWM"), Relaxed);
                }
                thread::sleep(LOOK);
            }
        };
        Self(shared, thread::spawn(look))
    }

    fn stop(self) -> u64 {
        self.0.0.store(false, Relaxed);
        self.1.join().unwrap();
        self.0.1.load(Relaxed)
    }
}

fn children() -> Vec<u32> {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let lists = threads.filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    lists.iter().flat_map(|it| it.split_whitespace()).filter_map(|it| it.parse().ok()).collect()
}
