//! One answer as it arrives.

use std::{collections::VecDeque, sync::Arc};

use serde_json::Value;

use super::{
    complaint::Complaint,
    failure::{Again, Failure, Reporter},
    transcript::{self, Transcript},
};
use crate::provider::{
    api::{Delta, ProviderError},
    http::{Broken, Reply},
    line::{Line, Stop, Wait},
    sse::{SseEvent, SseParser},
};

/// The largest event of a stream, and the largest whole answer.
const EVENT_BYTES: usize = 8 << 20;
const READ_BYTES: usize = 16 << 10;

/// The deltas of one answer; holds its connection.
pub(crate) struct Answer {
    reply: Reply,
    line: Arc<Line>,
    reporter: Reporter,
    transcript: Transcript,
    /// Bytes of the events since the first call of a tool, which is kept back until the end.
    held_bytes: usize,
    parser: SseParser,
    buffer: Box<[u8]>,
    events: VecDeque<SseEvent>,
    deltas: VecDeque<Delta>,
    failure: Option<Failure>,
    has_payload: bool,
    /// Whether the wait for the next payload is still to be begun.
    is_rested: bool,
    at_end: bool,
    is_over: bool,
}

/// What the body of a successful reply is, told by its first character: its declared type is often wrong.
enum Form {
    Events,
    Json,
    Page,
    Nothing,
}

impl Answer {
    /// Reads until the first token of the answer, or the beginning of a call, so that everything before it can still be retried.
    pub(crate) fn open(
        reply: Reply,
        line: Arc<Line>,
        reporter: Reporter,
        transcript: Transcript,
    ) -> Result<Answer, Failure> {
        let mut answer = Answer {
            reply,
            line,
            reporter,
            transcript,
            held_bytes: 0,
            parser: SseParser::new(EVENT_BYTES),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            events: VecDeque::new(),
            deltas: VecDeque::new(),
            failure: None,
            has_payload: false,
            is_rested: false,
            at_end: false,
            is_over: false,
        };
        let mut opening = Vec::new();
        match answer.sniff(&mut opening)? {
            Form::Events => answer.parse(&opening),
            Form::Json => answer.whole(opening)?,
            Form::Page => return Err(answer.reporter.bad_answer("a web page", Again::No)),
            Form::Nothing => return Err(answer.nothing()),
        }
        while !answer.is_over && !answer.has_token() {
            answer.advance();
        }
        let has_token = answer.has_token();
        match answer.failure.take_if(|_| !has_token) {
            Some(failure) => Err(failure),
            None => Ok(answer),
        }
    }

    /// Skips what may stand in front of anything, white space and a byte order mark, and puts the first
    /// bytes after it into `opening`.
    fn sniff(&mut self, opening: &mut Vec<u8>) -> Result<Form, Failure> {
        let is_stream = self.reply.header("content-type").is_some_and(|kind| kind.contains("event-stream"));
        loop {
            let count = self.reply.read(&mut self.buffer).map_err(|broken| self.reporter.broken(&broken))?;
            if count == 0 {
                return Ok(Form::Nothing);
            }
            let is_blank = |byte: &u8| byte.is_ascii_whitespace() || [0xef, 0xbb, 0xbf].contains(byte);
            let Some(at) = self.buffer[..count].iter().position(|byte| !is_blank(byte)) else {
                // An endpoint that cannot stream has no other way to say that it is still at work.
                if !is_stream {
                    self.line.arm(Wait::NextPayload);
                }
                continue;
            };
            opening.extend_from_slice(&self.buffer[at..count]);
            return Ok(match opening[0] {
                b'{' | b'[' => Form::Json,
                b'<' => Form::Page,
                _ => Form::Events,
            });
        }
    }

