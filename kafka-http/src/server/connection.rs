//! One connection from its first byte to its last: request after request, in order.

use std::{
    any::Any,
    io::{self, ErrorKind, Read},
    net::{self, SocketAddr, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use tiny_http::Method;

use super::{
    Answered, Body, BodyWriter, Handler, Notice, Reply, Request, ServerLimits, Turns, Upgraded,
    body::Leftover,
    connections::Admission,
    deadline::Deadline,
    head::{HTTP_1_1, Head, HeadScan},
    input::Input,
    outgoing::Outgoing,
    reply::{Door, Exchange, Then},
    request_id::RequestIds,
};
use crate::error::Problem;

/// What all connections of a server share.
pub(super) struct Service {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) limits: ServerLimits,
    request_ids: RequestIds,
    outgoing: Arc<Outgoing>,
    turns: Turns,
}

/// What becomes of a connection after a request.
#[derive(PartialEq, Eq)]
enum Next {
    Request,
    /// The client is gone, or the connection belongs to someone else.
    Drop,
    /// The server ends it, and the client should still read the last answer.
    Close,
}

/// How an answer ended.
struct Delivery {
    body_bytes: u64,
    is_complete: bool,
}

impl Service {
    pub(super) fn new(handler: Arc<dyn Handler>, limits: ServerLimits) -> Service {
        let outgoing = Arc::new(Outgoing::new(limits.outgoing_bytes));
        Service { handler, limits, request_ids: RequestIds::new(), outgoing, turns: Turns::default() }
    }

    /// Serves a connection until it ends.
    pub(super) fn serve(&self, admission: &Admission) {
        let stream = admission.stream();
        if prepare(stream, &self.limits).is_ok() {
            self.converse(admission);
        }
    }

    /// Answers one request after the other on a connection that is prepared.
    pub(super) fn converse(&self, admission: &Admission) {
        let stream = admission.stream();
        let mut input = Input::new(Arc::clone(stream));
        let mut door = Door::new(Arc::clone(stream), &self.outgoing);
        let mut head = Vec::new();
        loop {
            let next = match self.read_head(&mut input, admission, &mut head) {
                Ok(true) => self.answer(&head, &mut input, &mut door, admission),
                Ok(false) => Next::Drop,
                Err(problem) => {
                    self.refuse(&problem, &mut door, admission.peer);
                    Next::Close
                }
            };
            match next {
                Next::Request => {}
                Next::Drop => return,
                Next::Close => return linger(stream, &self.limits),
            }
        }
    }

    /// Tells a client that there is no place for it.
    pub(super) fn turn_away(&self, stream: &Arc<TcpStream>, peer: SocketAddr) {
        if prepare(stream, &self.limits).is_err() {
            return;
        }
        let problem = Problem::new(
            503,
            "too_many_connections",
            "The server has as many connections as it accepts; close some or try again later.",
        );
        self.refuse(&problem, &mut Door::new(Arc::clone(stream), &self.outgoing), peer);
        linger(stream, &self.limits);
    }

    /// Waits for a whole head and moves it from `input` to `head`. False means that the client, or
    /// the server's end, closed the connection between requests.
    fn read_head(
        &self,
        input: &mut Input,
        admission: &Admission,
        head: &mut Vec<u8>,
    ) -> Result<bool, Problem> {
        let mut scan = HeadScan::default();
        let mut deadline = None;
        loop {
            if let Some(length) = scan.advance(input.buffered(), self.limits.head_bytes)? {
                head.clear();
                head.extend_from_slice(&input.buffered()[..length]);
                input.consume(length);
                return Ok(true);
            }
            if input.buffered().is_empty() {
                let wait = Duration::from_millis(self.limits.idle_timeout_ms);
                match admission.while_idle(|| input.fill(wait)) {
                    Some(Ok(1..)) => {}
                    Some(Ok(0) | Err(_)) | None => return Ok(false),
                }
            } else {
                let deadline =
                    *deadline.get_or_insert_with(|| Deadline::after_ms(self.limits.head_timeout_ms));
                match deadline.remaining().and_then(|wait| input.fill(wait)) {
                    Ok(1..) => {}
                    Ok(0) => return Err(Problem::new(400, "bad_request_head", "The head is not complete.")),
                    Err(error) if error.kind() == ErrorKind::TimedOut => {
                        return Err(Problem::new(408, "head_timeout", "The head did not arrive in time."));
                    }
                    Err(_) => return Ok(false),
                }
            }
        }
    }

    /// Answers the request of a complete head.
    fn answer(&self, head: &[u8], input: &mut Input, door: &mut Door<'_>, admission: &Admission) -> Next {
        let head = match Head::parse(head) {
            Ok(head) => head,
            Err(problem) => {
                self.refuse(&problem, door, admission.peer);
                return Next::Close;
            }
        };
        let started = Instant::now();
        let stream = Arc::clone(admission.stream());
        let body = Body::new(input, &stream, head.framing, head.expects_continue, &self.limits, &self.turns);
        let id = self.request_ids.choose(head.field("x-request-id"));
        let client = admission.peer.ip();
        let mut request = Request { head, peer: admission.peer, client, id, body, limits: &self.limits };

        let reply = self.sendable_reply(&mut request);
        let status = reply.status();
        let leftover = request.body.leftover();
        let keep_alive = request.head.keep_alive
            && leftover != Leftover::Endless
            && !reply.ends_by_closing(&request.head.version)
            && !admission.is_draining();
        let delivery = self.deliver(reply, door, &mut request, keep_alive, admission);
        self.handler.notice(&Notice::Answered(Answered {
            client: request.client,
            request_id: &request.id,
            method: &request.head.method,
            target: request.head.target,
            status,
            body_bytes: delivery.body_bytes,
            elapsed: started.elapsed(),
            complete: delivery.is_complete,
        }));
        if !delivery.is_complete || status == 101 {
            return Next::Drop;
        }
        if !keep_alive || (leftover == Leftover::Skippable && request.body.skip().is_err()) {
            return Next::Close;
        }
        Next::Request
    }

    /// The handler's reply, or a problem in its place if there is none that can be sent.
    fn sendable_reply(&self, request: &mut Request<'_>) -> Reply {
        let handled = catch_unwind(AssertUnwindSafe(|| self.handler.handle(request)));
        let reply = match handled {
            Ok(reply) => reply,
            Err(panic) => {
                self.report_panic(&request.id, panic.as_ref());
                return Problem::internal().reply(&request.id);
            }
        };
        if let Some(reason) = reply.defect() {
            self.handler.notice(&Notice::Unsendable { request_id: &request.id, reason });
            return Problem::internal().reply(&request.id);
        }
        if reply.status() == 101
            && (request.head.version != HTTP_1_1 || request.body.leftover() != Leftover::Nothing)
        {
            let detail = "A connection is taken over only by an HTTP/1.1 request without a body.";
            return Problem::new(400, "bad_upgrade", detail).reply(&request.id);
        }
        reply
    }

    /// Sends the reply, and runs what it brings along.
    fn deliver(
        &self,
        reply: Reply,
        door: &mut Door<'_>,
        request: &mut Request<'_>,
        keep_alive: bool,
        admission: &Admission,
    ) -> Delivery {
        let exchange = Exchange {
            request_id: &request.id,
            version: &request.head.version,
            is_head: request.head.method == Method::Head,
            keep_alive,
        };
        let stream = Arc::clone(&door.stream);
        match door.send(reply, &exchange) {
            Ok(Then::Done(body_bytes)) => Delivery { body_bytes, is_complete: true },
            Ok(Then::Stream { write, is_chunked }) => {
                let patience = Duration::from_millis(self.limits.write_timeout_ms);
                request.body.rest();
                let mut writer = BodyWriter::new(&stream, door.outgoing, is_chunked, patience);
                let end =
                    catch_unwind(AssertUnwindSafe(|| write(&mut writer).and_then(|()| writer.finish())));
                let end = end.map_err(|panic| self.report_panic(&request.id, panic.as_ref()));
                Delivery { body_bytes: writer.sent(), is_complete: matches!(end, Ok(Ok(()))) }
            }
            Ok(Then::TakeOver(take_over)) => {
                let early = request.body.take_early();
                let end = catch_unwind(AssertUnwindSafe(|| {
                    stream.set_read_timeout(None)?;
                    take_over(Upgraded {
                        stream: Arc::clone(&stream),
                        early,
                        outgoing: Arc::clone(&self.outgoing),
                        drain: admission.drain_signal(),
                    });
                    stream.shutdown(net::Shutdown::Both)
                }));
                let end = end.map_err(|panic| self.report_panic(&request.id, panic.as_ref()));
                Delivery { body_bytes: 0, is_complete: end.is_ok() }
            }
            Err(_) => Delivery { body_bytes: 0, is_complete: false },
        }
    }

    /// Answers a request that the handler never sees. The connection cannot be kept.
    fn refuse(&self, problem: &Problem, door: &mut Door<'_>, peer: SocketAddr) {
        let request_id = self.request_ids.fresh();
        let exchange =
            Exchange { request_id: &request_id, version: &HTTP_1_1, is_head: false, keep_alive: false };
        // A client that is gone needs no answer.
        let _ = door.send(problem.reply(&request_id), &exchange);
        self.handler.notice(&Notice::Refused {
            peer,
            request_id: &request_id,
            status: problem.status,
            code: &problem.code,
        });
    }

    fn report_panic(&self, request_id: &str, panic: &(dyn Any + Send)) {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without text");
        self.handler.notice(&Notice::Panicked { request_id, message });
    }
}

fn prepare(stream: &TcpStream, limits: &ServerLimits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(Duration::from_millis(limits.write_timeout_ms)))
}

/// Waits until the client read the last answer: closing while bytes of it are unread here would make
/// the kernel reset the connection and throw the answer away.
fn linger(mut stream: &TcpStream, limits: &ServerLimits) {
    let deadline = Deadline::after_ms(limits.linger_ms);
    let mut sink = [0; 4 << 10];
    let mut still_open = stream.shutdown(net::Shutdown::Write).is_ok();
    while still_open {
        still_open = deadline
            .remaining()
            .and_then(|wait| stream.set_read_timeout(Some(wait)))
            .and_then(|()| stream.read(&mut sink))
            .is_ok_and(|count| count > 0);
    }
}
