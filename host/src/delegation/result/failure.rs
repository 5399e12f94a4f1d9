//! How a child ends that never gets as far as a cell.

use std::{sync::Arc, time::Duration};

use super::words::because;
use crate::{
    event::{BoundaryRecord, ExitReason, Status},
    sandbox::LoadError,
    unit::{End, Left},
};

/// Refusals that stand in an error; the boundary record has all of them.
const MAX_REFUSALS: usize = 10;

/// It was asked to stop before.
pub(in crate::delegation) fn interrupted(reason: Option<&str>) -> End {
    let error = because("interrupted before it started", reason);
    End::without_work(Status::Interrupted, ExitReason::Interrupted, error)
}

/// A panic of the host: it ends this child and no sibling.
pub(in crate::delegation) fn crashed() -> End {
    let error = "the host crashed while it ran this child";
    End::without_work(Status::Error, ExitReason::Error, error)
}

/// Compiling took all the time that the child had.
pub(in crate::delegation) fn not_compiled_in(timeout: Duration) -> End {
    let seconds = timeout.as_secs_f64();
    let error = format!("timed out after {seconds} s, while its component was compiled");
    End::without_work(Status::Timeout, ExitReason::Timeout, error)
}

/// Its component is none that a sandbox takes.
pub(in crate::delegation) fn not_loaded(err: &LoadError) -> End {
    if err.is_transient() {
        return End::without_work(Status::Error, ExitReason::Error, err.to_string());
    }
    let error = format!("the component was refused: {err}");
    End::without_work(Status::Error, ExitReason::Refused, error)
}

/// Its component imports what it may not.
pub(in crate::delegation) fn refused(record: Arc<BoundaryRecord>) -> End {
    let shown = record.refused.iter().take(MAX_REFUSALS);
    let mut why: Vec<String> = shown.map(|it| format!("`{}`: {}", it.import, it.reason)).collect();
    let rest = record.refused.len().saturating_sub(MAX_REFUSALS);
    if rest > 0 {
        why.push(format!("and {rest} more"));
    }
    let error = format!("the component was refused: {}", why.join("; "));
    let left = Left { boundary: Some(record), ..Left::default() };
    End { left, ..End::without_work(Status::Error, ExitReason::Refused, error) }
}
