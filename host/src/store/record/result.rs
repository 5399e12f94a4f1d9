//! Results of children.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{exit_reason, level, parse, status};
use crate::{
    event::{BoundaryLine, BoundaryRecord, ChildResult, LogLine, PluginDigest, Tokens, ToolTrace},
    store::codec::{CodecError, Record},
};

#[derive(Serialize, Deserialize)]
pub(super) struct ResultV1 {
    task_index: usize,
    pub(super) child_id: String,
    goal: String,
    agent: String,
    pub(super) status: String,
    summary: Option<String>,
    error: Option<String>,
    pub(super) exit_reason: String,
    truncated: bool,
    api_calls: u32,
    input_tokens: u64,
    output_tokens: u64,
    duration_seconds: f64,
    cost_usd: Option<f64>,
    model: Option<String>,
    schema_valid: Option<bool>,
    schema_errors: Vec<String>,
    tool_trace: Vec<TraceV1>,
    tool_calls: u64,
    boundary: Option<BoundaryV1>,
}

impl Record for ResultV1 {
    const SCHEMA: u16 = 0x0201;
    const NAME: &'static str = "result";
}

/// With the log.
#[derive(Serialize, Deserialize)]
pub(super) struct ResultV2 {
    pub(super) base: ResultV1,
    log: LogV1,
}

impl Record for ResultV2 {
    const SCHEMA: u16 = 0x0202;
    const NAME: &'static str = ResultV1::NAME;
}

/// What a child wrote into its log, as far as it found room.
#[derive(Serialize, Deserialize)]
pub(super) struct LogV1 {
    lines: Vec<LogLineV1>,
    dropped: u64,
}

#[derive(Serialize, Deserialize)]
struct LogLineV1 {
    level: String,
    text: String,
}

impl From<&ChildResult> for ResultV2 {
    fn from(result: &ChildResult) -> Self {
        Self { base: ResultV1::from(result), log: LogV1::from(result) }
    }
}

impl TryFrom<ResultV2> for ChildResult {
    type Error = CodecError;

    fn try_from(result: ResultV2) -> Result<Self, CodecError> {
        result.log.into_result(result.base.try_into()?)
    }
}

impl From<&ChildResult> for LogV1 {
    fn from(result: &ChildResult) -> Self {
        let line = |it: &LogLine| {
            let (level, text) = (it.level.as_str().to_owned(), it.text.clone());
            LogLineV1 { level, text }
        };
        Self { lines: result.log.iter().map(line).collect(), dropped: result.log_dropped }
    }
}

impl LogV1 {
    /// The result with this log.
    pub(super) fn into_result(self, result: ChildResult) -> Result<ChildResult, CodecError> {
        let line = |it: LogLineV1| Ok(LogLine { level: level(&it.level)?, text: it.text });
        let log = self.lines.into_iter().map(line).collect::<Result<_, CodecError>>()?;
        Ok(ChildResult { log, log_dropped: self.dropped, ..result })
    }
}

#[derive(Serialize, Deserialize)]
struct TraceV1 {
    tool: String,
    ok: bool,
    args_bytes: u64,
    result_bytes: u64,
    ms: u64,
}

#[derive(Serialize, Deserialize)]
struct BoundaryV1 {
    component: String,
    policy: String,
    granted: Vec<String>,
    /// And the plugins behind them, each as a line that no import is.
    linked: Vec<String>,
    stubbed: Vec<LineV1>,
    refused: Vec<LineV1>,
}

#[derive(Serialize, Deserialize)]
struct LineV1 {
    import: String,
    reason: String,
}

impl From<&ChildResult> for ResultV1 {
    fn from(result: &ChildResult) -> Self {
        Self {
            task_index: result.task_index,
            child_id: result.child_id.to_string(),
            goal: result.goal.clone(),
            agent: result.agent.clone(),
            status: result.status.as_str().to_owned(),
            summary: result.summary.clone(),
            error: result.error.clone(),
            exit_reason: result.exit_reason.as_str().to_owned(),
            truncated: result.truncated,
            api_calls: result.api_calls,
            input_tokens: result.tokens.input,
            output_tokens: result.tokens.output,
            duration_seconds: result.duration_seconds,
            cost_usd: result.cost_usd,
            model: result.model.clone(),
            schema_valid: result.schema_valid,
            schema_errors: result.schema_errors.clone(),
            tool_trace: result.tool_trace.iter().map(TraceV1::from).collect(),
            tool_calls: result.tool_calls,
            boundary: result.boundary.as_deref().map(BoundaryV1::from),
        }
    }
}

