//! Server-sent events, out of bytes as they come.
//!
//! After the "Server-sent events" section of the HTML standard, less what no
//! provider uses: a lone `\r` ends no line, and `id` and `retry` are passed
//! over. And more, since some write errors so: a field `error`, and lines of
//! JSON without a field, are data. Each byte is looked at once however small
//! the pieces are, and what is held back is bounded.

use super::bounds::MAX_EVENT_BYTES;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name; empty when it has none.
    pub(super) name: String,
    /// Its lines of data.
    pub(super) data: String,
}

/// An event, or a line of it, is longer than taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// The events of one stream.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
}

impl Events {
    /// Takes the next bytes; gives the events that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut res = Vec::new();
        while let Some(at) = bytes.iter().position(|it| *it == b'\n') {
            let (line, rest) = bytes.split_at(at);
            self.hold(line)?;
            bytes = rest.get(1..).unwrap_or_default();
            let line = std::mem::take(&mut self.line);
            res.extend(self.end_line(&String::from_utf8_lossy(&line)));
        }
        self.hold(bytes)?;
        Ok(res)
    }

    /// The event that the end of the stream cut, or that a server did not end:
    /// only its reader can tell.
    pub(super) fn end(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let last = self.end_line(&String::from_utf8_lossy(&line));
        last.or_else(|| self.end_line(""))
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let held = self.line.len() + self.event.data.len() + self.event.name.len();
        if MAX_EVENT_BYTES < held + bytes.len() {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, line: &str) -> Option<Event> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        if line.starts_with('{') {
            self.data(line);
            return None;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.data(value),
            "error" => {
                field.clone_into(&mut self.event.name);
                self.data(value);
            }
            "event" => value.clone_into(&mut self.event.name),
            _ => (),
        }
        None
    }

    fn data(&mut self, value: &str) {
        if std::mem::replace(&mut self.has_data, true) {
            self.event.data.push('\n');
        }
        self.event.data.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &str, expect: &[(&str, &str)]) {
        let event = |(name, data): &(&str, &str)| Event {
            name: (*name).to_owned(),
            data: (*data).to_owned(),
        };
        let expect: Vec<Event> = expect.iter().map(event).collect();
        assert_eq!(Events::default().push(input.as_bytes()).unwrap(), expect, "{input:?}");
        let mut events = Events::default();
        let by_byte = input.as_bytes().chunks(1).flat_map(|it| events.push(it).unwrap());
        assert_eq!(by_byte.collect::<Vec<_>>(), expect, "{input:?} by the byte");
    }

    #[test]
    fn events_are_read() {
        check("data: a\n\n", &[("", "a")]);
        check("data:a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]);
        check("\u{feff}event: x\ndata: a\ndata:  b\n\n", &[("x", "a\n b")]);
        check(": ping\n\nevent: y\n\ndata\n\n", &[("", "")]);
        check("id: 7\nretry: 1\nnonsense\ndata: ü\n\ndata: cut", &[("", "ü")]);
        check("", &[]);
        check("error: {\"code\": 400}\n\n", &[("error", "{\"code\": 400}")]);
        check("{\"error\": 1}\n\ndata: a\n\n", &[("", "{\"error\": 1}"), ("", "a")]);
    }

    #[test]
    fn an_event_that_nothing_ends_is_had_at_the_end() {
        let check = |input: &str, expect: Option<&str>| {
            let mut events = Events::default();
            events.push(input.as_bytes()).unwrap();
            assert_eq!(events.end().map(|it| it.data).as_deref(), expect, "{input:?}");
            assert_eq!(events.end(), None);
        };
        check("data: a\n\n", None);
        check("data: a\n\ndata: cut", Some("cut"));
        check("data: a\ndata: b\n", Some("a\nb"));
        check("event: x", None);
        check("", None);
    }

    #[test]
    fn what_never_ends_is_refused() {
        let line = vec![b'x'; MAX_EVENT_BYTES / 2 + 1];
        let mut events = Events::default();
        assert_eq!(events.push(&line), Ok(Vec::new()));
        assert_eq!(events.push(&line), Err(TooLong));
        let data = [b"data: ", line.as_slice(), b"\n"].concat();
        let mut events = Events::default();
        assert_eq!(events.push(&data), Ok(Vec::new()));
        assert_eq!(events.push(&data), Err(TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same(
            lines in prop::collection::vec("(data|event|x)?:? ?[a-zü\r]{0,4}", 0..12),
            cuts in prop::collection::vec(0usize..80, 0..6),
        ) {
            let text = lines.join("\n");
            let whole = Events::default().push(text.as_bytes()).unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|it| it.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut events = Events::default();
            let pieces = cuts.windows(2).map(|it| &text.as_bytes()[it[0]..it[1]]);
            let res: Vec<Event> = pieces.flat_map(|it| events.push(it).unwrap()).collect();
            prop_assert_eq!(res, whole);
        }
    }
}
