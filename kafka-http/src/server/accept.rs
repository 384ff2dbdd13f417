//! The listening socket: who gets in, and when nobody does any more.

use std::{
    io::{self, ErrorKind, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvFlags, recv},
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Handler, Notice, ServerLimits, connection::Service, connections::Connections, threads::Threads};
use crate::cidr::Cidr;

/// Connections that the kernel completes ahead of `accept`, so that a burst waits instead of failing.
const BACKLOG: i32 = 4096;
/// How long accepting rests after an error; most often descriptors ran out and must come back first.
const REST_AFTER_ERROR: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// Most connections over the cap that are told so at the same time; further ones are just closed.
const TURNED_AWAY_AT_ONCE: usize = 64;

/// A listening server.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    limits: ServerLimits,
    connections: Arc<Connections>,
    wake: UnixStream,
    shutdown: Shutdown,
}

/// Ends a [`Server`] from any thread. Clones end the same server.
#[derive(Clone, Debug)]
pub struct Shutdown {
    connections: Arc<Connections>,
    wake: Arc<UnixStream>,
}

impl Shutdown {
    /// Asks the server to stop: it accepts nothing more, closes idle connections at once, and gives
    /// running requests [`ServerLimits::drain_ms`]. Returns at once; further calls change nothing.
    pub fn start(&self) {
        self.connections.start_draining();
        // The other end is gone only when the server is.
        let _ = (&*self.wake).write(&[0]);
    }

    /// Whether [`start`](Shutdown::start) was called, so that endless streams can end in good order.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.connections.is_draining()
    }
}

impl Server {
    /// Listens on `address`; port 0 picks a free one. Clients may connect from now on and wait until
    /// [`run`](Server::run). Raises the process's soft limit of open files if `limits.connections`
    /// needs it, and lowers that number to what is allowed.
    ///
    /// # Errors
    /// The operating system's: the port is taken, the address is not this machine's, and so on.
    pub fn bind(address: SocketAddr, limits: ServerLimits) -> io::Result<Server> {
        Server::bind_behind(address, limits, Vec::new())
    }

    /// Like [`bind`](Server::bind), behind proxies with these addresses. They may open more than
    /// [`ServerLimits::connections_per_address`], because they connect for all of their clients.
    ///
    /// # Errors
    /// Those of [`bind`](Server::bind).
    pub fn bind_behind(address: SocketAddr, limits: ServerLimits, proxies: Vec<Cidr>) -> io::Result<Server> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restarted server must not wait for the old one's connections to be forgotten.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from(socket);
        let address = listener.local_addr()?;
        let limits = limits.fitted_to_system();
        let connections = Arc::new(Connections::new(&limits, proxies));
        let (wake, waker) = UnixStream::pair()?;
        let shutdown = Shutdown { connections: Arc::clone(&connections), wake: Arc::new(waker) };
        Ok(Server { listener, address, limits, connections, wake, shutdown })
    }

    /// The address listened on, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &ServerLimits {
        &self.limits
    }

    /// The handle that ends this server.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Serves until [`Shutdown::start`], then drains. Gives the number of connections whose requests
    /// were still running when the time of [`ServerLimits::drain_ms`] was over and had to be cut.
    ///
    /// # Errors
    /// Only if the operating system cannot wait for sockets at all; failures to accept a connection
    /// are told to [`Handler::notice`] and survived.
    pub fn run(self, handler: Arc<dyn Handler>) -> io::Result<usize> {
        let Server { listener, limits, connections, wake, shutdown, .. } = self;
        let grace = Duration::from_millis(limits.drain_ms);
        let gate = Gate {
            service: Arc::new(Service::new(handler, limits)),
            connections,
            turned_away: Arc::default(),
            threads: Threads::default(),
        };
        while !shutdown.is_started() {
            let mut sockets = [readable(&listener), readable(&wake)];
            match poll(&mut sockets, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if let Err(error) = gate.let_in(&listener) {
                gate.service.handler.notice(&Notice::AcceptFailed(&error));
                let _ = poll(&mut [readable(&wake)], Some(&REST_AFTER_ERROR));
            }
        }
        drop(listener);
        Ok(gate.connections.drain(grace))
    }
}

fn readable(socket: &impl std::os::fd::AsFd) -> PollFd<'_> {
    PollFd::new(socket, PollFlags::IN)
}

/// Whether a client that was just let in has closed its connection without a word. Who waits behind a flood of
/// such connections waits for each, and a thread costs ten times as much as this question.
fn has_left(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    matches!(recv(stream, &mut [0_u8; 1][..], flags), Ok((_, 0)) | Err(Errno::CONNRESET))
}

/// Where accepted connections get their threads.
struct Gate {
    service: Arc<Service>,
    connections: Arc<Connections>,
    /// Its copies count the connections that are being turned away.
    turned_away: Arc<()>,
    threads: Threads,
}

impl Gate {
    /// Accepts every connection that waits.
    fn let_in(&self, listener: &TcpListener) -> io::Result<()> {
        loop {
            match listener.accept() {
                Ok((stream, peer)) => self.open(stream, peer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.connections.is_draining() {
                return Ok(());
            }
        }
    }

    fn open(&self, stream: TcpStream, peer: SocketAddr) {
        if has_left(&stream) {
            return;
        }
        // Some systems hand the listener's mode down.
        if stream.set_nonblocking(false).is_err() {
            return;
        }
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let stream = Arc::new(stream);
        let service = Arc::clone(&self.service);
        match self.connections.admit(&stream, peer) {
            Some(admission) => self.spawn(move || service.serve(&admission)),
            None => {
                let ticket = Arc::clone(&self.turned_away);
                if Arc::strong_count(&ticket) <= 1 + TURNED_AWAY_AT_ONCE {
                    self.spawn(move || {
                        service.turn_away(&stream, peer);
                        drop(ticket);
                    });
                }
            }
        }
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        if let Err(error) = self.threads.run(work) {
            // Dropping the work closed its connection and gave its place back.
            self.service.handler.notice(&Notice::SpawnFailed(&error));
        }
    }
}
