//! Secrets that this host sends, cut out of what comes back.
//!
//! A server has the key that it was sent, and may repeat it: in an error, in
//! an answer, in the name of a model. Whoever wrote the server, or sits before
//! it, decides how it is written, so a key is looked for as a reader would
//! find it and not by its bytes:
//!
//! - Of a text only the ASCII letters and digits count, in any case. So it
//!   does not matter what a key was split by, nor which hyphen took the place
//!   of another, and base64 of both alphabets, with line ends and without, is
//!   one text.
//! - It is looked for as it is, without its first or its last character,
//!   backwards, in hex, and in base64 at each of the three places that it can
//!   have in a longer text.
//! - All of that again in the text with its escapes read (`\u`, `\x`, `%`,
//!   HTML, a terminal's colours), up to [`LAYERS`] times: JSON in JSON in a URL.
//!
//! What was found goes as a whole, with what stood in between; everything else
//! stays to the byte. Each character is looked at once for each layer and
//! form, whatever the text is.
//!
//! A key needs [`MIN_LETTERS`] letters and digits for that. A shorter one, from
//! [`MIN_EXACT`] characters on, is found to the letter only, because it could
//! be words that a text has by chance; what is shorter still is taken for a
//! placeholder (`ollama`, `none`), and stays.
//!
//! Not found is a key in parts that other letters stand between, in another
//! alphabet or base (32, or twice 64), encrypted, or compressed: that takes a
//! server that wants it, and such a one has the key already. No form is free:
//! each holds back what of a stream it may begin with, and fifteen more for
//! those bases held back the ends of ordinary words.

mod bytes;
mod escape;
mod form;
mod scan;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt};

use serde_json::{Map, Value};

use form::Form;
use reqwest::Url;
use scan::{Cut, Scan};

use crate::completion::sanitize::clean;

/// Stands in the place of a secret.
pub const MARK: &str = "[key]";

/// How often the escapes of a text are read.
pub const LAYERS: usize = 3;

/// Letters and digits from which on a secret is found in every form.
pub const MIN_LETTERS: usize = 16;

/// Characters from which on a secret is found at all.
pub const MIN_EXACT: usize = 8;

/// Cuts the secrets that it was given out of texts. Its copies of them are
/// wiped when it is dropped, and are in no `Debug` output.
#[derive(Default)]
pub struct Redactor {
    forms: Vec<Form>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// Whether a secret is long enough to be found.
pub fn is_found(secret: &str) -> bool {
    !form::forms(secret).is_empty()
}

/// Whether a secret is long enough to be found in every form.
pub fn is_found_in_every_form(secret: &str) -> bool {
    form::letters(secret) >= MIN_LETTERS
}

impl Redactor {
    /// Looks for this secret, too, if it is long enough.
    pub fn add(&mut self, secret: &str) {
        self.forms.extend(form::forms(secret));
    }

    /// Looks for what an address says behind its `?` under the name of a
    /// secret, too.
    pub fn add_address(&mut self, url: &Url) {
        let secrets = url.query_pairs().filter(|it| is_secret(&it.0));
        secrets.for_each(|it| self.add(&it.1));
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// The text without the secrets.
    ///
    /// One that was put around another one shows when that is gone, and one
    /// that a terminal's string splits shows when the text is cleaned for a
    /// person. Then nothing of the text stays.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        // An answer may have millions of texts, nearly all of them short.
        if self.forms.iter().all(|it| text.len() < it.len()) {
            return Cow::Borrowed(text);
        }
        let cuts = self.cuts(text);
        let rest = if cuts.is_empty() { Cow::Borrowed(text) } else { without(text, &cuts) };
        let shown = clean(&rest);
        let is_changed = [&rest, &shown].into_iter().any(|it| matches!(it, Cow::Owned(_)));
        let is_hidden = is_changed && !self.cuts(&shown).is_empty();
        if is_hidden { Cow::Owned(MARK.to_owned()) } else { rest }
    }

    /// The same of a text that is at hand.
    pub fn in_place(&self, text: &mut String) {
        if let Cow::Owned(rest) = self.text(text) {
            *text = rest;
        }
    }

    /// The same of every text of a value, names of fields and digits of
    /// numbers included.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(it) => self.in_place(it),
            Value::Array(it) => it.iter_mut().for_each(|it| self.value(it)),
            Value::Object(it) => self.fields(it),
            Value::Number(it) => {
                if let Cow::Owned(rest) = self.text(&it.to_string()) {
                    *value = Value::String(rest);
                }
            }
            Value::Null | Value::Bool(_) => (),
        }
    }

    /// The same of an object.
    pub fn fields(&self, fields: &mut Map<String, Value>) {
        if self.is_empty() {
            return;
        }
        for (mut name, mut value) in std::mem::take(fields) {
            self.in_place(&mut name);
            self.value(&mut value);
            fields.insert(name, value);
        }
    }

    /// The same of a text that comes in pieces.
    pub fn pieces(&self) -> Pieces<'_> {
        Pieces { scan: Scan::new(&self.forms), held: String::new(), is_over: false }
    }

    fn cuts(&self, text: &str) -> Vec<Cut> {
        Scan::of(&self.forms, text).cuts()
    }
}

/// Words in the names of what is secret in an address.
const SECRET_NAMES: [&str; 7] = ["auth", "code", "key", "pass", "secret", "sig", "token"];

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|it| name.contains(it))
}

fn without<'t>(text: &str, cuts: &[Cut]) -> Cow<'t, str> {
    let mut res = String::with_capacity(text.len());
    let mut from = 0;
    for cut in cuts {
        res.push_str(text.get(from..cut.start).unwrap_or_default());
        res.push_str(MARK);
        from = cut.end;
    }
    res.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(res)
}

/// A text that comes in pieces, handed on as far as no secret can have begun
/// in it. With the first secret it is over, and with the first character that
/// drives a terminal: what comes later could belong to a secret that was split
/// by it.
#[derive(Debug)]
pub struct Pieces<'r> {
    scan: Scan<'r>,
    held: String,
    is_over: bool,
}

impl Pieces<'_> {
    /// Takes a piece; gives what may be shown by now.
    pub fn push(&mut self, piece: &str) -> String {
        if self.is_over {
            return String::new();
        }
        if self.scan.is_idle() {
            return piece.to_owned();
        }
        let drives = |it: char| it.is_control() && !matches!(it, '\n' | '\r' | '\t');
        let (piece, rest) = piece.split_at(piece.find(drives).unwrap_or(piece.len()));
        self.scan.push(piece);
        self.held.push_str(piece);
        let res = self.until(self.scan.open());
        self.is_over |= !rest.is_empty();
        res
    }

    /// Nothing more comes; gives the rest.
    pub fn end(mut self) -> String {
        self.scan.end();
        if self.is_over { String::new() } else { self.until(self.scan.position()) }
    }

    /// Gives what comes before this place, or before the first secret.
    fn until(&mut self, place: usize) -> String {
        let found = self.scan.cuts().first().map(|it| it.start);
        let until = found.unwrap_or(place);
        let begin = self.scan.position().saturating_sub(self.held.len());
        let rest = self.held.split_off(until.saturating_sub(begin).min(self.held.len()));
        let mut res = std::mem::replace(&mut self.held, rest);
        if found.is_some() {
            self.is_over = true;
            res.push_str(MARK);
        }
        res
    }
}
