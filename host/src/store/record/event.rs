//! Events.

use serde::{Deserialize, Serialize};

use super::{
    convert_all, parse,
    result::{LogV1, ResultV1},
    role, session, status,
};
use crate::{
    event::{ASYNC_DELEGATION, ASYNC_DELEGATION_FAILURE, CompletionEvent, FailureNotice},
    store::codec::{CodecError, Record},
};

#[derive(Serialize, Deserialize)]
pub(super) struct CompletionV1 {
    delegation_id: String,
    group: Option<String>,
    session_key: String,
    goal: String,
    context: Option<String>,
    toolsets: Option<Vec<String>>,
    role: String,
    model: Option<String>,
    status: String,
    dispatched_at: f64,
    completed_at: f64,
    is_batch: bool,
    goals: Vec<String>,
    results: Vec<ResultV1>,
    error: Option<String>,
    total_duration_seconds: f64,
    notes: Vec<String>,
}

impl Record for CompletionV1 {
    const SCHEMA: u16 = 0x0301;
    const NAME: &'static str = "completion";
}

#[derive(Serialize, Deserialize)]
pub(super) struct FailureV1 {
    delegation_id: String,
    session_key: String,
    goal: String,
    dispatched_at: f64,
    failed_at: f64,
    count: usize,
    remaining: usize,
    result: ResultV1,
}

impl Record for FailureV1 {
    const SCHEMA: u16 = 0x0401;
    const NAME: &'static str = "failure notice";
}

/// With the log of each result.
#[derive(Serialize, Deserialize)]
pub(super) struct CompletionV2 {
    base: CompletionV1,
    logs: Vec<LogV1>,
}

impl Record for CompletionV2 {
    const SCHEMA: u16 = 0x0302;
    const NAME: &'static str = CompletionV1::NAME;
}

/// With the log of the result.
#[derive(Serialize, Deserialize)]
pub(super) struct FailureV2 {
    base: FailureV1,
    log: LogV1,
}

impl Record for FailureV2 {
    const SCHEMA: u16 = 0x0402;
    const NAME: &'static str = FailureV1::NAME;
}

impl From<&CompletionEvent> for CompletionV2 {
    fn from(event: &CompletionEvent) -> Self {
        let logs = event.results.iter().map(LogV1::from).collect();
        Self { base: CompletionV1::from(event), logs }
    }
}

impl TryFrom<CompletionV2> for CompletionEvent {
    type Error = CodecError;

    fn try_from(event: CompletionV2) -> Result<Self, CodecError> {
        let (base, logs) = (Self::try_from(event.base)?, event.logs);
        let results = base.results.into_iter().zip(logs);
        let results = results.map(|(result, log)| log.into_result(result));
        Ok(Self { results: results.collect::<Result<_, _>>()?, ..base })
    }
}

/// With when other hosts went on with it. Written where there is such a time, so
/// that older programs read all others.
#[derive(Serialize, Deserialize)]
pub(super) struct CompletionV3 {
    base: CompletionV2,
    resumed: Vec<f64>,
}

impl Record for CompletionV3 {
    const SCHEMA: u16 = 0x0303;
    const NAME: &'static str = CompletionV1::NAME;
}

impl From<&CompletionEvent> for CompletionV3 {
    fn from(event: &CompletionEvent) -> Self {
        Self { base: CompletionV2::from(event), resumed: event.resumed.clone() }
    }
}

impl TryFrom<CompletionV3> for CompletionEvent {
    type Error = CodecError;

    fn try_from(event: CompletionV3) -> Result<Self, CodecError> {
        Ok(Self { resumed: event.resumed, ..event.base.try_into()? })
    }
}

impl From<&FailureNotice> for FailureV2 {
    fn from(notice: &FailureNotice) -> Self {
        Self { base: FailureV1::from(notice), log: LogV1::from(&notice.result) }
    }
}

impl TryFrom<FailureV2> for FailureNotice {
    type Error = CodecError;

    fn try_from(notice: FailureV2) -> Result<Self, CodecError> {
        let base = Self::try_from(notice.base)?;
        Ok(Self { result: notice.log.into_result(base.result)?, ..base })
    }
}

/// Of another producer.
#[derive(Serialize, Deserialize)]
pub(super) struct OtherV1 {
    pub(super) json: String,
}

impl Record for OtherV1 {
    const SCHEMA: u16 = 0x0501;
    const NAME: &'static str = "event";
}

impl From<&CompletionEvent> for CompletionV1 {
    fn from(event: &CompletionEvent) -> Self {
        Self {
            delegation_id: event.delegation_id.to_string(),
            group: event.group.clone(),
            session_key: event.session_key.to_string(),
            goal: event.goal.clone(),
            context: event.context.clone(),
            toolsets: event.toolsets.clone(),
            role: event.role.as_str().to_owned(),
            model: event.model.clone(),
            status: event.status.as_str().to_owned(),
            dispatched_at: event.dispatched_at,
            completed_at: event.completed_at,
            is_batch: event.is_batch,
            goals: event.goals.clone(),
            results: event.results.iter().map(ResultV1::from).collect(),
            error: event.error.clone(),
            total_duration_seconds: event.total_duration_seconds,
            notes: event.notes.clone(),
        }
    }
}

impl TryFrom<CompletionV1> for CompletionEvent {
    type Error = CodecError;

    fn try_from(event: CompletionV1) -> Result<Self, CodecError> {
        Ok(Self {
            kind: ASYNC_DELEGATION,
            delegation_id: parse("delegation", &event.delegation_id)?,
            group: event.group,
            session_key: session(&event.session_key)?,
            goal: event.goal,
            context: event.context,
            toolsets: event.toolsets,
            role: role(&event.role)?,
            model: event.model,
            status: status(&event.status)?,
            dispatched_at: event.dispatched_at,
            completed_at: event.completed_at,
            is_batch: event.is_batch,
            goals: event.goals,
            results: convert_all(event.results)?,
            error: event.error,
            total_duration_seconds: event.total_duration_seconds,
            notes: event.notes,
            resumed: Vec::new(),
        })
    }
}

impl From<&FailureNotice> for FailureV1 {
    fn from(notice: &FailureNotice) -> Self {
        Self {
            delegation_id: notice.delegation_id.to_string(),
            session_key: notice.session_key.to_string(),
            goal: notice.goal.clone(),
            dispatched_at: notice.dispatched_at,
            failed_at: notice.failed_at,
            count: notice.count,
            remaining: notice.remaining,
            result: ResultV1::from(&notice.result),
        }
    }
}

impl TryFrom<FailureV1> for FailureNotice {
    type Error = CodecError;

    fn try_from(notice: FailureV1) -> Result<Self, CodecError> {
        Ok(Self {
            kind: ASYNC_DELEGATION_FAILURE,
            delegation_id: parse("delegation", &notice.delegation_id)?,
            session_key: session(&notice.session_key)?,
            goal: notice.goal,
            dispatched_at: notice.dispatched_at,
            failed_at: notice.failed_at,
            count: notice.count,
            remaining: notice.remaining,
            result: notice.result.try_into()?,
        })
    }
}
