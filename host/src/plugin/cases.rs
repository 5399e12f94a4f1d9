//! `tests.toml`: what an author says a plugin must do, and whether it did.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{completion::sanitize::clean_line, plain_file, toolset::ToolError};

/// The file beside a plugin's source.
pub const FILE: &str = "tests.toml";

/// Bytes of one.
const MAX_BYTES: u64 = 1 << 20;

/// Characters of an answer that is told because it is wrong.
const MAX_CHARS: usize = 400;

/// What a plugin must do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// Every interface that the component imports.
    pub imports: Option<BTreeSet<String>>,
    /// The folder whose copy is the workspace, beside the file.
    pub workspace: Option<PathBuf>,
    /// What the person would have set.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The calls.
    #[serde(default, rename = "case")]
    pub cases: Vec<Case>,
}

/// One call, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is about, for a person.
    pub name: Option<String>,
    /// By the plugin's own name for it.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// The whole result; a field that is not written is absent or null.
    result: Option<Value>,
    /// A part of the result's text.
    contains: Option<String>,
    /// A part of the error: the tool did not succeed, or did not take the
    /// arguments.
    error: Option<String>,
    /// A part of the error: the host did not allow something.
    denied: Option<String>,
}

/// Why there are no cases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CasesError {
    /// The file can't be read.
    #[error("`{file}` can't be read")]
    Read {
        /// Its path.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is no TOML, or says something else than cases.
    #[error("`{file}`: {reason}")]
    Wrong {
        /// Its path.
        file: String,
        /// What is wrong, with its place.
        reason: String,
    },
    /// Nothing is to be done.
    #[error(
        "`{file}` has no case\n\
         hint: `[[case]]` with `tool`, `arguments` and `result`, `contains`, `error` or `denied`"
    )]
    None {
        /// Its path.
        file: String,
    },
    /// A case expects nothing, or several things.
    #[error(
        "`{file}`: case {number} has {found}\n\
         hint: one of `result`, `contains`, `error` and `denied`"
    )]
    Expect {
        /// Its path.
        file: String,
        /// Of the case, from 1.
        number: usize,
        /// What it has.
        found: &'static str,
    },
}

impl Cases {
    /// Those of a file.
    ///
    /// # Errors
    ///
    /// It can't be read, or a case does not say what must come of it.
    pub fn read(path: &Path) -> Result<Self, CasesError> {
        let file = path.display().to_string();
        let bytes = plain_file::open(path).and_then(|it| plain_file::bytes(it, MAX_BYTES));
        let bytes = bytes.map_err(|source| CasesError::Read { file: file.clone(), source })?;
        Self::parse(&file, &String::from_utf8_lossy(&bytes))
    }

    fn parse(file: &str, text: &str) -> Result<Self, CasesError> {
        let file = || file.to_owned();
        let wrong = |it: toml::de::Error| {
            let line = it.span().map_or(1, |it| text.get(..it.start).map_or(1, lines));
            CasesError::Wrong { file: file(), reason: format!("line {line}: {}", it.message()) }
        };
        let cases: Self = toml::from_str(text).map_err(wrong)?;
        if cases.cases.is_empty() && cases.imports.is_none() {
            return Err(CasesError::None { file: file() });
        }
        for (index, case) in cases.cases.iter().enumerate() {
            let number = index.saturating_add(1);
            match case.expectations() {
                1 => {}
                0 => {
                    let found = "no expectation";
                    return Err(CasesError::Expect { file: file(), number, found });
                }
                _ => {
                    let found = "several expectations";
                    return Err(CasesError::Expect { file: file(), number, found });
                }
            }
        }
        Ok(cases)
    }

    /// What the component imports besides, and what it does not import.
    ///
    /// # Errors
    ///
    /// Both, in words.
    pub fn judge_imports(&self, imports: &[String]) -> Result<(), String> {
        let found: BTreeSet<String> = imports.iter().cloned().collect();
        let Some(expected) = self.imports.as_ref().filter(|it| **it != found) else {
            return Ok(());
        };
        let list = |what: &str, names: Vec<&String>| {
            (!names.is_empty()).then(|| {
                let names: Vec<String> = names.into_iter().map(|it| format!("`{it}`")).collect();
                format!("{what} {}", names.join(", "))
            })
        };
        let more = list("it also imports", found.difference(expected).collect());
        let less = list("it does not import", expected.difference(&found).collect());
        Err(more.into_iter().chain(less).collect::<Vec<_>>().join("; "))
    }
}

fn lines(before: &str) -> usize {
    before.matches('\n').count().saturating_add(1)
}

impl Case {
    fn expectations(&self) -> usize {
        let texts = [&self.contains, &self.error, &self.denied];
        let texts = texts.into_iter().filter(|it| it.is_some()).count();
        texts.saturating_add(usize::from(self.result.is_some()))
    }

    /// What a person reads of it, on one line.
    pub fn title(&self) -> String {
        let call = || format!("{} {}", self.tool, Value::Object(self.arguments.clone()));
        clean_line(&self.name.clone().unwrap_or_else(call), MAX_CHARS)
    }

    /// Whether that came of it which must.
    ///
    /// # Errors
    ///
    /// What came of it, and what was expected.
    pub fn judge(&self, answer: &Result<String, ToolError>) -> Result<(), String> {
        let fits = match answer {
            Ok(text) => self.fits(text),
            Err(error @ ToolError::Denied(_)) => is_part(&self.denied, error),
            Err(error) => is_part(&self.error, error),
        };
        if fits { Ok(()) } else { Err(format!("{}, {}", told(answer), self.expected())) }
    }

