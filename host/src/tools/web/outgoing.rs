//! Requests of tool plugins.

use super::rule::Rule;

/// What requests may be sent: to which addresses, and with which methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// The addresses.
    pub rule: Rule,
    /// In upper case; at least one.
    pub methods: Vec<String>,
}

/// The requests of one plugin, within its rules.
#[derive(Clone, Debug)]
pub struct Outgoing {}