    /// Reads a whole completion, or an error, that came instead of a stream.
    fn whole(&mut self, opening: Vec<u8>) -> Result<(), Failure> {
        let mut body = opening;
        loop {
            self.line.arm(Wait::NextPayload);
            match self.reply.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => body.extend_from_slice(&self.buffer[..count]),
                Err(broken) => return Err(self.reporter.broken(&broken)),
            }
            if body.len() > EVENT_BYTES {
                return Err(self.reporter.bad_answer("more than 8 MiB", Again::No));
            }
        }
        let body = String::from_utf8_lossy(&body);
        let Ok(mut completion) = serde_json::from_str::<Value>(&body) else {
            return Err(self.reporter.bad_answer("broken JSON", Again::Soon));
        };
        if !completion["choices"].is_array() {
            let complaint = Complaint::of(&completion).unwrap_or_else(|| Complaint::in_body(&body));
            return Err(self.reporter.complaint(&complaint));
        }
        transcript::restore_opening_tag(&mut completion);
        self.has_payload = true;
        match self.transcript.chunk(&completion, &mut self.deltas) {
            Ok(()) => self.close(true),
            Err(complaint) => self.fail(self.reporter.complaint(&complaint)),
        }
        Ok(())
    }

    /// One step: the next event that is there, else the next bytes, else the end.
    fn advance(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.take(&event);
        } else if self.at_end {
            if self.has_payload {
                self.close(false);
            } else {
                self.fail(self.nothing());
            }
        } else {
            self.read();
        }
    }

    fn read(&mut self) {
        if std::mem::take(&mut self.is_rested) {
            self.line.arm(if self.transcript.is_finished() { Wait::Tail } else { Wait::NextPayload });
        }
        match self.reply.read(&mut self.buffer) {
            Ok(0) => {
                self.at_end = true;
                self.parser.end(&mut self.events);
            }
            Ok(count) => {
                let buffer = std::mem::take(&mut self.buffer);
                self.parse(&buffer[..count]);
                self.buffer = buffer;
            }
            // A lost connection ends an answer that had begun like any other end does.
            Err(Broken::Lost(_)) if self.has_payload => {
                self.at_end = true;
                self.parser.end(&mut self.events);
            }
            Err(Broken::Stopped(Stop::TimedOut(_))) if self.transcript.is_finished() => self.close(true),
            Err(broken) => self.fail(self.reporter.broken(&broken)),
        }
    }

    fn parse(&mut self, bytes: &[u8]) {
        if self.parser.push(bytes, &mut self.events).is_err() {
            // What was complete before is kept.
            while !self.is_over
                && let Some(event) = self.events.pop_front()
            {
                self.take(&event);
            }
            if !self.is_over {
                self.fail(self.reporter.bad_answer("an event of more than 8 MiB", Again::No));
            }
        }
    }

    fn take(&mut self, event: &SseEvent) {
        let data = event.data.trim();
        if data == "[DONE]" {
            return self.close(true);
        }
        if event.name == "error" {
            return self.fail(self.reporter.complaint(&Complaint::in_event(data)));
        }
        if !data.starts_with(['{', '[']) {
            // Some endpoints keep a connection alive with words.
            return;
        }
        let chunk = match serde_json::from_str::<Value>(data) {
            Ok(chunk) => chunk,
            // The connection ended within this event, which says no more than that.
            Err(_) if self.at_end => return,
            Err(_) => return self.fail(self.reporter.bad_answer("a broken event", Again::Soon)),
        };
        self.has_payload = true;
        self.is_rested = true;
        if let Err(complaint) = self.transcript.chunk(&chunk, &mut self.deltas) {
            return self.fail(self.reporter.complaint(&complaint));
        }
        if self.transcript.has_calls() {
            self.held_bytes += data.len();
            if self.held_bytes > EVENT_BYTES {
                self.fail(self.reporter.bad_answer("more than 8 MiB of tool calls", Again::No));
            }
        }
    }

    fn close(&mut self, done: bool) {
        self.transcript.end(done, &mut self.deltas);
        self.is_over = true;
    }

    /// Ends with an error after everything that came before it.
    fn fail(&mut self, failure: Failure) {
        self.transcript.end(false, &mut self.deltas);
        self.deltas.retain(|delta| !matches!(delta, Delta::Finish(_)));
        self.failure = Some(failure);
        self.is_over = true;
    }

    fn nothing(&self) -> Failure {
        self.reporter.bad_answer("nothing", Again::Soon)
    }

    /// Whether something came that must be kept. After that nothing is retried.
    fn has_token(&self) -> bool {
        let is_token =
            |delta: &Delta| matches!(delta, Delta::Text(_) | Delta::Reasoning(_) | Delta::ToolCall(_));
        self.transcript.has_calls() || self.deltas.iter().any(is_token)
    }
}

impl Iterator for Answer {
    type Item = Result<Delta, ProviderError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.deltas.is_empty() && !self.is_over {
            self.advance();
        }
        match self.deltas.pop_front() {
            Some(delta) => Some(Ok(delta)),
            None => self.failure.take().map(|failure| Err(failure.error)),
        }
    }
}
