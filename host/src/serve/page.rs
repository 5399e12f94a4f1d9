//! The page at `/`: a few files that are compiled in.
//!
//! It is shown to anybody on this machine, since it holds nothing: what it
//! shows it asks for, with the token that its reader gives.

use axum::{
    Router,
    http::{
        HeaderName, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::IntoResponse,
    routing::get,
};

/// Nothing of it is from elsewhere, goes elsewhere, or is written in the page
/// itself, so text that a child wrote stays text; and no other page frames it,
/// whose clicks would then be the reader's.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page: its path, its type, and itself.
macro_rules! files {
    ($($path:literal: $kind:expr, $name:literal;)*) => {
        &[$(($path, $kind, include_str!(concat!("page/", $name)))),*]
    };
}

const FILES: &[(&str, &str, &str)] = files! {
    "/": HTML, "index.html";
    "/page.css": CSS, "page.css";
    "/page.js": JS, "page.js";
    "/nodes.js": JS, "nodes.js";
    "/service.js": JS, "service.js";
    "/views.js": JS, "views.js";
    "/words.js": JS, "words.js";
    "/icon.svg": SVG, "icon.svg";
};

/// Its routes.
pub(super) fn routes() -> Router {
    FILES.iter().fold(Router::new(), |routes, (path, kind, text)| {
        routes.route(path, get(async move || file(kind, text)))
    })
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let header = |name: HeaderName, value| (name, HeaderValue::from_static(value));
    let headers = [
        header(CONTENT_TYPE, kind),
        header(CONTENT_SECURITY_POLICY, POLICY),
        header(X_CONTENT_TYPE_OPTIONS, "nosniff"),
        header(X_FRAME_OPTIONS, "DENY"),
        header(REFERRER_POLICY, "no-referrer"),
        // The next version of the program has others.
        header(CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
