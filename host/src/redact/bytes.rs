//! Bytes that need not be text, and documents that have to stay some.

use std::borrow::Cow;

use serde_json::Value;

use super::{MARK, Redactor, scan::Scan, without};

impl Redactor {
    /// The bytes without the secrets, whether they are text or not.
    ///
    /// Of bytes that were cut off (not `is_whole`), what a secret may have
    /// begun in at their end is gone, too: a part of one is no form of it.
    pub fn bytes(&self, mut bytes: Vec<u8>, is_whole: bool) -> Vec<u8> {
        if self.is_empty() {
            return bytes;
        }
        if !is_whole {
            bytes.truncate(self.open(&bytes));
        }
        match String::from_utf8(bytes) {
            Ok(mut text) => {
                self.in_place(&mut text);
                text.into_bytes()
            }
            Err(it) => self.of_no_text(it.as_bytes()),
        }
    }

    /// The text of an answer without the secrets. JSON stays JSON: a secret
    /// that is split over the texts of a document would take with it what
    /// stands between them, and so nothing of such a document stays.
    pub fn document(&self, text: String) -> String {
        let Cow::Owned(rest) = self.text(&text) else { return text };
        let Ok(mut value) = serde_json::from_str::<Value>(&text) else { return rest };
        self.value(&mut value);
        let rest = value.to_string();
        match self.text(&rest) {
            Cow::Borrowed(_) => rest,
            Cow::Owned(_) => Value::from(MARK).to_string(),
        }
    }

    /// Each byte is read as one character, so that everything that is no ASCII
    /// lies between the letters; and what UTF-8 there is in them once more.
    fn of_no_text(&self, bytes: &[u8]) -> Vec<u8> {
        let text = each_byte(bytes);
        let rest = without(&text, &self.cuts(&text));
        let rest: Vec<u8> = rest.chars().filter_map(|it| u8::try_from(it).ok()).collect();
        match self.text(&String::from_utf8_lossy(&rest)) {
            Cow::Borrowed(_) => rest,
            Cow::Owned(_) => MARK.into(),
        }
    }

    /// How many of the bytes come before what a secret may have begun in.
    fn open(&self, bytes: &[u8]) -> usize {
        let open = |text: &str| {
            let mut scan = Scan::new(&self.forms);
            scan.push(text);
            scan.open()
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => open(text),
            // A character was cut, which is no reason to read no text.
            Err(it) if it.error_len().is_none() => {
                let (text, _) = bytes.split_at(it.valid_up_to());
                std::str::from_utf8(text).map_or(0, open)
            }
            Err(_) => {
                let text = each_byte(bytes);
                text.get(..open(&text)).map_or(0, |it| it.chars().count())
            }
        }
    }
}

fn each_byte(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-canary-5up3r53cr37-9f8e7d6c";

    fn redactor() -> Redactor {
        let mut res = Redactor::default();
        res.add(KEY);
        res
    }

    fn check(bytes: impl AsRef<[u8]>, expect: impl AsRef<[u8]>) {
        let (bytes, expect) = (bytes.as_ref(), expect.as_ref());
        let found = redactor().bytes(bytes.to_vec(), true);
        assert_eq!(
            String::from_utf8_lossy(&found),
            String::from_utf8_lossy(expect),
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }

    #[test]
    fn a_secret_is_found_in_bytes_that_are_no_text() {
        let wide = |little: bool| {
            let units = KEY.encode_utf16();
            units.flat_map(move |it| if little { it.to_le_bytes() } else { it.to_be_bytes() })
        };
        check(format!("a {KEY} b"), "a [key] b");
        check([&b"\xff\x00"[..], KEY.as_bytes(), b"\xfe\x80"].concat(), b"\xff\x00[key]\xfe\x80");
        // UTF-16, with a mark in front and without.
        check([vec![0xff, 0xfe], wide(true).collect()].concat(), b"\xff\xfe[key]\0");
        check([vec![0xfe, 0xff], wide(false).collect()].concat(), b"\xfe\xff\0[key]");
        // Latin-1 between the letters.
        let split: Vec<u8> = KEY.bytes().flat_map(|it| [it, 0xe4]).collect();
        check(split, b"[key]\xe4");
        // Full-width letters, which are UTF-8, beside what is none.
        let full: String =
            KEY.chars().map(|it| char::from_u32(u32::from(it) + 0xfee0).unwrap()).collect();
        check([b"\xff", full.as_bytes()].concat(), "[key]");
        check(b"\xff\xfe nothing in here \x80", b"\xff\xfe nothing in here \x80");
    }

    #[test]
    fn what_was_cut_off_ends_before_a_secret_that_may_have_begun() {
        let redactor = redactor();
        for cut in 1..KEY.len() {
            let (begin, _) = KEY.split_at(cut);
            for (before, after) in [(&b"text: "[..], &b""[..]), (b"\xff text: ", b" \n")] {
                let bytes = [before, begin.as_bytes(), after].concat();
                let found = redactor.bytes(bytes, false);
                let shown = String::from_utf8_lossy(&found).into_owned();
                assert!(found.starts_with(before.get(..before.len() - 2).unwrap()), "{shown}");
                // The last letters of the key come back to no beginning of it.
                assert!(!shown.contains("sk"), "{begin}: {shown}");
            }
        }
        assert_eq!(redactor.bytes(b"text: \xc3".to_vec(), false), b"text: ");
    }

    #[test]
    fn json_stays_json() {
        let check = |text: &str, expect: &str| {
            let found = redactor().document(text.to_owned());
            assert_eq!(found, expect);
        };
        check("plain sk-canary-5up3r53cr37-9f8e7d6c", "plain [key]");
        check(r#"{"a": [1.50, "none"]}"#, r#"{"a": [1.50, "none"]}"#);
        let text = format!(r#"{{ "a": "x {KEY} y", "{KEY}": 1 }}"#);
        check(&text, r#"{"[key]":1,"a":"x [key] y"}"#);
        check(r#"["sk-canary-5up3", "r53cr37-9f8e7d6c"]"#, r#""[key]""#);
        check(r#""sk-canary-5up3r53cr37-9f8e7d6c""#, r#""[key]""#);
    }
}
