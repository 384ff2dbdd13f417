//! From a host's name to the addresses that may be connected to.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use super::{
    address::AddressPolicy,
    endpoint::Endpoint,
    line::{Line, Stop},
};
use crate::base::{
    error::{Error, ErrorKind, Result},
    id::UserId,
    shares::{Shares, Whose},
};

/// How long saving a model waits for the name of its host. Looking up goes on behind that, unheard.
const PATIENCE: Duration = Duration::from_secs(2);
/// Looking up needs little, but the system's resolver keeps its answers on the stack.
const STACK_BYTES: usize = 512 << 10;
/// Hosts that are looked up at the same time for those who save models, a quarter of them for one of those. A
/// name server that does not answer holds each up for long after nobody waits any more.
const LOOKUPS_MAX: usize = 8;

/// Threads that resolve and connect at the same time for those who ask models, a quarter of them for the models
/// of one owner. One whose call was cancelled goes on until it has connected or is out of time.
const DIALS_MAX: usize = 256;

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
    pub(crate) lookups: Lookups,
    pub(crate) dials: Dials,
    /// Whose model is called, so that no owner's take every place to connect from.
    pub(crate) whose: Whose,
}

/// Counts the lookups that go on for saving models. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookups(Arc<(Mutex<Shares>, Condvar)>);

/// A lookup that goes on until this is dropped.
struct Lookup {
    lookups: Lookups,
    whose: Whose,
}

impl Lookups {
    /// Waits for a place of that share; none when there is none in time.
    fn begin(&self, whose: Whose) -> Option<Lookup> {
        let (running, left) = &*self.0;
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |running: &mut Shares| running.room(whose, LOOKUPS_MAX).is_err();
        let (mut running, _) =
            left.wait_timeout_while(running, PATIENCE, is_full).unwrap_or_else(PoisonError::into_inner);
        if is_full(&mut running) {
            return None;
        }
        running.take(whose);
        Some(Lookup { lookups: self.clone(), whose })
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        let (running, left) = &*self.lookups.0;
        running.lock().unwrap_or_else(PoisonError::into_inner).give_back(self.whose);
        // Not all who wait are of a share that has a place.
        left.notify_all();
    }
}

/// Counts the threads that resolve and connect, which nobody can interrupt. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dials(Arc<(Mutex<Shares>, Condvar)>);

/// A place to connect from. It belongs to the thread that does, however long that takes after the call has ended.
#[derive(Debug)]
pub(crate) struct Dial {
    dials: Dials,
    whose: Whose,
}

impl Dials {
    /// Waits for a place of that share for as long as the call has time.
    pub(crate) fn begin(&self, whose: Whose, line: &Line) -> Result<Dial, Stop> {
        let (running, left) = &*self.0;
        let dials = self.clone();
        let _wake = line.on_cancel(move || {
            // Who looks and goes on to wait does so before the lock is given back.
            drop(dials.0.0.lock());
            dials.0.1.notify_all();
        });
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let patience = line.remaining()?;
            if running.room(whose, DIALS_MAX).is_ok() {
                running.take(whose);
                return Ok(Dial { dials: self.clone(), whose });
            }
            (running, _) = left.wait_timeout(running, patience).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        let (running, left) = &*self.dials.0;
        running.lock().unwrap_or_else(PoisonError::into_inner).give_back(self.whose);
        left.notify_all();
    }
}

