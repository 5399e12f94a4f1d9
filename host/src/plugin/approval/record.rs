//! An approval as it is kept: JSON for a person to look at, with a version.

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Approval;
use crate::{
    completion::sanitize::clean_line,
    plugin::manifest::DIGEST,
    tools,
    toolset::{ToolSpec, native::NativeError},
};

/// Of this form. Another one is read by another program.
const FORMAT: u32 = 1;

/// Characters of a reason that quotes the file.
const MAX_REASON_CHARS: usize = 300;

/// Why a text is no approval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// It is not what was written.
    #[error("its approval can't be read: {0}")]
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
    version: String,
    component: String,
    manifest: Option<String>,
    asks: Vec<String>,
    tools: Vec<ToolRecord>,
    approved_at: f64,
    /// Of all of the above: what somebody wrote into it by hand was read by
    /// nobody. Who writes files as this user can make another approval as well.
    #[serde(default)]
    seal: String,
}

impl Record {
    fn sealed(self) -> serde_json::Result<Self> {
        let seal = Record { seal: String::new(), ..self };
        let text = serde_json::to_string(&seal)?;
        let digest = blake3::derive_key(SEALED, text.as_bytes());
        Ok(Record { seal: blake3::Hash::from_bytes(digest).to_hex().to_string(), ..seal })
    }
}

/// What the seal is for.
const SEALED: &str = "hermitage 2026 approval of a tool plugin";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolRecord {
    name: String,
    description: String,
    parameters: Value,
}

impl Approval {
    /// As it is kept.
    pub(in crate::plugin) fn to_json(&self) -> serde_json::Result<String> {
        let tool = |it: &ToolSpec| {
            let (name, description) = (it.name.clone(), it.description.clone());
            Ok(ToolRecord { name, description, parameters: serde_json::from_str(&it.parameters)? })
        };
        let record = Record {
            format: FORMAT,
            name: self.name.clone(),
            version: self.version.to_string(),
            component: written(self.digest),
            manifest: self.manifest.map(written),
            asks: self.asks.clone(),
            tools: self.tools.iter().map(tool).collect::<serde_json::Result<_>>()?,
            approved_at: self.approved_at,
            seal: String::new(),
        };
        serde_json::to_string_pretty(&record.sealed()?)
    }

    /// Reads what was kept. Whatever a host would not take is an error here.
    pub(in crate::plugin) fn from_json(text: &str) -> Result<Self, ApprovalError> {
        let AnyFormat { format } = serde_json::from_str(text).map_err(damaged)?;
        if format != FORMAT {
            return Err(ApprovalError::Format(format));
        }
        let record: Record = serde_json::from_str(text).map_err(damaged)?;
        let (seal, record) = (record.seal.clone(), record.sealed().map_err(damaged)?);
        let is_sealed = record.seal == seal;
        let tools = record.tools.into_iter().map(|it| ToolSpec {
            name: it.name,
            description: it.description,
            parameters: it.parameters.to_string(),
        });
        let tools = tools::bundled().check_plugin(&record.name, tools.collect())?;
        let res = Self {
            name: record.name,
            version: Version::parse(&record.version).map_err(damaged)?,
            digest: read(&record.component)?,
            manifest: record.manifest.as_deref().map(read).transpose()?,
            asks: record.asks,
            tools,
            approved_at: record.approved_at,
        };
        if is_sealed { Ok(res) } else { Err(ApprovalError::Changed) }
    }
}

fn written(digest: blake3::Hash) -> String {
    format!("{DIGEST}{}", digest.to_hex())
}

fn read(text: &str) -> Result<blake3::Hash, ApprovalError> {
    let digest = text.strip_prefix(DIGEST).and_then(|it| blake3::Hash::from_hex(it).ok());
    digest.ok_or_else(|| damaged(format!("`{text}` is no digest")))
}

fn damaged(why: impl ToString) -> ApprovalError {
    ApprovalError::Damaged(clean_line(&why.to_string(), MAX_REASON_CHARS))
}
