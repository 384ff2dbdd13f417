//! Reads server-sent events, as the HTML standard describes them.

use std::io::{self, BufRead, BufReader, Read};

/// One event. Fields that it lacks are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: String,
}

/// The events of a stream, in order; comments are skipped. A stream that is cut off gives an error
/// last, one that was ended properly does not.
pub(crate) struct Events<R> {
    lines: io::Lines<BufReader<R>>,
    ended: bool,
}

impl<R: Read> Events<R> {
    pub(crate) fn new(stream: R) -> Events<R> {
        Events { lines: BufReader::new(stream).lines(), ended: false }
    }

    fn read_event(&mut self) -> io::Result<Option<Event>> {
        let mut fields = Vec::new();
        while let Some(line) = self.lines.next().transpose()? {
            match line.split_once(':').unwrap_or((&line, "")) {
                ("", "") if fields.is_empty() => {}
                ("", "") => return Ok(Some(Event::of(&fields))),
                ("", _comment) => {}
                (field, value) => {
                    let value = value.strip_prefix(' ').unwrap_or(value);
                    fields.push((field.to_owned(), value.to_owned()));
                }
            }
        }
        // What has no empty line after it was not finished, and does not count.
        Ok(None)
    }
}

impl Event {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    fn of(fields: &[(String, String)]) -> Event {
        let mut event = Event::default();
        let mut data = Vec::new();
        for (field, value) in fields {
            match field.as_str() {
                "id" => value.clone_into(&mut event.id),
                "event" => value.clone_into(&mut event.name),
                "data" => data.push(value.as_str()),
                other => panic!("the field {other:?} is no field of an event: {fields:?}"),
            }
        }
        event.data = data.join("\n");
        event
    }
}

impl<R: Read> Iterator for Events<R> {
    type Item = io::Result<Event>;

    fn next(&mut self) -> Option<io::Result<Event>> {
        if self.ended {
            return None;
        }
        let event = self.read_event();
        self.ended = !matches!(event, Ok(Some(_)));
        event.transpose()
    }
}

mod tests {
    use super::*;

    fn event(id: &str, name: &str, data: &str) -> Event {
        Event { id: id.to_owned(), name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        for (text, expected) in [
            ("", vec![]),
            ("id: 1\nevent: usage\ndata: {}\n\n", vec![event("1", "usage", "{}")]),
            ("id:1\r\ndata:a:b\r\n\r\n", vec![event("1", "", "a:b")]),
            ("data:  a\ndata\ndata: b\n\n", vec![event("", "", " a\n\nb")]),
            (": still there\n\n: and now\ndata: a\n\n\n", vec![event("", "", "a")]),
            (":\n\ndata: a\n\n", vec![event("", "", "a")]),
            ("data: a\n\ndata: b\n\n", vec![event("", "", "a"), event("", "", "b")]),
            ("data: a\n\ndata: unfinished\n", vec![event("", "", "a")]),
        ] {
            let events: Vec<Event> = Events::new(text.as_bytes()).map(Result::unwrap).collect();
            assert_eq!(events, expected, "{text:?}");
        }
    }
}
