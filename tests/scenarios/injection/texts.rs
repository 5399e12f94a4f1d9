//! The texts, and what whoever obeys one does.
//!
//! `texts.txt` has one text after the other. `%%% title` begins one, each
//! `%%call tool arguments` is a call that it asks for, and `%%say` is the
//! answer that it asks for, to the end of the text. What stands in double
//! braces is filled in: places of the run, `READ` for all that the model has
//! read, and `U+XXXX` for a character that is not to be seen in a source.

/// What a model reads, and what it does when it obeys.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) title: String,
    /// What it reads.
    pub(super) body: String,
    /// Names as they are written, and arguments as JSON.
    pub(super) calls: Vec<(String, String)>,
    /// The answer; what was read when the text asks for none.
    pub(super) say: String,
}

/// Where the things of a run are, by the names that the texts have for them.
pub(super) type Places = Vec<(&'static str, String)>;

/// What stands for all that the model has read.
pub(super) const READ: &str = "{{READ}}";

/// All of them.
pub(super) fn texts(places: &Places) -> Vec<Text> {
    let all = fill(include_str!("texts.txt"), places);
    all.split("%%% ").skip(1).map(text).collect()
}

fn text(record: &str) -> Text {
    let (record, say) = record.split_once("\n%%say ").unwrap_or((record, READ));
    let (title, lines) = record.split_once('\n').unwrap();
    let mut res = Text { title: title.to_owned(), say: say.to_owned(), ..Text::default() };
    for line in lines.lines() {
        match line.strip_prefix("%%call ").and_then(|it| it.split_once(' ')) {
            Some((tool, arguments)) => res.calls.push((tool.to_owned(), arguments.to_owned())),
            None => res.body.extend([line, "\n"]),
        }
    }
    res
}

fn fill(text: &str, places: &Places) -> String {
    let mut res = text.to_owned();
    for (name, place) in places {
        res = res.replace(&format!("{{{{{name}}}}}"), place);
    }
    while let Some(at) = res.find("{{U+") {
        let end = at + res[at..].find("}}").unwrap();
        let character = u32::from_str_radix(&res[at + 4..end], 16).ok().and_then(char::from_u32);
        // In JSON most of them may stand as they are.
        res.replace_range(at..end + 2, &character.unwrap().to_string());
    }
    res
}

#[test]
fn there_are_enough_texts_and_each_asks_for_something() {
    let texts = texts(&Vec::new());
    assert!(100 <= texts.len(), "{}", texts.len());
    for text in texts {
        assert!(!text.body.is_empty(), "{text:?}");
        assert!(!text.calls.is_empty() || text.say != READ, "{text:?}");
        for (_, arguments) in &text.calls {
            serde_json::from_str::<serde_json::Value>(arguments).expect(arguments);
        }
    }
}
