//! Whom open mode serves, and who needs no credential elsewhere. Without one, where a request comes from is all
//! there is to go by: the address it was sent from, the name it was sent to, and the page that sent it.

use std::net::{IpAddr, SocketAddr};

use crate::{
    cidr::Cidr,
    config::{Auth, Settings},
    error::Problem,
    server::Request,
};

/// The checks that a request passes before any route sees it.
#[derive(Debug)]
pub(crate) struct Guard {
    is_open: bool,
    listen: SocketAddr,
    open_to: Vec<Cidr>,
    allow_host: Vec<String>,
    allow_origin: Vec<String>,
    trusted_proxy: Vec<Cidr>,
}

impl Guard {
    /// `listen` is the address that was really bound.
    pub(crate) fn new(settings: &Settings, listen: SocketAddr) -> Guard {
        Guard {
            is_open: settings.auth == Auth::Open,
            listen,
            open_to: settings.open_to.clone(),
            allow_host: settings.allow_host.clone(),
            allow_origin: settings.allow_origin.clone(),
            trusted_proxy: settings.trusted_proxy.clone(),
        }
    }

    /// An open server on loopback, to which nothing was allowed.
    #[cfg(feature = "testing")]
    pub(crate) fn of_this_machine() -> Guard {
        Guard {
            is_open: true,
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            open_to: Vec::new(),
            allow_host: Vec::new(),
            allow_origin: Vec::new(),
            trusted_proxy: Vec::new(),
        }
    }

    /// Who asks: the peer, or the address for which trusted proxies speak. Those for whom a proxy speaks
    /// unreadably are all taken for that proxy, so that they share what is counted by address.
    pub(crate) fn client(&self, request: &Request<'_>) -> IpAddr {
        self.sender(request).unwrap_or_else(|proxy| proxy)
    }

    /// Whom the request came from, or the trusted proxy that does not say it.
    fn sender(&self, request: &Request<'_>) -> Result<IpAddr, IpAddr> {
        let forwarded: Vec<&str> = request
            .headers()
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"))
            .flat_map(|(_, value)| value.split(','))
            .collect();
        self.spoken_for(request.peer().ip(), &forwarded)
    }

