//! The documented file of defaults, as the declarations give it.

use std::{fs, path::Path};

use super::*;
use crate::{
    config::{
        keys::{Group, Key},
        literal::whole,
    },
    setting::NAME,
};

/// What the file says of itself.
const HEAD: &str = "\
# The configuration of Hermitage, with every key at its default. A key behind a
# `#` without a space has none: it is an example.
#
# Your own file, `$XDG_CONFIG_HOME/hermitage/config.toml`, needs only the keys
# that differ. An unknown key, a value of another type and a number out of its
# range are errors: nothing is corrected silently, and no limit can be switched
# off. Lists replace the list below them.
#
# Five layers lie over one another, the last one wins: what is built in, your
# file, `.hermitage.toml` in the workspace, variables such as
# `HERMITAGE_DELEGATION__MAX_DEPTH=1`, and options of the command. The file in
# the workspace comes with what the agents work on, or from them, so it can
# narrow what they may do and never widen it: numbers and lists of tools get
# smaller, and providers, models and the queue are yours alone.
#
# `hermitage config show` tells which layer set what, `hermitage config check`
# what is wrong. For an editor that completes keys, write the output of
# `hermitage config schema` to a file beside yours, and name it in the first
# line: `#:schema ./config.schema.json`.
";

/// Columns of a comment, and of a line of a list.
const COMMENT_WIDTH: usize = 80;
const LIST_WIDTH: usize = 100;

fn default_file() -> String {
    let keys = sections::keys();
    let mut res = HEAD.to_owned();
    for section in &keys.sections {
        let mark = if section.slot.contains(NAME) { "#" } else { "" };
        res += &format!("\n{}{mark}[{}]\n", comment(&section.comment), section.slot);
        let own = |it: &&Key| it.slot.rsplit_once('.').is_some_and(|it| it.0 == section.slot);
        for key in keys.all.iter().filter(own) {
            let line = wrapped(&format!("{} = {}", key.setting.name(), whole(&key.value)));
            res += &format!("\n{}{mark}{line}\n", comment(&key.setting.comment()));
        }
        res += &entries(section);
    }
    res
}

fn entries(section: &Group) -> String {
    let mut res = String::new();
    for (name, texts) in section.entries {
        res += &format!("\n[{}]\n", section.slot.replace(NAME, name));
        for (key, text) in *texts {
            res += &format!("{key} = {text:?}\n");
        }
    }
    res
}

/// Each paragraph begins a line.
fn comment(paragraphs: &[String]) -> String {
    let lines = paragraphs.iter().flat_map(|it| fill(it.split(' '), COMMENT_WIDTH - 2));
    lines.map(|it| format!("# {it}\n")).collect()
}

/// A list that is long, in lines of its own.
fn wrapped(line: &str) -> String {
    match line.split_once(" = [") {
        Some((key, list)) if line.len() > LIST_WIDTH => {
            let items = list.trim_end_matches(']').split_inclusive(", ").map(str::trim);
            let lines = fill(items, LIST_WIDTH - 4).into_iter().map(|it| format!("    {it}\n"));
            let lines = lines.collect::<String>();
            format!("{key} = [\n{},\n]", lines.trim_end())
        }
        _ => line.to_owned(),
    }
}

fn fill<'a>(words: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[test]
fn the_default_file_is_what_the_declarations_give() {
    let text = default_file();
    if std::env::var_os("UPDATE_DEFAULTS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("default.toml");
        return fs::write(path, text).unwrap();
    }
    assert!(DEFAULT_TOML == text, "hint: run the test again with UPDATE_DEFAULTS=1");
}

/// What it says is what holds without it.
#[test]
fn the_default_file_loads_as_the_defaults() {
    let loaded = Loaded::load(&of_user(DEFAULT_TOML)).unwrap();
    assert_eq!(loaded.config, built_in());
    let built_in = Loaded::load(&Layers::default()).unwrap().entries;
    let keys = |entries: Vec<Entry>| entries.into_iter().map(|it| it.key).collect::<Vec<_>>();
    assert_eq!(keys(loaded.entries), keys(built_in));
}
