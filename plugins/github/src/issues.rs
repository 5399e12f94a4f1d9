//! Issues: what is asked for, and what of an answer is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use hermitage_guest::ToolError;

use crate::{
    repository,
    request::{Api, Request, cut, next_page},
};

/// Issues on a page when nobody says how many.
pub(crate) const PER_PAGE: u32 = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    /// `OWNER/NAME`.
    repository: String,
    /// `open` when absent.
    #[serde(default)]
    state: State,
    /// Labels that an issue has, all of them.
    #[serde(default)]
    labels: Vec<String>,
    /// The name of whom it is assigned to.
    #[serde(default)]
    assignee: Option<String>,
    /// Only what changed since: `2026-01-31T00:00:00Z`.
    #[serde(default)]
    since: Option<String>,
    /// 20 when absent, 100 at most.
    #[serde(default)]
    per_page: Option<u32>,
    /// From 1.
    #[serde(default)]
    page: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    #[default]
    Open,
    Closed,
    All,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    issues: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<u32>,
}

/// An issue in a list: enough to choose one.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    number: u64,
    title: String,
    state: String,
    is_pull_request: bool,
    author: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    comments: u64,
    updated_at: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Get {
    /// `OWNER/NAME`.
    repository: String,
    /// Of an issue or a pull request.
    number: u64,
    /// The page of its comments, from 1; thirty are on one.
    #[serde(default)]
    page: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Issue {
    #[serde(flatten)]
    summary: Summary,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assignees: Vec<String>,
    body: String,
    discussion: Vec<Comment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Comment {
    author: String,
    created_at: String,
    body: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    /// `OWNER/NAME`.
    repository: String,
    title: String,
    /// Markdown.
    #[serde(default)]
    body: String,
    #[serde(default)]
    labels: Vec<String>,
    /// Names of whom it is assigned to.
    #[serde(default)]
    assignees: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Say {
    /// `OWNER/NAME`.
    repository: String,
    /// Of an issue or a pull request.
    number: u64,
    /// Markdown.
    body: String,
}

/// What was made, and where a person sees it.
#[derive(Debug, Serialize)]
pub(crate) struct Made {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    url: String,
}

pub(crate) fn list(api: &impl Api, list: &List) -> Result<Listed, ToolError> {
    let labels = (!list.labels.is_empty()).then(|| list.labels.join(","));
    let path = repository::path(&list.repository)?
        .segment("issues")
        .query("state", list.state.name())
        .maybe("labels", labels.as_deref())
        .maybe("assignee", list.assignee.as_deref())
        .maybe("since", list.since.as_deref())
        .query("per_page", &list.per_page.unwrap_or(PER_PAGE).clamp(1, 100).to_string())
        .query("page", &list.page.unwrap_or(1).to_string());
    let response = api.send(Request::get(path))?;
    let issues: Vec<Read> = response.read()?;
    let issues = issues.into_iter().map(Read::into_summary).collect();
    Ok(Listed { issues, next_page: next_page(&response, list.page) })
}

pub(crate) fn get(api: &impl Api, get: &Get) -> Result<Issue, ToolError> {
    let path = repository::path(&get.repository)?;
    let path = path.segment("issues").segment(&get.number.to_string());
    let issue: Read = api.send(Request::get(path.clone()))?.read()?;
    let (mut discussion, mut next) = (Vec::new(), None);
    if issue.comments > 0 {
        let path = path.segment("comments").query("page", &get.page.unwrap_or(1).to_string());
        let response = api.send(Request::get(path))?;
        let comments: Vec<ReadComment> = response.read()?;
        discussion = comments.into_iter().map(ReadComment::into_comment).collect();
        next = next_page(&response, get.page);
    }
    Ok(issue.into_issue(discussion, next))
}

pub(crate) fn create(api: &impl Api, create: &Create) -> Result<Made, ToolError> {
    if create.title.trim().is_empty() {
        return Err(ToolError::InvalidArguments("`title` is empty".to_owned()));
    }
    let path = repository::path(&create.repository)?.segment("issues");
    let body = json!({
        "title": create.title,
        "body": create.body,
        "labels": create.labels,
        "assignees": create.assignees,
    });
    let made: ReadMade = api.send(Request::post(path, body))?.read()?;
    Ok(Made { number: made.number, url: made.html_url })
}

pub(crate) fn comment(api: &impl Api, say: &Say) -> Result<Made, ToolError> {
    if say.body.trim().is_empty() {
        return Err(ToolError::InvalidArguments("`body` is empty".to_owned()));
    }
    let path = repository::path(&say.repository)?.segment("issues");
    let path = path.segment(&say.number.to_string()).segment("comments");
    let made: ReadMade = api.send(Request::post(path, json!({ "body": say.body })))?.read()?;
    Ok(Made { number: None, url: made.html_url })
}

/// The fields of an issue that are told, as GitHub has them.
#[derive(Deserialize)]
pub(crate) struct Read {
    number: u64,
    title: String,
    state: String,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    assignees: Vec<User>,
    #[serde(default)]
    comments: u64,
    created_at: String,
    updated_at: String,
    #[serde(default)]
    closed_at: Option<String>,
    #[serde(default)]
    body: Option<String>,
    /// There, of whatever shape, when the issue is one.
    #[serde(default)]
    pull_request: Option<serde::de::IgnoredAny>,
    /// `https://api.github.com/repos/OWNER/NAME`, in answers of a search.
    #[serde(default)]
    repository_url: Option<String>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
struct ReadComment {
    #[serde(default)]
    user: Option<User>,
    created_at: String,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
struct ReadMade {
    #[serde(default)]
    number: Option<u64>,
    html_url: String,
}

/// Users that were deleted are `null`; GitHub shows them as this one.
fn login(user: Option<User>) -> String {
    user.map_or("ghost".to_owned(), |it| it.login)
}

impl Read {
    fn into_summary(self) -> Summary {
        Summary {
            repository: None,
            number: self.number,
            title: self.title,
            state: self.state,
            is_pull_request: self.pull_request.is_some(),
            author: login(self.user),
            labels: self.labels.into_iter().map(|it| it.name).collect(),
            comments: self.comments,
            updated_at: self.updated_at,
        }
    }

    /// With the repository, where a list has those of several.
    pub(crate) fn into_found(self) -> Summary {
        let repository = self.repository_url.as_deref().and_then(|it| it.split_once("/repos/"));
        let repository = repository.map(|it| it.1.to_owned());
        Summary { repository, ..self.into_summary() }
    }

    fn into_issue(mut self, discussion: Vec<Comment>, next_page: Option<u32>) -> Issue {
        Issue {
            created_at: std::mem::take(&mut self.created_at),
            closed_at: self.closed_at.take(),
            assignees: self.assignees.drain(..).map(|it| it.login).collect(),
            body: cut(self.body.take().unwrap_or_default()),
            discussion,
            next_page,
            summary: self.into_summary(),
        }
    }
}

impl ReadComment {
    fn into_comment(self) -> Comment {
        Comment {
            author: login(self.user),
            created_at: self.created_at,
            body: cut(self.body.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{Recorded, arguments, json};

    #[test]
    fn issues_are_listed() {
        let api = Recorded::new(&[(
            "GET /repos/octo/hello/issues?state=all&labels=bug%2Ctop%20ten&per_page=100&page=2",
            "200 next",
            include_str!("recorded/issues.json"),
        )]);
        let list_of = arguments(
            r#"{"repository": "octo/hello", "state": "all", "labels": ["bug", "top ten"], "per_page": 500, "page": 2}"#,
        );
        assert_eq!(
            json(list(&api, &list_of)),
            r#"{"issues":[{"number":1347,"title":"Found a bug","state":"open","is_pull_request":false,"author":"octocat","labels":["bug"],"comments":2,"updated_at":"2026-04-22T13:33:48Z"},{"number":1346,"title":"Mend it","state":"closed","is_pull_request":true,"author":"ghost","comments":0,"updated_at":"2026-04-21T09:00:00Z"}],"next_page":3}"#,
        );
    }

    #[test]
    fn an_issue_comes_with_its_discussion() {
        let api = Recorded::new(&[
            ("GET /repos/octo/hello/issues/1347", "200", include_str!("recorded/issue.json")),
            (
                "GET /repos/octo/hello/issues/1347/comments?page=1",
                "200",
                include_str!("recorded/comments.json"),
            ),
        ]);
        let get_of = arguments(r#"{"repository": "octo/hello", "number": 1347}"#);
        assert_eq!(
            json(get(&api, &get_of)),
            r#"{"number":1347,"title":"Found a bug","state":"closed","is_pull_request":false,"author":"octocat","labels":["bug"],"comments":2,"updated_at":"2026-04-22T13:33:48Z","created_at":"2026-04-22T13:33:48Z","closed_at":"2026-04-23T00:00:00Z","assignees":["hubot"],"body":"It does not work.","discussion":[{"author":"octocat","created_at":"2026-04-22T14:00:00Z","body":"Me too"},{"author":"ghost","created_at":"2026-04-22T15:00:00Z","body":""}]}"#,
        );
    }

    #[test]
    fn issues_and_comments_are_made() {
        let api = Recorded::new(&[
            (
                r#"POST /repos/octo/hello/issues {"assignees":[],"body":"","labels":["bug"],"title":"A"}"#,
                "201",
                r#"{"number": 7, "html_url": "https://github.com/octo/hello/issues/7", "title": "A"}"#,
            ),
            (
                r#"POST /repos/octo/hello/issues/7/comments {"body":"Thanks"}"#,
                "201",
                r#"{"id": 1, "html_url": "https://github.com/octo/hello/issues/7#issuecomment-1"}"#,
            ),
        ]);
        let create_of =
            arguments(r#"{"repository": "octo/hello", "title": "A", "labels": ["bug"]}"#);
        assert_eq!(
            json(create(&api, &create_of)),
            r#"{"number":7,"url":"https://github.com/octo/hello/issues/7"}"#,
        );
        let say = arguments(r#"{"repository": "octo/hello", "number": 7, "body": "Thanks"}"#);
        assert_eq!(
            json(comment(&api, &say)),
            r#"{"url":"https://github.com/octo/hello/issues/7#issuecomment-1"}"#,
        );
    }

    #[test]
    fn nothing_is_sent_without_a_text() {
        let api = Recorded::new(&[]);
        let create_of = arguments(r#"{"repository": "octo/hello", "title": " "}"#);
        assert_eq!(json(create(&api, &create_of)), "argument: `title` is empty");
        let say = arguments(r#"{"repository": "octo/hello", "number": 7, "body": ""}"#);
        assert_eq!(json(comment(&api, &say)), "argument: `body` is empty");
    }

    #[test]
    fn a_refusal_is_told() {
        let path = "GET /repos/octo/none/issues?state=open&per_page=20&page=1";
        let api = Recorded::new(&[(path, "404", r#"{"message": "Not Found"}"#)]);
        assert_eq!(
            json(list(&api, &arguments(r#"{"repository": "octo/none"}"#))),
            "GitHub says 404: Not Found. It is not there, or it is private and the token can't see it",
        );
        let api = Recorded::new(&[(path, "200", "[{}]")]);
        assert_eq!(
            json(list(&api, &arguments(r#"{"repository": "octo/none"}"#))),
            "GitHub's answer can't be read: missing field `number` at line 1 column 3",
        );
    }
}
