//! For the fuzz targets: a socket's bytes, read as a socket reads them.

use std::io::{self, Read, Write};

use tungstenite::{
    Message,
    protocol::{Role, WebSocket},
};

use super::{frame, socket};

/// What a client sends after the handshake. However the network cuts it, it says the same.
pub fn frames(bytes: &[u8]) {
    assert_eq!(said(bytes, 1), said(bytes, bytes.len().max(1)));
}

/// What arrives in pieces of this size says, and how it ends.
fn said(bytes: &[u8], piece: usize) -> Vec<String> {
    let mut socket =
        WebSocket::from_raw_socket(Pieces { bytes, piece }, Role::Server, Some(socket::config()));
    let mut said = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => said.push(format!("{:?}", frame::understand(&text))),
            Ok(other) => said.push(format!("{other:?}")),
            Err(error) => {
                said.push(format!("{:?}", socket::reason(&error)));
                return said;
            }
        }
    }
}

/// A connection that nobody writes to any more.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.piece);
        self.bytes.read(&mut buffer[..most])
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
