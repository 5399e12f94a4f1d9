//! What a tool is, which toolsets exist, and the algebra that decides what a
//! child may call.
//!
//! Owns the names of tools and toolsets ([`catalogue`]), those that an
//! application adds ([`native`]), the grant ([`grant`]) and the one shape that
//! every call takes on its way from a component to the host ([`call`]). Pure: knows nothing of WebAssembly, of
//! files, or of how a tool does its work.

pub mod call;
pub mod catalogue;
pub mod delegate;
pub mod grant;
pub mod model;
pub mod native;
mod reading;
pub mod schema;
pub mod spec;

pub use call::{ToolCall, ToolError, ToolHost, ToolOutput};
pub use catalogue::{Tool, Toolset};
pub use grant::{Blocked, Grant, GrantError, Withheld};
pub use model::{ModelError, ModelHost};
pub use native::{NativeTool, NativeTools};
pub use schema::Schema;
pub use spec::ToolSpec;
