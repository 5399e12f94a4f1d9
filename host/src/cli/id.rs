//! Delegations as a person names them: by the whole id, by its beginning, or
//! as `latest`.

use super::error::CliError;
use crate::{
    completion::sanitize::clean_line,
    id::DelegationId,
    store::{Store, UnitRow},
};

/// What every id begins with, and nobody has to type.
const PREFIX: &str = "deleg_";

/// Digits of an id that are shown, unless two begin alike.
const SHOWN_DIGITS: usize = 8;

/// Ids that are told when a beginning fits several.
const MAX_TOLD: usize = 5;

/// Characters of a word that is no id.
const MAX_WORD_CHARS: usize = 100;

/// How a delegation was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Whole(DelegationId),
    /// Hexadecimal digits.
    Beginning(String),
    Latest,
}

impl Named {
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Whole(id));
        }
        let digits = text.strip_prefix(PREFIX).unwrap_or(text);
        let is_digit = |it: char| it.is_ascii_digit() || ('a'..='f').contains(&it);
        if !digits.is_empty() && digits.chars().all(is_digit) {
            return Ok(Self::Beginning(digits.to_owned()));
        }
        let shown = clean_line(text, MAX_WORD_CHARS);
        if text.split_once('/').is_some_and(|(id, _)| Self::parse(id).is_ok()) {
            let error = anyhow::anyhow!("`{shown}` is a single task, and this is of all of them");
            return Err(CliError::usage(error).hint("leave out the slash and what is behind it"));
        }
        let error = CliError::usage(anyhow::anyhow!("`{shown}` is no id"));
        Err(error.hint("give an id, its beginning, or `latest`: see `hermitage list`"))
    }

    /// The delegation among all that run and the newest that ended.
    pub(super) async fn find(&self, store: &Store, ended: usize) -> Result<DelegationId, CliError> {
        if let Self::Whole(id) = self {
            return Ok(*id);
        }
        let units = store.read(move |tables| tables.units(ended)).await?;
        self.among(&units)
    }

    fn among(&self, units: &[UnitRow]) -> Result<DelegationId, CliError> {
        match self {
            Self::Whole(id) => Ok(*id),
            Self::Latest => {
                let own = units.iter().filter(|it| it.record.parent.is_none());
                let newest =
                    own.max_by(|a, b| a.record.dispatched_at.total_cmp(&b.record.dispatched_at));
                newest.map(|it| it.record.id).ok_or_else(|| {
                    let error = CliError::usage(anyhow::anyhow!("there is no delegation yet"));
                    error.hint("`hermitage run` records them")
                })
            }
            Self::Beginning(digits) => {
                let fits = |it: &DelegationId| hex(*it).starts_with(digits);
                let ids = units.iter().map(|it| it.record.id).filter(fits);
                only(digits, &ids.collect::<Vec<_>>())
            }
        }
    }
}

/// A delegation, or a single task of it, as a person names it: `ID/TASK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChildNamed {
    pub(super) delegation: Named,
    /// Its place, from 0; typed from 1.
    pub(super) task: Option<usize>,
}

impl ChildNamed {
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        let Some((delegation, task)) = text.split_once('/') else {
            return Ok(Self { delegation: Named::parse(text)?, task: None });
        };
        let number = task.parse().ok().and_then(|it: usize| it.checked_sub(1));
        let task = number.ok_or_else(|| {
            let shown = clean_line(task, MAX_WORD_CHARS);
            let error = CliError::usage(anyhow::anyhow!("`{shown}` is no number of a task"));
            error.hint("tasks are counted from 1, as `hermitage show` does")
        })?;
        Ok(Self { delegation: Named::parse(delegation)?, task: Some(task) })
    }

    /// The one task that is meant, of a delegation with so many.
    pub(super) fn one_of(&self, count: usize) -> Result<usize, CliError> {
        match self.task {
            Some(task) if task < count => Ok(task),
            Some(task) => {
                let number = task.saturating_add(1);
                let error =
                    anyhow::anyhow!("there is no task {number}: the delegation has {count}");
                Err(CliError::usage(error))
            }
            None if count == 1 => Ok(0),
            None => {
                let error = anyhow::anyhow!("the delegation has {count} tasks: which is meant?");
                Err(CliError::usage(error).hint("name it behind a slash: `ID/1` is the first"))
            }
        }
    }
}

