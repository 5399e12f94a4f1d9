//! Servers that speak MCP, as toolsets of children: who they are, what a person
//! allowed of them, and the connections to them.
//!
//! A server is a stranger, like the author of a plugin, and its tools go the
//! same way: what they say of themselves is shown to a person once and taken
//! from then on out of what was agreed to ([`approval`]), never out of what the
//! server says later. Each parent has a connection of its own, made by the
//! first call; it is compared with the approval before anything is called, and
//! whatever differs takes the approval away until a person gives it again.
//!
//! ```text
//! settings ─ server ── approval (beside the person's other files)
//!                │         │
//!             listed ──────┤  what it says of its tools, and what of that can be taken
//!                │         │
//! process, http ─ transport ─ client ─ connection ─ toolset ─► registry
//! ```
//!
//! **Invariant:** a server is asked for tools, and for nothing else; what it
//! asks for itself (a model, an answer of a person, directories) it is refused.

#[cfg(feature = "mcp")]
mod allowed;
#[cfg(feature = "mcp")]
pub mod approval;
#[cfg(feature = "mcp")]
mod client;
#[cfg(feature = "mcp")]
mod connection;
#[cfg(feature = "mcp")]
mod http;
#[cfg(feature = "mcp")]
pub mod listed;
#[cfg(all(feature = "mcp", any(test, feature = "oracles")))]
pub(crate) mod oracle;
#[cfg(feature = "mcp")]
mod process;
#[cfg(feature = "mcp")]
mod result;
mod server;
mod settings;
#[cfg(feature = "mcp")]
mod toolset;
#[cfg(feature = "mcp")]
mod transport;

#[cfg(feature = "mcp")]
pub use self::{
    allowed::{NotAllowed, allowed, check},
    approval::{Approval, Approvals, Approved},
    connection::{ConnectError, look},
    listed::Listed,
    toolset::McpToolset,
};
pub use self::{
    server::{Place, Server, rule},
    settings::McpSettings,
};
