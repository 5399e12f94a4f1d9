//! Parts of a bench that have a process of their own: this program, started
//! again, which prints a number.

use std::{ffi::OsString, path::Path, process::Stdio};

use tokio::process::Command;

use super::BenchError;

/// What such a process does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Children that wait for a model.
    Children,
    /// The component alone, waiting as they do.
    BareChildren,
    /// A host on a store, with sessions from this number on.
    Host(usize),
}

impl Part {
    /// As one text, for a command line.
    pub fn text(&self) -> String {
        match self {
            Self::Children => "children".to_owned(),
            Self::BareChildren => "bare-children".to_owned(),
            Self::Host(first) => first.to_string(),
        }
    }

    /// Read back.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "children" => Some(Self::Children),
            "bare-children" => Some(Self::BareChildren),
            number => number.parse().ok().map(Self::Host),
        }
    }
}

/// A process that does a part in a directory.
pub(super) fn command(program: &Path, part: &Part) -> Command {
    let mut command = Command::new(program);
    let words = ["bench", "--part", &part.text()].map(OsString::from);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

/// Starts one, and reads its number.
pub(super) async fn run(program: &Path, part: Part) -> Result<f64, BenchError> {
    number(command(program, &part).stderr(Stdio::piped()).output().await?)
}

pub(super) fn number(output: std::process::Output) -> Result<f64, BenchError> {
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}
