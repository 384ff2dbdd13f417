//! Reading one connection, from the handshake to the close.

use std::{
    io::{self, Read, Write},
    mem::take,
    net::TcpStream,
    panic::resume_unwind,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kafka_core::{ChatId, ErrorKind};
use tungstenite::{
    Bytes, Error, Message,
    error::ProtocolError,
    protocol::{Role, WebSocket, WebSocketConfig, frame::coding::CloseCode},
};

use super::{
    outbox::Outbox,
    session::{NO_CHAT, Session, Speaker},
};
use crate::server::Upgraded;

/// The longest frame and message, in bytes.
const MOST_BYTES: usize = 16 << 20;
/// What an idle connection keeps for reading, in bytes.
const BUFFER_BYTES: usize = 4 << 10;
/// How long a client may take to answer the server's close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// For reading a chat.
const STACK_BYTES: usize = 512 << 10;
/// Pings in a row that a living client may leave unanswered.
const PINGS_UNANSWERED: u32 = 2;

/// Serves a connection until it ends. `chat` is none where the path names no chat; `silence` is how
/// long a client may say nothing until it is asked whether it is there.
pub(super) fn serve(mut upgraded: Upgraded, speaker: Speaker, chat: Option<ChatId>, silence: Duration) {
    let stream = Arc::clone(&upgraded.stream);
    let Ok(outbox) = Outbox::new(Arc::clone(&stream), Arc::clone(&upgraded.outgoing)) else { return };
    let wire = Wire { stream: Arc::clone(&stream), outbox: Arc::clone(&outbox) };
    let early = take(&mut upgraded.early);
    let mut socket = WebSocket::from_partially_read(wire, early, Role::Server, Some(config()));
    let session = match chat.map(|chat| join(speaker, chat, &outbox)) {
        Some(Ok(session)) => session,
        None => return turn_away(&mut socket, CloseCode::Normal, NO_CHAT),
        Some(Err(error)) if error.code() == "chat_not_found" => {
            return turn_away(&mut socket, CloseCode::Normal, NO_CHAT);
        }
        Some(Err(_)) => return turn_away(&mut socket, CloseCode::Error, "The chat could not be read."),
    };
    let leaving = Arc::downgrade(&session);
    upgraded.on_drain(move || {
        if let Some(session) = leaving.upgrade() {
            session.leave();
        }
    });
    if stream.set_read_timeout(Some(silence)).is_err() {
        return;
    }
    let end = listen(&mut socket, &session);
    drop(session);
    if let Some((code, reason)) = end {
        outbox.close(code, reason);
        linger(&stream);
    }
}

/// What the protocol takes.
pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MOST_BYTES))
        .max_frame_size(Some(MOST_BYTES))
}

/// Joins the chat on a thread of its own: what reading it leaves on a stack and in the allocator's
/// cache, the thread that waits for the client would keep.
fn join(speaker: Speaker, chat: ChatId, outbox: &Arc<Outbox>) -> Result<Arc<Session>, kafka_core::Error> {
    let outbox = Arc::clone(outbox);
    let thread = thread::Builder::new().name("ws-join".to_owned()).stack_size(STACK_BYTES);
    let joining = thread.spawn(move || Session::join(speaker, chat, &outbox));
    let joined = joining.map_err(|error| {
        let sentence = "The system gives no more threads; try again later.";
        kafka_core::Error::new(ErrorKind::Busy, "thread_unavailable", sentence).with_source(error)
    })?;
    joined.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Hears what the client says until the connection ends. What it gives is to be told to the client.
fn listen(socket: &mut WebSocket<Wire>, session: &Arc<Session>) -> Option<(CloseCode, &'static str)> {
    let mut unanswered = 0;
    loop {
        match socket.read() {
            // Who was told the end is not heard any more, whatever it still says.
            Ok(Message::Text(_) | Message::Binary(_)) if session.outbox.is_closed() => {}
            Ok(Message::Text(text)) => session.hear(&text),
            Ok(Message::Binary(_)) => session.refuse("Binary frames are not understood; send text."),
            // The reply to a close leaves with the next reading, which then says that it is closed.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            Err(Error::Io(error)) if is_silence(&error) => {
                if unanswered == PINGS_UNANSWERED || session.outbox.is_closed() {
                    return None;
                }
                unanswered += 1;
                session.outbox.ping();
                continue;
            }
            Err(error) => return reason(&error),
        }
        unanswered = 0;
    }
}

/// What a client is told of an error. None when nobody is there to be told.
pub(super) fn reason(error: &Error) -> Option<(CloseCode, &'static str)> {
    match error {
        Error::Capacity(_) => Some((CloseCode::Size, "Frames may have 16 MiB.")),
        Error::Utf8(_) => Some((CloseCode::Invalid, "Text frames must be UTF-8.")),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some((CloseCode::Protocol, "Against the rules of RFC 6455.")),
        _ => None,
    }
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Ends a connection that cannot be served, as soon as the client has answered the close.
fn turn_away(socket: &mut WebSocket<Wire>, code: CloseCode, sentence: &'static str) {
    let Wire { stream, outbox } = socket.get_ref();
    let stream = Arc::clone(stream);
    outbox.text(super::frame::error(sentence));
    outbox.close(code, "");
    let until = Instant::now() + CLOSE_PATIENCE;
    while stream.set_read_timeout(Some(until.saturating_duration_since(Instant::now()))).is_ok()
        && socket.read().is_ok()
    {}
}

/// Lets a client that broke the rules read the close before the connection ends: closing while bytes of it are unread
/// here would make the kernel throw away what it has not read yet.
fn linger(mut stream: &TcpStream) {
    let until = Instant::now() + CLOSE_PATIENCE;
    let mut sink = [0; 1 << 10];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let is_open = !left.is_zero()
            && stream.set_read_timeout(Some(left)).is_ok()
            && stream.read(&mut sink).is_ok_and(|count| count > 0);
        if !is_open {
            return;
        }
    }
}

/// The connection as the protocol reads it. What the protocol replies by itself takes its place among
/// what others send.
struct Wire {
    stream: Arc<TcpStream>,
    outbox: Arc<Outbox>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&*self.stream).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Write for Wire {
    /// Takes whole frames only: nothing is buffered before this.
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        self.outbox.send(Bytes::copy_from_slice(frame));
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