    fn fits(&self, text: &str) -> bool {
        let has = |part: &String| text.contains(part.as_str());
        // A text that looks like JSON may be meant as the text that it is.
        let is = |expected: &Value| {
            let value = serde_json::from_str(text).ok();
            value.is_some_and(|it| same(expected, &it)) || expected.as_str() == Some(text)
        };
        self.result.as_ref().is_some_and(is) || self.contains.as_ref().is_some_and(has)
    }

    fn expected(&self) -> String {
        let quoted = |what: &str, part: &Option<String>| {
            part.as_ref().map(|it| format!("expected {what} with `{}`", clean_line(it, MAX_CHARS)))
        };
        let result = || {
            let value = self.result.clone().unwrap_or_default().to_string();
            format!("expected `{}`", clean_line(&value, MAX_CHARS))
        };
        quoted("a result", &self.contains)
            .or_else(|| quoted("an error", &self.error))
            .or_else(|| quoted("a denial", &self.denied))
            .unwrap_or_else(result)
    }
}

fn is_part(part: &Option<String>, error: &ToolError) -> bool {
    part.as_ref().is_some_and(|it| error.to_string().contains(it.as_str()))
}

fn told(answer: &Result<String, ToolError>) -> String {
    match answer {
        Ok(text) => format!("the result is `{}`", clean_line(text, MAX_CHARS)),
        Err(error) => format!("the error is `{}`", clean_line(&error.to_string(), MAX_CHARS)),
    }
}

/// TOML has no null, and writes 1 where JSON may have 1.0.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let all =
                |(key, value): (&String, &Value)| found.get(key).is_some_and(|it| same(value, it));
            let rest =
                |(key, value): (&String, &Value)| value.is_null() || expected.contains_key(key);
            expected.iter().all(all) && found.iter().all(rest)
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| same(expected, found))
        }
        (Value::Number(expected), Value::Number(found)) => {
            expected == found
                || (expected.is_f64() || found.is_f64()) && expected.as_f64() == found.as_f64()
        }
        _ => expected == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(expect: &str) -> Case {
        let text = format!("[[case]]\ntool = 'count'\n{expect}");
        Cases::parse("tests.toml", &text).unwrap().cases.remove(0)
    }

    #[track_caller]
    fn check(expect: &str, answer: Result<&str, ToolError>, judged: Result<(), &str>) {
        let answer = answer.map(str::to_owned);
        assert_eq!(case(expect).judge(&answer), judged.map_err(str::to_owned), "{expect}");
    }

    #[test]
    fn a_result_is_compared_as_json_that_toml_can_write() {
        check("result = { a = 1, b = [2.0] }", Ok(r#"{"b":[2],"a":1,"c":null}"#), Ok(()));
        check("result = 3", Ok("3.0"), Ok(()));
        check("result = 'x'", Ok("\"x\""), Ok(()));
        check("result = 'x'", Ok("x"), Ok(()));
        let expect = "the result is `{\"a\":1,\"b\":2}`, expected `{\"a\":1}`";
        check("result = { a = 1 }", Ok(r#"{"a":1,"b":2}"#), Err(expect));
        check("result = [1]", Ok("[1,2]"), Err("the result is `[1,2]`, expected `[1]`"));
        check("result = 9007199254740993", Ok("9007199254740993"), Ok(()));
        let expect = "the result is `9007199254740992`, expected `9007199254740993`";
        check("result = 9007199254740993", Ok("9007199254740992"), Err(expect));
    }

    #[test]
    fn errors_and_denials_are_told_apart() {
        let denied = || ToolError::Denied("no rule allows it".to_owned());
        let failed = || ToolError::Failed("it is empty".to_owned());
        check("denied = 'no rule'", Err(denied()), Ok(()));
        check("error = 'empty'", Err(failed()), Ok(()));
        check("contains = 'ab'", Ok("cabd"), Ok(()));
        let expect = "the error is `it is empty`, expected a denial with `empty`";
        check("denied = 'empty'", Err(failed()), Err(expect));
        assert!(case("error = 'no rule'").judge(&Err(denied())).is_err());
        assert!(case("error = 'x'").judge(&Ok("x".to_owned())).is_err());
        assert!(case("result = 'it is empty'").judge(&Err(failed())).is_err());
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let error = Cases::parse("tests.toml", text).unwrap_err().to_string();
        assert_eq!(error.lines().next(), Some(expect));
    }

    #[test]
    fn a_file_that_says_no_cases_is_refused() {
        refused("", "`tests.toml` has no case");
        refused("[[case]]\ntool = 'x'", "`tests.toml`: case 1 has no expectation");
        let several = "[[case]]\ntool = 'x'\nresult = 1\nerror = ''";
        refused(several, "`tests.toml`: case 1 has several expectations");
        refused("[[case]]\nresult = 1", "`tests.toml`: line 1: missing field `tool`");
        let error = Cases::parse("t", "\n[[case]]\ntool = 'x'\nreslt = 1").unwrap_err();
        assert!(error.to_string().starts_with("`t`: line 4: unknown field `reslt`"), "{error}");
    }

    #[test]
    fn imports_are_all_or_wrong() {
        let cases = |imports: &str| Cases::parse("t", &format!("imports = {imports}")).unwrap();
        let found = ["a:b/c".to_owned(), "a:b/d".to_owned()];
        assert_eq!(cases("['a:b/d', 'a:b/c']").judge_imports(&found), Ok(()));
        let expect = "it also imports `a:b/d`; it does not import `a:b/e`";
        let judged = cases("['a:b/c', 'a:b/e']").judge_imports(&found);
        assert_eq!(judged, Err(expect.to_owned()));
    }
}
