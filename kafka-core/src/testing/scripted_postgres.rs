//! What speaks as PostgreSQL does, as far as it takes to be refused by it or to refuse it.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

/// A listener that answers what each client sends, message by message, as its script says, and nothing more.
#[derive(Debug)]
pub struct ScriptedPostgres {
    port: u16,
}

impl ScriptedPostgres {
    /// Lets everyone in who asks without TLS, and reports a version such as `120017`.
    #[must_use]
    pub fn of_version(version: &str) -> ScriptedPostgres {
        let welcome = [message(b'R', &[&[0; 4]]), message(b'Z', &[b"I"])].concat();
        let column = [b"v\0".as_slice(), &[0; 6], &25u32.to_be_bytes(), &[0xff; 6], &[0; 2]].concat();
        let length = u32::try_from(version.len()).unwrap_or_default().to_be_bytes();
        let answer = [
            message(b'T', &[&1u16.to_be_bytes(), &column]),
            message(b'D', &[&1u16.to_be_bytes(), &length, version.as_bytes()]),
            message(b'C', &[b"SHOW\0"]),
            message(b'Z', &[b"I"]),
        ];
        ScriptedPostgres::start(vec![welcome, answer.concat()])
    }

    /// Refuses everyone who asks without TLS, with an error of this SQLSTATE.
    #[must_use]
    pub fn refusing(code: &str, said: &str) -> ScriptedPostgres {
        let field = |kind: char, text: &str| format!("{kind}{text}\0");
        let fields = [field('S', "FATAL"), field('V', "FATAL"), field('C', code), field('M', said)].concat();
        ScriptedPostgres::start(vec![message(b'E', &[fields.as_bytes(), b"\0"])])
    }

    /// Has no TLS for those who ask for it.
    #[must_use]
    pub fn without_tls() -> ScriptedPostgres {
        ScriptedPostgres::start(vec![b"N".to_vec()])
    }

    /// Never answers.
    #[must_use]
    pub fn silent() -> ScriptedPostgres {
        ScriptedPostgres::start(Vec::new())
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// It goes on until the process ends.
    fn start(answers: Vec<Vec<u8>>) -> ScriptedPostgres {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let answers = answers.clone();
                thread::spawn(move || {
                    let mut said = [0; 4096];
                    for answer in answers {
                        if !client.read(&mut said).is_ok_and(|count| count > 0) {
                            return;
                        }
                        let _ = client.write_all(&answer);
                    }
                    // What else is asked stays without an answer.
                    while client.read(&mut said).is_ok_and(|count| count > 0) {}
                });
            }
        });
        ScriptedPostgres { port }
    }
}

fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 4).unwrap_or_default().to_be_bytes();
    [&[kind], &length[..], &body].concat()
}
