//! One request a connection to a server on this machine or beside it. What is sent may be wrong on
//! purpose, so it is written as it is.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use kafka_core::{Error, ErrorKind, Result};
use serde_json::Value;

/// Longest wait for one more byte, and longest answer.
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWER_BYTES: u64 = 4 << 20;

/// Where the server listens.
pub(super) struct Server {
    address: String,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Answer {
    /// The body as JSON, or null.
    pub(super) fn json(&self) -> Value {
        let body = self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or_default()
    }
}

impl Server {
    pub(super) fn at(url: &str) -> Result<Server> {
        let address = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        match address.filter(|address| !address.is_empty() && !address.contains('/')) {
            Some(address) if address.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']')) => {
                Ok(Server { address: address.to_owned() })
            }
            Some(address) => Ok(Server { address: format!("{address}:80") }),
            None => Err(Error::new(
                ErrorKind::Invalid,
                "url_invalid",
                format!(
                    "{url:?} is not where a server listens; give its own address, such as \
                     http://127.0.0.1:8000, and not that of a proxy in front of it."
                ),
            )),
        }
    }

    pub(super) fn call(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        self.exchange(method, path, bearer, body).map_err(|error| {
            let address = &self.address;
            Error::new(
                ErrorKind::Provider,
                "server_unreachable",
                format!(
                    "The server at {address} does not answer {method} {path}; is it running, and is the URL its own?"
                ),
            )
            .with_source(error)
        })
    }

    /// Deletes what a caller without a credential has made below a path, as `answer` tells: it belongs to no
    /// account that goes with the stage.
    pub(super) fn clear_away(&self, path: &str, answer: &Answer) -> Result<()> {
        let json = answer.json();
        let id = match &json["id"] {
            Value::String(id) => id.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Ok(()),
        };
        match self.call("DELETE", &format!("{path}/{id}"), None, None)?.status {
            200 | 204 => Ok(()),
            status => Err(Error::new(
                ErrorKind::Conflict,
                "not_cleared_away",
                format!("What was made at {path}/{id} stays there: its deletion was answered with {status}."),
            )),
        }
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(bearer) = bearer {
            head += &format!("Authorization: Bearer {bearer}\r\n");
        }
        let is_socket = path.starts_with("/ws/");
        head += match is_socket {
            true => {
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: a2Fma2Egc2VsZmNoZWNrIQ==\r\n"
            }
            false => "Connection: close\r\n",
        };
        // A list is no body of any route: it stands for a form with these fields.
        let body = body.map(|body| match body.as_array() {
            Some(fields) => ("multipart/form-data; boundary=selfcheck", form(fields)),
            None => ("application/json", body.to_string()),
        });
        if let Some((media_type, body)) = &body {
            head += &format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        head += body.as_ref().map_or("", |(_, body)| body);
        stream.write_all(head.as_bytes())?;
        let mut bytes = Vec::new();
        match is_socket {
            true => read_first_frame(&mut stream, &mut bytes)?,
            false => drop(stream.take(ANSWER_BYTES).read_to_end(&mut bytes)?),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this is not HTTP"))?;
        // A socket says over itself that there is no such chat, because browsers hide how HTTP refuses.
        let is_refused = is_socket && text.contains(NO_CHAT);
        Ok(Answer { status: if is_refused { 404 } else { status }, text })
    }
}

/// Pairs of a name and a text as a form; what is named `files` is a file, whose own name may follow.
fn form(fields: &[Value]) -> String {
    let part = |field: &Value| {
        let text = |at: usize| field[at].as_str().unwrap_or_default();
        let filename = match (text(0), text(2)) {
            ("files", "") => "; filename=\"selfcheck.txt\"".to_owned(),
            ("files", name) => format!("; filename=\"{name}\""),
            _ => String::new(),
        };
        let head = format!("Content-Disposition: form-data; name=\"{}\"{filename}", text(0));
        format!("--selfcheck\r\n{head}\r\n\r\n{}\r\n", text(1))
    };
    fields.iter().map(part).collect::<String>() + "--selfcheck--\r\n"
}

/// What a socket says in place of its first payload.
const NO_CHAT: &str = "Chat not found";

/// A socket that was opened stays open; what matters is said in its first frame.
fn read_first_frame(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = vec![0; 16 << 10];
    loop {
        let count = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..count]);
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let is_upgraded = bytes.starts_with(b"HTTP/1.1 101");
        let has_frame = head.is_some_and(|head| bytes.len() > head + 4 + NO_CHAT.len());
        if count == 0 || has_frame || (head.is_some() && !is_upgraded) {
            return Ok(());
        }
    }
}
