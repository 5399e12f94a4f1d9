//! The forms that a secret is looked for in.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret as _, SecretSlice};

use super::{
    LAYERS, MIN_EXACT, MIN_LETTERS,
    escape::{Glyph, Layer},
};

/// Letters and digits of a form that are too few to be told from chance.
const MIN_FORM: usize = 12;

/// What of a text counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// ASCII letters and digits, in any case.
    Letters,
    /// Everything, to the letter.
    All,
}

impl Counts {
    pub(super) const EACH: [Self; 2] = [Self::Letters, Self::All];

    /// What a character counts as, if it does. Full-width forms are the
    /// letters that they look like.
    pub(super) fn of(self, it: char) -> Option<u8> {
        let it = match it {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(it) - 0xfee0).unwrap_or(it),
            it => it,
        };
        match self {
            Self::Letters => {
                it.is_ascii_alphanumeric().then(|| it.to_ascii_lowercase()).and_then(byte)
            }
            // No secret has a NUL.
            Self::All => Some(byte(it).unwrap_or_default()),
        }
    }
}

fn byte(it: char) -> Option<u8> {
    u8::try_from(it).ok().filter(u8::is_ascii)
}

/// One way to write a secret, prepared for the search by Knuth, Morris and
/// Pratt: in one pass, whatever the text is, and knowing at each character
/// how much of the form has just been read.
pub(super) struct Form {
    pub(super) counts: Counts,
    needle: SecretSlice<u8>,
    /// For each length of a beginning, the longest shorter one that ends it.
    borders: Vec<usize>,
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({:?})", self.counts)
    }
}

impl Form {
    fn new(counts: Counts, text: &str) -> Self {
        let needle: Vec<u8> = text.chars().filter_map(|it| counts.of(it)).collect();
        let borders = borders(&needle);
        Self { counts, needle: needle.into(), borders }
    }

    pub(super) fn first(&self) -> Option<u8> {
        self.needle.expose_secret().first().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.needle.expose_secret().len()
    }

    /// How much of the form has been read when `it` comes after so much.
    pub(super) fn after(&self, mut read: usize, it: u8, steps: &mut u64) -> usize {
        let needle = self.needle.expose_secret();
        loop {
            *steps += 1;
            if needle.get(read) == Some(&it) {
                return read + 1;
            }
            if read == 0 {
                return 0;
            }
            read = self.border(read);
        }
    }

    /// How much of the form may begin again within so much of it.
    pub(super) fn border(&self, read: usize) -> usize {
        self.borders.get(read).copied().unwrap_or_default()
    }
}

fn borders(needle: &[u8]) -> Vec<usize> {
    let mut res = vec![0, 0];
    let mut border = 0;
    for it in needle.iter().skip(1) {
        while 0 < border && needle.get(border) != Some(it) {
            border = res.get(border).copied().unwrap_or_default();
        }
        border += usize::from(needle.get(border) == Some(it));
        res.push(border);
    }
    res
}

/// How many letters and digits a secret has.
pub(super) fn letters(secret: &str) -> usize {
    secret.chars().filter_map(|it| Counts::Letters.of(it)).count()
}

/// The forms of a secret; none when it is too short to be looked for.
pub(super) fn forms(secret: &str) -> Vec<Form> {
    if secret.chars().count() < MIN_EXACT {
        return Vec::new();
    }
    if letters(secret) < MIN_LETTERS {
        return vec![Form::new(Counts::All, secret)];
    }
    let reversed = secret.chars().rev().collect();
    let hex = secret.bytes().map(|it| format!("{it:02x}")).collect();
    let mut texts: Vec<String> = vec![secret.to_owned(), reversed, hex];
    texts.extend(shortened(secret).filter(|it| MIN_LETTERS <= letters(it)));
    texts.extend((0..3).map(|it| base64_at(secret, it)));
    // Where something else is escaped, what looks like an escape in the secret
    // itself is read with it.
    texts.extend(read(secret));
    texts.retain(|it| MIN_FORM <= letters(it));
    let res = texts.iter().map(|it| Form::new(Counts::Letters, it)).collect();
    texts.into_iter().for_each(wipe);
    res
}

/// Without its first letter or digit, and without its last: one off by one is
/// as good as whole, since the rest is guessed.
fn shortened(secret: &str) -> impl Iterator<Item = String> {
    let counts = |it: char| Counts::Letters.of(it).is_some();
    let first = secret.find(counts).and_then(|it| secret.get(it..));
    let first = first.map(|it| it.chars().skip(1).collect());
    let last = secret.rfind(counts).and_then(|it| secret.get(..it)).map(str::to_owned);
    first.into_iter().chain(last)
}

/// Its base64 behind so many other bytes, without the characters at both ends
/// that depend on what is around it.
fn base64_at(secret: &str, behind: usize) -> String {
    let bytes = [&vec![0; behind], secret.as_bytes()].concat();
    let text = STANDARD_NO_PAD.encode(&bytes);
    let from = (behind * 8).div_ceil(6);
    let until = bytes.len() * 8 / 6;
    text.get(from..until).unwrap_or_default().to_owned()
}

/// The secret with its own escapes read, when it has some.
fn read(secret: &str) -> Vec<String> {
    let mut res: Vec<String> = Vec::new();
    for _ in 0..LAYERS {
        let text = res.last().map_or(secret, String::as_str);
        let (mut layer, mut glyphs) = (Layer::default(), Vec::new());
        text.chars().for_each(|it| layer.push(Glyph { it, start: 0, end: 0 }, &mut glyphs));
        layer.end(&mut glyphs);
        let read: String = glyphs.iter().map(|it| it.it).collect();
        if read == text {
            break;
        }
        res.push(read);
    }
    res
}

fn wipe(text: String) {
    drop(secrecy::SecretString::from(text));
}
