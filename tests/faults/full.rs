//! A disk that is full: a small one, in a process that has it for itself.

use std::{
    env, fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use hermitage::store::{Leave, Store, StoreError};

use crate::{
    directory,
    promises::{Promises, check},
    work::{Effect, NOW, Said, Step, Taken, Worker, random},
};

/// Says where the disk is, to the process that fills it.
const DISK: &str = "HERMITAGE_FAULTS_DISK";

/// Mounts it, and goes on as the test's own program. `$0` is that.
const SCRIPT: &str =
    r#"mount -t tmpfs -o size=3m,mode=0700 none "$HERMITAGE_FAULTS_DISK" && exec "$0" "$@""#;

/// A user who is nobody: what root may do beyond others is no part of it.
const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

#[test]
fn a_full_disk_is_told_and_costs_nothing_that_was_said() {
    if let Some(disk) = env::var_os(DISK) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(fill(Path::new(&disk)));
    }
    on_a_small_disk(&[]);
    if rustix::process::getuid().is_root() {
        on_a_small_disk(&NOBODY);
    }
}

/// Runs this test once more, as that user.
fn on_a_small_disk(user: &[&str]) {
    let dir = directory();
    let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(dir.path(), open).unwrap();
    // A copy that anybody may run.
    let program = dir.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).unwrap();

    let command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT];
    let words: Vec<&str> = user.iter().chain(&command).copied().collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(&program);
    command.args([
        "--exact",
        "--nocapture",
        "full::a_full_disk_is_told_and_costs_nothing_that_was_said",
    ]);
    let done = command.env(DISK, &disk).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    let is_well = done.status.success() && text.contains("1 passed");
    assert!(is_well, "{text}{}", String::from_utf8_lossy(&done.stderr));
}

/// Writes until there is no room, makes some, and goes on.
async fn fill(disk: &Path) {
    let file = disk.join("store/store.db");
    let store = Store::open(&file, &*random(0)).unwrap();
    store.recover(NOW, Leave::Nothing).await.unwrap();
    let (mut worker, mut taken) = (Worker::default(), Vec::new());
    let mut next = 1;
    for round in 0..3 {
        let ballast = disk.join("ballast");
        fill_up(&ballast);
        let mut full = 0;
        while full < 20 {
            let it = push(&mut worker, &store, &mut next).await;
            match &it.said {
                Said::Done => (),
                Said::NotDone(StoreError::Full(why)) => {
                    assert!(why.contains("store.db"), "which one? {why}");
                    full += 1;
                }
                said => panic!("round {round}: {said:?}"),
            }
            taken.push(it);
        }
        fs::remove_file(&ballast).unwrap();
        let it = push(&mut worker, &store, &mut next).await;
        assert_eq!(it.said, Said::Done, "there is room again, in round {round}");
        taken.push(it);
    }
    fill_up(&disk.join("ballast"));
    drop(store);
    // To look at it takes no room.
    let store = Store::open_to_read(&file, &*random(1)).unwrap();
    let filter = hermitage::store::EventFilter { limit: 100_000, ..Default::default() };
    let seen = store.read_raw(move |it| it.events(&filter)).await.unwrap().len();
    assert_eq!(seen, taken.iter().filter(|it| it.said == Said::Done).count());
    drop(store);
    fs::remove_file(disk.join("ballast")).unwrap();
    check(&file, &Promises::said(&taken)).await;
}

async fn push(worker: &mut Worker, store: &Store, next: &mut u32) -> Taken {
    let it = worker.take(store, &Step::Push(*next)).await;
    assert_eq!(it.effects, [Effect::Queued(*next)]);
    *next += 1;
    it
}

/// All but a little.
fn fill_up(ballast: &Path) {
    let mut file = fs::File::create(ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let len = file.metadata().unwrap().len();
    file.set_len(len.saturating_sub(200 << 10)).unwrap();
}