impl TryFrom<ResultV1> for ChildResult {
    type Error = CodecError;

    fn try_from(result: ResultV1) -> Result<Self, CodecError> {
        Ok(Self {
            task_index: result.task_index,
            child_id: parse("child", &result.child_id)?,
            goal: result.goal,
            agent: result.agent,
            status: status(&result.status)?,
            summary: result.summary,
            error: result.error,
            exit_reason: exit_reason(&result.exit_reason)?,
            truncated: result.truncated,
            full_summary: None,
            api_calls: result.api_calls,
            tokens: Tokens { input: result.input_tokens, output: result.output_tokens },
            duration_seconds: result.duration_seconds,
            cost_usd: result.cost_usd,
            model: result.model,
            schema_valid: result.schema_valid,
            schema_errors: result.schema_errors,
            tool_trace: result.tool_trace.into_iter().map(ToolTrace::from).collect(),
            tool_calls: result.tool_calls,
            boundary: result.boundary.map(|it| Arc::new(it.into())),
            log: Vec::new(),
            log_dropped: 0,
        })
    }
}

impl From<&ToolTrace> for TraceV1 {
    fn from(trace: &ToolTrace) -> Self {
        Self {
            tool: trace.tool.to_string(),
            ok: trace.ok,
            args_bytes: trace.args_bytes,
            result_bytes: trace.result_bytes,
            ms: trace.ms,
        }
    }
}

impl From<TraceV1> for ToolTrace {
    fn from(trace: TraceV1) -> Self {
        Self {
            tool: Cow::Owned(trace.tool),
            ok: trace.ok,
            args_bytes: trace.args_bytes,
            result_bytes: trace.result_bytes,
            ms: trace.ms,
        }
    }
}

impl From<&BoundaryRecord> for BoundaryV1 {
    fn from(boundary: &BoundaryRecord) -> Self {
        Self {
            component: boundary.component.clone(),
            policy: boundary.policy.clone(),
            granted: boundary.granted.iter().map(|it| it.to_string()).collect(),
            linked: boundary.linked.iter().cloned().chain(plugins(boundary)).collect(),
            stubbed: boundary.stubbed.iter().map(LineV1::from).collect(),
            refused: boundary.refused.iter().map(LineV1::from).collect(),
        }
    }
}

impl From<BoundaryV1> for BoundaryRecord {
    fn from(boundary: BoundaryV1) -> Self {
        let is_plugin = |it: &String| it.starts_with(PLUGIN);
        let (plugins, linked): (Vec<_>, _) = boundary.linked.into_iter().partition(is_plugin);
        Self {
            component: boundary.component,
            policy: boundary.policy,
            granted: boundary.granted.into_iter().map(Cow::Owned).collect(),
            linked,
            plugins: plugins.iter().filter_map(|it| plugin(it)).collect(),
            stubbed: boundary.stubbed.into_iter().map(BoundaryLine::from).collect(),
            refused: boundary.refused.into_iter().map(BoundaryLine::from).collect(),
        }
    }
}

/// In front of the name of a plugin and its digest. An import begins with no
/// space after a word, so hosts that know no plugins read such a line as what it
/// is, too.
const PLUGIN: &str = "plugin ";

fn plugins(boundary: &BoundaryRecord) -> impl Iterator<Item = String> {
    boundary.plugins.iter().map(|it| format!("{PLUGIN}{} {}", it.plugin, it.component))
}

fn plugin(line: &str) -> Option<PluginDigest> {
    let (plugin, component) = line.strip_prefix(PLUGIN)?.split_once(' ')?;
    Some(PluginDigest { plugin: plugin.to_owned(), component: component.to_owned() })
}

impl From<&BoundaryLine> for LineV1 {
    fn from(line: &BoundaryLine) -> Self {
        Self { import: line.import.clone(), reason: line.reason.clone() }
    }
}

impl From<LineV1> for BoundaryLine {
    fn from(line: LineV1) -> Self {
        Self { import: line.import, reason: line.reason }
    }
}
