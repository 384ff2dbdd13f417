//! Slows down those who guess passwords, and those who make accounts. Failures are counted by account *and*
//! address, so that nobody can lock others out of their accounts from elsewhere.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::base::{
    error::{Error, ErrorKind, Result},
    limits::Limits,
};

/// Most counts that are kept; those that were silent the longest go first.
const MOST_COUNTS: usize = 10_000;

/// What attempts are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guessing {
    /// The password of whoever has this name, from one address. Names are counted each by itself, so that
    /// the count does not tell which of them belong to one account.
    Name(String, IpAddr),
    /// The password of one account by all its names, from one address.
    Account(String, IpAddr),
    /// The password of one account, by whoever is logged in to it already.
    Own(String),
    /// Any password, from one address.
    Address(IpAddr),
    /// Making accounts, from one address.
    Registration(IpAddr),
    /// Which addresses and usernames others have, by one account that takes them for its own.
    Names(String),
}

/// The failures of late.
#[derive(Debug)]
pub(crate) struct Throttle {
    window: Duration,
    most_of_account: usize,
    most_of_address: usize,
    failures: Mutex<HashMap<Guessing, VecDeque<Instant>>>,
}

/// An attempt that is being made. It counts as failed unless it is withdrawn, so that many at the same
/// time are no way around the count.
#[derive(Debug)]
pub(crate) struct Attempt<'t> {
    throttle: &'t Throttle,
    guessing: Vec<Guessing>,
    at: Instant,
    is_hopeless: bool,
}

impl Throttle {
    pub(crate) fn new(limits: &Limits) -> Throttle {
        Throttle {
            window: Duration::from_secs(60 * u64::from(limits.failed_login_minutes)),
            most_of_account: limits.failed_logins_of_account.max(1),
            most_of_address: limits.failed_logins_of_address.max(1),
            failures: Mutex::default(),
        }
    }

    /// Lets someone try a password with a name, folded, from an address. `account` is whose name it is.
    ///
    /// # Errors
    /// `RateLimited` (`login_throttled`) after too many failures, with the time to wait.
    pub(crate) fn login(
        &self,
        name: String,
        account: Option<String>,
        from: IpAddr,
        now: Instant,
    ) -> Result<Attempt<'_>> {
        let from = network(from);
        let mut guessing = vec![Guessing::Name(name, from), Guessing::Address(from)];
        guessing.extend(account.map(|account| Guessing::Account(account, from)));
        self.attempt(guessing, now)
    }

    /// Lets someone make an account from an address. Whether it is made or not, it counts, so that nobody
    /// has the server hash passwords all day.
    ///
    /// # Errors
    /// `RateLimited` (`registration_throttled`) after too many, with the time to wait.
    pub(crate) fn registration(&self, from: IpAddr, now: Instant) -> Result<Attempt<'_>> {
        self.attempt(vec![Guessing::Registration(network(from))], now)
    }

    /// Lets someone who is logged in already try the password of their account.
    ///
    /// # Errors
    /// Those of [`login`](Throttle::login).
    pub(crate) fn own_password(&self, account: String, now: Instant) -> Result<Attempt<'_>> {
        self.attempt(vec![Guessing::Own(account)], now)
    }

    /// Lets an account change its address or username. What is taken counts, because the refusal says that it is.
    ///
    /// # Errors
    /// `RateLimited` (`names_throttled`) after too many, with the time to wait.
    pub(crate) fn names(&self, account: String, now: Instant) -> Result<Attempt<'_>> {
        self.attempt(vec![Guessing::Names(account)], now)
    }

    fn attempt(&self, guessing: Vec<Guessing>, now: Instant) -> Result<Attempt<'_>> {
        let mut failures = self.failures();
        let mut is_hopeless = false;
        for each in &guessing {
            let Some(known) = failures.get_mut(each) else { continue };
            while known.front().is_some_and(|at| now.duration_since(*at) >= self.window) {
                known.pop_front();
            }
            if known.len() >= self.most(each)
                && let Some(first) = known.front()
            {
                let wait = self.window.saturating_sub(now.duration_since(*first));
                match each {
                    // Saying so would say that two names are one account's.
                    Guessing::Account(..) => is_hopeless = true,
                    _ => return Err(throttled(each, wait)),
                }
            }
        }
        for each in &guessing {
            self.make_room(&mut failures, each, now);
            failures.entry(each.clone()).or_default().push_back(now);
        }
        Ok(Attempt { throttle: self, guessing, at: now, is_hopeless })
    }

    fn most(&self, guessing: &Guessing) -> usize {
        match guessing {
            Guessing::Name(..) | Guessing::Own(_) | Guessing::Names(_) => self.most_of_account,
            // It has two names.
            Guessing::Account(..) => self.most_of_account.saturating_mul(2),
            Guessing::Address(_) | Guessing::Registration(_) => self.most_of_address,
        }
    }

    /// Keeps the table bounded whoever calls from wherever.
    fn make_room(&self, failures: &mut HashMap<Guessing, VecDeque<Instant>>, new: &Guessing, now: Instant) {
        if failures.len() < MOST_COUNTS || failures.contains_key(new) {
            return;
        }
        failures.retain(|_, known| known.back().is_some_and(|at| now.duration_since(*at) < self.window));
        if failures.len() >= MOST_COUNTS {
            // A tenth at a time, so that not every new caller costs a look at all of them.
            let mut last: Vec<Instant> =
                failures.values().filter_map(|known| known.back().copied()).collect();
            let (_, silent, _) = last.select_nth_unstable(MOST_COUNTS / 10);
            let silent = *silent;
            failures.retain(|_, known| known.back().is_some_and(|at| *at > silent));
        }
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Guessing, VecDeque<Instant>>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Whether it must fail, whatever the password: the account was guessed at too often by all its names.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.is_hopeless
    }

    /// It was no failure.
    pub(crate) fn withdraw(self) {
        let mut failures = self.throttle.failures();
        for each in &self.guessing {
            let Some(known) = failures.get_mut(each) else { continue };
            if let Some(mine) = known.iter().position(|at| *at == self.at) {
                known.remove(mine);
            }
            if known.is_empty() {
                failures.remove(each);
            }
        }
    }
}