    /// Each proxy appends whom it heard, so the list is believed from its end as far as trust goes.
    fn spoken_for(&self, peer: IpAddr, forwarded: &[&str]) -> Result<IpAddr, IpAddr> {
        let mut client = peer;
        for element in forwarded.iter().rev() {
            if !self.trusts(client) {
                break;
            }
            client = sender_in(element).ok_or(client)?;
        }
        match forwarded.is_empty() && self.trusts(peer) {
            true => Err(peer),
            false => Ok(client),
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxy.iter().any(|block| block.contains(address))
    }

    /// Refuses what must not be served. [`Request::client`] is already set.
    pub(crate) fn check(&self, request: &Request<'_>) -> Result<(), Problem> {
        let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
        if self.is_open {
            self.check_proxy(request)?;
            match self.sender(request) {
                Ok(client) => self.check_address(client)?,
                // Who runs a proxy lets it ask whether the server is there; that tells nobody anything.
                Err(_) if ["/health", "/ready"].contains(&request.path()) => {}
                Err(proxy) => return Err(not_understood(proxy)),
            }
        }
        if self.is_open || !self.allow_host.is_empty() {
            self.check_host(&host)?;
        }
        match request.header("origin") {
            Some(origin) if self.is_open => self.check_origin(origin, &host),
            _ => Ok(()),
        }
    }

    /// A proxy that nobody named makes everyone look like this machine.
    fn check_proxy(&self, request: &Request<'_>) -> Result<(), Problem> {
        let speaks_for_others =
            ["x-forwarded-for", "forwarded"].iter().any(|name| request.header(name).is_some());
        let peer = request.peer().ip();
        if !speaks_for_others || self.trusts(peer) {
            return Ok(());
        }
        Err(Problem::new(
            403,
            "proxy_not_trusted",
            format!(
                "Open mode does not serve through the proxy at {peer}; start the server with \
                 --trusted-proxy {peer} to believe whom it speaks for, or with --auth password."
            ),
        ))
    }

    fn check_address(&self, client: IpAddr) -> Result<(), Problem> {
        if client.is_loopback() || self.open_to.iter().any(|block| block.contains(client)) {
            return Ok(());
        }
        Err(Problem::new(
            403,
            "address_not_allowed",
            format!(
                "Open mode does not serve the address {client}; start the server with --open-to {client} to \
                 serve it."
            ),
        ))
    }

    pub(crate) fn check_host(&self, host: &str) -> Result<(), Problem> {
        let name = without_port(host);
        let address = address_of(name);
        // A name can be made to lead anywhere (DNS rebinding); an address leads to itself.
        let is_own = address.is_some_and(|address| {
            address == self.listen.ip().to_canonical() || self.listen.ip().is_unspecified()
        });
        let is_allowed = || self.allow_host.iter().any(|allowed| allowed == host || allowed == name);
        if is_loopback(name) || is_own || is_allowed() {
            return Ok(());
        }
        Err(Problem::new(
            403,
            "host_not_allowed",
            format!(
                "This server does not answer to the host {host:?}; start it with --allow-host {name} to \
                 make it."
            ),
        ))
    }

    /// Refuses what must not be served to callers without a credential where passwords are asked for: a page that
    /// rebinds a name to this server has none, and would chat with its models.
    pub(crate) fn check_stranger(&self, request: &Request<'_>) -> Result<(), Problem> {
        self.check_host(&request.header("host").unwrap_or_default().to_ascii_lowercase())?;
        self.check_page(request)
    }

    /// Refuses pages that may not open a WebSocket, which no browser refuses by itself: those from
    /// elsewhere that the configuration does not name.
    pub(crate) fn check_page(&self, request: &Request<'_>) -> Result<(), Problem> {
        let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
        match request.header("origin") {
            Some(origin) if !is_local(origin) => self.check_origin(origin, &host),
            _ => Ok(()),
        }
    }

    fn check_origin(&self, origin: &str, host: &str) -> Result<(), Problem> {
        let is_same = origin.split_once("://").is_some_and(|(_, authority)| {
            // The host was found good before, so its own pages are too.
            authority.eq_ignore_ascii_case(host)
        });
        if is_same || self.allows_origin(origin) {
            return Ok(());
        }
        Err(Problem::new(
            403,
            "origin_not_allowed",
            format!(
                "This server does not answer to pages of {origin:?}; start it with --allow-origin {origin} \
                 to make it."
            ),
        ))
    }

    /// Whether pages of this origin may read answers.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        let is_configured = || self.allow_origin.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
        is_configured() || (self.is_open && is_local(origin))
    }
}

/// Taking a client that nobody knows for this machine would serve everyone.
fn not_understood(proxy: IpAddr) -> Problem {
    Problem::new(
        403,
        "proxy_not_understood",
        format!(
            "Open mode must know whom the proxy at {proxy} speaks for, and the end of X-Forwarded-For does not \
             say; make the proxy append the client's address to that header, or take {proxy} out of \
             --trusted-proxy."
        ),
    )
}

/// The address in an element of X-Forwarded-For; some proxies add the port, and brackets to IPv6.
fn sender_in(element: &str) -> Option<IpAddr> {
    let element = element.trim();
    let address = element.parse::<SocketAddr>().map(|address| address.ip()).ok();
    address.map(|address| address.to_canonical()).or_else(|| address_of(element))
}

/// Whether it is an origin of this machine.
fn is_local(origin: &str) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority.to_ascii_lowercase());
    authority.is_some_and(|authority| is_loopback(without_port(&authority)))
}

/// The host in `host:port`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // In `[::1` the colon belongs to the address.
            if name.starts_with('[') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

fn address_of(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}