fn only(digits: &str, ids: &[DelegationId]) -> Result<DelegationId, CliError> {
    match ids {
        [only] => Ok(*only),
        [] => {
            let error = anyhow::anyhow!("there is no delegation `{PREFIX}{digits}`");
            Err(CliError::usage(error).hint("see `hermitage list`"))
        }
        several => {
            let short = Abbreviation::of(ids.iter().copied());
            let told = several.iter().take(MAX_TOLD).map(|it| format!("`{}`", short.text(*it)));
            let (count, told) = (several.len(), told.collect::<Vec<_>>().join(", "));
            let error = anyhow::anyhow!("{count} delegations begin with `{digits}`");
            Err(CliError::usage(error).hint(format!("give more of it: {told}")))
        }
    }
}

/// How much of ids is shown, so that no two of them look alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abbreviation {
    digits: usize,
}

impl Abbreviation {
    pub(super) fn of(ids: impl IntoIterator<Item = DelegationId>) -> Self {
        let mut ids: Vec<String> = ids.into_iter().map(hex).collect();
        ids.sort();
        ids.dedup();
        let pairs = ids.iter().zip(ids.iter().skip(1));
        let alike =
            pairs.map(|(a, b)| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count());
        let digits = alike.max().map_or(0, |it| it.saturating_add(1)).max(SHOWN_DIGITS);
        Self { digits }
    }

    pub(super) fn text(self, id: DelegationId) -> String {
        hex(id).chars().take(self.digits).collect()
    }
}

fn hex(id: DelegationId) -> String {
    id.to_string().trim_start_matches(PREFIX).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digits: &str) -> DelegationId {
        format!("{PREFIX}{digits:0<32}").parse().unwrap()
    }

    #[test]
    fn an_id_is_named_in_three_ways() {
        let whole = id("96f47ec6");
        assert_eq!(Named::parse(&whole.to_string()).unwrap(), Named::Whole(whole));
        assert_eq!(Named::parse("latest").unwrap(), Named::Latest);
        for text in ["96f4", "deleg_96f4"] {
            assert_eq!(Named::parse(text).unwrap(), Named::Beginning("96f4".to_owned()));
        }
        for text in ["", "deleg_", "96F4", "last", "9 6"] {
            assert!(Named::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_task_is_named_behind_a_slash_and_counted_from_1() {
        let check = |text: &str, count: usize| {
            ChildNamed::parse(text).and_then(|it| it.one_of(count)).map_err(|it| it.text())
        };
        assert_eq!(check("latest/2", 3).unwrap(), 1);
        assert_eq!(check("latest", 1).unwrap(), 0);
        for (text, count, why) in [
            ("latest", 2, "the delegation has 2 tasks: which is meant?"),
            ("96f4/3", 2, "there is no task 3: the delegation has 2"),
            ("96f4/0", 2, "`0` is no number of a task"),
            ("96f4/", 2, "`` is no number of a task"),
            ("last/1", 2, "`last` is no id"),
        ] {
            assert_eq!(check(text, count).unwrap_err(), why);
        }
    }

    #[test]
    fn a_beginning_is_of_one_or_of_none() {
        let ids = [id("96f47ec6a"), id("96f47ec6b"), id("1")];
        let check = |digits: &str| {
            let ids: Vec<_> = ids.into_iter().filter(|it| hex(*it).starts_with(digits)).collect();
            only(digits, &ids).map_err(|it| it.text())
        };
        assert_eq!(check("1").unwrap(), id("1"));
        assert_eq!(check("96f4").unwrap_err(), "2 delegations begin with `96f4`");
        assert_eq!(check("2").unwrap_err(), "there is no delegation `deleg_2`");
        let short = Abbreviation::of(ids);
        assert_eq!(short.text(id("96f47ec6b")), "96f47ec6b");
        assert_eq!(Abbreviation::of([id("1")]).text(id("1")), "10000000");
    }
}
