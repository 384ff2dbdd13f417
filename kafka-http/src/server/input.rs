//! Bytes that arrived on a connection and were not used yet.

use std::{
    io::{self, Read},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

/// The buffer that a connection keeps while it is idle, in bytes.
const SMALL_BUFFER: usize = 4 << 10;

/// The reading side of a connection.
#[derive(Debug)]
pub(super) struct Input {
    stream: Arc<TcpStream>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// What the socket's read time-out is now, so that it is set only when it changes.
    timeout: Option<Duration>,
}

impl Input {
    pub(super) fn new(stream: Arc<TcpStream>) -> Input {
        Input { stream, buffer: vec![0; SMALL_BUFFER], start: 0, end: 0, timeout: None }
    }

    /// What arrived and was not consumed.
    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() > SMALL_BUFFER {
                self.buffer = vec![0; SMALL_BUFFER];
            }
        }
    }

    /// Waits at most `wait` for more bytes and appends them to the buffer, which grows as needed:
    /// callers bound what they let pile up. Zero means that the client will send nothing more.
    pub(super) fn fill(&mut self, wait: Duration) -> io::Result<usize> {
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.buffer.resize((2 * self.buffer.len()).max(SMALL_BUFFER), 0);
            }
        }
        self.wait_at_most(wait)?;
        let count = receive(&self.stream, &mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// Moves bytes into `out`: what is buffered first, otherwise straight from the socket.
    pub(super) fn read(&mut self, out: &mut [u8], wait: Duration) -> io::Result<usize> {
        if self.start == self.end {
            self.wait_at_most(wait)?;
            return receive(&self.stream, out);
        }
        let count = out.len().min(self.end - self.start);
        out[..count].copy_from_slice(&self.buffered()[..count]);
        self.consume(count);
        Ok(count)
    }

    /// Gives back the buffer if nothing is in it, for as long as nothing is read.
    pub(super) fn rest(&mut self) {
        if self.buffered().is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// Gives up what is buffered, and the buffer, for whoever takes the connection over.
    pub(super) fn take_buffered(&mut self) -> Vec<u8> {
        let mut taken = std::mem::take(&mut self.buffer);
        taken.truncate(self.end);
        taken.drain(..self.start);
        (self.start, self.end) = (0, 0);
        taken
    }

    fn wait_at_most(&mut self, wait: Duration) -> io::Result<()> {
        if self.timeout != Some(wait) {
            self.stream.set_read_timeout(Some(wait))?;
            self.timeout = Some(wait);
        }
        Ok(())
    }
}

fn receive(mut stream: &TcpStream, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A socket's time-out shows as either, depending on the platform.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            result => return result,
        }
    }
}
