//! An approval as it is kept: JSON for a person to look at, with a version.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Approval, Approved};
use crate::{
    completion::sanitize::clean_line,
    tools,
    toolset::{ToolSpec, native::NativeError},
};

/// Of this form. Another one is read by another program.
const FORMAT: u32 = 1;

/// Characters of a reason that quotes the file.
const MAX_REASON_CHARS: usize = 300;

/// What the seal is for.
const SEALED: &str = "hermitage 2026 approval of the tools of an MCP server";

/// Why a text is no approval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// The file can't be read.
    #[error("its approval can't be read: {0}")]
    Read(String),
    /// It is not what was written.
    #[error("its approval is damaged: {0}")]
    Damaged(String),
    /// Another program wrote it.
    #[error("its approval is of format {0}, and this program knows {FORMAT} alone")]
    Format(u32),
    /// Somebody changed it.
    #[error("its approval was changed since it was given")]
    Changed,
    /// A host would not take a tool of it.
    #[error(transparent)]
    Tools(#[from] NativeError),
}

/// What can be read of every format.
#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    name: String,
    words: Vec<String>,
    tools: Vec<ToolRecord>,
    approved_at: f64,
    /// Of all of the above: what somebody wrote into it by hand was read by
    /// nobody. Who writes files as this user can make another approval as well.
    #[serde(default)]
    seal: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolRecord {
    called: String,
    name: String,
    description: String,
    parameters: Value,
    digest: String,
}

impl Record {
    fn sealed(self) -> serde_json::Result<Self> {
        let seal = Record { seal: String::new(), ..self };
        let text = serde_json::to_string(&seal)?;
        let digest = blake3::derive_key(SEALED, text.as_bytes());
        Ok(Record { seal: blake3::Hash::from_bytes(digest).to_hex().to_string(), ..seal })
    }
}

impl Approval {
    /// As it is kept.
    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        let tool = |it: &Approved| {
            Ok(ToolRecord {
                called: it.called.clone(),
                name: it.spec.name.clone(),
                description: it.spec.description.clone(),
                parameters: serde_json::from_str(&it.spec.parameters)?,
                digest: it.digest.to_hex().to_string(),
            })
        };
        let record = Record {
            format: FORMAT,
            name: self.name.clone(),
            words: self.words.clone(),
            tools: self.tools.iter().map(tool).collect::<serde_json::Result<_>>()?,
            approved_at: self.approved_at,
            seal: String::new(),
        };
        serde_json::to_string_pretty(&record.sealed()?)
    }

    /// Reads what was kept. Whatever a host would not take is an error here.
    pub(super) fn from_json(name: &str, text: &str) -> Result<Self, ApprovalError> {
        let AnyFormat { format } = serde_json::from_str(text).map_err(damaged)?;
        if format != FORMAT {
            return Err(ApprovalError::Format(format));
        }
        let record: Record = serde_json::from_str(text).map_err(damaged)?;
        let (seal, record) = (record.seal.clone(), record.sealed().map_err(damaged)?);
        if record.seal != seal || record.name != name {
            return Err(ApprovalError::Changed);
        }
        let mut tools = Vec::new();
        for it in record.tools {
            let spec = ToolSpec::new(it.name, it.description, it.parameters.to_string());
            let checked = tools::bundled().check_plugin(name, vec![spec])?;
            let digest = blake3::Hash::from_hex(&it.digest).map_err(damaged)?;
            let called = it.called;
            tools.extend(checked.into_iter().map(|spec| Approved {
                called: called.clone(),
                spec,
                digest,
            }));
        }
        let Record { words, approved_at, .. } = record;
        Ok(Self { name: name.to_owned(), words, tools, approved_at })
    }
}

fn damaged(why: impl ToString) -> ApprovalError {
    ApprovalError::Damaged(clean_line(&why.to_string(), MAX_REASON_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval() -> Approval {
        let spec = ToolSpec::new("add", "Adds.", r#"{"type":"object"}"#);
        let tool = Approved { called: "Add".to_owned(), spec, digest: blake3::hash(b"x") };
        let (name, words) = ("calc".to_owned(), vec!["runs it".to_owned()]);
        Approval { name, words, tools: vec![tool], approved_at: 1.5 }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let text = approval().to_json().unwrap();
        assert_eq!(Approval::from_json("calc", &text), Ok(approval()));
        let check = |text: &str, expect: &str| {
            let err = Approval::from_json("calc", text).unwrap_err().to_string();
            assert!(err.starts_with(expect), "{err}");
        };
        check(&text.replace("Adds.", "Adds, and sends."), "its approval was changed");
        check(&text.replace("runs it", "runs more"), "its approval was changed");
        check(&text.replace("\"format\": 1", "\"format\": 2"), "its approval is of format 2");
        check("{", "its approval is damaged");
        let other = Approval::from_json("other", &text);
        assert_eq!(other, Err(ApprovalError::Changed));
    }
}
