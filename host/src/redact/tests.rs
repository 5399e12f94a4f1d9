use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Nobody but the server may ever see it.
const KEY: &str = "sk-canary-5up3r53cr37";

fn redactor(keys: &[&str]) -> Redactor {
    let mut res = Redactor::default();
    keys.iter().for_each(|it| res.add(it));
    res
}

fn check(text: &str, expect: &str) {
    assert_eq!(redactor(&[KEY]).text(text), expect, "{text:?}");
}

#[test]
fn a_key_is_found_in_every_form() {
    check(KEY, "[key]");
    check("a sk-canary-5up3r53cr37, b", "a [key], b");
    check("xsk-canary-5up3r53cr37x", "x[key]x");
    check("SK-CANARY-5UP3R53CR37", "[key]");
    check("73rc35r3pu5-yranac-ks", "[key]");
    // Split by what is not seen, by what a terminal takes, and by what is seen.
    check("a sk-can\u{1b}[31mary-5up3r53cr37 b", "a [key] b");
    check("a sk-can\\u001b[38;5;7mary-5up3r53cr37 b", "a [key] b");
    check("a sk-can\u{9d}0;title\u{7}ary-5up3r53cr37 b", "[key]");
    check("sk-\u{200b}canary-\u{ad}5up3r\u{2060}53cr37", "[key]");
    check("sk-canary-\n5up3r5\n  3cr37", "[key]");
    check("s.k.-.c.a.n.a.r.y.-.5.u.p.3.r.5.3.c.r.3.7.", "[key].");
    check("sk\u{2011}canary\u{2013}5up3r53cr37", "[key]");
    check("sk_canary 5up3r53cr37", "[key]");
    check("sk-can[key]ary-5up3r53cr37", "[key]");
    check("ｓｋ-ｃａｎａｒｙ-５ｕｐ３ｒ５３ｃｒ３７", "[key]");
    // Escaped: all of it, or a part.
    check(r"\u0073k\u002dcanary-5up3r53cr37", "[key]");
    check(r"\u{73}k-c\x61nary-5up3r53cr37", "[key]");
    check(r#"{\"a\": \"\\u0073k-canary-5up3r53cr37\"}"#, r#"{\"a\": \"[key]\"}"#);
    check(r"sk-canary\n-5up3r\t53cr37", "[key]");
    check("sk%2Dcanary%2d5up3r53cr37", "[key]");
    check("%73%6B-canary-5up3r53cr37", "[key]");
    check("%2573k%252Dcanary-5up3r53cr37", "[key]");
    check("%252573k%25252Dcanary-5up3r53cr37", "[key]");
    check("%u0073k-canary-5up3r53cr37", "[key]");
    check("&#115;k&#x2D;canary&hyphen;5up3r53cr37", "[key]");
    check("&amp;#115;k-canary&#0000000045;5up3r53cr37", "[key]");
    // Hexadecimal.
    check("736b2d63616e6172792d3575703372353363723337", "[key]");
    check("73:6B:2D:63:61:6E:61:72:79:2D:35:75:70:33:72:35:33:63:72:33:37!", "[key]!");
}

#[test]
fn a_key_is_found_in_base64_wherever_it_stands() {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
    };
    // With `+` and `/` in its base64.
    for key in [KEY, "~~~???>>>~~~abcdefghijklmnop"] {
        let redactor = redactor(&[key]);
        for before in ["", "?", "??", "Bearer ", "user:"] {
            for after in ["", "?", "??"] {
                let text = format!("{before}{key}{after}");
                for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                    let mut coded = engine.encode(&text);
                    let clean = redactor.text(&coded);
                    assert!(clean.contains(MARK) && clean.len() < 25, "{text}: {clean}");
                    coded.insert(12, '\n');
                    assert!(redactor.text(&coded).contains(MARK), "{coded}");
                    let coded = coded.replace('+', "%2B").replace('/', "%2F");
                    assert!(redactor.text(&coded).contains(MARK), "{coded}");
                }
            }
        }
    }
}

#[test]
fn a_key_that_lost_a_character_at_one_end_is_found() {
    check("sk-canary-5up3r53cr3", "[key]");
    check("k-canary-5up3r53cr37", "[key]");
    check("Bearer sk-canary-5up3r53cr3…", "Bearer [key]…");
    check("sk-canary-5up3r53cr", "sk-canary-5up3r53cr");
    // Where one letter less could be chance, and where the end is none.
    let short = redactor(&["abcdefgh12345678"]);
    assert_eq!(short.text("abcdefgh1234567 x"), "abcdefgh1234567 x");
    let signs = redactor(&["==abcdefgh1234567890=="]);
    assert_eq!(signs.text("abcdefgh123456789"), "[key]");
    assert_eq!(signs.text("bcdefgh1234567890"), "[key]");
}

