//! A small WebSocket client. It sends exactly the frames it is given, so that tests can break the
//! rules, and hides nothing of what the server says.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

/// A server that is silent for this long has failed the test.
const SILENCE: Duration = Duration::from_secs(20);

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// The last frame of a message.
pub(crate) const FIN: u8 = 0x80;

/// An open socket.
pub(crate) struct Socket {
    stream: TcpStream,
}

/// What the server said.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Text(String),
    Ping,
    Pong(Vec<u8>),
    Close(u16),
    /// The connection ended.
    End,
}

impl Socket {
    /// Opens a chat and reads the initial payload.
    pub(crate) fn open(server: SocketAddr, chat: &str) -> (Socket, Value) {
        let mut socket =
            Socket::connect(server, &format!("/ws/{chat}"), &[]).expect("the handshake succeeds");
        let opening = socket.json();
        assert_eq!(opening["initial"], true, "{opening}");
        (socket, opening)
    }

    /// Shakes hands; the head of the answer where the server refuses.
    pub(crate) fn connect(
        server: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Socket, String> {
        let (socket, head) = Socket::shake_hands(server, path, headers);
        if head.starts_with("HTTP/1.1 101 ") { Ok(socket) } else { Err(head) }
    }

    /// As behind a slow line: little is on its way at a time. Waits until the server has begun to say
    /// something, which is not read.
    pub(crate) fn connect_slowly(server: SocketAddr, path: &str) -> Socket {
        use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
        let line = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&line, 64 << 10).unwrap();
        connect(&line, &server).expect("the server accepts connections");
        let (socket, head) = Socket::shake_hands_over(line.into(), path, &[]);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        socket.stream.peek(&mut [0]).expect("the server says something");
        socket
    }

    /// The connection, and the head of the answer.
    pub(crate) fn shake_hands(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (Socket, String) {
        let stream = TcpStream::connect(server).expect("the server accepts connections");
        Socket::shake_hands_over(stream, path, headers)
    }

    fn shake_hands_over(mut stream: TcpStream, path: &str, headers: &[(&str, &str)]) -> (Socket, String) {
        let usual = [
            ("Host", "localhost"),
            ("Upgrade", "websocket"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let given = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut request = format!("GET {path} HTTP/1.1\r\n");
        for (name, value) in usual.iter().filter(|(name, _)| !given(name)).chain(headers) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        stream.set_write_timeout(Some(SILENCE)).unwrap();
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the server answers");
            head.push(byte[0]);
        }
        (Socket { stream }, String::from_utf8(head).unwrap())
    }

    /// Sends a frame of these first bits and this payload, masked.
    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) {
        self.raw(&encoded(first, payload)).expect("the server reads what is sent");
    }

    /// Sends bytes as they are. Fails when the server closed the connection.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.frame(FIN | TEXT, text.as_bytes());
    }

    pub(crate) fn say(&mut self, action: &Value) {
        self.text(&action.to_string());
    }

    /// Asks for an answer as it comes.
    pub(crate) fn stream(&mut self, prompt: &str) {
        self.say(&json!({"action": "new_message", "prompt": prompt, "stream": true}));
    }

    /// The next thing that the server says.
    pub(crate) fn hear(&mut self) -> Said {
        let mut head = [0; 2];
        if self.stream.read_exact(&mut head).is_err() {
            return Said::End;
        }
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length).unwrap();
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.stream.read_exact(&mut length).unwrap();
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if self.stream.read_exact(&mut payload).is_err() {
            return Said::End;
        }
        assert_eq!(head[0] & 0xF0, FIN, "the server sends whole messages");
        match head[0] & 0xF {
            TEXT => Said::Text(String::from_utf8(payload).unwrap()),
            PING => Said::Ping,
            PONG => Said::Pong(payload),
            CLOSE => {
                Said::Close(payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])))
            }
            other => panic!("a frame of kind {other}"),
        }
    }

    /// The next text.
    pub(crate) fn next_text(&mut self) -> String {
        match self.hear() {
            Said::Text(text) => text,
            other => panic!("{other:?} instead of a text"),
        }
    }

    /// The next text, which is JSON.
    pub(crate) fn json(&mut self) -> Value {
        let text = self.next_text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
    }

    /// Reads until the close and the end, and gives the close's code.
    pub(crate) fn closed(&mut self) -> u16 {
        loop {
            match self.hear() {
                Said::Close(code) => {
                    // The server may have left already.
                    let _ = self.raw(&encoded(FIN | CLOSE, &code.to_be_bytes()));
                    return code;
                }
                Said::End => panic!("it ended without a close"),
                _ => {}
            }
        }
    }
}

/// A masked frame.
pub(crate) fn encoded(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ ..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
