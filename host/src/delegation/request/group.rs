//! In how many events a batch is told: one, one for each task, or one for
//! each named group. It is one unit and takes one slot all the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::RequestError;
use crate::{completion::sanitize::is_blank, unit::Group};

/// Longest name of a group: it stands on one line.
const MAX_NAME_CHARS: usize = 60;

/// How the end of a batch is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// In one event, or in one for each named group.
    #[default]
    Together,
    /// In one event for each task.
    Each,
}

/// The groups of tasks whose `group` fields these are. Tasks without one are
/// told of together.
pub(super) fn groups<'a>(
    completion: Completion,
    names: impl Iterator<Item = Option<&'a str>>,
) -> Result<Vec<Group>, RequestError> {
    let mut res: Vec<Group> = Vec::new();
    for (index, name) in names.enumerate() {
        if completion == Completion::Each {
            if name.is_some() {
                return Err(RequestError::GroupAndEach(index));
            }
            let name = format!("task {}", index.saturating_add(1));
            res.push(Group { name: Some(name), tasks: vec![index] });
            continue;
        }
        let name = name.map(|it| checked(index, it)).transpose()?;
        match res.iter_mut().find(|it| it.name == name) {
            Some(group) => group.tasks.push(index),
            None => res.push(Group { name, tasks: vec![index] }),
        }
    }
    // One group is the batch as a whole.
    if let [only] = res.as_mut_slice() {
        only.name = None;
    }
    Ok(res)
}

fn checked(index: usize, name: &str) -> Result<String, RequestError> {
    let name = name.trim();
    if is_blank(name) || name.chars().count() > MAX_NAME_CHARS {
        return Err(RequestError::BadGroup { index, limit: MAX_NAME_CHARS });
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(completion: Completion, names: &[Option<&str>], expect: &[(Option<&str>, &[usize])]) {
        let res = groups(completion, names.iter().copied()).unwrap();
        let seen: Vec<_> = res.iter().map(|it| (it.name.as_deref(), &*it.tasks)).collect();
        assert_eq!(seen, expect);
    }

    #[test]
    fn every_task_is_in_one_group() {
        let (together, each) = (Completion::Together, Completion::Each);
        check(together, &[None, None], &[(None, &[0, 1])]);
        check(each, &[None, None], &[(Some("task 1"), &[0]), (Some("task 2"), &[1])]);
        check(each, &[None], &[(None, &[0])]);
        check(
            together,
            &[Some("a"), None, Some(" a"), Some("b"), None],
            &[(Some("a"), &[0, 2]), (None, &[1, 4]), (Some("b"), &[3])],
        );
        check(together, &[Some("a"), Some("a")], &[(None, &[0, 1])]);
    }

    #[test]
    fn a_group_that_makes_no_sense_is_an_error() {
        let check = |completion, name, expect: &str| {
            let res = groups(completion, [None, Some(name)].into_iter());
            assert_eq!(res.unwrap_err().to_string(), expect);
        };
        check(Completion::Each, "a", "task 2 has a `group`, and `completion` is `each`");
        let no_name = "task 2 has a `group` that is no name: 1 to 60 characters";
        check(Completion::Together, "  ", no_name);
        check(Completion::Together, "\u{200b}", no_name);
        check(Completion::Together, &"x".repeat(61), no_name);
    }
}
