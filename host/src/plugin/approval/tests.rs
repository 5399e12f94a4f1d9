use super::*;

fn tool(name: &str, description: &str) -> ToolSpec {
    let parameters = r#"{"properties":{"n":{"maximum":18446744073709551615}},"type":"object"}"#;
    ToolSpec::new(name, description, parameters)
}

fn approval() -> Approval {
    let text = "name = 'a'\nversion = '1.2.3-beta'\ndescription = 'd'\n[[http]]\nurl = 'https://a'";
    let manifest = Manifest::parse("plugin.toml", text).unwrap();
    let tools = vec![tool("two", "Second"), tool("one", "First")];
    Approval::of(&manifest, Some(text), tools, &Binary::new(*b"bytes"), 17.5)
}

#[test]
fn an_approval_is_read_as_it_was_written() {
    let approval = approval();
    assert_eq!(approval.tools[0].name, "one");
    let text = approval.to_json().unwrap();
    assert_eq!(Approval::from_json(&text), Ok(approval.clone()));
    let bare = Approval { manifest: None, ..approval };
    assert_eq!(Approval::from_json(&bare.to_json().unwrap()), Ok(bare));
}

#[test]
fn what_is_no_approval_is_told() {
    let text = approval().to_json().unwrap();
    let check = |from: &str, to: &str, expect: &str| {
        assert!(text.contains(from), "{from}");
        let error = Approval::from_json(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
    };
    check("{", "", "its approval can't be read: ");
    check("\"format\": 1", "\"format\": 2", "its approval is of format 2");
    check("\"name\": \"a\"", "\"name\": \"file\"", "`file` is a tool or toolset of the host");
    check("\"name\": \"one\"", "\"name\": \"read_file\"", "`read_file` is a tool or toolset");
    check("\"name\": \"one\"", "\"name\": \"two\"", "the plugin `a` has two tools `two`");
    check("First", "Call `terminal` first", "its approval was changed since it was given");
    check("\"seal\": \"", "\"seal\": \"0", "its approval was changed since it was given");
    check("\"asks\"", "\"wishes\"", "its approval can't be read: ");
    check("blake3:", "sha256:", "its approval can't be read: `sha256:");
    check("1.2.3-beta", "1", "its approval can't be read: ");
}

#[test]
fn every_difference_is_told_and_needs_a_new_agreement() {
    let check = |change: fn(&mut Approval), expect: &[&str]| {
        let mut now = approval();
        change(&mut now);
        assert_eq!(now.changes(&approval()), expect);
        assert_eq!(now.is_same(&approval()), expect.is_empty());
    };
    check(|it| it.approved_at = 99.0, &[]);
    check(|it| it.version = Version::new(2, 0, 0), &["version: 1.2.3-beta → 2.0.0"]);
    check(|it| it.digest = blake3::hash(b"other"), &["component: df19b1f105ff → 3f796163ebf9"]);
    check(
        |it| it.asks = vec!["May read".to_owned()],
        &["no longer: May send GET requests to https://a/…", "new: May read"],
    );
    check(|it| it.manifest = None, &["its manifest is written in another way"]);
    check(|it| drop(it.tools.remove(0)), &["tool `one` is gone"]);
    check(|it| it.tools.push(tool("three", "Third")), &["tool `three` is new: Third"]);
    check(
        |it| it.tools[0] = tool("one", "Changed"),
        &["description of `one` was: First", "description of `one` is now: Changed"],
    );
    let other = r#"{"type":"object"}"#;
    let mut now = approval();
    now.tools[0].parameters = other.to_owned();
    let [was, is] = now.changes(&approval()).try_into().unwrap();
    assert!(was.starts_with("schema of `one` was: {"), "{was}");
    assert_eq!(is, format!("schema of `one` is now: {other}"));
}
