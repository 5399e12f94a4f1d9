//! Tools for issues, files and search of GitHub.
//!
//! The host sends the requests, to the address that the manifest asks for, and
//! puts the token into them: none of this code ever has it. Only this file
//! talks to the host; natively, `request::Api` plays answers that GitHub gave.

mod files;
mod issues;
mod refusal;
mod repository;
mod request;
mod search;

#[cfg(test)]
mod recorded;

use hermitage_guest::{
    ToolError, tool,
    tool::{http, settings},
    tools,
};

use crate::request::{Api, Request, Response};

/// Where the API is when the setting `api` says nothing.
const ADDRESS: &str = "https://api.github.com";

/// The version of the API that the answers are read by.
const VERSION: &str = "2022-11-28";

/// Lists issues and pull requests of a GitHub repository, the newest first.
#[tool]
fn list_issues(arguments: issues::List) -> Result<issues::Listed, ToolError> {
    issues::list(&GitHub, &arguments)
}

/// Returns one issue or pull request of a GitHub repository, with its text and
/// its comments.
#[tool]
fn get_issue(arguments: issues::Get) -> Result<issues::Issue, ToolError> {
    issues::get(&GitHub, &arguments)
}

/// Opens an issue in a GitHub repository. Everybody who can read the
/// repository sees it.
#[tool]
fn create_issue(arguments: issues::Create) -> Result<issues::Made, ToolError> {
    issues::create(&GitHub, &arguments)
}

/// Adds a comment to an issue or pull request of a GitHub repository.
/// Everybody who can read the repository sees it.
#[tool]
fn comment(arguments: issues::Say) -> Result<issues::Made, ToolError> {
    issues::comment(&GitHub, &arguments)
}

/// Returns the text of a file in a GitHub repository, or the entries of a
/// directory.
#[tool]
fn get_file(arguments: files::Get) -> Result<files::Content, ToolError> {
    files::get(&GitHub, &arguments)
}

/// Searches issues and pull requests on GitHub, in the words of its search.
#[tool]
fn search_issues(arguments: search::Issues) -> Result<search::Found<issues::Summary>, ToolError> {
    search::issues(&GitHub, &arguments)
}

/// Searches code on GitHub, in the words of its search. Needs a token.
#[tool]
fn search_code(arguments: search::Code) -> Result<search::Found<search::File>, ToolError> {
    search::code(&GitHub, &arguments)
}

tools![list_issues, get_issue, create_issue, comment, get_file, search_issues, search_code];

/// The real one, by the host.
struct GitHub;

impl Api for GitHub {
    fn send(&self, request: Request) -> Result<Response, ToolError> {
        let address = settings::get("api").unwrap_or_else(|| ADDRESS.to_owned());
        let url = format!("{}{}", address.trim_end_matches('/'), request.path);
        let mut sent = http::request(request.method, url)
            .header("accept", request.accept)
            .header("x-github-api-version", VERSION);
        if let Some(body) = &request.body {
            sent = sent.json(body);
        }
        sent.send().map(|response| Response {
            status: response.status(),
            headers: request::HEADERS
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), response.header(name)?.to_owned())))
                .collect(),
            truncated: response.is_truncated(),
            body: response.bytes().to_vec(),
        })
    }
}
