//! How each case ends: `outcomes.txt`, which is written with
//! `UPDATE_OUTCOMES=1` and read by people.
//!
//! A case that ends in another way for an ordinary user, or in another
//! sandbox, has a line for that, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

/// Stands before each line of an outcome.
const INDENT: &str = "    ";

/// Outcomes by the names of cases.
#[derive(Default)]
pub(crate) struct Table {
    outcomes: BTreeMap<String, String>,
    /// Cases that were taken down anew.
    learnt: BTreeSet<String>,
}

impl Table {
    pub(crate) fn read() -> Self {
        let mut res = BTreeMap::<String, String>::new();
        let mut name = String::new();
        for line in fs::read_to_string(file()).unwrap_or_default().lines() {
            match line.strip_prefix(INDENT) {
                Some(text) => {
                    let outcome = res.entry(name.clone()).or_default();
                    *outcome += if outcome.is_empty() { "" } else { "\n" };
                    *outcome += text;
                }
                None => name = line.to_owned(),
            }
        }
        Self { outcomes: res, learnt: BTreeSet::new() }
    }

    /// How a case ends for those words that tell one run of it from another.
    pub(crate) fn outcome(&self, id: &str, words: &[&str]) -> Option<&str> {
        let of = |word: &str| self.outcomes.get(&format!("{id} [{word}]"));
        words.iter().find_map(|it| of(it)).or_else(|| self.outcomes.get(id)).map(String::as_str)
    }

    /// Takes down how one ended. The first run of a case is the rule, and
    /// what ends in another way is named by the last of its words.
    pub(crate) fn learn(&mut self, id: &str, words: &[&str], verdict: String) {
        if self.learnt.insert(id.to_owned()) {
            let exception = format!("{id} [");
            self.outcomes.retain(|name, _| name != id && !name.starts_with(&exception));
            self.outcomes.insert(id.to_owned(), verdict);
        } else if self.outcome(id, words) != Some(&verdict) {
            let word = words.last().copied().unwrap_or_default();
            self.outcomes.insert(format!("{id} [{word}]"), verdict);
        }
    }

    pub(crate) fn write(&self) {
        let lines =
            |it: &str| it.split('\n').map(|it| format!("{INDENT}{it}\n")).collect::<String>();
        let text: String =
            self.outcomes.iter().map(|(name, it)| format!("{name}\n{}", lines(it))).collect();
        fs::write(file(), text).unwrap();
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("attack/outcomes.txt")
}

/// Whether outcomes are taken down instead of compared.
pub(crate) fn is_learning() -> bool {
    std::env::var_os("UPDATE_OUTCOMES").is_some()
}

/// On one line each, whatever a guest put into it.
pub(crate) fn printable(verdict: &str) -> String {
    let cut = verdict.char_indices().nth(1_500);
    let (kept, rest) = verdict.split_at(cut.map_or(verdict.len(), |(at, _)| at));
    let mut res: String = kept
        .chars()
        .map(|c| match c {
            '\n' => c.to_string(),
            c if c.is_control()
                || !(c.is_ascii() || c.is_alphanumeric() || "—…✓✗²×".contains(c)) =>
            {
                c.escape_default().to_string()
            }
            c => c.to_string(),
        })
        .collect();
    if !rest.is_empty() {
        res += &format!("… and {} bytes more", rest.len());
    }
    res
}
