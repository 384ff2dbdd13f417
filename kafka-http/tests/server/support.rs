//! A running server, and a client that says exactly what it is told to.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown as Side, SocketAddr, TcpStream},
    process::Command,
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use kafka_http::server::{Handler, Notice, Reply, Request, Server, ServerLimits, Shutdown};

/// Longer than anything here takes, so that a hang fails instead of waiting for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the server told about its work, one debug text a notice.
#[derive(Default)]
pub(crate) struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Log {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until a line holds `text`.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let lines = self.lines.lock().unwrap();
        let is_missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(text));
        let (lines, _) = self.grown.wait_timeout_while(lines, PATIENCE, is_missing).unwrap();
        let found = lines.iter().find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no notice of {text:?} in {lines:#?}")).clone()
    }
}

struct Logged<F> {
    answer: F,
    log: Arc<Log>,
}

impl<F: Fn(&mut Request<'_>) -> Reply + Send + Sync> Handler for Logged<F> {
    fn handle(&self, request: &mut Request<'_>) -> Reply {
        (self.answer)(request)
    }

    fn notice(&self, notice: &Notice<'_>) {
        self.log.lines.lock().unwrap().push(format!("{notice:?}"));
        self.log.grown.notify_all();
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) limits: ServerLimits,
    pub(crate) log: Arc<Log>,
    thread: Option<JoinHandle<usize>>,
}

impl Running {
    pub(crate) fn start(
        limits: ServerLimits,
        answer: impl Fn(&mut Request<'_>) -> Reply + Send + Sync + 'static,
    ) -> Running {
        Running::start_after(|_| (), limits, answer)
    }

    /// Listens, and serves only when `before`, which gets the address, has returned.
    pub(crate) fn start_after(
        before: impl FnOnce(SocketAddr),
        limits: ServerLimits,
        answer: impl Fn(&mut Request<'_>) -> Reply + Send + Sync + 'static,
    ) -> Running {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).unwrap();
        let (address, shutdown, limits) = (server.local_addr(), server.shutdown(), server.limits().clone());
        before(address);
        let log = Arc::new(Log::default());
        let handler = Arc::new(Logged { answer, log: Arc::clone(&log) });
        let thread = Some(thread::spawn(move || server.run(handler).unwrap()));
        Running { address, shutdown, limits, log, thread }
    }

    /// A server that answers with what it understood: method, target and body.
    pub(crate) fn echo(limits: ServerLimits) -> Running {
        Running::start(limits, echo)
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Stops the server and gives the number of connections it had to cut.
    pub(crate) fn stop(mut self) -> usize {
        self.shutdown.start();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.start();
    }
}

pub(crate) fn echo(request: &mut Request<'_>) -> Reply {
    match request.body().read_all() {
        Ok(body) => {
            let mut text = format!("{} {} ", request.method(), request.target()).into_bytes();
            text.extend_from_slice(&body);
            Reply::bytes(200, "text/plain", text)
        }
        Err(error) => kafka_http::error::Problem::from(&error).reply(request.id()),
    }
}

/// Runs `work` in a process of its own, so that limits of the process can be changed without harm to
/// other tests. `test` is the full name of the test that calls this.
pub(crate) fn in_own_process(test: &str, work: impl FnOnce()) {
    const CHILD: &str = "KAFKA_TEST_OWN_PROCESS";
    if env::var_os(CHILD).is_some() {
        return work();
    }
    let mut again = Command::new(env::current_exe().unwrap());
    let output = again.args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (sent, value) = line.split_once(": ")?;
            sent.eq_ignore_ascii_case(name).then_some(value)
        });
        let first = values.next();
        assert!(values.next().is_none(), "{name} twice in {}", self.head);
        first
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Client { stream, reader }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        self.answer()
    }

    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer(false).expect("an answer")
    }

    pub(crate) fn answer_to_head(&mut self) -> Answer {
        self.try_answer(true).expect("an answer")
    }

    /// The next answer, or `None` if the server closed the connection instead.
    pub(crate) fn try_answer(&mut self, is_to_head: bool) -> Option<Answer> {
        let head = self.head()?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        if is_to_head || status < 200 || status == 204 || status == 304 {
            return Some(answer);
        }
        match (answer.header("content-length"), answer.header("transfer-encoding")) {
            (Some(length), None) => {
                answer.body = vec![0; length.parse().unwrap()];
                self.reader.read_exact(&mut answer.body).unwrap();
            }
            (None, Some("chunked")) => {
                while let Some(chunk) = self.chunk() {
                    answer.body.extend(chunk);
                }
            }
            (None, None) => {
                self.reader.read_to_end(&mut answer.body).unwrap();
            }
            both => panic!("contradicting lengths {both:?}"),
        }
        Some(answer)
    }

    /// The next head, or `None` at the end.
    pub(crate) fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head).unwrap() == 0 {
                assert_eq!(head, "", "the connection ended inside a head");
                return None;
            }
        }
        Some(head)
    }

    /// The next chunk, or `None` for the last one.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let mut data = vec![0; size + 2];
        self.reader.read_exact(&mut data).unwrap();
        assert!(data.ends_with(b"\r\n"));
        data.truncate(size);
        (size > 0).then_some(data)
    }

    /// All that comes until the connection ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest).unwrap();
        rest
    }

    pub(crate) fn expect_end(&mut self) {
        assert_eq!(String::from_utf8_lossy(&self.rest()), "");
    }

    pub(crate) fn finish_sending(&mut self) {
        self.stream.shutdown(Side::Write).unwrap();
    }
}
