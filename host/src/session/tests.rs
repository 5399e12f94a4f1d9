use super::*;

#[test]
fn the_telegram_key_is_taken_apart() {
    let session: Session = "agent:main:telegram:dm:12345:678".parse().unwrap();
    let Session::Chat(route) = session else {
        panic!("local");
    };
    let seen = (route.profile(), route.platform(), route.chat_type(), route.chat_id());
    assert_eq!(seen, ("main", "telegram", "dm", "12345"));
    assert_eq!((route.thread_id(), route.user_id()), (Some("678"), None));
}

#[test]
fn part_six_is_a_thread_or_a_person() {
    let check = |key: &str, thread: Option<&str>, user: Option<&str>| {
        let Session::Chat(route) = key.parse().unwrap() else {
            panic!("local");
        };
        assert_eq!((route.thread_id(), route.user_id()), (thread, user), "{key}");
    };
    check("agent:main:slack:thread:C1:9", Some("9"), None);
    check("agent:main:slack:group:C1:U7", None, Some("U7"));
    check("agent:main:slack:channel:C1", None, None);
}

#[test]
fn an_empty_key_is_the_local_caller() {
    assert_eq!("".parse(), Ok(Session::Local));
    assert_eq!(Session::Local.to_string(), "");
}

#[test]
fn what_is_no_key_is_an_error_that_says_why() {
    let check = |key: &str, why: &str| {
        let err = key.parse::<Session>().unwrap_err().to_string();
        assert!(err.ends_with(why), "{err}");
    };
    check("telegram:dm:1", "it does not begin with `agent:`");
    check("Agent:main:telegram:dm:1", "it does not begin with `agent:`");
    for key in [
        "agent",
        "agent:main:telegram:dm",
        "agent:a:b:c:d:e:f",
        "agent:main:teams:channel:19:abc@thread.tacv2:1600",
    ] {
        check(key, "it has not five or six parts; a colon inside a part is written `%3A`");
    }
    for key in [
        "agent::telegram:dm:1",
        "agent:main:telegram:dm:1:",
        "agent:main:te le:dm:1",
        "agent:a:b:c:\n",
        "agent:a:b:c:1\u{200b}",
        "agent:a:b:c:\u{2800}",
        "agent:a:b:c:\u{3164}",
    ] {
        check(key, "a part is empty, or has spaces or characters that nobody sees");
    }
    check(&format!("agent:a:b:c:{}", "x".repeat(600)), "it is too long");
}

/// Ids of platforms as they are, and the keys that name them.
#[test]
fn ids_with_colons_have_keys_of_their_own() {
    let check = |platform: &str, chat_type: &str, chat_id: &str, sixth: Option<&str>, key: &str| {
        let session = Session::chat("main", platform, chat_type, chat_id, sixth).unwrap();
        assert_eq!(session.to_string(), key);
        assert_eq!(key.parse::<Session>().as_ref(), Ok(&session), "{key}");
        let Session::Chat(route) = &session else { panic!("local") };
        let seen = (route.chat_id(), route.thread_id().or(route.user_id()));
        assert_eq!(seen, (chat_id, sixth), "{key}");
    };
    let room = "!OGEhHVWSdvArJzumhm:matrix.org";
    let written = "agent:main:matrix:group:!OGEhHVWSdvArJzumhm%3Amatrix.org";
    check("matrix", "group", room, None, written);
    let person = Some("@bob:example.org:8448");
    check("matrix", "group", room, person, &format!("{written}:@bob%3Aexample.org%3A8448"));
    let thread = "agent:main:matrix:thread:!OGEhHVWSdvArJzumhm%3Amatrix.org:$event";
    check("matrix", "thread", room, Some("$event"), thread);
    // Rooms of version 12 have no server.
    check("matrix", "thread", "!room12", Some("$event"), "agent:main:matrix:thread:!room12:$event");
    let teams = "agent:main:teams:channel:19%3Aab@thread.tacv2:1600";
    check("teams", "channel", "19:ab@thread.tacv2", Some("1600"), teams);
    check("teams", "dm", "8:orgid:12-34", None, "agent:main:teams:dm:8%3Aorgid%3A12-34");
    check("telegram", "dm", "@bob", Some("12"), "agent:main:telegram:dm:@bob:12");
    check("slack", "group", "C1", Some("U7"), "agent:main:slack:group:C1:U7");
    check("email", "group", "list", Some("bob@x.org"), "agent:main:email:group:list:bob@x.org");
    check("x", "dm", "100%", None, "agent:main:x:dm:100%");
    check("x", "dm", "%3A", None, "agent:main:x:dm:%253A");
    check("x", "dm", "%253A", None, "agent:main:x:dm:%25253A");
}

#[test]
fn a_key_that_could_be_read_in_two_ways_is_refused_with_the_other_reading() {
    let check = |key: &str, meant: &str| {
        let error = key.parse::<Session>().unwrap_err();
        assert_eq!(error.hint(), format!("a colon inside a part is written `%3A`: `{meant}`"));
        assert!(meant.parse::<Session>().is_ok(), "{meant}");
        // What is kept under it stays readable, and is written as it was.
        assert_eq!(Session::recorded(key).unwrap().to_string(), key);
        let json = serde_json::Value::from(key);
        assert_eq!(serde_json::from_value::<Session>(json).unwrap().to_string(), key);
    };
    let room = "agent:main:matrix:group:!room%3Aserver.org";
    check("agent:main:matrix:group:!room:server.org", room);
    check("agent:main:element:dm:!room:server.org", "agent:main:element:dm:!room%3Aserver.org");
    check("agent:main:Matrix:dm:@bob:server.org", "agent:main:Matrix:dm:@bob%3Aserver.org");
    check("agent:main:matrix:group:#pub:server", "agent:main:matrix:group:#pub%3Aserver");
    let teams = "agent:main:teams:channel:19%3Aab@thread.v2";
    check("agent:main:teams:channel:19:ab@thread.v2", teams);
    check("agent:main:msteams:dm:29:1bcd", "agent:main:msteams:dm:29%3A1bcd");
    check("agent:main:bot:dm:19:ab@thread.skype", "agent:main:bot:dm:19%3Aab@thread.skype");
    let phone = "agent:main:whatsapp:dm:491701234567%3A12@s.whatsapp.net";
    check("agent:main:whatsapp:dm:491701234567:12@s.whatsapp.net", phone);
    check("agent:main:web:dm:https://x.org", "agent:main:web:dm:https%3A//x.org");
    check("agent:main:matrix:group:!room%3aserver", "agent:main:matrix:group:!room%3Aserver");
}

#[test]
fn parts_that_are_none_make_no_session() {
    let check = |chat_id: &str, sixth: Option<&str>| {
        assert!(Session::chat("main", "matrix", "group", chat_id, sixth).is_err(), "{chat_id}");
    };
    check("", None);
    check("a b", None);
    check("a\u{202e}b", None);
    check("!room", Some("server.org"));
    check("%3a", None);
    check(&":".repeat(200), None);
}
