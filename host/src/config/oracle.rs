//! Files of configuration, whoever wrote them.

use arbitrary::{Result, Unstructured};

use super::{DEFAULT_TOML, Layers, Loaded, show};
use crate::{config::Source, noise};

/// What is wrong in one way or another, and what is not.
const VALUES: &[&str] = &[
    "0",
    "1",
    "2",
    "7",
    "1000",
    "-1",
    "true",
    "false",
    "\"\"",
    "\"react\"",
    "[]",
    "[\"file\"]",
    "[\"file_read\"]",
    "[\"*\"]",
    "[\"https://docs.rs\"]",
    "9223372036854775807",
    "1.5",
    "{}",
    "\"env:X\"",
    "\"openai\"",
    "\"local/m\"",
    "[[]]",
    "nan",
    "1979-05-27",
    "'/etc'",
    "\"../x\"",
    "[\"https://*\", 7]",
];

/// Entries with names, which have keys of their own.
const ENTRIES: &str = "
[providers.local]
kind = \"openai\"
base_url = \"http://127.0.0.1:1\"
key_env = \"KEY\"
[models.fast]
provider = \"local\"
id = \"m\"
context_tokens = 1000
[model]
default = \"fast\"
[plugins.csv]
http = []
[toolsets.files.mcp]
command = [\"server\"]
[tools.web]
allow = []
";

/// It is refused with reasons, or is what is shown of it; a project's file
/// that is taken makes nothing wider.
pub(crate) fn configuration(u: &mut Unstructured<'_>) -> Result<()> {
    let user = source("config.toml", text(u)?);
    let project = source(".hermitage.toml", text(u)?);
    let alone = Loaded::load(&Layers { user: Some(user.clone()), ..Layers::default() });
    let both =
        Loaded::load(&Layers { user: Some(user), project: Some(project), ..Layers::default() });
    for loaded in [&alone, &both] {
        match loaded {
            Ok(loaded) => is_what_is_shown(loaded),
            Err(errors) => {
                let errors = [errors.first.as_ref()].into_iter().chain(&errors.rest);
                errors.for_each(|it| {
                    assert!(!it.to_string().is_empty() && it.hint() != Some(String::new()))
                });
            }
        }
    }
    if let (Ok(alone), Ok(both)) = (alone, both) {
        let (alone, both) = (alone.config, both.config);
        assert!(both.delegation.max_depth <= alone.delegation.max_depth);
        assert!(both.sandbox.memory_bytes <= alone.sandbox.memory_bytes);
        assert!(both.sandbox.cpu <= alone.sandbox.cpu);
        assert!(both.tools.file.secret_globs.len() >= alone.tools.file.secret_globs.len());
        assert_eq!(both.providers, alone.providers);
        assert_eq!(both.models, alone.models);
    }
    Ok(())
}

fn source(name: &str, text: String) -> Source {
    Source { name: name.to_owned(), text, dir: "".into() }
}

/// Lines of files as they are, with other values, and anything between.
fn text(u: &mut Unstructured<'_>) -> Result<String> {
    let known: Vec<&str> = DEFAULT_TOML.lines().chain(ENTRIES.lines()).collect();
    let mut lines = Vec::new();
    for _ in 0..u.int_in_range(0..=8)? {
        let start = u.choose_index(known.len())?;
        // With the section that it is in.
        let section = known.iter().take(start + 1).rev().find(|it| it.starts_with('['));
        if u.ratio(7, 8)? && !lines.contains(&section.copied().unwrap_or_default().to_owned()) {
            lines.extend(section.map(|it| (*it).to_owned()));
        }
        let of_section =
            known.iter().skip(start).skip_while(|it| it.starts_with(['#', '[']) || it.is_empty());
        let line = of_section.clone().next().copied().unwrap_or_default();
        let (key, value) = line.split_once(" = ").unwrap_or((line, ""));
        lines.push(match u.int_in_range(0..=7)? {
            0..=3 => format!("{key} = {}", noise::one_of(u, VALUES)?),
            4 => format!("{key} = {}", noise::json(u, &["a", "file"])?),
            5 => noise::text(u, &["[", "]", "=", "\"", "'''", "#", "tools", ".", "web", "{", "}"])?,
            _ => format!("{key} = {value}"),
        });
    }
    Ok(lines.join("\n"))
}

fn is_what_is_shown(loaded: &Loaded) {
    let shown = show::to_toml(&loaded.entries);
    let again = Loaded::load(&Layers {
        user: Some(source("shown.toml", shown.clone())),
        ..Layers::default()
    });
    match again {
        Ok(again) => assert_eq!(again.config, loaded.config, "{shown}"),
        Err(errors) => unreachable!("{}\n{shown}", errors.first),
    }
}
