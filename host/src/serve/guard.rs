//! Who may come in: the checks that stand before every route.
//!
//! Programs of other users, and pages of any site in a browser of this one,
//! reach a port on loopback as well. So a call needs a token, names this
//! service as its host (a name of an attacker's that resolves to loopback is
//! not one: DNS rebinding), and comes from no page but the service's own.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{AUTHORIZATION, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Door, Inner, caller::Caller, error::Refusal, places::Place};

/// Lets a call through, with its caller.
pub(super) async fn check(
    State((service, door)): State<(Arc<Inner>, Door)>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = caller(&service, door, &request);
    if let Some(place) = request.extensions().get::<Place>() {
        place.is_known(caller.is_ok());
    }
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refused(refusal),
    }
}

/// The same for what anybody on this machine may see: no token is needed.
pub(super) async fn check_open(
    State((_, door)): State<(Arc<Inner>, Door)>,
    request: Request,
    next: Next,
) -> Response {
    match check_place(door, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn refused(refusal: Refusal) -> Response {
    let mut response = refusal.into_response();
    if response.status() == StatusCode::UNAUTHORIZED
        && let Ok(value) = "Bearer".parse()
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

fn caller(service: &Inner, door: Door, request: &Request) -> Result<Caller, Refusal> {
    let headers = request.headers();
    check_place(door, request.uri(), headers)?;
    if door == Door::Socket {
        return Ok(Caller::Owner);
    }
    let Some(given) = only(headers, &AUTHORIZATION) else {
        return Err(Refusal::unauthorized("a token is needed"));
    };
    let (scheme, token) = given.split_once(' ').unwrap_or_default();
    let holder = match scheme.eq_ignore_ascii_case("bearer") {
        true => service.tokens.holder(token.trim()),
        false => None,
    };
    holder
        .map(Caller::Token)
        .ok_or_else(|| Refusal::unauthorized("the token is none of this service"))
}

/// That the call is meant for this service, and comes from no foreign page.
fn check_place(door: Door, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let forbidden = |code, message: &str| Refusal::new(StatusCode::FORBIDDEN, code, message);
    let Door::Tcp(address) = door else {
        return match headers.contains_key(ORIGIN) {
            true => Err(forbidden("origin", "no page calls over the socket")),
            false => Ok(()),
        };
    };
    let host = only(headers, &HOST).unwrap_or_default();
    // A whole address as the target counts above the header (RFC 9112, 3.2.2).
    let is_meant = uri.authority().is_none_or(|it| is_own(it.as_str(), address));
    if !is_meant || !is_own(host, address) {
        let refusal = forbidden("host", "the call names another host");
        return Err(refusal.hint(format!("call `http://{address}`")));
    }
    if !headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let origin = only(headers, &ORIGIN).and_then(|it| it.strip_prefix("http://"));
    match origin.is_some_and(|it| is_own(it, address)) {
        true => Ok(()),
        false => Err(forbidden("origin", "the call comes from a page of another site")),
    }
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

/// Whether that is a name of the address that is listened at.
fn is_own(authority: &str, address: SocketAddr) -> bool {
    let authority = authority.to_ascii_lowercase();
    let port = address.port();
    // Clients leave out the port that HTTP has anyway.
    let is = |host: &str| authority == format!("{host}:{port}") || port == 80 && authority == host;
    let ip = match address {
        SocketAddr::V4(it) => it.ip().to_string(),
        SocketAddr::V6(it) => format!("[{}]", it.ip()),
    };
    is(&ip) || is("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "127.0.0.1:8420";

    fn check(door: Door, headers: &[(&str, &str)], expect: Option<&str>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let code =
            check_place(door, &Uri::from_static("/"), &map).err().map(|it| format!("{it:?}"));
        match (code, expect) {
            (None, None) => (),
            (Some(code), Some(expect)) => assert!(code.contains(expect), "{headers:?}: {code}"),
            (code, _) => panic!("{headers:?}: {code:?}"),
        }
    }

    #[test]
    fn a_call_names_this_service_as_its_host() {
        let door = Door::Tcp(ADDRESS.parse().unwrap());
        for host in [ADDRESS, "localhost:8420", "LOCALHOST:8420"] {
            check(door, &[("host", host)], None);
        }
        for host in
            ["evil.example:8420", "localhost", "127.0.0.1", "localhost:8421", "", "localhost.:8420"]
        {
            check(door, &[("host", host)], Some("host"));
        }
        check(door, &[], Some("host"));
        check(door, &[("host", ADDRESS), ("host", ADDRESS)], Some("host"));
        let six = Door::Tcp("[::1]:80".parse().unwrap());
        check(six, &[("host", "[::1]")], None);
        check(six, &[("host", "[::1]:80")], None);
        check(six, &[("host", "127.0.0.1")], Some("host"));
    }

    #[test]
    fn a_target_with_a_host_names_this_service() {
        let door = Door::Tcp(ADDRESS.parse().unwrap());
        let headers = HeaderMap::from_iter([(HOST, ADDRESS.parse().unwrap())]);
        let check = |uri: &'static str| check_place(door, &Uri::from_static(uri), &headers).is_ok();
        assert!(
            check("/v1") && check("http://127.0.0.1:8420/v1") && check("http://localhost:8420/")
        );
        assert!(!check("http://evil.example/v1") && !check("http://x@127.0.0.1:8420/v1"));
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let door = Door::Tcp(ADDRESS.parse().unwrap());
        let own = ("host", ADDRESS);
        check(door, &[own, ("origin", "http://127.0.0.1:8420")], None);
        check(door, &[own, ("origin", "http://localhost:8420")], None);
        for origin in
            ["https://127.0.0.1:8420", "http://evil.example", "null", "http://localhost:8421", ""]
        {
            check(door, &[own, ("origin", origin)], Some("origin"));
        }
        check(Door::Socket, &[], None);
        check(Door::Socket, &[("origin", "http://localhost")], Some("origin"));
    }
}
