//! Why `tiny_http::Server` does not own our port and its serializer not our answers: each reason as
//! a test that passes while the defect is there. The server's run in child processes, because some
//! end the process. See `kafka-core/doc/adr/0001-own-the-connection.md`.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Cursor, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tiny_http::{HTTPVersion, Header, Response, StatusCode};

const BETTER: &str = "tiny_http got better: revisit ADR 0001";
/// Set for the child process; its value is a limit of descriptors, or 0 for none.
const CHILD: &str = "KAFKA_TEST_TINY_HTTP";
/// What /proc counts memory in, at least.
const PAGE_BYTES: u64 = 4096;
/// How long a defect may take to show.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a repaired server may take to behave.
const REPAIR: Duration = Duration::from_secs(2);

/// A process that answers every request by `tiny_http::Server` with its own target.
struct TinyHttp {
    process: Child,
    address: SocketAddr,
}

impl TinyHttp {
    fn start(descriptors: u64) -> TinyHttp {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "the_child_process_serves", "--nocapture"])
            .env(CHILD, descriptors.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.as_mut().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("serving on ")?;
            address.trim().parse().ok()
        });
        TinyHttp { process, address: address.unwrap() }
    }

    fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream
    }

    /// Everything the server sends until it closes or says nothing for a while.
    fn exchange(&self, bytes: &str) -> String {
        let mut answer = Vec::new();
        let _ = self.send(bytes).read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn open_descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    fn resident_bytes(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.process.id())).unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * PAGE_BYTES
    }
}

impl Drop for TinyHttp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the others start as a process of its own, which serves for ever. In a test run it does nothing.
#[test]
fn the_child_process_serves() {
    let Some(descriptors) = env::var(CHILD).ok().and_then(|number| number.parse().ok()) else {
        return;
    };
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    if descriptors > 0 {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(descriptors), maximum }).unwrap();
    }
    writeln!(io::stdout(), "serving on {}", server.server_addr().to_ip().unwrap()).unwrap();
    for request in server.incoming_requests() {
        let target = request.url().to_owned();
        let _ = request.respond(Response::from_string(target));
    }
    // The accept loop ended; the process stays, as an application's would.
    loop {
        thread::park();
    }
}

#[test]
fn a_large_content_length_aborts_the_process() {
    let mut tiny_http = TinyHttp::start(0);
    drop(tiny_http.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000000\r\n\r\nabc"));
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match tiny_http.process.try_wait().unwrap() {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            status => break status,
        }
    };
    const SIGABRT: i32 = 6;
    assert_eq!(status.and_then(|status| status.signal()), Some(SIGABRT), "{BETTER}");
}

#[test]
fn a_request_line_of_version_2_leaks_descriptors() {
    let tiny_http = TinyHttp::start(0);
    tiny_http.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let before = tiny_http.open_descriptors();
    for _ in 0..20 {
        drop(tiny_http.send("GET / HTTP/2.0\r\nHost: a\r\n\r\n"));
    }
    let leaked = || tiny_http.open_descriptors().saturating_sub(before);
    let deadline = Instant::now() + PATIENCE;
    while leaked() < 20 {
        assert!(Instant::now() < deadline, "{BETTER} ({} descriptors left)", leaked());
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(REPAIR);
    assert!(leaked() >= 20, "{BETTER} ({} descriptors left)", leaked());
}

#[test]
fn one_failed_accept_ends_the_server() {
    let tiny_http = TinyHttp::start(32);
    let deadline = Instant::now() + PATIENCE;
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(tiny_http.address) {
        assert!(Instant::now() < deadline, "{BETTER}");
        clients.push(client);
        thread::sleep(Duration::from_millis(5));
    }
    // With every descriptor free again it stays deaf.
    drop(clients);
    thread::sleep(REPAIR);
    let refused = TcpStream::connect(tiny_http.address).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(io::ErrorKind::ConnectionRefused), "{BETTER}");
}