#[test]
fn what_stood_around_another_key_goes_with_it() {
    check(&format!("sk-canary-{KEY}5up3r53cr37"), "[key]");
    check(&format!("a {KEY}{KEY} b"), "a [key][key] b");
    let key = "abcabcabcabcabcabc";
    assert_eq!(redactor(&[key]).text("abcabcabcabcabcabcabcabc x"), "[key] x");
}

#[test]
fn what_is_no_key_stays_to_the_byte() {
    for text in [
        "",
        "sk-canary-5up3r53cr",
        "canary-5up3r53cr37",
        "k-canary-5up3r53cr3",
        r"C:\users\new %41 &amp; \u0041 \\ \x [key [ke",
        "key: canary",
        "\u{feff}日本語 \u{200b} e\u{301} \0",
    ] {
        assert!(matches!(redactor(&[KEY]).text(text), Cow::Borrowed(it) if it == text), "{text:?}");
    }
}

#[test]
fn a_short_key_is_found_to_the_letter_and_a_placeholder_stays() {
    let short = |text: &str| redactor(&["lm-studio"]).text(text).into_owned();
    assert_eq!(short("key lm-studio!"), "key [key]!");
    assert_eq!(short(r"lm\u002dstudio, lm%2Dstudio"), "[key], [key]");
    for text in ["LM Studio", "lm studio", "LM-Studio", "oiduts-ml"] {
        assert_eq!(short(text), text);
    }
    for key in ["", "a", "none", "ollama", "1234567"] {
        assert!(!is_found(key));
        assert_eq!(redactor(&[key]).text("a none ollama 1234567"), "a none ollama 1234567");
    }
    assert!(is_found("12345678") && is_found("--------"));
}

#[test]
fn a_value_is_clean_in_every_place() {
    let number = "1234567890123456";
    let redactor = redactor(&[KEY, number]);
    let mut value = json!({
        KEY: 1, "a": [KEY, {"b": format!("x {KEY}")}], "n": 1_234_567_890_123_456_u64,
        "same": ["text", 7, 0.5, null, true, {}],
    });
    value["t"] = "sk-can\u{1b}[31mary-5up3r53cr37".into();
    redactor.value(&mut value);
    let expect = json!({
        "[key]": 1, "a": ["[key]", {"b": "x [key]"}], "n": "[key]", "t": "[key]",
        "same": ["text", 7, 0.5, null, true, {}],
    });
    assert_eq!(value, expect);
}

#[test]
fn a_key_in_pieces_is_never_handed_on() {
    let check = |pieces: &[&str], expect: &str| {
        let redactor = redactor(&[KEY]);
        let mut live = redactor.pieces();
        let mut shown: String = pieces.iter().map(|it| live.push(it)).collect();
        shown.push_str(&live.end());
        assert_eq!(shown, expect, "{pieces:?}");
    };
    check(&["Hello", " wor", "ld"], "Hello world");
    check(&["the key sk-can", "ary-5up3r", "53cr37", " and on"], "the key [key]");
    check(&["the key sk-can", "ary-5up3r", "53cr"], "the key sk-canary-5up3r53cr");
    check(&["the key sk-can", "ary-5up3r", "53cr3"], "the key [key]");
    check(&["a \\u00", "73k-canary", "-5up3r53cr37"], "a [key]");
    check(&["a \\u00"], "a \\u00");
    check(&["a \u{1b}[31m", "b"], "a ");
}

#[test]
fn what_can_be_no_key_is_shown_at_once() {
    let redactor = redactor(&[KEY]);
    let mut live = redactor.pieces();
    assert_eq!(live.push("Hello. "), "Hello. ");
    assert_eq!(live.push("It is the sk-ca"), "It is the ");
    assert_eq!(live.push("t "), "sk-cat ");
    assert_eq!(live.push("50 %"), "50 ");
    assert_eq!(live.push(" of it: "), "% of it: ");
}

/// Comparisons for each character, all forms and layers together.
fn steps(text: &str) -> u64 {
    let redactor = redactor(&[KEY]);
    let mut scan = Scan::new(&redactor.forms);
    scan.push(text);
    scan.end();
    assert_eq!(scan.cuts(), redactor.cuts(text));
    scan.steps() / u64::try_from(text.chars().count()).unwrap()
}

