//! Servers whose tools are toolsets, by the names that they have here.

use std::collections::BTreeMap;

use super::{
    ConfigError,
    entry::{Entry, each},
    values::Values,
};
use crate::{
    mcp::{McpSettings, Server},
    toolset::native::is_plugin_name,
};

pub(super) fn resolve(values: &Values, errors: &mut Vec<ConfigError>) -> BTreeMap<String, Server> {
    each(&values.names_in("toolsets"), values, errors, server)
}

fn server(entry: &mut Entry<'_>) -> Option<Server> {
    let raw: McpSettings = entry.read();
    let name = entry.names.concat();
    let (key, origin) = (entry.key(McpSettings::command), entry.origin(McpSettings::command));
    let malformed = |key, expected| {
        let origin = origin.clone();
        ConfigError::Malformed { origin, key, expected }
    };
    if !is_plugin_name(&name) {
        let expected = "the name of a toolset: a lower-case letter, then letters, digits and \
                        single `_`, at most 24 bytes";
        entry.errors.push(malformed(format!("toolsets.{name}"), expected));
    }
    entry.need(McpSettings::command, "");
    for (list, key) in [(&raw.command, key), (&raw.allow, entry.key(McpSettings::allow))] {
        if list.as_ref().is_some_and(Vec::is_empty) {
            entry.errors.push(malformed(key, "a list with something in it"));
        }
    }
    entry.sort_errors::<McpSettings>();
    Some(Server {
        name,
        command: raw.command?,
        allow: raw.allow,
        sandbox: raw.sandbox,
        network: raw.network,
        environment: raw.environment.unwrap_or_default(),
        read_only: raw.read_only.unwrap_or_default(),
        timeout: raw.timeout,
    })
}
