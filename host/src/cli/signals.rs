//! What ends a command: Ctrl-C, SIGTERM, SIGQUIT, and a terminal that is
//! closed.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CliError;

/// All of them. None of them ends the host while a command of a child has not
/// been followed by the look at what git obeys.
pub(super) struct Signals {
    all: Vec<Signal>,
}

impl Signals {
    pub(super) fn new() -> Result<Self, CliError> {
        let listen = |kind| {
            let error = |it| CliError::host(it).context("signals can't be listened for");
            signal(kind).map_err(error)
        };
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
        // `nohup` asks to go on when the terminal is closed.
        if !is_ignored(SignalKind::hangup()) {
            kinds.push(SignalKind::hangup());
        }
        Ok(Self { all: kinds.into_iter().map(listen).collect::<Result<_, _>>()? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        let any = self.all.iter_mut().map(|it| Box::pin(it.recv()));
        futures_util::future::select_all(any).await;
    }
}

/// Whether this process was started deaf to a signal.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|it| it.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|it| 1_u64.checked_shl(it));
    bit.is_some_and(|it| ignored & it != 0)
}
