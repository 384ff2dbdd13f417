//! What a [`ScriptedEndpoint`](super::ScriptedEndpoint) does on one connection.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::CancelToken;

/// How long a step waits for the test before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The bytes, pauses and ends of one connection, in order. The connection is closed at the end.
#[derive(Clone, Debug, Default)]
pub struct Script(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    WaitFor(Gate),
    UntilHungUp,
    Reset,
}

impl Script {
    /// Nothing yet, not even a head.
    #[must_use]
    pub fn new() -> Script {
        Script::default()
    }

    /// A whole HTTP answer of known length.
    #[must_use]
    pub fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Script {
        let body = body.as_ref();
        let mut head =
            format!("HTTP/1.1 {status} Scripted\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Script::new().send(head + "\r\n").send(body)
    }

    /// A whole HTTP answer with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Script {
        Script::reply(status, &[("Content-Type", "application/json")], body.to_string())
    }

    /// A chat completion in one piece, as an endpoint that cannot stream gives it.
    #[must_use]
    pub fn answer(text: &str) -> Script {
        Script::json(
            200,
            &json!({
                "model": "scripted",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            }),
        )
    }

    /// A regular stream of these tokens, with finish reason `stop`, usage 3 + 2 and `[DONE]`.
    #[must_use]
    pub fn stream(tokens: &[&str]) -> Script {
        let begun = Script::events().data(&json!({
            "model": "scripted",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}],
        }));
        tokens
            .iter()
            .fold(begun, |script, token| script.token(token))
            .finish("stop")
            .data(&json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}))
            .done()
    }

    /// The head of an event stream that ends with the connection.
    #[must_use]
    pub fn events() -> Script {
        Script::new().send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    }

    /// Sends bytes as they are.
    #[must_use]
    pub fn send(self, bytes: impl AsRef<[u8]>) -> Script {
        self.step(Step::Send(bytes.as_ref().to_vec()))
    }

    /// Sends an event with this data.
    #[must_use]
    pub fn data(self, data: &Value) -> Script {
        self.send(format!("data: {data}\n\n"))
    }

    /// Sends one token of an answer.
    #[must_use]
    pub fn token(self, text: &str) -> Script {
        self.data(&json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}))
    }

    /// Sends the regular end of an answer.
    #[must_use]
    pub fn finish(self, reason: &str) -> Script {
        self.data(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
    }

    /// Sends `[DONE]`.
    #[must_use]
    pub fn done(self) -> Script {
        self.send("data: [DONE]\n\n")
    }

    /// Sends nothing for a while.
    #[must_use]
    pub fn pause(self, duration: Duration) -> Script {
        self.step(Step::Pause(duration))
    }

    /// Goes on when the test opens the gate.
    #[must_use]
    pub fn wait_for(self, gate: &Gate) -> Script {
        self.step(Step::WaitFor(gate.clone()))
    }

    /// Goes on when the client closes the connection.
    #[must_use]
    pub fn until_hung_up(self) -> Script {
        self.step(Step::UntilHungUp)
    }

    /// Ends the connection with RST instead of FIN.
    #[must_use]
    pub fn reset(self) -> Script {
        self.step(Step::Reset)
    }

    /// This script and then another one.
    #[must_use]
    pub fn then(mut self, next: Script) -> Script {
        self.0.extend(next.0);
        self
    }

    fn step(mut self, step: Step) -> Script {
        self.0.push(step);
        self
    }

    /// Plays the script; a client that leaves early ends it. Tells whether it was seen to leave.
    pub(super) fn play(self, mut stream: &TcpStream) -> bool {
        let mut is_hung_up = false;
        for step in self.0 {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).is_err() {
                        return true;
                    }
                }
                Step::Pause(duration) => thread::sleep(duration),
                Step::WaitFor(gate) => gate.wait(),
                Step::UntilHungUp => {
                    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
                    is_hung_up = match stream.read(&mut [0]) {
                        Ok(0) => true,
                        Ok(_) => false,
                        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
                    };
                }
                Step::Reset => {
                    let socket = socket2::SockRef::from(stream);
                    socket.set_linger(Some(Duration::ZERO)).expect("linger can be set");
                    return is_hung_up;
                }
            }
        }
        // A client that already left makes this fail, which is fine.
        let _ = stream.shutdown(Shutdown::Write);
        is_hung_up
    }
}

/// Lets a test decide when a script goes on. Clones are the same gate; once open it stays open.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Gate {
        Gate::default()
    }

    /// Lets everyone through who waits or will wait.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open, at most 20 s.
    pub fn wait(&self) {
        let is_open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(is_open, PATIENCE, |is_open| !*is_open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// As [`wait`](Gate::wait), but also goes on when the answer is cancelled.
    pub(super) fn wait_unless(&self, cancel: &CancelToken) {
        let gate = self.clone();
        let _wake = cancel.on_cancel(move || {
            // Taking the lock orders this after the waiter's check, so that its wake-up is not missed.
            drop(gate.0.0.lock());
            gate.0.1.notify_all();
        });
        let is_open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = |is_open: &mut bool| !*is_open && !cancel.is_cancelled();
        drop(self.0.1.wait_timeout_while(is_open, PATIENCE, closed).unwrap_or_else(PoisonError::into_inner));
    }
}
