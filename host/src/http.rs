//! HTTP clients as this process makes them, for model providers and for pages.
//!
//! Holds what all of them have in common, and no state: TLS by ring, handed
//! over explicitly so that nothing is installed for the whole process, with
//! the certificates that the system trusts. Proxies, redirects, cookies and
//! the referer are off; whoever needs one does it where it can be checked.

use std::sync::{Arc, LazyLock};

use reqwest::{ClientBuilder, redirect, retry};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, client::Resumption};
use rustls_platform_verifier::BuilderVerifierExt;

/// Why no client can be made.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "TLS can't be set up: {0}\nhint: install the certificates of the system's authorities (`ca-certificates`)"
)]
pub struct HttpError(rustls::Error);

/// A client that trusts the system's certificates, and does nothing on its
/// own: it asks no proxy, whatever the environment says, follows no redirect,
/// asks nothing twice, and keeps no cookie.
///
/// Limits of time and size are the caller's to add. Fails when the system has
/// no certificates that can be read.
pub fn client_builder() -> Result<ClientBuilder, HttpError> {
    // They take some milliseconds to read, and a process has many clients.
    static SYSTEM: LazyLock<Result<ClientConfig, HttpError>> = LazyLock::new(|| {
        let config = config()?.with_platform_verifier().map_err(HttpError)?;
        Ok(config.with_no_client_auth())
    });
    SYSTEM.clone().map(builder)
}

/// The same for servers without TLS, on a system that may have no
/// certificates: it trusts none.
pub fn plain_client_builder() -> Result<ClientBuilder, HttpError> {
    let config = config()?.with_root_certificates(RootCertStore::empty());
    Ok(builder(config.with_no_client_auth()))
}

/// TLS 1.2 and 1.3.
fn config() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, HttpError> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring);
    config.with_safe_default_protocol_versions().map_err(HttpError)
}

/// Clients have no session in common: by one, a server would recognise who
/// comes again.
fn builder(mut config: ClientConfig) -> ClientBuilder {
    config.resumption = Resumption::default();
    reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_made_and_nothing_is_installed_for_the_process() {
        for builder in [client_builder, plain_client_builder] {
            let res = builder().map(ClientBuilder::build);
            assert!(matches!(res, Ok(Ok(_))), "{res:?}");
        }
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }

    #[test]
    fn an_error_says_why_and_what_to_do() {
        let text = HttpError(rustls::Error::General("no roots".to_owned())).to_string();
        let (message, hint) = text.split_once("\nhint: ").unwrap();
        assert_eq!(message, "TLS can't be set up: unexpected error: no roots");
        assert!(hint.contains("`ca-certificates`"), "{hint}");
    }
}
