//! The thread that stays with a command from its start until nothing of it is
//! left.
//!
//! A thread, because what it does blocks.

use std::{
    io::{self, PipeReader},
    sync::Arc,
    thread,
};

use tokio::sync::oneshot;

use super::{
    guard::Watch,
    kept::{self, Kept},
    leash::Leash,
    order::{EnterError, Order},
    sandbox::Sandbox,
    scratch,
    shell::KEPT,
};

/// A command in the hands of its keeper.
pub(super) struct Running {
    pub(super) leash: Arc<Leash>,
    pub(super) started: oneshot::Receiver<Result<PipeReader, EnterError>>,
    pub(super) ended: oneshot::Receiver<Ended>,
}

/// What is left of a command.
#[derive(Debug)]
pub(super) struct Ended {
    /// Exit code, or 128 + the signal; `None` when it did not start.
    pub(super) code: Option<i32>,
    pub(super) kept: Option<Kept>,
    /// What was done about what it left.
    pub(super) told: Vec<String>,
}

/// Starts a command. It is ended when it was not waited for.
pub(super) fn start(sandbox: Arc<Sandbox>, mut order: Order) -> io::Result<Running> {
    let leash = Arc::new(Leash::default());
    let (started_sender, started) = oneshot::channel();
    let (ended_sender, ended) = oneshot::channel();
    let held = Arc::clone(&leash);
    thread::Builder::new().name("terminal".to_owned()).spawn(move || {
        let entered = sandbox.enter(&order, &held);
        // Its ends of pipes are its own from now on.
        drop(order.ends.take());
        match entered {
            Err(error) => {
                scratch::remove(&order.scratch.keep());
                drop(started_sender.send(Err(error)));
            }
            Ok((mut launched, output)) => {
                if started_sender.send(Ok(output)).is_err() {
                    held.kill();
                }
                let code = launched.wait();
                held.let_go();
                let Order { scratch, home, watch, .. } = order;
                let mut told = watch.map(Watch::end).unwrap_or_default();
                told.extend(home.tidy());
                let kept = kept::read(&scratch.path().join(KEPT));
                scratch::remove(&scratch.keep());
                // Its session may be over when this is known.
                drop(home);
                // Nobody waits any more when the call was dropped.
                let _ = ended_sender.send(Ended { code, kept, told });
            }
        }
    })?;
    Ok(Running { leash, started, ended })
}