fn is_loopback(name: &str) -> bool {
    name == "localhost" || address_of(name).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(listen: &str) -> Guard {
        Guard {
            is_open: true,
            listen: listen.parse().unwrap(),
            open_to: vec!["192.168.1.0/24".parse().unwrap()],
            allow_host: vec!["chat.example".to_owned(), "other.example:81".to_owned()],
            allow_origin: vec!["https://app.example".to_owned()],
            trusted_proxy: Vec::new(),
        }
    }

    #[test]
    fn hosts_are_loopback_the_servers_own_or_configured() {
        let table = [
            ("localhost", true),
            ("localhost:8000", true),
            ("127.0.0.1:8000", true),
            ("127.9.9.9", true),
            ("[::1]:8000", true),
            ("[::1]", true),
            ("10.0.0.7:8000", true),
            ("chat.example", true),
            ("chat.example:8000", true),
            ("other.example:81", true),
            ("other.example", false),
            ("other.example:82", false),
            ("10.0.0.8:8000", false),
            ("localhost.evil.example", false),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("[::2]:8000", false),
            ("", false),
        ];
        for (host, expected) in table {
            assert_eq!(guard("10.0.0.7:8000").check_host(host).is_ok(), expected, "{host}");
        }
    }

    #[test]
    fn a_server_on_every_address_answers_to_addresses_but_not_to_names() {
        let everywhere = guard("0.0.0.0:8000");
        assert!(everywhere.check_host("10.0.0.8:8000").is_ok());
        assert!(everywhere.check_host("evil.example:8000").is_err());
    }

    #[test]
    fn origins_are_loopback_the_servers_own_or_configured() {
        let table = [
            ("http://localhost:3000", true),
            ("https://127.0.0.1", true),
            ("http://[::1]:5173", true),
            ("tauri://localhost", true),
            ("https://app.example", true),
            ("https://App.Example", true),
            ("http://app.example", false),
            ("http://chat.example:8000", true),
            ("http://chat.example", false),
            ("https://evil.example", false),
            ("http://localhost.evil.example", false),
            ("null", false),
            ("", false),
        ];
        for (origin, expected) in table {
            let checked = guard("127.0.0.1:8000").check_origin(origin, "chat.example:8000");
            assert_eq!(checked.is_ok(), expected, "{origin}");
        }
    }

    #[test]
    fn a_trusted_proxy_must_say_whom_it_speaks_for() {
        let guard = Guard { trusted_proxy: vec!["10.0.0.0/8".parse().unwrap()], ..guard("127.0.0.1:8000") };
        let table: &[(&str, &[&str], Result<&str, &str>)] = &[
            ("10.0.0.1", &["203.0.113.9"], Ok("203.0.113.9")),
            ("10.0.0.1", &[" 203.0.113.9:5544 "], Ok("203.0.113.9")),
            ("10.0.0.1", &["[2001:db8::1]"], Ok("2001:db8::1")),
            ("10.0.0.1", &["[2001:db8::1]:443"], Ok("2001:db8::1")),
            ("10.0.0.1", &["2001:db8::1"], Ok("2001:db8::1")),
            ("10.0.0.1", &["::ffff:203.0.113.9"], Ok("203.0.113.9")),
            ("10.0.0.1", &["[::ffff:203.0.113.9]:80"], Ok("203.0.113.9")),
            ("10.0.0.1", &["127.0.0.1", "203.0.113.9", "10.0.0.2"], Ok("203.0.113.9")),
            ("10.0.0.1", &["unknown", "203.0.113.9"], Ok("203.0.113.9")),
            ("10.0.0.1", &["10.0.0.2"], Ok("10.0.0.2")),
            ("10.0.0.1", &["203.0.113.9", "10.0.0.2:x"], Err("10.0.0.1")),
            ("10.0.0.1", &["unknown", "10.0.0.2"], Err("10.0.0.2")),
            ("10.0.0.1", &["unknown"], Err("10.0.0.1")),
            ("10.0.0.1", &["203.0.113.9", " "], Err("10.0.0.1")),
            ("10.0.0.1", &["203.0.113.9:99999"], Err("10.0.0.1")),
            ("10.0.0.1", &[], Err("10.0.0.1")),
            ("127.0.0.1", &[], Ok("127.0.0.1")),
            ("203.0.113.9", &["127.0.0.1"], Ok("203.0.113.9")),
        ];
        for (peer, forwarded, expected) in table {
            let address = |text: &str| text.parse::<IpAddr>().unwrap();
            let found = guard.spoken_for(address(peer), forwarded);
            assert_eq!(found, expected.map(address).map_err(address), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn addresses_are_loopback_or_named() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("192.168.1.7", true),
            ("192.168.2.7", false),
            ("::2", false),
        ] {
            let checked = guard("127.0.0.1:8000").check_address(address.parse().unwrap());
            assert_eq!(checked.is_ok(), expected, "{address}");
        }
    }
}
