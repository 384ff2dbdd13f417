//! A model endpoint that does what a test tells it.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

use super::script::Script;

/// How long a test waits for something to happen here.
const PATIENCE: Duration = Duration::from_secs(20);

/// An HTTP server on a free loopback port. Each connection carries one request, which is recorded and
/// answered by a [`Script`].
///
/// ```
/// use kafka_core::testing::{Script, ScriptedEndpoint};
///
/// let endpoint = ScriptedEndpoint::start(|request| match request.number {
///     0 => Script::reply(503, &[("retry-after-ms", "1")], "warming up"),
///     _ => Script::stream(&["Hello", " world"]),
/// });
/// assert!(endpoint.base_url().ends_with("/v1"));
/// ```
#[derive(Debug)]
pub struct ScriptedEndpoint {
    address: SocketAddr,
    seen: Arc<Seen>,
    is_stopped: Arc<AtomicBool>,
}

/// What came in over one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedRequest {
    /// Counts the requests to this endpoint from 0.
    pub number: usize,
    /// For example `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, values as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl ScriptedRequest {
    /// The value of the first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, `null` when it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Seen {
    log: Mutex<Log>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<ScriptedRequest>,
    hang_ups: usize,
}

impl ScriptedEndpoint {
    /// Starts an endpoint that answers each request as `script` says. It stops when dropped.
    #[must_use]
    pub fn start(script: impl Fn(&ScriptedRequest) -> Script + Send + Sync + 'static) -> ScriptedEndpoint {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let seen = Arc::new(Seen::default());
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (script, log, stop) = (Arc::new(script), seen.clone(), is_stopped.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (script, log) = (script.clone(), log.clone());
                thread::spawn(move || {
                    // A client may leave before it has sent a whole request.
                    if let Ok(request) = read_request(&stream, &log) {
                        let is_hung_up = script(&request).play(&stream);
                        log.lock().hang_ups += usize::from(is_hung_up);
                        log.changed.notify_all();
                    }
                });
            }
        });
        ScriptedEndpoint { address, seen, is_stopped }
    }

    /// The base URL for a model row or a call, `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// `127.0.0.1:PORT`, as errors name the endpoint.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ScriptedRequest> {
        self.seen.lock().requests.clone()
    }

    /// Waits until so many requests have come in. Panics after 20 s.
    pub fn wait_for_requests(&self, count: usize) {
        self.wait("requests", |log| log.requests.len() >= count);
    }

    /// Waits until the client was seen to leave so many connections, which needs
    /// [`Script::until_hung_up`]. Panics after 20 s.
    pub fn wait_for_hang_ups(&self, count: usize) {
        self.wait("hang-ups", |log| log.hang_ups >= count);
    }

    fn wait(&self, what: &str, is_reached: impl Fn(&Log) -> bool) {
        let waited = self.seen.changed.wait_timeout_while(self.seen.lock(), PATIENCE, |log| !is_reached(log));
        let (log, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!outcome.timed_out(), "the endpoint waited in vain for {what}: {log:?}");
    }
}

impl Drop for ScriptedEndpoint {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts connections.
        let _ = TcpStream::connect(self.address);
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads one request and adds it to the log.
fn read_request(stream: &TcpStream, seen: &Seen) -> io::Result<ScriptedRequest> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        match reader.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut log = seen.lock();
    let request = ScriptedRequest { number: log.requests.len(), method, path, headers, body };
    log.requests.push(request.clone());
    seen.changed.notify_all();
    Ok(request)
}
