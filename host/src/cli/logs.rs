//! `hermitage logs`: what children write into their logs. Of one that has ended
//! the store has it; of one that works, the service that runs it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Exit,
    args::{self, Global},
    client::{Bell, Client},
    error::CliError,
    id::ChildNamed,
    on_demand,
    outcome::log_line,
    output::{self, say},
    reach,
    setup::{Setup, block_on},
    signals::Signals,
    wait::news,
};
use crate::{
    clock::{Clock as _, SystemClock},
    event::LogLine,
    id::DelegationId,
    serve::wire::Log,
    store::{Leave, Store, UnitRow},
};

pub(super) fn logs(global: &Global, args: &args::Logs) -> Result<Exit, CliError> {
    let named = ChildNamed::parse(&args.child)?;
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    block_on(async {
        let mut signals = Signals::new()?;
        let store = setup.store().await?;
        let id = named.delegation.find(&store, ended).await?;
        let total = reach::unit(&store, id).await?.record.tasks.len();
        let tasks = match named.task {
            Some(_) => BTreeSet::from([named.one_of(total)?]),
            None => (0..total).collect(),
        };
        let service = on_demand::running(&setup).await;
        let (leave, told) = (setup.leave(), BTreeMap::new());
        let mut logs = Logs { store, leave, id, total, tasks, service, told };
        if !args.follow {
            logs.tell().await?;
            logs.say_why_there_is_nothing();
            return Ok(Exit::Completed);
        }
        tokio::select! {
            biased;
            ended = logs.follow() => ended.map(|()| Exit::Completed),
            () = signals.next() => Ok(Exit::Interrupted),
        }
    })?
}

struct Logs {
    store: Store,
    leave: Leave,
    id: DelegationId,
    total: usize,
    /// Those that may write more.
    tasks: BTreeSet<usize>,
    service: Option<Client>,
    /// How many lines of each were told.
    told: BTreeMap<usize, usize>,
}

impl Logs {
    async fn follow(&mut self) -> Result<(), CliError> {
        // Before the first look: nothing falls between the two.
        let (mut changes, mut ends) = (self.store.changes_elsewhere(), self.store.ends_elsewhere());
        let mut bell = match &self.service {
            Some(client) => client.bell("/v1/stream").await.ok(),
            None => None,
        };
        loop {
            self.tell().await?;
            if self.tasks.is_empty() {
                return Ok(());
            }
            tokio::select! {
                () = rung(&mut bell) => (),
                () = news(&mut changes, &mut ends) => (),
            }
            self.store.recover(SystemClock.now(), self.leave).await?;
        }
    }

    /// What was not told yet.
    async fn tell(&mut self) -> Result<(), CliError> {
        let unit = reach::unit(&self.store, self.id).await?;
        for task in self.tasks.clone() {
            let told = self.told.get(&task).copied().unwrap_or_default();
            let log = match of_ended(&unit, task, told) {
                Some(log) => log,
                None => self.of_running(task, told).await,
            };
            let shown: Vec<_> = log.lines.iter().map(|it| line(it, task, self.total)).collect();
            if !shown.is_empty() {
                output::result(&shown.join("\n"))?;
            }
            self.told.insert(task, told.saturating_add(shown.len()));
            if log.ended {
                self.tasks.remove(&task);
                say_dropped(log.dropped, task, self.total);
            }
        }
        Ok(())
    }

    async fn of_running(&self, task: usize, told: usize) -> Log {
        let path = format!("/v1/delegations/{}/log?task_index={task}&after={told}", self.id);
        let log = match &self.service {
            Some(client) => client.get(&path).await.ok(),
            None => None,
        };
        // A service that is gone says no more, and the store has the end.
        log.unwrap_or_default()
    }

    fn say_why_there_is_nothing(&self) {
        let is_empty = self.told.values().all(|it| *it == 0);
        match (self.service.is_none(), self.tasks.is_empty()) {
            (true, false) => {
                say("note: no service runs: what works elsewhere shows its log when it has ended");
            }
            (false, false) if is_empty => say("note: nothing stands in the log so far"),
            (_, true) if is_empty => say("note: nothing stands in the log"),
            _ => (),
        }
    }
}

/// Of a child whose end is in the store, behind what was told.
fn of_ended(unit: &UnitRow, task: usize, told: usize) -> Option<Log> {
    match unit.results.iter().find(|it| it.task_index == task) {
        Some(it) => {
            let lines = it.log.iter().skip(told).cloned().collect();
            Some(Log { lines, dropped: it.log_dropped, ended: true })
        }
        // Its host died before it.
        None if unit.ended.is_some() => Some(Log { ended: true, ..Log::default() }),
        None => None,
    }
}

fn line(line: &LogLine, task: usize, total: usize) -> String {
    format!("{}{}", place(task, total), log_line(line))
}

/// Whose line it is, where there are several.
fn place(task: usize, total: usize) -> String {
    match total {
        1 => String::new(),
        _ => format!("[{}/{total}] ", task.saturating_add(1)),
    }
}

fn say_dropped(dropped: u64, task: usize, total: usize) {
    if dropped > 0 {
        say(&format!("{}({dropped} lines found no room)", place(task, total)));
    }
}

/// Returns when something happened to what the service runs; never when it is
/// gone, which the store tells.
async fn rung(bell: &mut Option<Bell>) {
    if let Some(it) = bell
        && it.rung().await
    {
        return;
    }
    *bell = None;
    std::future::pending().await
}
