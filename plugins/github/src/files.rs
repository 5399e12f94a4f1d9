//! Files and directories of a repository.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hermitage_guest::ToolError;

use crate::{
    repository,
    request::{Api, Request},
};

/// Bytes of a file that are told at once. A model pays for each.
const LARGEST: usize = 48 * 1024;

/// Entries of a directory that are told.
const MOST_ENTRIES: usize = 500;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Get {
    /// `OWNER/NAME`.
    repository: String,
    /// A file or a directory; the directory at the top when absent.
    #[serde(default)]
    path: String,
    /// A branch, a tag or a commit; the default branch when absent.
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    /// The first line to return, from 1.
    #[serde(default)]
    first_line: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Content {
    File {
        text: String,
        first_line: usize,
        total_lines: usize,
        bytes: usize,
        /// Where to go on: the text ends before the file.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_line: Option<usize>,
    },
    Directory {
        entries: Vec<Entry>,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<usize>,
    },
    /// Of another repository, or of the same one.
    Elsewhere { kind: String, target: String },
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Entry {
    path: String,
    #[serde(rename(deserialize = "type"))]
    kind: String,
    #[serde(rename(deserialize = "size"))]
    bytes: u64,
}

/// As GitHub has it: a list is a directory.
#[derive(Deserialize)]
#[serde(untagged)]
enum Read {
    Directory(Vec<Entry>),
    One {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        size: u64,
        #[serde(default)]
        encoding: Option<String>,
        #[serde(default)]
        content: Option<String>,
        #[serde(default)]
        target: Option<String>,
        #[serde(default)]
        submodule_git_url: Option<String>,
    },
}

pub(crate) fn get(api: &impl Api, get: &Get) -> Result<Content, ToolError> {
    let mut path = repository::path(&get.repository)?.segment("contents");
    for piece in get.path.split('/').filter(|it| !it.is_empty() && *it != ".") {
        if piece == ".." {
            let why = format!("`{}` leads out of the repository", get.path);
            return Err(ToolError::InvalidArguments(why));
        }
        path = path.segment(piece);
    }
    let path = path.maybe("ref", get.reference.as_deref());
    match api.send(Request::get(path))?.read()? {
        Read::Directory(mut entries) => {
            let left_out = entries.len().saturating_sub(MOST_ENTRIES);
            entries.truncate(MOST_ENTRIES);
            Ok(Content::Directory { entries, left_out: (left_out > 0).then_some(left_out) })
        }
        Read::One { kind, size, encoding, content, target, submodule_git_url } => {
            if let Some(target) = target.or(submodule_git_url) {
                return Ok(Content::Elsewhere { kind, target });
            }
            match (encoding.as_deref(), content) {
                (Some("base64"), Some(content)) => file(&content, get.first_line.unwrap_or(1)),
                _ => Err(ToolError::Failed(format!(
                    "GitHub sends no text of files of {size} bytes this way"
                ))),
            }
        }
    }
}

fn file(content: &str, first_line: usize) -> Result<Content, ToolError> {
    let failed = |why: &str| ToolError::Failed(why.to_owned());
    let content: Vec<u8> = content.bytes().filter(|it| !it.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(content).map_err(|_| failed("GitHub's answer is no base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("the file is no text"))?;
    if text.contains('\0') {
        return Err(failed("the file is no text"));
    }
    let total_lines = text.lines().count();
    if first_line == 0 || first_line > total_lines.max(1) {
        let why = format!("`first_line` is between 1 and {}", total_lines.max(1));
        return Err(ToolError::InvalidArguments(why));
    }
    let mut shown = String::new();
    let mut next_line = None;
    for (index, line) in text.split_inclusive('\n').enumerate().skip(first_line - 1) {
        if shown.len() + line.len() > LARGEST {
            next_line = Some(index + 1);
            break;
        }
        shown.push_str(line);
    }
    if next_line == Some(first_line) {
        return Err(ToolError::Failed(format!("line {first_line} has more than {LARGEST} bytes")));
    }
    Ok(Content::File { text: shown, first_line, total_lines, bytes: text.len(), next_line })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{Recorded, arguments, json};

    #[track_caller]
    fn check(get_of: &str, request: &str, body: &str, expect: &str) {
        let api = Recorded::new(&[(request, "200", body)]);
        assert_eq!(json(get(&api, &arguments(get_of))), expect);
    }

    fn encoded(text: &str) -> String {
        // In lines, as GitHub sends it.
        let lines: Vec<String> = STANDARD
            .encode(text)
            .as_bytes()
            .chunks(60)
            .map(|it| String::from_utf8(it.to_vec()).unwrap())
            .collect();
        let content = lines.join("\n");
        serde_json::json!({
            "type": "file", "size": text.len(), "encoding": "base64", "content": content,
        })
        .to_string()
    }

    #[test]
    fn a_file_is_told_as_text() {
        check(
            r#"{"repository": "octo/hello", "path": "/src/a b.rs", "ref": "v1/x"}"#,
            "GET /repos/octo/hello/contents/src/a%20b.rs?ref=v1%2Fx",
            &encoded("fn main() {}\n// é\n"),
            r#"{"text":"fn main() {}\n// é\n","first_line":1,"total_lines":2,"bytes":19}"#,
        );
        check(
            r#"{"repository": "octo/hello", "path": "empty"}"#,
            "GET /repos/octo/hello/contents/empty",
            &encoded(""),
            r#"{"text":"","first_line":1,"total_lines":0,"bytes":0}"#,
        );
    }

    #[test]
    fn a_long_file_is_told_in_parts() {
        let text: String = (1..=10_000).map(|it| format!("line {it:5}\n")).collect();
        let request = "GET /repos/octo/hello/contents/long";
        let api =
            Recorded::new(&[(request, "200", &encoded(&text)), (request, "200", &encoded(&text))]);
        let first = json(get(&api, &arguments(r#"{"repository": "octo/hello", "path": "long"}"#)));
        assert!(
            first.ends_with("\"next_line\":4469}"),
            "{}",
            first.get(first.len() - 90..).unwrap()
        );
        let last = r#"{"repository": "octo/hello", "path": "long", "first_line": 10000}"#;
        assert_eq!(
            json(get(&api, &arguments(last))),
            r#"{"text":"line 10000\n","first_line":10000,"total_lines":10000,"bytes":110000}"#,
        );
    }

    #[test]
    fn a_directory_is_a_list() {
        check(
            r#"{"repository": "octo/hello"}"#,
            "GET /repos/octo/hello/contents",
            r#"[{"type": "dir", "size": 0, "name": "src", "path": "src", "sha": "a"}, {"type": "file", "size": 625, "name": "a.rs", "path": "a.rs"}]"#,
            r#"{"entries":[{"path":"src","kind":"dir","bytes":0},{"path":"a.rs","kind":"file","bytes":625}]}"#,
        );
    }

    #[test]
    fn what_is_no_file_is_said() {
        check(
            r#"{"repository": "octo/hello", "path": "lib"}"#,
            "GET /repos/octo/hello/contents/lib",
            r#"{"type": "submodule", "submodule_git_url": "https://github.com/octo/lib.git", "size": 0, "name": "lib"}"#,
            r#"{"kind":"submodule","target":"https://github.com/octo/lib.git"}"#,
        );
        check(
            r#"{"repository": "octo/hello", "path": "big"}"#,
            "GET /repos/octo/hello/contents/big",
            r#"{"type": "file", "size": 2000000, "encoding": "none", "content": ""}"#,
            "GitHub sends no text of files of 2000000 bytes this way",
        );
        check(
            r#"{"repository": "octo/hello", "path": "a.png"}"#,
            "GET /repos/octo/hello/contents/a.png",
            r#"{"type": "file", "size": 2, "encoding": "base64", "content": "iVA="}"#,
            "the file is no text",
        );
    }

    #[test]
    fn a_path_stays_in_the_repository() {
        let api = Recorded::new(&[]);
        let out = r#"{"repository": "octo/hello", "path": "../../user"}"#;
        let expect = "argument: `../../user` leads out of the repository";
        assert_eq!(json(get(&api, &arguments(out))), expect);
    }
}
