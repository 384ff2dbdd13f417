//! What most tests say to a server: JSON in, JSON out, and which status they expect.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{
    http::{Connection, Reply},
    process::RunningServer,
    sse::Event,
};

/// The media type of forms whose boundary is `tests`.
pub(crate) const FORM: &str = "multipart/form-data; boundary=tests";

/// A caller of the API, with or without a credential.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    server: SocketAddr,
    token: Option<String>,
}

/// One request, and what its answer must be.
pub(crate) struct Scenario<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// Sent as it is, as JSON.
    pub(crate) body: Option<&'a str>,
    pub(crate) status: u16,
    /// What the answer must hold, in its head or its body.
    pub(crate) contains: &'a [&'a str],
    pub(crate) lacks: &'a [&'a str],
}

impl Default for Scenario<'_> {
    fn default() -> Self {
        Scenario {
            method: "GET",
            path: "/",
            headers: &[],
            body: None,
            status: 200,
            contains: &[],
            lacks: &[],
        }
    }
}

impl Api {
    pub(crate) fn of(server: &RunningServer) -> Api {
        Api::at(server.address())
    }

    /// One who calls whatever stands in front of a server.
    pub(crate) fn at(address: SocketAddr) -> Api {
        Api { server: address, token: None }
    }

    pub(crate) fn with_token(&self, token: &str) -> Api {
        Api { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) fn without_token(&self) -> Api {
        Api { token: None, ..self.clone() }
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Reply {
        let mut connection = self.open(method, path, headers, body);
        if method == "HEAD" { connection.head() } else { connection.reply() }
    }

    /// Sends a request and leaves its answer unread.
    pub(crate) fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Connection {
        let given = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let mut put = |name: &str, value: &str| request.push_str(&format!("{name}: {value}\r\n"));
        if !given("host") {
            put("Host", &self.server.to_string());
        }
        if let Some(token) = &self.token {
            put("Authorization", &format!("Bearer {token}"));
        }
        for (name, value) in headers {
            put(name, value);
        }
        if let Some(body) = body {
            if !given("content-type") {
                put("Content-Type", "application/json");
            }
            put("Content-Length", &body.len().to_string());
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        let mut connection = Connection::open(self.server);
        connection.send(request.as_bytes());
        connection
    }

    /// Uploads files in the field `files`: what each is called, written as it is, and its bytes.
    pub(crate) fn upload(&self, path: &str, headers: &[(&str, &str)], files: &[(&str, &[u8])]) -> Reply {
        let mut form = Vec::new();
        for (filename, bytes) in files {
            let head = format!("Content-Disposition: form-data; name=\"files\"; filename=\"{filename}\"");
            form.extend([b"--tests\r\n", head.as_bytes(), b"\r\n\r\n", bytes, b"\r\n"].concat());
        }
        form.extend(b"--tests--\r\n");
        self.send_form(path, headers, &form)
    }

    /// Sends a form whose boundary is `tests`, as it is.
    pub(crate) fn send_form(&self, path: &str, headers: &[(&str, &str)], form: &[u8]) -> Reply {
        let length = form.len().to_string();
        let own = [("Content-Type", FORM), ("Content-Length", &length)];
        let mut connection = self.open("POST", path, &[headers, &own].concat(), None);
        connection.send(form);
        connection.reply()
    }

    /// The JSON of an answer with this status.
    pub(crate) fn expect(&self, status: u16, method: &str, path: &str, body: Option<&Value>) -> Value {
        let reply = self.send(method, path, &[], body.map(Value::to_string).as_deref());
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(reply.status, status, "{method} {path}: {text}");
        if text.is_empty() { Value::Null } else { reply.json() }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.expect(200, "GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.expect(201, "POST", path, Some(body))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Value {
        self.expect(200, "PATCH", path, Some(body))
    }

    pub(crate) fn delete(&self, path: &str) {
        self.expect(204, "DELETE", path, None);
    }

    /// The id of a new chat.
    pub(crate) fn chat(&self) -> String {
        id(&self.post("/api/v1/chats", &json!({})))
    }

    /// The id of a new message of the user at the end of the chat.
    pub(crate) fn message(&self, chat: &str, content: &str) -> String {
        id(&self
            .post(&format!("/api/v1/chats/{chat}/messages"), &json!({"role": "user", "content": content})))
    }

    /// Asks for a streamed answer and reads its events as they come.
    pub(crate) fn ask(&self, chat: &str, body: &Value) -> impl Iterator<Item = Event> + use<> {
        let mut body = body.clone();
        body["stream"] = json!(true);
        let path = format!("/api/v1/chats/{chat}/responses");
        let (head, events) = self.open("POST", &path, &[], Some(&body.to_string())).events();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
        events.map(Result::unwrap)
    }

    /// The events of an answer after a number.
    pub(crate) fn events(&self, response: &str, after: u64) -> Vec<Event> {
        let path = format!("/api/v1/responses/{response}/events?after={after}");
        let (head, events) = self.open("GET", &path, &[], None).events();
        assert_eq!(head.status, 200, "{head:?}");
        events.map(Result::unwrap).collect()
    }

    /// Sends every request and compares its answer.
    pub(crate) fn run(&self, scenarios: &[Scenario<'_>]) {
        for Scenario { method, path, headers, body, status, contains, lacks } in scenarios {
            let reply = self.send(method, path, headers, *body);
            let text = format!("{}\n{}", head_text(&reply), String::from_utf8_lossy(&reply.body));
            let asked = format!("{method} {path} {headers:?} {body:?}");
            assert_eq!(reply.status, *status, "{asked}: {text}");
            for wanted in *contains {
                assert!(text.contains(wanted), "{asked} lacks {wanted:?}: {text}");
            }
            for unwanted in *lacks {
                assert!(!text.contains(unwanted), "{asked} holds {unwanted:?}: {text}");
            }
        }
    }
}

fn head_text(reply: &Reply) -> String {
    reply.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// The `id` of an object.
pub(crate) fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("no id in {object}")).to_owned()
}

/// The text that the deltas of an answer make together.
pub(crate) fn text(events: &[Event]) -> String {
    let deltas = events.iter().filter(|event| event.name == "message.delta");
    deltas.map(|event| event.json()["text"].as_str().unwrap().to_owned()).collect()
}
