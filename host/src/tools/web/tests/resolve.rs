//! Names: looked up when a rule allows them, checked as a whole, connected to
//! as they were checked.

use std::{collections::VecDeque, net::Ipv4Addr};

use super::*;

const GOOD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const BAD: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Gives its answers one after the other, and the last one for ever.
struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(answers: &[&[IpAddr]]) -> Arc<Self> {
        let answers = answers.iter().map(|it| it.to_vec()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Script {
    fn resolve(&self, host: &str) -> ResolveFuture {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap_or_default(),
        };
        Box::pin(async move { Ok(answer) })
    }
}

/// Tools to which one address of this machine is a public one.
fn named(rules: &[&str], script: &Arc<Script>) -> WebTools {
    let tools = tools(rules).with_resolver(Arc::clone(script) as Arc<dyn Resolve>);
    WebTools { is_public: |it| it == GOOD, ..tools }
}

/// A page on the good address, and a listener with the same port on the bad
/// one.
async fn pair() -> (Server, Server) {
    loop {
        let page = answer("text/plain", "good");
        let good = Server::start("127.0.0.2", move |_, mut stream| {
            let page = page.clone();
            async move { stream.write_all(page.as_bytes()).await }
        });
        let good = good.await;
        if let Ok(bad) = Server::at("127.0.0.1", good.port, |_, _| async { Ok(()) }).await {
            return (good, bad);
        }
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_connected_to_as_it_was_checked() {
    let (good, bad) = pair().await;
    let rule = format!("http://docs.test:{}", good.port);
    // What flips between the check and the connection has no second chance.
    let script = Script::new(&[&[GOOD], &[BAD]]);
    let page = extract(&named(&[&rule], &script), &rule).await.unwrap();
    assert_eq!(page.text, "good");
    assert_eq!(script.asked(), ["docs.test"]);
    assert!(good.heads()[0].contains(&format!("host: docs.test:{}\r\n", good.port)));
    assert_eq!((good.connects(), bad.connects()), (1, 0));
}

#[tokio::test]
async fn a_name_that_flips_never_leads_to_a_private_address() {
    let (good, bad) = pair().await;
    let rule = format!("http://docs.test:{}", good.port);
    for turn in 0..50 {
        let answers: [&[IpAddr]; 2] = [&[GOOD], &[BAD]];
        let script = Script::new(&[answers[turn % 2], answers[(turn + 1) % 2]]);
        let tools = named(&[&rule], &script);
        let _ = extract(&tools, &rule).await;
        let _ = extract(&tools, &rule).await;
        assert_eq!(script.asked().len(), 2);
    }
    assert_eq!((good.connects(), bad.connects()), (50, 0));
}

#[tokio::test]
async fn one_bad_address_spoils_a_name() {
    let (good, bad) = pair().await;
    let rule = format!("http://docs.test:{}", good.port);
    let mapped = "::ffff:127.0.0.2".parse().unwrap();
    let many: Vec<IpAddr> = [GOOD; 40].into_iter().chain([BAD]).collect();
    let answers: [&[IpAddr]; 6] =
        [&[BAD], &[GOOD, BAD], &[BAD, GOOD], &[GOOD, GOOD, BAD], &[GOOD, mapped], &many];
    for answer in answers {
        // Rules that name the address do not make it good for a name.
        let tools = named(&[&rule, &bad.url(), "*"], &Script::new(&[answer]));
        let text = "`docs.test` resolves to an address that is not public";
        assert_eq!(extract(&tools, &rule).await, Err(ToolError::Denied(text.to_owned())));
    }
    let none = extract(&named(&[&rule], &Script::new(&[&[]])), &rule).await;
    let text = "`docs.test` can't be found: no address has that name";
    assert_eq!(none, Err(ToolError::Failed(text.to_owned())));
    assert_eq!((good.connects(), bad.connects()), (0, 0));
}

#[tokio::test]
async fn a_redirect_is_looked_up_again() {
    let (good, bad) = pair().await;
    let port = good.port;
    let redirect =
        format!("HTTP/1.1 302 x\r\nLocation: http://b.test:{port}/\r\nContent-Length: 0\r\n\r\n");
    let first = Server::start("127.0.0.2", move |_, mut stream| {
        let redirect = redirect.clone();
        async move { stream.write_all(redirect.as_bytes()).await }
    })
    .await;
    let from = format!("http://a.test:{}", first.port);
    let rules = [from.as_str(), &format!("http://b.test:{port}")];
    let script = Script::new(&[&[GOOD], &[GOOD], &[GOOD], &[BAD]]);
    let tools = named(&rules, &script);
    assert_eq!(extract(&tools, &from).await.map(|it| it.text), Ok("good".to_owned()));
    let res = extract(&tools, &from).await;
    assert!(matches!(res, Err(ToolError::Denied(_))), "{res:?}");
    assert_eq!(script.asked(), ["a.test", "b.test", "a.test", "b.test"]);
    assert_eq!(bad.connects(), 0);
}

/// A secret as it could be written into an address.
fn encodings(secret: &str) -> [String; 12] {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
    let percent: String = bytes.iter().map(|it| format!("%{it:02X}")).collect();
    let rot = |it: u8| match it {
        b'a'..=b'z' => (it - b'a' + 13) % 26 + b'a',
        it => it,
    };
    [
        secret.to_owned(),
        secret.to_uppercase(),
        secret.chars().rev().collect(),
        "Y2FuYXJ5LTQ3MTE=".to_owned(),
        "Y2FuYXJ5LTQ3MTE".to_owned(),
        "MNQW4YLSPEWTINZRGE".to_owned(),
        hex.to_uppercase(),
        bytes.iter().map(|it| format!("{it:o}")).collect(),
        percent.replace('%', "%25"),
        percent,
        bytes.iter().map(|it| char::from(rot(*it))).collect(),
        secret.chars().map(|it| char::from_u32(it as u32 + 0xfee0).unwrap()).collect(),
    ]
}

#[tokio::test]
async fn a_secret_reaches_nobody_whom_no_rule_names() {
    let (good, bad) = pair().await;
    let port = good.port;
    let script = Script::new(&[&[GOOD]]);
    let rules = [format!("http://docs.test:{port}/serde/"), format!("http://*.docs.test:{port}")];
    let tools = named(&[&rules[0], &rules[1]], &script);
    let mut refused = 0;
    for secret in encodings("canary-4711") {
        for url in [
            format!("http://{secret}.evil.test:{port}/"),
            format!("http://evil.test:{port}/{secret}"),
            format!("http://evil.test:{port}/serde/?q={secret}"),
            format!("http://docs.test:{port}/{secret}"),
            format!("http://docs.test:{port}/serde/../{secret}"),
            format!("http://{secret}.docs.test.evil.test:{port}/serde/"),
            format!("http://{secret}@docs.test:{port}/serde/"),
            format!("http://docs.test:{port}@{secret}.evil.test/serde/"),
        ] {
            let res = extract(&tools, &url).await;
            let is_refused =
                matches!(res, Err(ToolError::Denied(_) | ToolError::InvalidArguments(_)));
            assert!(is_refused, "{url}: {res:?}");
            refused += 1;
        }
    }
    assert_eq!(refused, 96);
    assert_eq!((script.asked().len(), good.connects(), bad.connects()), (0, 0, 0));
}

#[tokio::test]
async fn a_client_finds_no_host_by_itself() {
    let tools = tools(&["*"]);
    let target = Target::parse("http://localhost/").unwrap();
    // As if the look-up had been for another name.
    let nobody = Arc::new(crate::tools::web::resolve::Nobody);
    let client = fetch::client(tools.builder().unwrap().dns_resolver(nobody)).unwrap();
    let error = fetch::headers(client.get(target.url().clone()), "localhost", &tools.config).await;
    let text = "no connection to `localhost`: the host was not looked up before";
    assert_eq!(error.map(|_| ()), Err(ToolError::Failed(text.to_owned())));
}
