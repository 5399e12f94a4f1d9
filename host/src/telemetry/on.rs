//! Spans as OpenTelemetry has them.

use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceContextExt as _, TraceState, Tracer as _},
};

use super::{TraceParent, Work, export};

/// A piece of work as telemetry sees it. All clones are one; it ends when it is
/// told to, or with the last of them.
#[derive(Clone, Debug)]
pub struct Span(Context);

impl Span {
    /// Of whom nothing is known: what begins below it begins a trace.
    pub fn none() -> Self {
        Self(Context::new())
    }

    /// What a caller does, of whom no more than this is known.
    pub fn of_caller(caller: Option<TraceParent>) -> Self {
        let Some(caller) = caller else { return Self::none() };
        let trace = TraceId::from(caller.trace_id);
        let span = SpanId::from(caller.span_id);
        let flags = TraceFlags::default().with_sampled(caller.sampled);
        let caller = SpanContext::new(trace, span, flags, true, TraceState::default());
        Self(Context::new().with_remote_span_context(caller))
    }

    /// Begins a piece of it. Nothing here waits: a span is a few words in
    /// memory until it has ended, and then in a queue that has a bound.
    pub fn start(&self, work: Work<'_>) -> Self {
        let Some(tracer) = export::tracer() else { return Self::none() };
        let builder =
            tracer.span_builder(name(work)).with_kind(kind(work)).with_attributes(attributes(work));
        let span = tracer.build_with_context(builder, &self.0);
        Self(Context::new().with_span(span))
    }

    /// Which model answered.
    pub fn answered_by(&self, model: &str) {
        self.0.span().set_attribute(KeyValue::new("gen_ai.response.model", model.to_owned()));
    }

    /// What it took, in tokens.
    pub fn used(&self, input: u64, output: u64) {
        let count = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
        let span = self.0.span();
        span.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", count(input)));
        span.set_attribute(KeyValue::new("gen_ai.usage.output_tokens", count(output)));
    }

    /// Ends it. Says in a word why, where it did not do what it was for.
    pub fn end(&self, error: Option<&'static str>) {
        let span = self.0.span();
        if let Some(error) = error {
            span.set_attribute(KeyValue::new("error.type", error));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// An operation, and what it is done with.
fn name(work: Work<'_>) -> String {
    let with = match work {
        // A delegation has an id and no name.
        Work::Delegation { .. } => return operation(work).to_owned(),
        Work::Child { agent, .. } => agent,
        Work::Chat { model, .. } => model,
        Work::Tool { name } => name,
    };
    format!("{} {with}", operation(work))
}

/// Those that the conventions know.
fn operation(work: Work<'_>) -> &'static str {
    match work {
        Work::Delegation { .. } => "invoke_workflow",
        Work::Child { .. } => "invoke_agent",
        Work::Chat { .. } => "chat",
        Work::Tool { .. } => "execute_tool",
    }
}

fn kind(work: Work<'_>) -> SpanKind {
    match work {
        Work::Chat { .. } => SpanKind::Client,
        _ => SpanKind::Internal,
    }
}

fn attributes(work: Work<'_>) -> Vec<KeyValue> {
    let mut res = vec![KeyValue::new("gen_ai.operation.name", operation(work))];
    let mut add = |key: &'static str, value: String| res.push(KeyValue::new(key, value));
    match work {
        Work::Delegation { id, tasks } => {
            add("hermitage.delegation.id", id.to_string());
            let tasks = i64::try_from(tasks).unwrap_or(i64::MAX);
            res.push(KeyValue::new("hermitage.delegation.tasks", tasks));
        }
        Work::Child { id, agent, model } => {
            add("gen_ai.agent.name", agent.to_owned());
            add("hermitage.child.id", id.to_string());
            if let Some(model) = model {
                add("gen_ai.request.model", model.to_owned());
            }
        }
        Work::Chat { provider, model } => {
            add("gen_ai.provider.name", provider.to_owned());
            add("gen_ai.request.model", model.to_owned());
        }
        Work::Tool { name } => {
            add("gen_ai.tool.name", name.to_owned());
            add("gen_ai.tool.type", "function".to_owned());
        }
    }
    res
}
