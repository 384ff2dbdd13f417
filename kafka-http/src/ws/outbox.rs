//! What waits to be sent over a socket.
//!
//! A frame leaves at once as far as the socket takes it, on the thread that sends it and without ever
//! waiting. What the socket does not take is left to a thread that lives until the rest is written.
//! So nobody but that thread is held up by a slow reader, and an idle socket costs one thread.

use std::{
    collections::VecDeque,
    io::{self, Write as _},
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{SendFlags, send},
};
use tungstenite::{
    Bytes,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

use crate::server::{Outgoing, Passage};

/// No more is queued while this many bytes wait behind the frame that is being sent. That one does not count:
/// how a long chat stands is one frame, and whoever reads it slowly is no slower a reader than others. Each of
/// them may be longer.
const MOST_WAITING_BYTES: usize = 1 << 20;
/// What a frame costs besides its bytes.
const FRAME_BYTES: usize = 64;
/// How long a reader may take nothing before its connection is cut.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const STACK_BYTES: usize = 128 << 10;

/// The writing side of a socket.
#[derive(Debug)]
pub(super) struct Outbox {
    stream: Arc<TcpStream>,
    outgoing: Arc<Outgoing>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    /// How much of the first frame is sent.
    sent: usize,
    /// How long the first frame is, also while a thread has it.
    first: usize,
    /// What the frames behind it cost.
    waiting: usize,
    /// Whether a thread writes the rest.
    is_left_to_thread: bool,
    /// Nothing more is taken: the last frame closes, or the socket is broken.
    is_closed: bool,
}

impl Outbox {
    pub(super) fn new(stream: Arc<TcpStream>, outgoing: Arc<Outgoing>) -> io::Result<Arc<Outbox>> {
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        Ok(Arc::new(Outbox { stream, outgoing, queue: Mutex::default() }))
    }

    /// Sends a text. A reader that is too slow for it is sent away.
    pub(super) fn text(self: &Arc<Outbox>, text: String) {
        self.send(text_frame(text));
    }

    /// Asks whether the other end is still there.
    pub(super) fn ping(self: &Arc<Outbox>) {
        self.send(encoded(Frame::ping(&b""[..])));
    }

    /// Sends the last frame.
    pub(super) fn close(self: &Arc<Outbox>, code: CloseCode, reason: &'static str) {
        let mut queue = self.queue();
        if !queue.is_closed {
            queue.close(code, reason);
            self.write(queue);
        }
    }

    /// Sends a frame that is encoded already. Its bytes may be shared with other outboxes.
    pub(super) fn send(self: &Arc<Outbox>, frame: Bytes) {
        let mut queue = self.queue();
        if queue.is_closed {
            return;
        }
        if queue.waiting >= MOST_WAITING_BYTES {
            // What waits would only keep the close from the reader; the first frame was begun.
            queue.frames.truncate(1);
            queue.waiting = 0;
            queue.close(CloseCode::Again, "The reader is too slow.");
        } else {
            queue.push(frame);
        }
        self.write(queue);
    }

    /// Whether nothing can be sent any more.
    pub(super) fn is_closed(&self) -> bool {
        self.queue().is_closed
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what the socket takes now.
    fn write(self: &Arc<Outbox>, mut queue: MutexGuard<'_, Queue>) {
        while !queue.is_left_to_thread
            && let Some(frame) = queue.frames.front()
        {
            match send(&*self.stream, &frame[queue.sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => queue.advance(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.leave_to_thread(&mut queue),
                Err(_) => self.give_up(&mut queue),
            }
        }
    }

    fn leave_to_thread(self: &Arc<Outbox>, queue: &mut Queue) {
        let (outbox, passage) =
            (Arc::clone(self), self.outgoing.enter(&self.stream, queue.first + queue.waiting));
        let thread = thread::Builder::new().name("ws-write".to_owned()).stack_size(STACK_BYTES);
        queue.is_left_to_thread = true;
        if thread.spawn(move || outbox.write_rest(passage)).is_err() {
            self.give_up(queue);
        }
    }

    /// Lives as long as there is something that the socket did not take, and its place among all of that.
    fn write_rest(&self, _passage: Passage) {
        loop {
            let mut queue = self.queue();
            let sent = queue.sent;
            // The frame's place stays taken, so that nobody else begins another.
            let Some(frame) = queue.frames.front_mut().map(std::mem::take) else {
                queue.is_left_to_thread = false;
                return;
            };
            drop(queue);
            let written = (&*self.stream).write_all(&frame[sent..]);
            let mut queue = self.queue();
            if written.is_err() {
                self.give_up(&mut queue);
            } else if !queue.frames.is_empty() {
                queue.remove_first();
            }
        }
    }

    /// The reader is gone, or reads nothing.
    fn give_up(&self, queue: &mut Queue) {
        queue.is_closed = true;
        queue.frames.clear();
        queue.waiting = 0;
        // Wakes the thread that reads; it fails only when that has left already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Queue {
    fn push(&mut self, frame: Bytes) {
        match self.frames.is_empty() {
            true => self.first = frame.len(),
            false => self.waiting += frame.len() + FRAME_BYTES,
        }
        self.frames.push_back(frame);
    }

    fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.push(encoded(Frame::close(Some(CloseFrame { code, reason: reason.into() }))));
        self.is_closed = true;
    }

    fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.first {
            self.remove_first();
        }
    }

    fn remove_first(&mut self) {
        self.frames.pop_front();
        self.sent = 0;
        match self.frames.front() {
            Some(next) => {
                self.first = next.len();
                self.waiting = self.waiting.saturating_sub(self.first + FRAME_BYTES);
            }
            // An idle socket keeps no room for what it once had to say.
            None => self.frames = VecDeque::new(),
        }
    }
}

/// The frame of a text, as any outbox may send it.
pub(super) fn text_frame(text: String) -> Bytes {
    encoded(Frame::message(text, OpCode::Data(Data::Text), true))
}

fn encoded(frame: Frame) -> Bytes {
    let mut bytes = Vec::with_capacity(frame.len());
    // Memory takes everything.
    let _ = frame.format(&mut bytes);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, net::TcpListener};

    use super::*;

    #[test]
    fn who_reads_slowest_makes_room_for_the_frames_of_others() {
        const MORE_THAN_SOCKETS_TAKE: usize = 32 << 20;
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let outgoing = Arc::new(Outgoing::new(MORE_THAN_SOCKETS_TAKE));
        let [slow, reader] = [(); 2].map(|()| {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let server = Arc::new(listener.accept().unwrap().0);
            (client, Outbox::new(server, Arc::clone(&outgoing)).unwrap())
        });
        for (_, outbox) in [&slow, &reader] {
            outbox.text("x".repeat(MORE_THAN_SOCKETS_TAKE));
        }
        // A frame of that length has a head of ten bytes.
        let mut frame = vec![0; 10 + MORE_THAN_SOCKETS_TAKE];
        (&reader.0).read_exact(&mut frame).unwrap();
        assert!(frame.ends_with(b"x"));
        // Its place went to the reader.
        (&slow.0).read_exact(&mut frame).unwrap_err();
    }
}