#[test]
fn the_work_grows_with_the_text_and_not_faster() {
    let forms = u64::try_from(form::forms(KEY).len()).unwrap();
    let layers = u64::try_from(LAYERS + 1).unwrap();
    for piece in [
        "sk-canary-5up3r53cr3",
        "s",
        "sk",
        "\\",
        "%",
        "&",
        "[",
        "[key]",
        "\u{1b}[",
        "\u{1b}[1;",
        "&#x",
        "\\u{0",
        KEY,
    ] {
        for count in [1_000, 50_000] {
            let steps = steps(&piece.repeat(count));
            assert!(steps <= 2 * forms * layers, "{count} × {piece:?}: {steps}");
        }
    }
}

#[test]
fn nothing_shows_a_key() {
    let redactor = redactor(&[KEY]);
    let shown = format!("{redactor:?} {:?} {:?}", redactor.forms, redactor.pieces());
    assert!(!shown.contains("canary"), "{shown}");
}

/// A text in which some characters are written as an escape.
fn escaped(text: &str, which: &[u8]) -> String {
    let mut choices = which.iter().cycle();
    let escape = |it: char| match choices.next().map_or(0, |it| it % 6) {
        0 => format!("\\u{:04x}", u32::from(it)),
        1 => format!("%{:02X}", u32::from(it)),
        2 => format!("&#{};", u32::from(it)),
        3 => format!("&#x{:x};", u32::from(it)),
        4 => format!("\\x{:02x}", u32::from(it)),
        _ => format!("{it}\u{200b}"),
    };
    text.chars().map(escape).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|it| format!("{it:02X}")).collect()
}

fn coded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE.encode(text)
}

/// Letters and digits, as a reader would compare them.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

proptest! {
    #[test]
    fn no_form_of_any_key_survives(
        key in "[a-zA-Z0-9][!-~]{0,8}[a-zA-Z0-9]{14,40}[!-~]{0,8}[a-zA-Z0-9]",
        before in "[ -~é\u{200b}]{0,30}",
        after in "[ -~é\u{200b}]{0,30}",
        which in prop::collection::vec(any::<u8>(), 1..8),
    ) {
        let redactor = redactor(&[&key]);
        let reversed: String = key.chars().rev().collect();
        // Lower case is what stays of base64 when letters alone are compared.
        let forms = [key.clone(), key.to_uppercase(), reversed, hex(&key)];
        for form in forms {
            let text = format!("{before}{form}{after}");
            let clean = redactor.text(&text);
            prop_assert!(!letters(&clean.replace(MARK, "")).contains(&letters(&form)), "{clean}");
            prop_assert!(clean.contains(MARK));
            prop_assert!(matches!(redactor.text(&clean), Cow::Borrowed(_)), "{clean}");
        }
        for form in [escaped(&key, &which), escaped(&escaped(&key, &which), &[0])] {
            let clean = redactor.text(&form).into_owned();
            let clean = clean.trim_end_matches('\u{200b}').trim_end_matches("\\u200b");
            prop_assert_eq!(clean, MARK, "{}", form);
        }
        let clean = redactor.text(&coded(&format!("{before}{key}{after}"))).into_owned();
        let inner = coded(&format!("???{key}"));
        let inner = inner.get(4..inner.trim_end_matches('=').len() - 1).unwrap();
        prop_assert!(clean.contains(MARK) && !clean.contains(inner), "{}", clean);
    }

    #[test]
    fn a_text_without_the_key_stays(text in any::<String>(), other in "[ -~]{0,60}") {
        let redactor = redactor(&[KEY]);
        for text in [text, other] {
            prop_assert!(matches!(redactor.text(&text), Cow::Borrowed(it) if it == text));
        }
    }

    #[test]
    fn pieces_are_shown_as_the_whole_would_be(
        text in "[a-c\\\\%u0-9 \\[]{0,60}",
        has_key in any::<bool>(),
        cuts in prop::collection::vec(0usize..90, 0..8),
    ) {
        let redactor = redactor(&[KEY]);
        let text = if has_key { format!("{text}{KEY} end") } else { text };
        let mut cuts: Vec<usize> = cuts.into_iter().map(|it| it.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let mut live = redactor.pieces();
        let mut shown = String::new();
        for cut in cuts.windows(2) {
            shown.push_str(&live.push(text.get(cut[0]..cut[1]).unwrap()));
            prop_assert!(!redactor.text(&shown).contains("[key][key]"));
        }
        shown.push_str(&live.end());
        let whole = redactor.text(&text).into_owned();
        let expect = if has_key { whole.trim_end_matches(" end") } else { &whole };
        prop_assert_eq!(shown, expect);
    }
}
