//! Forms, as browsers send them.

use serde_json::Value;

use super::{
    api::{Api, FORM},
    http::Reply,
};

/// A form as browsers send it.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    pub(crate) fn field(mut self, name: &str, value: &str) -> Form {
        let head = format!("--tests\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.0.extend([head.as_bytes(), value.as_bytes(), b"\r\n"].concat());
        self
    }

    pub(crate) fn file(mut self, filename: &str, bytes: &[u8]) -> Form {
        let head = format!(
            "--tests\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{filename}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        self.0.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        self
    }

    pub(crate) fn send(mut self, api: &Api, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.0.extend(b"--tests--\r\n");
        let length = self.0.len().to_string();
        let own = [("Content-Type", FORM), ("Content-Length", &*length)];
        let mut connection = api.open(method, path, &[headers, &own].concat(), None);
        connection.send(&self.0);
        connection.reply()
    }

    /// The JSON of the answer, which is 200.
    pub(crate) fn ok(self, api: &Api, method: &str, path: &str) -> Value {
        let reply = self.send(api, method, path, &[]);
        assert_eq!(reply.status, 200, "{method} {path}: {}", String::from_utf8_lossy(&reply.body));
        reply.json()
    }
}