fn throttled(guessing: &Guessing, wait: Duration) -> Error {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let (code, what) = match guessing {
        Guessing::Registration(_) => ("registration_throttled", "registrations from your address"),
        Guessing::Names(_) => ("names_throttled", "addresses and usernames that are taken"),
        _ => ("login_throttled", "wrong passwords"),
    };
    let message = format!("Too many {what}; try again in {seconds} seconds.");
    Error::new(ErrorKind::RateLimited, code, message).with_retry_after(wait)
}

/// What one caller controls: an IPv4 address, or the /64 of an IPv6 one.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let host_bits = 64;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> host_bits << host_bits))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle::new(&Limits::default())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn memory_is_bounded_and_the_silent_are_forgotten_first() {
        let (throttle, start) = (throttle(), Instant::now());
        let other = |number| IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number));
        let later = |number: u32| start + Duration::from_millis(u64::from(number));
        let most = u32::try_from(MOST_COUNTS).unwrap();
        for number in 0..2 * most {
            throttle.login("k".to_owned(), None, other(number), later(number)).unwrap();
            assert!(throttle.failures().len() <= MOST_COUNTS);
        }
        for _ in 0..10 {
            throttle.login("k".to_owned(), None, address("192.0.2.1"), later(2 * most)).unwrap();
        }
        for number in 0..most / 4 {
            throttle.login("k".to_owned(), None, other(number), later(2 * most + number)).unwrap();
        }
        assert!(throttle.login("k".to_owned(), None, address("192.0.2.1"), later(3 * most)).is_err());
    }

    #[test]
    fn one_household_is_one_address() {
        let (throttle, now) = (throttle(), Instant::now());
        for host in 1..=10 {
            throttle.login("k".to_owned(), None, address(&format!("2001:db8::{host}")), now).unwrap();
        }
        assert!(throttle.login("k".to_owned(), None, address("2001:db8::ffff"), now).is_err());
        assert!(throttle.login("k".to_owned(), None, address("2001:db8:0:1::1"), now).is_ok());
        for _ in 0..10 {
            throttle.login("k".to_owned(), None, address("::ffff:192.0.2.1"), now).unwrap();
        }
        assert!(throttle.login("k".to_owned(), None, address("192.0.2.1"), now).is_err());
        assert!(throttle.login("k".to_owned(), None, address("192.0.2.2"), now).is_ok());
    }
}
