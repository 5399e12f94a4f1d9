//! Telemetry: what a host does, as spans of OpenTelemetry, named and described
//! by its semantic conventions for generative AI.
//!
//! One trace for each delegation: below it its children, below those their
//! chats and their calls of tools, and below a call of `delegate_task` the next
//! delegation. A [`Span`] goes where the work goes, as a value; nothing is
//! found by the thread that it runs on.
//!
//! A span has names, ids and counts. No prompt, argument or result is in one,
//! and no session, which may hold the id of a person.
//!
//! Without the feature `otel` a span is nothing, and takes no room and no time.
//! With it, spans are made when the process was told where to send them, by the
//! variables that OpenTelemetry has for that (`OTEL_EXPORTER_OTLP_ENDPOINT`),
//! and otherwise nothing is started.

#[cfg(feature = "otel")]
mod export;
#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod on;
mod trace_parent;

#[cfg(not(feature = "otel"))]
pub use self::off::{Span, finish, flush, start};
pub use self::trace_parent::{NoTraceParent, TraceParent};
#[cfg(feature = "otel")]
pub use self::{
    export::{finish, flush, start},
    on::Span,
};

use crate::id::{ChildId, DelegationId};

/// What a span is of.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// A unit, from the time when it is recorded.
    Delegation {
        /// Its id.
        id: DelegationId,
        /// Children of it.
        tasks: usize,
    },
    /// A child that has a place to run.
    Child {
        /// Its id.
        id: ChildId,
        /// Its component, by the name that people know.
        agent: &'a str,
        /// The model that was chosen for it.
        model: Option<&'a str>,
    },
    /// A chat, with all that is tried until there is an answer.
    Chat {
        /// Who is asked.
        provider: &'a str,
        /// The provider's own name for the model.
        model: &'a str,
    },
    /// A call of a tool.
    Tool {
        /// Its name.
        name: &'static str,
    },
}
