//! From a host's name to the addresses that may be connected to.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use super::{address::AddressPolicy, endpoint::Endpoint};
use crate::base::error::{Error, Result};

/// How long saving a model waits for the name of its host. Looking up goes on behind that, unheard.
const PATIENCE: Duration = Duration::from_secs(2);
/// Looking up needs little, but the system's resolver keeps its answers on the stack.
const STACK_BYTES: usize = 512 << 10;

/// Finds the addresses of hosts.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// All addresses of a host, which may be a name or an address in any of its spellings. May block.
    ///
    /// # Errors
    /// The name has no address, or nobody can be asked.
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the operating system, as every other program on the machine does.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    }
}

/// How model endpoints are reached.
#[derive(Clone, Debug)]
pub struct Network {
    /// Which addresses they may have.
    pub policy: AddressPolicy,
    /// Who knows the addresses of their names.
    pub resolver: Arc<dyn Resolver>,
}

/// Private addresses allowed, names as the operating system knows them.
impl Default for Network {
    fn default() -> Network {
        Network { policy: AddressPolicy::default(), resolver: Arc::new(SystemResolver) }
    }
}

/// Why no address of a host may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// The host has none.
    Unknown,
    /// The policy does not allow this one.
    Refused(IpAddr),
}

impl Network {
    /// The addresses of an endpoint, each of them allowed. One forbidden address spoils the name: whoever
    /// answers for it may alternate.
    pub(crate) fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NoAddress> {
        let found = self.resolver.resolve(host).map_err(|_| NoAddress::Unknown)?;
        match found.iter().find(|address| !self.policy.allows(**address)) {
            Some(refused) => Err(NoAddress::Refused(*refused)),
            None if found.is_empty() => Err(NoAddress::Unknown),
            None => Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect()),
        }
    }

    /// Refuses an endpoint that could not be called. A name that nobody knows now, or within 2 s, passes:
    /// addresses are checked again by whoever connects.
    pub(crate) fn check(&self, endpoint: &Endpoint) -> Result<()> {
        let (network, host, port) = (self.clone(), endpoint.host().to_owned(), endpoint.port());
        let (tell, answer) = mpsc::channel();
        let asked = thread::Builder::new()
            .name("kafka-resolve".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || drop(tell.send(network.addresses(&host, port))));
        match asked.ok().and_then(|_| answer.recv_timeout(PATIENCE).ok()) {
            Some(Err(NoAddress::Refused(address))) => {
                let remedy = match AddressPolicy::PrivateAllowed.allows(address) {
                    true => " or have whoever runs this installation allow it with --allow-model-host",
                    false => "",
                };
                let why = format!(
                    "{endpoint} has the address {address}, which models may not have here; use another host"
                );
                Err(Error::invalid("base_url_refused", "base_url", why + remedy))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Says this, once.
    #[derive(Debug)]
    struct Says(Mutex<Option<io::Result<Vec<IpAddr>>>>);

    fn network(addresses: &[&str]) -> Network {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let resolver = Says(Mutex::new(Some(Ok(addresses))));
        Network { policy: AddressPolicy::PublicOnly, resolver: Arc::new(resolver) }
    }

    impl Resolver for Says {
        fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            self.0.lock().unwrap().take().unwrap()
        }
    }

    #[test]
    fn every_address_of_a_name_must_be_allowed() {
        let table: &[(&[&str], Result<usize, NoAddress>)] = &[
            (&["1.1.1.1"], Ok(1)),
            (&["1.1.1.1", "2606:4700::1111"], Ok(2)),
            (&["10.0.0.1"], Err(NoAddress::Refused([10, 0, 0, 1].into()))),
            (&["1.1.1.1", "127.0.0.1"], Err(NoAddress::Refused([127, 0, 0, 1].into()))),
            (
                &["1.1.1.1", "1.0.0.1", "169.254.169.254"],
                Err(NoAddress::Refused([169, 254, 169, 254].into())),
            ),
            (&["::ffff:10.0.0.1"], Err(NoAddress::Refused("::ffff:10.0.0.1".parse().unwrap()))),
            (&[], Err(NoAddress::Unknown)),
        ];
        for (addresses, expected) in table {
            let found = network(addresses).addresses("host", 443);
            assert_eq!(found.as_ref().map(Vec::len).map_err(|why| *why), *expected, "{addresses:?}");
            assert!(found.iter().flatten().all(|address| address.port() == 443));
        }
    }

    #[test]
    fn saving_refuses_what_could_never_be_called_and_accepts_what_is_not_known() {
        let endpoint = Endpoint::parse("https://models.example/v1").unwrap();
        let error = network(&["192.168.1.1"]).check(&endpoint).unwrap_err();
        assert_eq!(error.code(), "base_url_refused");
        assert!(error.message().contains("models.example has the address 192.168.1.1"), "{error}");
        assert!(network(&["1.1.1.1"]).check(&endpoint).is_ok());
        let unknown = Says(Mutex::new(Some(Err(io::ErrorKind::NotFound.into()))));
        let network = Network { policy: AddressPolicy::PublicOnly, resolver: Arc::new(unknown) };
        assert!(network.check(&endpoint).is_ok());
    }
}
