//! Bodies written piece by piece, and connections that are handed over.

use std::{
    io::{self, IoSlice, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvFlags, recv},
};

use super::{connections::DrainSignal, outgoing::Outgoing};

/// How much of a body that is read while it is sent is in memory.
const COPIED_BYTES: usize = 64 << 10;

/// Writes the pieces of a streamed body. Each piece leaves at once, in one write.
#[derive(Debug)]
pub struct BodyWriter<'c> {
    stream: &'c Arc<TcpStream>,
    outgoing: &'c Arc<Outgoing>,
    is_chunked: bool,
    /// How long the client may take nothing.
    patience: Duration,
    sent: u64,
}

impl<'c> BodyWriter<'c> {
    pub(super) fn new(
        stream: &'c Arc<TcpStream>,
        outgoing: &'c Arc<Outgoing>,
        is_chunked: bool,
        patience: Duration,
    ) -> BodyWriter<'c> {
        BodyWriter { stream, outgoing, is_chunked, patience, sent: 0 }
    }

    /// Sends one piece, for example one event. An empty piece sends nothing.
    ///
    /// # Errors
    /// The client is gone, or took nothing for the time of
    /// [`ServerLimits::write_timeout_ms`](super::ServerLimits::write_timeout_ms). The stream should end.
    pub fn send(&mut self, piece: &[u8]) -> io::Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        let is_long = piece.len() > COPIED_BYTES;
        let _passage = is_long.then(|| self.outgoing.enter(self.stream, piece.len()));
        if self.is_chunked {
            let size = format!("{:x}\r\n", piece.len());
            self.write_all([size.as_bytes(), piece, b"\r\n"])?;
        } else {
            self.write_all([piece])?;
        }
        self.sent += piece.len() as u64;
        Ok(())
    }

    /// Waits until the client's connection takes more. Who makes pieces only then holds none for a
    /// client that does not read.
    ///
    /// # Errors
    /// As for [`send`](BodyWriter::send).
    pub fn wait_for_room(&self) -> io::Result<()> {
        let until = Instant::now() + self.patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
            // A connection that broke is ready, too; writing then says so.
            match poll(&mut [PollFd::new(self.stream, PollFlags::OUT)], Some(&timeout)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the client closed its side, which a stream that is silent would not notice otherwise.
    /// Costs one system call and never waits. Bytes that the client sent ahead of its answer hide
    /// the hang-up until a piece is sent.
    #[must_use]
    pub fn client_is_gone(&self) -> bool {
        match recv(self.stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((_, count)) => count == 0,
            Err(error) => error != Errno::AGAIN && error != Errno::INTR,
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.is_chunked { self.write_all([b"0\r\n\r\n"]) } else { Ok(()) }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Writes all parts, in one system call unless the socket is full.
    fn write_all<const N: usize>(&mut self, parts: [&[u8]; N]) -> io::Result<()> {
        let mut slices = parts.map(IoSlice::new);
        let mut left = &mut slices[..];
        while !left.is_empty() {
            match (&**self.stream).write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut left, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Sends exactly so many bytes of `source`.
pub(super) fn copy(mut source: impl Read, bytes: u64, body: &mut BodyWriter<'_>) -> io::Result<()> {
    let mut left = bytes;
    let mut piece = vec![0; COPIED_BYTES];
    while left > 0 {
        let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match source.read(&mut piece[..most]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                body.send(&piece[..count])?;
                left -= count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A connection that left HTTP. It closes when the function it was given to returns.
#[derive(Debug)]
pub struct Upgraded {
    /// The connection. Reads wait without end; writes fail after
    /// [`ServerLimits::write_timeout_ms`](super::ServerLimits::write_timeout_ms). `&TcpStream` reads
    /// and writes, so two threads can share it.
    pub stream: Arc<TcpStream>,
    /// What the client sent right behind its request, to be read before anything else.
    pub early: Vec<u8>,
    /// Shared with all who hold something for clients that read slowly.
    pub(crate) outgoing: Arc<Outgoing>,
    pub(super) drain: DrainSignal,
}

impl Upgraded {
    /// Has `leave` called once when the server begins to end, at once if it has begun. It runs on the
    /// thread that ends the server and must not wait. A connection that is still there when the time of
    /// [`ServerLimits::drain_ms`](super::ServerLimits::drain_ms) is over is cut.
    pub fn on_drain(&self, leave: impl FnOnce() + Send + 'static) {
        self.drain.call(Box::new(leave));
    }
}
