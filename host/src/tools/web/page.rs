//! What a page comes back as.

use serde::{Deserialize, Serialize};

use crate::toolset::Output;

/// A page of the web.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebPage {
    /// After redirects.
    pub url: String,
    /// Untrusted text.
    pub title: Option<String>,
    /// The readable part as Markdown. Untrusted text.
    pub text: String,
    /// Some of it was left out.
    pub truncated: bool,
}

impl Output for WebPage {
    fn bytes(&self) -> u64 {
        self.text.len() as u64
    }
}
