//! What an address is, read by others, and what a rule says of it.

use std::net::{IpAddr, Ipv4Addr};

use arbitrary::{Result, Unstructured};

use super::{
    address::is_public,
    rule::Rule,
    target::{Host, Target},
};
use crate::noise;

const WORDS: &[&str] = &[
    "http",
    "https",
    "://",
    "//",
    "/",
    ".",
    "..",
    "*",
    "*.",
    "@",
    ":",
    "#",
    "?",
    "%",
    "%2e",
    "%2f",
    "%00",
    "[",
    "]",
    "::",
    "::ffff:",
    "0x7f",
    "0177",
    "127",
    "2130706433",
    "256",
    "1",
    "0",
    "169.254",
    "example",
    "org",
    "docs.rs",
    "localhost",
    "xn--",
    "bücher",
    "ｅ",
    "。",
    "80",
    "443",
    "8080",
    "GET ",
    "64:ff9b::",
    "2002:7f00:1::",
    "fe80::1",
    "%25eth0",
    "\\",
    "a",
    "-",
    "_",
];

/// No other reader sees another host, what is written is read, and a rule that
/// contains another covers what that one covers.
pub(crate) fn address(u: &mut Unstructured<'_>) -> Result<()> {
    let scheme = noise::one_of(u, &["http://", "https://", "", "http:"])?;
    let host = host(u)?;
    let rest = noise::text(u, WORDS)?;
    let target = Target::parse(&format!("{scheme}{host}{rest}"));
    if let Ok(target) = &target {
        is_one(target);
        if let Some(address) = inet_aton(&host).filter(|_| rest.is_empty()) {
            assert_eq!(target.host(), &Host::Address(address.into()), "{host}");
        }
        let leads = target.leads_to_bytes(&noise::list(u, 40, |u| u.arbitrary::<u8>())?);
        leads
            .into_iter()
            .chain(target.leads_to(&noise::text(u, WORDS)?))
            .for_each(|it| is_one(&it));
    }
    let texts = [noise::text(u, WORDS)?, format!("{scheme}{host}"), noise::text(u, WORDS)?];
    let rules: Vec<Rule> = texts.iter().filter_map(|it| it.parse().ok()).collect();
    for rule in &rules {
        let written = rule.to_string();
        assert_eq!(written.parse().as_ref(), Ok(rule), "{written}");
        assert!(rule.contains(rule), "{rule} is not in itself");
        let target = target.iter().filter(|it| rule.covers(it));
        for (target, wider) in target.flat_map(|it| rules.iter().map(move |wide| (it, wide))) {
            assert!(!wider.contains(rule) || wider.covers(target), "{wider}, {rule}, {target:?}");
        }
    }
    let public = if u.arbitrary()? {
        IpAddr::from(u.arbitrary::<[u8; 4]>()?)
    } else {
        IpAddr::from(u.arbitrary::<[u8; 16]>()?)
    };
    assert!(!is_public(public) || !is_special(public), "{public} is public");
    Ok(())
}

/// A host in one of its spellings, or something like one.
fn host(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match u.int_in_range(0..=3)? {
        0 => noise::list(u, 5, number)?.join("."),
        1 => format!("[{}]", std::net::Ipv6Addr::from(u.arbitrary::<[u8; 16]>()?)),
        2 => noise::list(u, 3, |u| noise::one_of(u, WORDS))?.join("."),
        _ => noise::text(u, WORDS)?,
    })
}

fn number(u: &mut Unstructured<'_>) -> Result<String> {
    let value: u32 = if u.arbitrary()? { u.int_in_range(0..=300)? } else { u.arbitrary()? };
    Ok(match u.int_in_range(0..=3)? {
        0 => format!("{value:#x}"),
        1 => format!("0{value:o}"),
        2 => format!("0X{value:X}"),
        _ => value.to_string(),
    })
}

fn is_one(target: &Target) {
    let shown = target.host_text();
    // Of the standard library: what would be connected to.
    let std = shown.trim_matches(['[', ']']).parse::<IpAddr>();
    match target.host() {
        Host::Address(it) => assert_eq!(std.as_ref(), Ok(it)),
        Host::Name(it) => {
            assert!(std.is_err(), "{it} is an address");
            assert_eq!(inet_aton(it), None, "{it}");
            assert!(it.is_ascii() && !it.ends_with('.') && it == shown, "{it}");
        }
    }
    assert_eq!(Target::parse(target.url().as_str()).as_ref(), Ok(target));
}

/// What the resolver of a C library takes for an IPv4 address: up to four
/// numbers in any base, the last of which fills the rest.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let number = |it: &str| match it.to_ascii_lowercase() {
        it if it.starts_with("0x") => u32::from_str_radix(it.trim_start_matches("0x"), 16).ok(),
        it if it.starts_with('0') => u32::from_str_radix(&it, 8).ok(),
        it => it.parse().ok(),
    };
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|it| *it > 255) {
        return None;
    }
    let high = first.iter().fold(0_u64, |sum, it| sum << 8 | u64::from(*it));
    let rest = 32 - 8 * first.len();
    let fits = u64::from(*last) >> rest == 0;
    let address = u32::try_from(high << rest | u64::from(*last)).ok();
    address.filter(|_| fits).map(Ipv4Addr::from)
}

/// What the standard library knows to be no place for a page.
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            it.is_private()
                || it.is_loopback()
                || it.is_link_local()
                || it.is_broadcast()
                || it.is_documentation()
                || it.is_unspecified()
                || it.is_multicast()
        }
        IpAddr::V6(it) => {
            it.is_loopback()
                || it.is_unspecified()
                || it.is_multicast()
                || it.is_unique_local()
                || it.is_unicast_link_local()
                || it.to_ipv4().is_some()
        }
    }
}