#[test]
fn a_burst_of_connections_starves() {
    // Whether it starves depends on which thread runs first; stopped, it finds them all at once. An
    // earlier burst leaves threads behind that hide the defect, so each try has a process of its own.
    let starved = (0..10).any(|_| {
        let tiny_http = TinyHttp::start(0);
        let process = Pid::from_child(&tiny_http.process);
        kill_process(process, Signal::STOP).unwrap();
        let clients: Vec<TcpStream> = (0..100).map(|_| tiny_http.send("")).collect();
        kill_process(process, Signal::CONT).unwrap();
        for mut client in &clients {
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        }
        thread::sleep(REPAIR / 2);
        clients.iter().any(|client| {
            client.set_nonblocking(true).unwrap();
            client.peek(&mut [0]).is_err()
        })
    });
    assert!(starved, "{BETTER}");
}

#[test]
fn a_header_line_fills_the_memory() {
    const SENT: usize = 32 << 20;
    let tiny_http = TinyHttp::start(0);
    let mut stream = tiny_http.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let before = tiny_http.resident_bytes();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..SENT / block.len() {
        if stream.write_all(&block).is_err() {
            break;
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while tiny_http.resident_bytes() - before < SENT as u64 / 2 {
        assert!(Instant::now() < deadline, "{BETTER}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_rest_of_a_body_runs_as_a_second_request() {
    let tiny_http = TinyHttp::start(0);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for length in ["Content-Length: 0\r\nContent-Length: 55", "Content-Length: 55, 55", "Content-Length: -1"]
    {
        let answer = tiny_http.exchange(&format!("POST / HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n{smuggled}"));
        assert!(answer.ends_with("/smuggled"), "{BETTER} ({length})");
    }
}

/// What the serializer makes of a response with that status, field and body.
fn printed(
    status: u16,
    field: (&str, &str),
    body: &'static [u8],
    declared: usize,
    te: Option<&str>,
) -> Vec<u8> {
    let field = Header::from_bytes(field.0, field.1).unwrap();
    let response = Response::new(StatusCode(status), vec![field], Cursor::new(body), Some(declared), None);
    let asked: Vec<Header> = te.map(|te| Header::from_bytes("TE", te).unwrap()).into_iter().collect();
    let mut out = Vec::new();
    response.raw_print(&mut out, HTTPVersion(1, 1), &asked, false, None).unwrap();
    out
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

#[test]
fn the_serializer_has_traps() {
    let split = printed(200, ("X", "a\r\nSet-Cookie: b"), b"", 0, None);
    assert!(contains(&split, "\r\nSet-Cookie: b\r\n"), "{BETTER} (line ends in header values)");
    let long = printed(200, ("X", "a"), &[b'x'; 40_000], 40_000, None);
    assert!(contains(&long, "Transfer-Encoding: chunked"), "{BETTER} (chunks above 32 KiB)");
    let asked = printed(200, ("X", "a"), b"hello", 5, Some("chunked"));
    assert!(contains(&asked, "Transfer-Encoding: chunked"), "{BETTER} (obeys TE)");
    let dropped = printed(200, ("Connection", "close"), b"", 0, None);
    assert!(!contains(&dropped, "Connection"), "{BETTER} (drops Connection)");
    for status in [204, 304] {
        let empty = printed(status, ("X", "a"), b"", 0, None);
        assert!(contains(&empty, "Content-Length: 0"), "{BETTER} (a length with {status})");
    }
    let overrun = printed(200, ("X", "a"), b"hello world", 5, None);
    assert!(overrun.ends_with(b"hello world"), "{BETTER} (overruns the declared length)");
}

#[test]
fn the_serializer_writes_in_many_pieces() {
    struct Counter(usize);
    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    let response = Response::from_string("hello");
    response.raw_print(&mut counter, HTTPVersion(1, 1), &[], false, None).unwrap();
    assert!(counter.0 > 10, "{BETTER} ({} writes)", counter.0);
}
