//! One HTTP request to an endpoint over a checked, timed and cancellable connection.
//!
//! The library's own parts for name resolution, connecting and timing are replaced, because the
//! address that was checked must be the one connected to, a comment line must not extend a deadline,
//! and cancelling must end every phase at once. No proxy, no redirects, no environment, no pool.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use ureq::{
    Agent, Body, BodyReader,
    config::Config,
    http::{HeaderMap, HeaderValue, Request, Uri, header},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{
            Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, RustlsConnector, Transport,
        },
    },
};

use super::{
    endpoint::Endpoint,
    line::{Line, Stop, Wait},
    network::{Network, NoAddress},
};
use crate::base::{cancel::CancelGuard, secret::Secret};

/// Bytes of each buffer of a connection.
const BUFFER_BYTES: usize = 16 << 10;
/// Most addresses of a host that are tried, in the order in which they are known.
const ADDRESSES_MAX: usize = 4;

/// Why there is no answer, or no more of it.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Cancelled or out of time.
    Stopped(Stop),
    /// The policy does not allow the address that the host has.
    AddressRefused,
    /// The host's name has no address.
    NameUnknown,
    /// The key cannot stand in a header.
    KeyUnsendable,
    /// TLS could not be agreed on.
    Insecure(String),
    /// The connection failed or was lost.
    Lost(String),
}

/// An answer whose head has arrived.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: BodyReader<'static>,
    line: Arc<Line>,
}

impl Reply {
    /// The next bytes of the body, at least one unless it is over.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        let result = self.body.read(buffer);
        match (result, self.line.remaining()) {
            (Ok(count), _) if count > 0 => Ok(count),
            // Hanging up looks like a regular end from here.
            (_, Err(Stop::Cancelled)) => Err(Broken::Stopped(Stop::Cancelled)),
            (Ok(_), _) => Ok(0),
            (Err(_), Err(stop)) => Err(Broken::Stopped(stop)),
            (Err(error), Ok(_)) => Err(Broken::Lost(error.to_string())),
        }
    }

    /// The rest of the body, of which at most so many bytes are read.
    pub(crate) fn read_all(&mut self, most: usize) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        let mut buffer = [0; 4096];
        while body.len() < most {
            match self.read(&mut buffer)? {
                0 => break,
                count => body.extend_from_slice(&buffer[..count]),
            }
        }
        Ok(body)
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What is asked.
pub(crate) enum Ask<'a> {
    Get,
    PostJson(&'a [u8]),
}

/// Sends one request to `below` the endpoint's base URL and waits for the head of the answer.
pub(crate) fn send(
    endpoint: &Endpoint,
    below: &str,
    ask: &Ask<'_>,
    key: Option<&Secret<String>>,
    network: &Network,
    line: &Arc<Line>,
) -> Result<Reply, Broken> {
    line.arm(Wait::Connect);
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("kafka-core/", env!("CARGO_PKG_VERSION")))
        // A compressed stream would be held back by whoever compresses it.
        .accept_encoding("identity")
        .accept("text/event-stream, application/json")
        .input_buffer_size(BUFFER_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .max_idle_connections(0)
        .build();
    let dialer = Dialer {
        host: endpoint.host().to_owned(),
        port: endpoint.port(),
        network: network.clone(),
        line: line.clone(),
        tls: RustlsConnector::default(),
    };
    let agent = Agent::with_parts(config, dialer, NoResolver);
    let url = endpoint.url(below);
    let answer = match ask {
        Ask::Get => Request::get(url).body(()).map_err(ureq::Error::from).and_then(|mut request| {
            authorize(request.headers_mut(), key)?;
            agent.run(request)
        }),
        Ask::PostJson(body) => {
            let request = Request::post(url).header(header::CONTENT_TYPE, "application/json").body(*body);
            request.map_err(ureq::Error::from).and_then(|mut request| {
                authorize(request.headers_mut(), key)?;
                agent.run(request)
            })
        }
    };
    let (head, body) = answer.map_err(|error| why(error, line))?.into_parts();
    Ok(Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: Body::into_reader(body),
        line: line.clone(),
    })
}

fn authorize(headers: &mut HeaderMap, key: Option<&Secret<String>>) -> Result<(), ureq::Error> {
    if let Some(key) = key.filter(|key| !key.expose().is_empty()) {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
            .map_err(|_| ureq::Error::Other(Box::new(DialError::KeyUnsendable)))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(())
}

fn why(error: ureq::Error, line: &Line) -> Broken {
    if let Err(stop) = line.remaining() {
        return Broken::Stopped(stop);
    }
    match error {
        ureq::Error::Other(error) => match error.downcast::<DialError>() {
            Ok(error) => match *error {
                DialError::AddressRefused => Broken::AddressRefused,
                DialError::NameUnknown => Broken::NameUnknown,
                DialError::KeyUnsendable => Broken::KeyUnsendable,
            },
            Err(error) => Broken::Lost(error.to_string()),
        },
        ureq::Error::Rustls(error) => Broken::Insecure(error.to_string()),
        ureq::Error::Tls(error) => Broken::Insecure(error.to_owned()),
        // Certificates are refused while the handshake's bytes are read.
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            Broken::Insecure(error.to_string())
        }
        ureq::Error::Io(error) => Broken::Lost(error.to_string()),
        error => Broken::Lost(error.to_string()),
    }
}

