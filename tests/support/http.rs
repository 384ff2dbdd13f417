//! A small HTTP/1.1 client. It sends exactly the bytes it is given and hides nothing of the answer,
//! so that tests can break the rules and see what the server makes of it.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use super::sse::Events;

/// A server that is silent for this long has failed the test.
const SILENCE: Duration = Duration::from_secs(30);

/// Sends one request on a connection of its own and reads the whole answer.
pub(crate) fn call(server: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Reply {
    let mut connection = Connection::open(server);
    connection.request(method, path, &[("Connection", "close")], body);
    if method == "HEAD" { connection.head() } else { connection.reply() }
}

/// One connection to a server; requests may follow each other on it.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    server: SocketAddr,
}

impl Connection {
    pub(crate) fn open(server: SocketAddr) -> Connection {
        let stream = TcpStream::connect_timeout(&server, SILENCE).expect("the server accepts connections");
        Connection::of(stream, server)
    }

    /// One that was opened in a way of its own.
    pub(crate) fn of(stream: TcpStream, server: SocketAddr) -> Connection {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        stream.set_write_timeout(Some(SILENCE)).unwrap();
        Connection { stream: BufReader::new(stream), server }
    }

    /// Sends these bytes and nothing else.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server reads what is sent");
    }

    /// Sends nothing more, but still reads.
    pub(crate) fn finish_sending(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Sends a well-formed request; a body is JSON.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.server);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = body.map(Value::to_string);
        if let Some(body) = &body {
            request
                .push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body.as_deref().unwrap_or_default());
        self.send(request.as_bytes());
    }

    /// Reads a status line and headers, and leaves the body where it is.
    pub(crate) fn head(&mut self) -> Reply {
        Reply::read_head(&mut self.stream).expect("the server answers")
    }

    /// Reads an answer with its body.
    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        let body = Body { framing: Framing::of(&reply), stream: &mut self.stream };
        reply.body = io::BufReader::new(body).bytes().collect::<Result<_, _>>().expect("the body is whole");
        reply
    }

    /// Reads an answer whose body is a stream of server-sent events, up to where the events begin.
    pub(crate) fn events(self) -> (Reply, Events<Body<BufReader<TcpStream>>>) {
        self.try_events().expect("the server answers")
    }

    /// The same, from a server that may be gone.
    pub(crate) fn try_events(mut self) -> io::Result<(Reply, Events<Body<BufReader<TcpStream>>>)> {
        let head = Reply::read_head(&mut self.stream)?;
        let body = Body { framing: Framing::of(&head), stream: self.stream };
        Ok((head, Events::new(body)))
    }

    /// Reads an answer up to where its body begins, which can be read as it comes.
    pub(crate) fn body(mut self) -> (Reply, impl Read) {
        let head = self.head();
        let body = Body { framing: Framing::of(&head), stream: self.stream };
        (head, body)
    }

    /// Waits until the server has ended the connection, and says whether it sent anything before.
    pub(crate) fn ends_silently(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok([]))
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case, in the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The value of a header that stands at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} stands more than once in {:?}", self.headers);
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {:?}", String::from_utf8_lossy(&self.body)))
    }

    fn read_head(stream: &mut impl BufRead) -> io::Result<Reply> {
        let status_line = read_line(stream)?;
        let status = match status_line.split(' ').collect::<Vec<_>>()[..] {
            ["HTTP/1.1", code, ..] if code.len() == 3 => code.parse().ok(),
            _ => None,
        };
        let status = status.ok_or_else(|| invalid(&format!("not a status line: {status_line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(stream)?;
            if line.is_empty() {
                return Ok(Reply { status, headers, body: Vec::new() });
            }
            let (name, value) =
                line.split_once(": ").ok_or_else(|| invalid(&format!("not a header: {line:?}")))?;
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
}

/// How the end of a body is told.
enum Framing {
    Length(u64),
    /// Bytes left of the chunk that is being read.
    Chunks(u64),
    UntilClose,
}

impl Framing {
    fn of(head: &Reply) -> Framing {
        match (head.header("transfer-encoding"), head.header("content-length")) {
            (Some("chunked"), None) => Framing::Chunks(0),
            (None, Some(length)) => Framing::Length(length.parse().expect("a length")),
            (None, None) if head.status < 200 || head.status == 204 || head.status == 304 => {
                Framing::Length(0)
            }
            (None, None) => Framing::UntilClose,
            other => panic!("contradictory framing: {other:?}"),
        }
    }
}

/// The bytes of a body as they arrive; ends where the body does, and fails where it is cut off.
pub(crate) struct Body<R> {
    framing: Framing,
    stream: R,
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Framing::Chunks(0) = self.framing {
            let line = read_line(&mut self.stream)?;
            let size = u64::from_str_radix(&line, 16)
                .map_err(|_| invalid(&format!("not a chunk size: {line:?}")))?;
            if size == 0 {
                let end = read_line(&mut self.stream)?;
                self.framing = Framing::Length(0);
                return if end.is_empty() { Ok(0) } else { Err(invalid("trailers are not expected")) };
            }
            self.framing = Framing::Chunks(size);
        }
        let (Framing::Length(left) | Framing::Chunks(left)) = &mut self.framing else {
            return self.stream.read(buffer);
        };
        if *left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let wanted = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        let count = self.stream.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        *left -= count as u64;
        if matches!(self.framing, Framing::Chunks(0)) && !read_line(&mut self.stream)?.is_empty() {
            return Err(invalid("a chunk is longer than it said"));
        }
        Ok(count)
    }
}

/// A line without its CR LF, which has to be there.
fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    line.strip_suffix("\r\n")
        .map(str::to_owned)
        .ok_or_else(|| invalid(&format!("not a whole line: {line:?}")))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

mod tests {
    use std::{net::TcpListener, thread};

    use serde_json::json;

    use super::*;

    /// Answers one connection with `pieces`, each a write of its own, and returns what it was sent.
    fn server(pieces: &'static [&'static str]) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answering = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).unwrap();
            }
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        (address, answering)
    }

    #[test]
    fn a_request_is_sent_as_it_is_described() {
        let (address, answering) = server(&["HTTP/1.1 204 No Content\r\n\r\n"]);
        let mut connection = Connection::open(address);
        connection.request("POST", "/chats", &[("X-Trace", "7")], Some(&json!({"title": "Brod"})));
        assert_eq!(connection.reply().status, 204);
        assert_eq!(
            answering.join().unwrap(),
            format!(
                "POST /chats HTTP/1.1\r\nHost: {address}\r\nX-Trace: 7\r\nContent-Type: application/json\r\n\
                 Content-Length: 16\r\n\r\n{{\"title\":\"Brod\"}}"
            )
        );
    }

    #[test]
    fn every_framing_of_a_body_is_read_to_its_end() {
        for (answer, body) in [
            (&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"][..], "hello"),
            (&["HTTP/1.1 200 OK\r\nContent-", "Length: 5\r\n\r\nhe", "llo"], "hello"),
            (
                &[
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "2\r\nhe\r\n",
                    "3\r\nl",
                    "lo\r\n0\r\n\r\n",
                ],
                "hello",
            ),
            (&["HTTP/1.1 200 OK\r\n\r\nhel", "lo"], "hello"),
            (&["HTTP/1.1 304 Not Modified\r\n\r\n"], ""),
        ] {
            let (address, _answering) = server(answer);
            let reply = call(address, "GET", "/", None);
            assert_eq!(String::from_utf8_lossy(&reply.body), body, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_that_breaks_the_rules_or_is_cut_off_is_not_taken() {
        for answer in [
            &[""][..],
            &["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"],
            &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
            &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n"],
            &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello"],
            &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"],
            &["HTTP/1.0 200 OK\r\n\r\n"],
            &["HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
        ] {
            let (address, _answering) = server(answer);
            let outcome = std::panic::catch_unwind(|| call(address, "GET", "/", None));
            assert!(outcome.is_err(), "{answer:?} was taken as {outcome:?}");
        }
    }

    #[test]
    fn answers_on_one_connection_are_told_apart() {
        let (address, answering) = server(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\n\"not\"\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        ]);
        let mut connection = Connection::open(address);
        connection.send(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(connection.reply().body, b"hi");
        let second = connection.reply();
        assert_eq!((second.status, second.json()), (404, json!("not")));
        let third = connection.head();
        assert_eq!((third.header("content-length"), third.body.len()), (Some("9"), 0));
        assert!(connection.ends_silently());
        answering.join().unwrap();
    }

    #[test]
    fn events_are_read_from_a_chunked_body_while_it_arrives() {
        let (address, _answering) = server(&[
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            "8\r\nid: 1\nda\r\n",
            "8\r\nta: a\n\ni\r\n",
            "e\r\nd: 2\ndata: b\n\n\r\n",
            "0\r\n\r\n",
        ]);
        let mut connection = Connection::open(address);
        connection.request("GET", "/events", &[], None);
        let (head, events) = connection.events();
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        let data: Vec<String> = events.map(|event| event.unwrap().data).collect();
        assert_eq!(data, ["a", "b"]);
    }

    #[test]
    fn a_stream_of_events_that_is_cut_off_ends_with_an_error() {
        let (address, _answering) =
            server(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n"]);
        let mut connection = Connection::open(address);
        connection.request("GET", "/events", &[], None);
        let (_, mut events) = connection.events();
        assert_eq!(events.next().unwrap().unwrap().data, "a");
        assert!(events.next().unwrap().is_err());
        assert!(events.next().is_none());
    }
}
