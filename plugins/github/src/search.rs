//! GitHub's search.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use hermitage_guest::ToolError;

use crate::{
    issues::{self, PER_PAGE, Summary},
    request::{Api, Path, Request, Response, next_page},
};

/// Characters of a piece of code that was found.
const LONGEST_FRAGMENT: usize = 400;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issues {
    /// As on github.com: `repo:rust-lang/rust is:issue is:open label:bug panic`.
    query: String,
    /// The best matches first when absent.
    #[serde(default)]
    sort: Option<Sort>,
    /// 20 when absent, 100 at most.
    #[serde(default)]
    per_page: Option<u32>,
    /// From 1.
    #[serde(default)]
    page: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    Created,
    Updated,
    Comments,
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Comments => "comments",
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    /// As on github.com: `repo:rust-lang/rust language:rust path:src foo`.
    query: String,
    /// 20 when absent, 100 at most.
    #[serde(default)]
    per_page: Option<u32>,
    /// From 1.
    #[serde(default)]
    page: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Found<T> {
    total: u64,
    /// GitHub gave up before the end.
    #[serde(skip_serializing_if = "is_false")]
    incomplete: bool,
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Serialize)]
pub(crate) struct File {
    repository: String,
    path: String,
    /// Pieces of the file with what was looked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fragments: Vec<String>,
}

pub(crate) fn issues(api: &impl Api, search: &Issues) -> Result<Found<Summary>, ToolError> {
    let path = path("/search/issues", &search.query, search.per_page, search.page)?;
    let response = api.send(Request::get(path.maybe("sort", search.sort.map(Sort::name))))?;
    found(&response, search.page, issues::Read::into_found)
}

pub(crate) fn code(api: &impl Api, search: &Code) -> Result<Found<File>, ToolError> {
    let path = path("/search/code", &search.query, search.per_page, search.page)?;
    let response = api.send(Request::get(path).with_matches())?;
    found(&response, search.page, ReadFile::into_file)
}

fn path(
    fixed: &str,
    query: &str,
    per_page: Option<u32>,
    page: Option<u32>,
) -> Result<Path, ToolError> {
    if query.trim().is_empty() {
        return Err(ToolError::InvalidArguments("`query` is empty".to_owned()));
    }
    let path = Path::new(fixed).query("q", query);
    let path = path.query("per_page", &per_page.unwrap_or(PER_PAGE).clamp(1, 100).to_string());
    Ok(path.query("page", &page.unwrap_or(1).to_string()))
}

fn found<R: DeserializeOwned, T>(
    response: &Response,
    page: Option<u32>,
    item: fn(R) -> T,
) -> Result<Found<T>, ToolError> {
    let read: Read<R> = response.read()?;
    Ok(Found {
        total: read.total_count,
        incomplete: read.incomplete_results,
        items: read.items.into_iter().map(item).collect(),
        next_page: next_page(response, page),
    })
}

#[derive(Deserialize)]
struct Read<T> {
    total_count: u64,
    #[serde(default)]
    incomplete_results: bool,
    items: Vec<T>,
}

#[derive(Deserialize)]
struct ReadFile {
    path: String,
    repository: ReadRepository,
    #[serde(default)]
    text_matches: Vec<ReadMatch>,
}

#[derive(Deserialize)]
struct ReadRepository {
    full_name: String,
}

#[derive(Deserialize)]
struct ReadMatch {
    #[serde(default)]
    fragment: String,
}

impl ReadFile {
    fn into_file(self) -> File {
        let short = |it: ReadMatch| it.fragment.chars().take(LONGEST_FRAGMENT).collect();
        File {
            repository: self.repository.full_name,
            path: self.path,
            fragments: self.text_matches.into_iter().map(short).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{Recorded, arguments, json};

    #[test]
    fn issues_are_found_with_their_repository() {
        let page = format!(
            r#"{{"total_count": 280, "incomplete_results": true, "items": {}}}"#,
            include_str!("recorded/issues.json")
        );
        let api = Recorded::new(&[(
            "GET /search/issues?q=repo%3Aocto%2Fhello%20bug&per_page=20&page=1&sort=updated",
            "200 next",
            &page,
        )]);
        let search = arguments(r#"{"query": "repo:octo/hello bug", "sort": "updated"}"#);
        assert_eq!(
            json(issues(&api, &search)),
            r#"{"total":280,"incomplete":true,"items":[{"repository":"octo/hello","number":1347,"title":"Found a bug","state":"open","is_pull_request":false,"author":"octocat","labels":["bug"],"comments":2,"updated_at":"2026-04-22T13:33:48Z"},{"repository":"octo/hello","number":1346,"title":"Mend it","state":"closed","is_pull_request":true,"author":"ghost","comments":0,"updated_at":"2026-04-21T09:00:00Z"}],"next_page":2}"#,
        );
    }

    #[test]
    fn code_is_found_with_the_lines_around() {
        let api = Recorded::new(&[(
            "GET /search/code?q=addClass&per_page=1&page=3",
            "200",
            r#"{"total_count": 7, "incomplete_results": false, "items": [{"name": "classes.js", "path": "src/classes.js", "sha": "d7", "score": 1.0, "repository": {"id": 167174, "full_name": "jquery/jquery", "private": false}, "text_matches": [{"object_type": "FileContent", "property": "content", "fragment": "addClass: function", "matches": []}]}]}"#,
        )]);
        let search = arguments(r#"{"query": "addClass", "per_page": 1, "page": 3}"#);
        assert_eq!(
            json(code(&api, &search)),
            r#"{"total":7,"items":[{"repository":"jquery/jquery","path":"src/classes.js","fragments":["addClass: function"]}]}"#,
        );
    }

    #[test]
    fn a_search_without_words_is_not_sent() {
        let api = Recorded::new(&[]);
        assert_eq!(json(code(&api, &arguments(r#"{"query": " "}"#))), "argument: `query` is empty");
    }
}
