//! What an agent can do, told from what it imports, for somebody who never
//! reads the contract.

/// Functions of the contract, and what calling them is. Several that are one
/// thing to a person have the same words.
const WORDS: [(&str, &str); 16] = [
    ("file#read-file", "read files"),
    ("file#search-files", "search files"),
    ("file#write-file", "write files"),
    ("file#patch", "change files"),
    ("terminal#terminal", "run commands"),
    ("web#web-search", "search the web"),
    ("web#web-extract", "read web pages"),
    ("model#chat", "ask a language model"),
    ("delegation#delegate-task", "start subagents, with no more than it has itself"),
    ("clarify#clarify", "ask the person questions"),
    ("memory#memory", "read and change the notes of the parent"),
    ("messaging#send-message", "send messages to the person"),
    ("code-execution#execute-code", "run code"),
    ("toolbox#granted", "use any other tool that it is granted"),
    ("toolbox#[method]tool.call", "use any other tool that it is granted"),
    ("toolbox#[method]tool.spec", "use any other tool that it is granted"),
];

/// Of an agent that does nothing but tell how far it is.
const NOTHING: &str = "compute, and nothing else";

/// In words, each once and in the order of the list; at least one.
pub(super) fn can<S: AsRef<str>>(imports: &[S]) -> Vec<&'static str> {
    let functions: Vec<String> = imports.iter().filter_map(|it| short(it.as_ref())).collect();
    let known = WORDS.iter().filter(|it| functions.iter().any(|function| function == it.0));
    let mut res: Vec<&str> = known.map(|it| it.1).collect();
    res.dedup();
    if res.is_empty() { vec![NOTHING] } else { res }
}

/// `file#read-file` of `hermitage:subagent/file@0.1.0#read-file`.
fn short(import: &str) -> Option<String> {
    let (interface, function) = import.strip_prefix("hermitage:subagent/")?.split_once('#')?;
    let name = interface.split('@').next()?;
    Some(format!("{name}#{function}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::Contract;

    #[test]
    fn everything_that_an_agent_can_call_has_words() {
        for (interface, function) in Contract::current().functions() {
            let import = format!("{interface}#{function}");
            let words = can(&[&import]);
            let says_nothing = words == [NOTHING];
            let is_silent = import.contains("/progress@") || import.contains("/settings@");
            // What plugins alone import is told by what they ask for.
            let is_plugins = import.contains("/http@");
            assert_eq!(says_nothing, is_silent || is_plugins, "{import}");
        }
    }

    #[test]
    fn what_it_can_do_is_said_once() {
        let of = |it: &str| format!("hermitage:subagent/{it}");
        let imports = [
            of("toolbox@0.1.0#granted"),
            of("toolbox@0.1.0#[method]tool.call"),
            of("file@0.1.0#search-files"),
            of("file@0.1.0#read-file"),
            "wasi:cli/environment@0.2.0#get-environment".to_owned(),
        ];
        let expect = ["read files", "search files", "use any other tool that it is granted"];
        assert_eq!(can(&imports), expect);
        assert_eq!(can::<&str>(&[]), [NOTHING]);
    }
}
