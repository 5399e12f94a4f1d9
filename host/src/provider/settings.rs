//! Which models there are, who runs them, and how hard a chat is tried, as it is
//! written down.

use std::{path::PathBuf, time::Duration};

use crate::{
    completion::sanitize::is_blank,
    setting::{
        Entry, FromText, Wrong, count, flag, fraction, is_variable, seconds, settings, text, word,
    },
};

settings! {
    /// Language models that children may call, through the host. No child sees
    /// a key or an address.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DefaultModel in "model" {
        /// The model of a task that names none.
        ///
        /// A name of `[models]`, or `PROVIDER/ID` for any model of a provider;
        /// an empty text means that such a task has no model.
        pub name as "default": String = text(""), project: KnownModel;
    }
}

settings! {
    /// How often a chat is tried, and how long each try may take.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Patience in "model" {
        /// How often a chat is tried, the first time included, when the
        /// provider is busy or the connection breaks.
        ///
        /// Bounds the load on a provider that is down.
        pub max_attempts: u32 = count(5, 1..=20), project: Lower;

        /// Pause before the second try; doubled with each.
        pub first_pause as "first_pause_seconds": Duration = seconds(1, 1..=600), project: Higher;

        /// Longest pause. A provider that wants to be left alone for longer
        /// fails the chat.
        ///
        /// at least `first_pause_seconds`. Bounds how long a child waits for
        /// its turn.
        pub max_pause as "max_pause_seconds": Duration = seconds(60, 1..=3_600), project: Lower;
    } besides {
        /// From the first byte sent to the last one read of one try. Each provider
        /// has its own.
        pub timeout: Duration = Duration::MAX;
    }
}

// An address would be sent the key, and a command would be run.
settings! {
    /// A service that runs models. NAME is yours: 1 to 64 of `a-z`, `0-9`, `_`
    /// and `-`. A file that has one of the two keys `api_key_env` and
    /// `api_key_cmd` replaces both of the layers below it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ProviderSettings in "providers.NAME" {
        /// What it speaks: `openai` (chat completions, which most servers
        /// offer), `anthropic` (messages), or `scripted` (answers from a file,
        /// for tests).
        ///
        /// Has to be set.
        pub kind: Option<Kind> = text("openai").one_of(kinds), project: Never;

        /// Where it listens, without the path of an operation.
        ///
        /// An `http` or `https` address without a user, a query or a fragment;
        /// has to be set, except for `scripted`. The key and every conversation
        /// go there.
        pub base_url: Option<String> =
            text("http://127.0.0.1:8080/v1").checked(address), project: Never;

        /// The variable of the environment that holds the key; never the key
        /// itself. It is cut out of whatever the service repeats: of less than
        /// 16 letters and digits to the letter only, of less than 8 characters
        /// not at all (`ollama`, `none`).
        ///
        /// Name of a variable. The key stays out of files that get shared.
        pub api_key_env: Option<String> = text("LOCAL_API_KEY").checked(variable), project: Never;

        /// A program that prints the key, with its arguments, run with your
        /// rights. What it says on its standard error is not shown, because the
        /// key may be in it.
        ///
        /// Text, instead of `api_key_env`. For keys that a password manager
        /// holds.
        pub api_key_cmd: Option<String> =
            text("pass show openai").command().checked(command), project: Never;

        /// Whether the answer is asked for piece by piece, so that it can be
        /// shown and a dead connection is noticed early.
        ///
        /// true when it is not set.
        pub stream: bool = flag(true), project: Never;

        /// How long one attempt at one answer may take.
        ///
        /// 600 when it is not set. Bounds how long a child waits for a server
        /// that hangs.
        pub timeout as "timeout_seconds": Duration = seconds(600, 1..=86_400), project: Never;

        /// A file with the answers of `scripted`, which has to be set for that
        /// kind and for no other.
        ///
        /// Path; a relative one starts where the command was started.
        pub cassette: Option<PathBuf> = text("answers.json").path(), project: Never;
    }
}

/// Services that most people use.
pub const BUILT_IN_PROVIDERS: &[Entry] = &[
    (
        "openai",
        &[
            ("kind", "openai"),
            ("base_url", "https://api.openai.com/v1"),
            ("api_key_env", "OPENAI_API_KEY"),
        ],
    ),
    (
        "anthropic",
        &[
            ("kind", "anthropic"),
            ("base_url", "https://api.anthropic.com"),
            ("api_key_env", "ANTHROPIC_API_KEY"),
        ],
    ),
];

settings! {
    /// A model by a name of yours, of the same form as a provider's. None is
    /// built in: they change too often.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ModelSettings in "models.NAME" {
        /// Who runs it; one service can run many models.
        ///
        /// A name of `[providers]`; has to be set.
        pub provider: Option<String> = text("openai"), project: Never;

        /// What the provider calls it, as its own documentation has it.
        ///
        /// Text; has to be set.
        pub id: Option<String> = text("some-model-2026-01").checked(id), project: Never;

        /// Tokens that one call can read and write together.
        ///
        /// Longer conversations are refused before they cost anything.
        pub context_tokens: Option<u64> = count(128_000, 1..=100_000_000), project: Never;

        /// Tokens that one call writes at most.
        ///
        /// at most `context_tokens`. Bounds an answer that never ends, and its
        /// cost.
        pub max_output_tokens: Option<u32> = count(8192, 1..=10_000_000), project: Never;

        /// How freely it picks words, for requests that say nothing of it.
        pub temperature: Option<f32> = fraction(0.2, "Number", 0.0..=2.0), project: Never;

        /// What tokens cost that it reads.
        ///
        /// Only what has a price is added up.
        // A price above the ceiling is a slip of its unit.
        pub input_price: Option<f64> =
            fraction(0.5, "US dollars per million", 0.0..=100_000.0), project: Never;

        /// What tokens cost that it writes.
        ///
        /// Only what has a price is added up.
        pub output_price: Option<f64> =
            fraction(1.5, "US dollars per million", 0.0..=100_000.0), project: Never;
    }
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Chat completions, as OpenAI and most servers offer them.
    OpenAi,
    /// Messages, as Anthropic offers them.
    Anthropic,
    /// None: answers from a file are played.
    Scripted,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Anthropic, Self::Scripted];

    /// As it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Scripted => "scripted",
        }
    }
}

impl FromText for Kind {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        word(text, &Kind::ALL.map(|it| (it.name(), it)))
    }
}

fn kinds() -> Vec<&'static str> {
    Kind::ALL.map(Kind::name).to_vec()
}

/// The path of an operation is put behind it. A user before an `@` would be a
/// password in plain sight.
fn address(text: &str) -> Result<(), Wrong> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let has_host = rest.is_some_and(|it| !it.is_empty() && !it.starts_with(['/', ':']));
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !"@?#\\\"<>`{}|^".contains(c));
    let expected = "an `http` or `https` address without a user, a query or a fragment";
    expect(has_host && is_plain, expected)
}

/// The name of a variable, and not the key itself.
pub(crate) fn variable(text: &str) -> Result<(), Wrong> {
    expect(is_variable(text), "the name of a variable, not the key itself")
}

/// A command line.
pub(crate) fn command(text: &str) -> Result<(), Wrong> {
    expect(!is_blank(text), "a program with its arguments")
}

fn id(text: &str) -> Result<(), Wrong> {
    expect(!is_blank(text), "the provider's name of a model")
}

fn expect(is_so: bool, expected: &'static str) -> Result<(), Wrong> {
    is_so.then_some(()).ok_or(Wrong::Malformed(expected))
}
