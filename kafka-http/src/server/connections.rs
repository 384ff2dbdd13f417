//! The open connections: how many may be, and their end when the server stops.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use super::ServerLimits;
use crate::cidr::Cidr;

/// How long threads get to leave after their connections were cut.
const AFTER_CUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    most_per_address: usize,
    /// Each of their connections may be another client's.
    proxies: Vec<Cidr>,
    draining: AtomicBool,
    open: Mutex<Open>,
    one_closed: Condvar,
}

#[derive(Debug, Default)]
struct Open {
    last_key: u64,
    links: HashMap<u64, Arc<Link>>,
    by_address: HashMap<IpAddr, usize>,
}

/// One open connection, as the floor sees it from outside its thread.
struct Link {
    stream: Arc<TcpStream>,
    idle: AtomicBool,
    /// What a connection that left HTTP does when the server begins to end.
    farewell: Mutex<Option<Farewell>>,
}

type Farewell = Box<dyn FnOnce() + Send>;

impl Link {
    fn take_farewell(&self) -> Option<Farewell> {
        self.farewell.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// Tells a connection that left HTTP when the server begins to end.
#[derive(Debug)]
pub(super) struct DrainSignal {
    connections: Arc<Connections>,
    link: Arc<Link>,
}

impl DrainSignal {
    /// Has `farewell` called once, at once if the end has begun.
    pub(super) fn call(&self, farewell: Farewell) {
        *self.link.farewell.lock().unwrap_or_else(PoisonError::into_inner) = Some(farewell);
        // The drain sets its flag before it looks for farewells, so that one of both finds it.
        if self.connections.is_draining()
            && let Some(farewell) = self.link.take_farewell()
        {
            farewell();
        }
    }
}

/// The right to be open; dropping it gives the place to another connection.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) peer: SocketAddr,
    connections: Arc<Connections>,
    key: u64,
    link: Arc<Link>,
}

impl Connections {
    pub(super) fn new(limits: &ServerLimits, proxies: Vec<Cidr>) -> Connections {
        Connections {
            most: limits.connections,
            most_per_address: limits.connections_per_address,
            proxies,
            draining: AtomicBool::new(false),
            open: Mutex::default(),
            one_closed: Condvar::new(),
        }
    }

    /// A place for a new connection, or `None` if there is none for its address.
    pub(super) fn admit(
        self: &Arc<Connections>,
        stream: &Arc<TcpStream>,
        peer: SocketAddr,
    ) -> Option<Admission> {
        let mut open = self.lock();
        let address = peer.ip();
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        let is_one_client =
            !address.is_loopback() && !self.proxies.iter().any(|block| block.contains(address));
        if open.links.len() >= self.most || (of_address >= self.most_per_address && is_one_client) {
            return None;
        }
        open.by_address.insert(address, of_address + 1);
        open.last_key += 1;
        let key = open.last_key;
        let link = Arc::new(Link {
            stream: Arc::clone(stream),
            idle: AtomicBool::new(false),
            farewell: Mutex::new(None),
        });
        open.links.insert(key, Arc::clone(&link));
        Some(Admission { peer, connections: Arc::clone(self), key, link })
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(SeqCst)
    }

    /// From now on no connection outlives its request.
    pub(super) fn start_draining(&self) {
        self.draining.store(true, SeqCst);
    }

    /// Closes idle connections at once and the others when their request ends or `grace` is over.
    /// Gives the number of connections that had to be cut.
    pub(super) fn drain(&self, grace: Duration) -> usize {
        let open = self.lock();
        for link in open.links.values().filter(|link| link.idle.load(SeqCst)) {
            // The thread that waits for a request sees the end of input and leaves.
            let _ = link.stream.shutdown(Shutdown::Read);
        }
        open.links.values().filter_map(|link| link.take_farewell()).for_each(|farewell| farewell());
        let open = self.wait_until_empty(open, grace);
        for link in open.links.values() {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
        let cut = open.links.len();
        drop(self.wait_until_empty(open, AFTER_CUT));
        cut
    }

    fn wait_until_empty<'m>(&self, open: MutexGuard<'m, Open>, most: Duration) -> MutexGuard<'m, Open> {
        let waited = self.one_closed.wait_timeout_while(open, most, |open| !open.links.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    pub(super) fn stream(&self) -> &Arc<TcpStream> {
        &self.link.stream
    }

    pub(super) fn is_draining(&self) -> bool {
        self.connections.is_draining()
    }

    pub(super) fn drain_signal(&self) -> DrainSignal {
        DrainSignal { connections: Arc::clone(&self.connections), link: Arc::clone(&self.link) }
    }

    /// Runs `wait`, during which a beginning drain closes the connection. Not run at all when the
    /// drain began before: it sets its flag before it looks at this one, so that one sees the other.
    pub(super) fn while_idle<T>(&self, wait: impl FnOnce() -> T) -> Option<T> {
        self.link.idle.store(true, SeqCst);
        let result = (!self.is_draining()).then(wait);
        self.link.idle.store(false, SeqCst);
        result
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.links.remove(&self.key);
        let address = self.peer.ip();
        match open.by_address.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.by_address.remove(&address);
            }
        }
        drop(open);
        self.connections.one_closed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn connections(most: usize, most_per_address: usize) -> Arc<Connections> {
        let limits = ServerLimits {
            connections: most,
            connections_per_address: most_per_address,
            ..Default::default()
        };
        Arc::new(Connections::new(&limits, vec!["198.51.100.0/24".parse().unwrap()]))
    }

    #[test]
    fn one_address_gets_only_its_share_and_loopback_and_proxies_all() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let connections = connections(5, 2);
        let admit = |address: &str| connections.admit(&stream, address.parse().unwrap());
        let first = admit("192.0.2.1:1");
        let second = admit("192.0.2.1:2");
        assert!(first.is_some() && second.is_some());
        assert!(admit("192.0.2.1:3").is_none());
        drop(first);
        let third = admit("192.0.2.1:3");
        assert!(third.is_some());
        let local: Vec<_> = (0..3).map(|_| admit("127.0.0.1:1")).collect();
        assert!(local.iter().all(Option::is_some));
        assert!(admit("127.0.0.1:1").is_none(), "the total holds for loopback too");
        drop(local);
        let proxied: Vec<_> = (0..3).map(|_| admit("198.51.100.7:1")).collect();
        assert!(proxied.iter().all(Option::is_some));
        assert!(admit("198.51.100.7:1").is_none(), "the total holds for proxies too");
        drop((second, third, proxied));
        assert!(connections.lock().by_address.is_empty());
    }
}