/// Private addresses allowed, names as the operating system knows them.
impl Default for Network {
    fn default() -> Network {
        Network::new(AddressPolicy::default(), Arc::new(SystemResolver))
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
    /// Endpoints with the addresses that the policy allows, as this resolver knows them.
    pub fn new(policy: AddressPolicy, resolver: Arc<dyn Resolver>) -> Network {
        let (lookups, dials) = (Lookups::default(), Dials::default());
        Network { policy, resolver, lookups, dials, whose: Whose::Operator }
    }

    /// The same for the models of one owner, or for those that all share.
    pub(crate) fn for_models_of(self, owner: Option<UserId>) -> Network {
        Network { whose: Whose::Owner(owner), ..self }
    }

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
    /// addresses are checked again by whoever connects. The address is named to those who run the
    /// installation alone: to others the names of its network are none of their business.
    ///
    /// # Errors
    /// `Invalid` (`base_url_refused`) for an address that the policy does not allow; `Busy`
    /// (`lookups_at_capacity`) when 8 others are looked up for as long, or 2 for the same account.
    pub(crate) fn check(&self, endpoint: &Endpoint, names_address: bool, whose: Whose) -> Result<()> {
        let lookup = self.lookups.begin(whose).ok_or_else(|| {
            Error::new(
                ErrorKind::Busy,
                "lookups_at_capacity",
                format!(
                    "So many hosts are being looked up that {endpoint} must wait; try again in a few seconds."
                ),
            )
            .with_retry_after(PATIENCE)
        })?;
        let (network, host, port) = (self.clone(), endpoint.host().to_owned(), endpoint.port());
        let (tell, answer) = mpsc::channel();
        let asked = thread::Builder::new().name("kafka-resolve".to_owned()).stack_size(STACK_BYTES).spawn(
            move || {
                let found = network.addresses(&host, port);
                drop(lookup);
                drop(tell.send(found));
            },
        );
        match asked.ok().and_then(|_| answer.recv_timeout(PATIENCE).ok()) {
            Some(Err(NoAddress::Refused(address))) => {
                let which = match names_address {
                    true => format!("the address {address}, which"),
                    false => "an address that".to_owned(),
                };
                let remedy = match AddressPolicy::PrivateAllowed.allows(address) {
                    true => " or have whoever runs this installation allow it with --allow-model-host",
                    false => "",
                };
                let why = format!("{endpoint} has {which} models may not have here; use another host");
                Err(Error::invalid("base_url_refused", "base_url", why + remedy))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{base::cancel::CancelToken, entity::params::Timeouts};

    /// Says this, once.
    #[derive(Debug)]
    struct Says(Mutex<Option<io::Result<Vec<IpAddr>>>>);

    fn network(addresses: &[&str]) -> Network {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let resolver = Says(Mutex::new(Some(Ok(addresses))));
        Network::new(AddressPolicy::PublicOnly, Arc::new(resolver))
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
        for (names_address, expected) in
            [(true, "has the address 192.168.1.1,"), (false, "has an address that models may not have")]
        {
            let error =
                network(&["192.168.1.1"]).check(&endpoint, names_address, Whose::Operator).unwrap_err();
            assert_eq!(error.code(), "base_url_refused");
            assert!(error.message().contains(&format!("models.example {expected}")), "{error}");
            assert_eq!(error.message().contains("192.168"), names_address, "{error}");
        }
        assert!(network(&["1.1.1.1"]).check(&endpoint, false, Whose::Operator).is_ok());
        let unknown = Says(Mutex::new(Some(Err(io::ErrorKind::NotFound.into()))));
        let network = Network::new(AddressPolicy::PublicOnly, Arc::new(unknown));
        assert!(network.check(&endpoint, false, Whose::Operator).is_ok());
    }

    /// Answers once it is let, and tells that it was asked.
    #[derive(Debug)]
    struct Held {
        asked: Mutex<mpsc::Sender<()>>,
        is_let: (Mutex<bool>, Condvar),
    }

    impl Resolver for Held {
        fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            self.asked.lock().unwrap().send(()).unwrap();
            let (is_let, changed) = &self.is_let;
            drop(changed.wait_while(is_let.lock().unwrap(), |is_let| !*is_let).unwrap());
            Ok(vec![[1, 1, 1, 1].into()])
        }
    }

    #[test]
    fn threads_that_connect_are_few_and_no_owner_has_all() {
        let (dials, cancel) = (Dials::default(), CancelToken::new());
        let line = Line::new(&cancel, Timeouts::default());
        let other = Whose::Owner(Some(UserId::from(uuid::Uuid::from_u128(1))));
        let begin = |whose| dials.begin(whose, &line).unwrap();
        let mine: Vec<Dial> = (0..DIALS_MAX / 4).map(|_| begin(Whose::Owner(None))).collect();
        let is_full = || dials.0.0.lock().unwrap().room(Whose::Owner(None), DIALS_MAX).is_err();
        assert!(is_full());
        drop(begin(other));
        thread::scope(|threads| {
            // It waits, and goes on when a place is given back.
            let waits = threads.spawn(|| drop(begin(Whose::Owner(None))));
            drop(mine);
            waits.join().unwrap();
            let all: Vec<Dial> = (0..DIALS_MAX).map(|_| begin(Whose::Operator)).collect();
            let in_vain = threads.spawn(|| dials.begin(other, &line).map(drop));
            cancel.cancel();
            assert_eq!(in_vain.join().unwrap(), Err(Stop::Cancelled));
            drop(all);
        });
    }

    #[test]
    fn hosts_that_do_not_answer_hold_up_a_few_threads_at_most() {
        let endpoint = Endpoint::parse("https://models.example/v1").unwrap();
        let (asked, was_asked) = mpsc::channel();
        let held = Arc::new(Held { asked: Mutex::new(asked), is_let: Default::default() });
        let network = Network::new(AddressPolicy::PublicOnly, held.clone());
        let saving: Vec<_> = (0..LOOKUPS_MAX)
            .map(|_| {
                let (network, endpoint) = (network.clone(), endpoint.clone());
                thread::spawn(move || network.check(&endpoint, false, Whose::Operator))
            })
            .collect();
        (0..LOOKUPS_MAX).for_each(|_| was_asked.recv().unwrap());
        for _ in 0..2 {
            let error = network.clone().check(&endpoint, false, Whose::Operator).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Busy, "lookups_at_capacity"));
        }
        assert!(was_asked.try_recv().is_err(), "nobody else was asked for");
        *held.is_let.0.lock().unwrap() = true;
        held.is_let.1.notify_all();
        saving.into_iter().for_each(|saved| saved.join().unwrap().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while network.check(&endpoint, false, Whose::Operator).is_err() {
            assert!(Instant::now() < until, "places are given back");
            thread::yield_now();
        }
    }
}
