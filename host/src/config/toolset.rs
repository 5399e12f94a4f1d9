//! Servers whose tools are toolsets, by the names that they have here.

use std::collections::BTreeMap;

use super::{
    ConfigError,
    entry::{Entry, each},
    values::Values,
};
use crate::{
    mcp::{McpSettings, Server},
    secret::Source,
    toolset::native::is_plugin_name,
};

/// Runs the line of a person.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

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
    match entry.is_set(McpSettings::url) {
        true => entry.one_of(&[McpSettings::command, McpSettings::url]),
        false => entry.need(McpSettings::command, ", or `url`"),
    }
    entry.one_of(&[McpSettings::api_key_env, McpSettings::api_key_cmd, McpSettings::api_key_file]);
    let of_variable = raw.api_key_env.map(Source::Variable);
    let of_command = raw.api_key_cmd.map(|line| {
        Source::Command(SHELL.into_iter().chain([line.as_str()]).map(str::to_owned).collect())
    });
    for (list, key) in [(&raw.command, key), (&raw.allow, entry.key(McpSettings::allow))] {
        if list.as_ref().is_some_and(Vec::is_empty) {
            entry.errors.push(malformed(key, "a list with something in it"));
        }
    }
    entry.sort_errors::<McpSettings>();
    Some(Server {
        name,
        command: match raw.url {
            Some(_) => Vec::new(),
            None => raw.command?,
        },
        url: raw.url,
        key: of_variable.or(of_command).or(raw.api_key_file.map(Source::File)),
        allow: raw.allow,
        sandbox: raw.sandbox,
        network: raw.network,
        environment: raw.environment.unwrap_or_default(),
        read_only: raw.read_only.unwrap_or_default(),
        timeout: raw.timeout,
    })
}
