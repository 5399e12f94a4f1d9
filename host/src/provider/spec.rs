//! A provider as it is configured, and the way from there to one that can be
//! asked.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::{
    Provider,
    anthropic::{Anthropic, VERSION},
    cause::root_cause,
    connection::{Connection, KeyHeader, Timeouts},
    key::KeyCell,
    openai::OpenAi,
    scripted::{self, CassetteError},
    service::Service,
    settings::Kind,
};
use crate::{
    http::{HttpError, client_builder, plain_client_builder},
    secret::Source,
};

impl Kind {
    fn default_url(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::OpenAi | Self::Scripted => "https://api.openai.com/v1",
        }
    }

    fn key_header(self) -> KeyHeader {
        match self {
            Self::Anthropic => KeyHeader { name: "x-api-key", prefix: "" },
            Self::OpenAi | Self::Scripted => KeyHeader { name: "authorization", prefix: "Bearer " },
        }
    }
}

/// A provider as it is configured.
#[derive(Clone)]
pub struct ProviderSpec {
    /// For people.
    pub name: String,
    /// What it speaks.
    pub kind: Kind,
    /// Where it is, `/v1` included for [`Kind::OpenAi`]; that of the makers of
    /// the wire when absent.
    pub base_url: Option<String>,
    /// Where the key is; a server of one's own needs none.
    pub key: Option<Source>,
    /// Whether answers are asked for piece by piece.
    pub stream: bool,
    /// Sent with each request, over the host's own. Values are secrets, which
    /// are cut out of answers, but for those of names that are known for
    /// something else (`referer`, `user-agent`, `x-title`, …).
    pub headers: BTreeMap<String, String>,
    /// How long it may be silent.
    pub timeouts: Timeouts,
    /// The file of a [`Kind::Scripted`] one.
    pub cassette: Option<PathBuf>,
}

impl fmt::Debug for ProviderSpec {
    /// Neither the address nor the values of headers: both may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&String> = self.headers.keys().collect();
        f.debug_struct("ProviderSpec")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("key", &self.key)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

/// Why a provider can't be had as it is configured. For the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The address is none.
    #[error(
        "the address of provider `{name}` can't be used: {reason}\n\
         hint: write it like `https://api.example.com/v1`"
    )]
    Url {
        /// Of the provider.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address holds a name or password.
    #[error(
        "the address of provider `{0}` holds credentials, and addresses are shown in logs\n\
         hint: give them as a key, or as the header `authorization`"
    )]
    Credentials(String),
    /// A header can't be sent.
    #[error(
        "the header `{header}` of provider `{name}` can't be sent\n\
         hint: a name of letters and `-`, and a value of one line of printable ASCII"
    )]
    Header {
        /// Of the provider.
        name: String,
        /// Its name.
        header: String,
    },
    /// There is nothing to play.
    #[error("provider `{0}` has no cassette\nhint: name the file that it plays")]
    NoCassette(String),
    /// What is to be played is wrong.
    #[error(transparent)]
    Cassette(#[from] CassetteError),
    /// There is no way to speak HTTP.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// There is no way to speak HTTP.
    #[error("the HTTP client can't be set up: {0}")]
    Client(String),
}

impl ProviderSpec {
    /// The provider, ready to be asked. Nothing is sent, and no key is read.
    ///
    /// Fails on an address, a header or a cassette that can't be used.
    pub fn build(self) -> Result<Arc<dyn Provider>, SpecError> {
        match self.kind {
            Kind::Scripted => {
                let path = self.cassette.ok_or(SpecError::NoCassette(self.name))?;
                Ok(Arc::new(scripted::load(&path)?))
            }
            Kind::OpenAi => {
                let stream = self.stream;
                let connection = self.connection(&["chat", "completions"])?;
                Ok(Arc::new(Service::<OpenAi>::new(connection, stream)))
            }
            Kind::Anthropic => {
                let stream = self.stream;
                let connection = self.connection(&["v1", "messages"])?;
                Ok(Arc::new(Service::<Anthropic>::new(connection, stream)))
            }
        }
    }

    fn connection(self, path: &[&str]) -> Result<Connection, SpecError> {
        let url = self.url(path)?;
        let is_plain = url.scheme() == "http";
        let client = if is_plain { plain_client_builder() } else { client_builder() }?
            .connect_timeout(self.timeouts.connect)
            .build()
            .map_err(|it| SpecError::Client(root_cause(&it)))?;
        Ok(Connection {
            client,
            url,
            headers: self.headers()?,
            key: KeyCell::new(self.key, &self.name),
            key_header: self.kind.key_header(),
            timeouts: self.timeouts,
        })
    }

    /// Of the chats. A first name of the path that the address ends in
    /// already is not put there twice.
    fn url(&self, path: &[&str]) -> Result<Url, SpecError> {
        let error = |reason: String| SpecError::Url { name: self.name.clone(), reason };
        let text = self.base_url.as_deref().unwrap_or(self.kind.default_url());
        let mut url = Url::parse(text).map_err(|it| error(it.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(error(format!("`{}` is neither http nor https", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SpecError::Credentials(self.name.clone()));
        }
        if url.scheme() == "http" && self.key.is_some() && !is_loopback(&url) {
            tracing::warn!(provider = %self.name, "a key goes over the network in clear: use https");
        }
        let trimmed = url.path().trim_end_matches('/').to_owned();
        let skip = usize::from(path.first().is_some_and(|it| trimmed.ends_with(&format!("/{it}"))));
        let rest = path.get(skip..).unwrap_or_default().join("/");
        url.set_path(&format!("{trimmed}/{rest}"));
        url.set_fragment(None);
        Ok(url)
    }

    fn headers(&self) -> Result<HeaderMap, SpecError> {
        let mut res = HeaderMap::new();
        if self.kind == Kind::Anthropic {
            let name = HeaderName::from_static("anthropic-version");
            res.insert(name, HeaderValue::from_static(VERSION));
        }
        for (name, value) in &self.headers {
            let error = || SpecError::Header { name: self.name.clone(), header: name.clone() };
            let header = HeaderName::try_from(name.as_str()).map_err(|_| error())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| error())?;
            value.set_sensitive(true);
            res.insert(header, value);
        }
        Ok(res)
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests;
