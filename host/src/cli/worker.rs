//! `hermitage worker`: a host that runs children of other hosts, and nothing
//! else.

use std::sync::Arc;

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    output::{self, plural, say},
    setup::{Setup, block_on},
    signals::Signals,
};
use crate::{
    cluster::{Seen, Worker},
    completion::sanitize::clean_line,
};

/// Characters of a line about a child: its id is another host's word.
const MAX_LINE_CHARS: usize = 200;

pub(super) fn worker(global: &Global, args: &args::Worker) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let key = setup.cluster_key()?;
    if args.key {
        output::result(&key.public().to_string())?;
        return Ok(Exit::Completed);
    }
    let is_quiet = args.quiet;
    block_on(async {
        let mut signals = Signals::new()?;
        let config = &setup.config;
        let watcher = Box::new(move |seen: Seen| {
            if !is_quiet {
                say(&clean_line(&seen.to_string(), MAX_LINE_CHARS));
            }
        });
        let cells = (setup.sandbox()?, config.delegation.max_depth);
        let worker =
            Worker::start(&config.cluster, config.worker.clone(), key, cells, watcher).await?;
        let worker = Arc::new(worker);
        if !is_quiet {
            let cells = worker.offer().cells;
            say(&format!("note: {} takes children, {cells} at a time", worker.id()));
        }
        let work = worker.work();
        let mut work = std::pin::pin!(work);
        tokio::select! {
            ended = &mut work => return Ok(ended?),
            () = signals.next() => worker.close(),
        }
        let (running, s) = plural(worker.running());
        if worker.running() > 0 && !is_quiet {
            say(&format!(
                "note: ends when its {running} child{} have ended",
                if s.is_empty() { "" } else { "ren" }
            ));
            say("hint: asked once more, it leaves them to other workers");
        }
        tokio::select! {
            ended = work => Ok(ended?),
            () = signals.next() => Ok(()),
        }
    })?
    .map(|()| Exit::Completed)
}