/// What only this module's own parts can find wrong.
#[derive(Debug)]
enum DialError {
    AddressRefused,
    NameUnknown,
    KeyUnsendable,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for DialError {}

/// Resolving is the dialer's work, so that what was checked is what is connected to.
#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// Resolves the host, checks its addresses, connects to one of them and wraps it in TLS for https.
struct Dialer {
    host: String,
    port: u16,
    network: Network,
    line: Arc<Line>,
    tls: RustlsConnector,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({}:{})", self.host, self.port)
    }
}

impl Connector<()> for Dialer {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let stream = Arc::new(self.dial()?);
        stream.set_nodelay(true)?;
        let hung_up = stream.clone();
        let plain = Connection {
            _hang_up: self.line.on_cancel(move || drop(hung_up.shutdown(Shutdown::Both))),
            stream,
            buffers: LazyBuffers::new(BUFFER_BYTES, BUFFER_BYTES),
            line: self.line.clone(),
        };
        let connected = self.tls.connect(details, Some(plain))?;
        self.line.arm(Wait::FirstPayload);
        Ok(connected.map(|transport| Box::new(transport) as Box<dyn Transport>))
    }
}

impl Dialer {
    /// Neither resolving nor connecting can be interrupted, so both happen on a thread of their own
    /// that is left alone when the call ends first.
    fn dial(&self) -> Result<TcpStream, ureq::Error> {
        enum News {
            Dialled(Result<TcpStream, ureq::Error>),
            Cancelled,
        }
        let place = self.network.dials.begin(self.network.whose, &self.line).map_err(|_| timed_out())?;
        let left = self.line.remaining().map_err(|_| timed_out())?;
        let (tell, news) = mpsc::channel();
        let cancelled = tell.clone();
        let _guard = self.line.on_cancel(move || drop(cancelled.send(News::Cancelled)));
        let (host, port, network) = (self.host.clone(), self.port, self.network.clone());
        let ends = Instant::now() + left.min(self.line.timeouts().connect);
        thread::Builder::new().name("kafka-dial".to_owned()).stack_size(512 << 10).spawn(move || {
            let dialled = resolve_and_connect(&host, port, &network, ends);
            drop(place);
            drop(tell.send(News::Dialled(dialled)))
        })?;
        match news.recv_timeout(left) {
            Ok(News::Dialled(result)) => result,
            Ok(News::Cancelled) | Err(_) => Err(timed_out()),
        }
    }
}

/// Each address that is tried has an equal part of the time that is left.
fn resolve_and_connect(
    host: &str,
    port: u16,
    network: &Network,
    ends: Instant,
) -> Result<TcpStream, ureq::Error> {
    let addresses = network.addresses(host, port).map_err(|error| {
        ureq::Error::Other(Box::new(match error {
            NoAddress::Unknown => DialError::NameUnknown,
            NoAddress::Refused(_) => DialError::AddressRefused,
        }))
    })?;
    let mut outcome = Err(ureq::Error::Other(Box::new(DialError::NameUnknown)));
    let mut untried = addresses.len().min(ADDRESSES_MAX) as u32;
    for address in addresses.into_iter().take(ADDRESSES_MAX) {
        let part = ends.saturating_duration_since(Instant::now()) / untried;
        if part.is_zero() {
            return Err(timed_out());
        }
        outcome = TcpStream::connect_timeout(&address, part).map_err(ureq::Error::from);
        if outcome.is_ok() {
            break;
        }
        untried -= 1;
    }
    outcome
}

fn timed_out() -> ureq::Error {
    ureq::Error::Io(io::ErrorKind::TimedOut.into())
}

/// A TCP connection whose waits are those of its line.
struct Connection {
    stream: Arc<TcpStream>,
    buffers: LazyBuffers,
    line: Arc<Line>,
    _hang_up: CancelGuard,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({:?})", self.stream.peer_addr())
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let mut rest = &self.buffers.output()[..amount];
        while !rest.is_empty() {
            let left = self.line.remaining().map_err(|_| timed_out())?;
            self.stream.set_write_timeout(Some(left))?;
            match (&*self.stream).write(rest) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(count) => rest = &rest[count..],
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        loop {
            let left = self.line.remaining().map_err(|_| timed_out())?;
            self.stream.set_read_timeout(Some(left))?;
            match (&*self.stream).read(self.buffers.input_append_buf()) {
                Ok(count) => {
                    self.buffers.input_appended(count);
                    return Ok(count > 0);
                }
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // Connections are never used twice.
        false
    }
}

/// Whether to look at the line's clock and try again; which of the two kinds a time-out has differs
/// between systems.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
