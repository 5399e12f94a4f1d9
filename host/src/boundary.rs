//! The import boundary: which of a component's imports become real, which
//! answer `denied`, and for which the component is refused.
//!
//! Pure. A [`Policy`] says what a child holds. [`plan()`] takes the list of
//! imports, the contract and the policy, and gives a decision with its rule
//! for each; `sandbox` reads the imports out of a component and links what was
//! decided, and nothing else.
//!
//! **Invariant:** names are compared for equality here. The linker of
//! wasmtime is no gate: it takes `@0.1.9` and `@0.1.0+build` for `@0.1.0`, and
//! an interface that only exports types links with nothing defined.

pub mod asks;
pub mod contract;
pub mod import;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
pub mod plan;
pub mod plugin;
pub mod policy;
mod words;

pub use asks::{Access, Asks, SecretAsk, SettingAsk, WorkspaceAsk};
pub use contract::{Contract, Purpose};
pub use import::{Import, ImportKind, Item, ItemKind};
pub use plan::{Decision, Line, Plan, plan};
pub use plugin::plan_plugin;
pub use policy::{HouseRules, Policy, Terms};
