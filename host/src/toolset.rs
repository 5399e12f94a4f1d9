//! What a tool is, whoever brings it, and the algebra that decides what a
//! child may call.
//!
//! Owns the declaration of a tool ([`tool`]), the registry in which a host has
//! those that there are ([`registry`]), tools that an application adds
//! ([`native`]), the grant ([`grant`]), and what a call is made with
//! ([`call`]). Names no tool: which ones a program brings along is `tools`'.
//! Pure: knows nothing of WebAssembly, of files, or of how a tool does its
//! work.

pub mod call;
pub mod child;
pub mod declared;
pub mod grant;
pub mod id;
pub mod kept;
pub mod model;
pub mod native;
pub mod reading;
pub mod registry;
pub mod schema;
pub mod spec;
pub mod taken;
pub mod tool;
mod words;
pub mod work;

pub use call::{Caller, Meter, ToolError};
pub use child::ChildTools;
pub use grant::{Blocked, Grant, Withheld};
pub use id::{Effect, HeldBy, ToolId};
pub use kept::Kept;
pub use model::{ModelError, ModelHost};
pub use native::NativeTool;
pub use registry::{GrantError, Registry, Toolset};
pub use schema::Schema;
pub use spec::ToolSpec;
pub use taken::{Origin, Taken};
pub use tool::{Output, Tool};
pub use work::{Work, Written};
