//! Slows down those who guess passwords. Failures are counted by account *and* address, so that nobody
//! can lock others out of their accounts from elsewhere.

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

/// What failures are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guessing {
    /// The password of one account, from one address; or, by whoever is logged in already, from anywhere.
    Account(String, Option<IpAddr>),
    /// Any password, from one address.
    Address(IpAddr),
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

    /// Lets someone try the password of an account from an address.
    ///
    /// # Errors
    /// `RateLimited` (`login_throttled`) after too many failures, with the time to wait.
    pub(crate) fn login(&self, account: String, from: IpAddr, now: Instant) -> Result<Attempt<'_>> {
        let from = network(from);
        self.attempt(vec![Guessing::Account(account, Some(from)), Guessing::Address(from)], now)
    }

    /// Lets someone who is logged in already try the password of their account.
    ///
    /// # Errors
    /// Those of [`login`](Throttle::login).
    pub(crate) fn own_password(&self, account: String, now: Instant) -> Result<Attempt<'_>> {
        self.attempt(vec![Guessing::Account(account, None)], now)
    }

    fn attempt(&self, guessing: Vec<Guessing>, now: Instant) -> Result<Attempt<'_>> {
        let mut failures = self.failures();
        for each in &guessing {
            let Some(known) = failures.get_mut(each) else { continue };
            while known.front().is_some_and(|at| now.duration_since(*at) >= self.window) {
                known.pop_front();
            }
            if known.len() >= self.most(each)
                && let Some(first) = known.front()
            {
                return Err(throttled(self.window.saturating_sub(now.duration_since(*first))));
            }
        }
        for each in &guessing {
            self.make_room(&mut failures, each, now);
            failures.entry(each.clone()).or_default().push_back(now);
        }
        Ok(Attempt { throttle: self, guessing, at: now })
    }

    fn most(&self, guessing: &Guessing) -> usize {
        match guessing {
            Guessing::Account(..) => self.most_of_account,
            Guessing::Address(_) => self.most_of_address,
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

fn throttled(wait: Duration) -> Error {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Error::new(
        ErrorKind::RateLimited,
        "login_throttled",
        format!("Too many wrong passwords; try again in {seconds} seconds."),
    )
    .with_retry_after(wait)
}

/// What one caller controls: an IPv4 address, or the /64 of an IPv6 one.
fn network(address: IpAddr) -> IpAddr {
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
            throttle.login("k".to_owned(), other(number), later(number)).unwrap();
            assert!(throttle.failures().len() <= MOST_COUNTS);
        }
        for _ in 0..10 {
            throttle.login("k".to_owned(), address("192.0.2.1"), later(2 * most)).unwrap();
        }
        for number in 0..most / 4 {
            throttle.login("k".to_owned(), other(number), later(2 * most + number)).unwrap();
        }
        assert!(throttle.login("k".to_owned(), address("192.0.2.1"), later(3 * most)).is_err());
    }

    #[test]
    fn one_household_is_one_address() {
        let (throttle, now) = (throttle(), Instant::now());
        for host in 1..=10 {
            throttle.login("k".to_owned(), address(&format!("2001:db8::{host}")), now).unwrap();
        }
        assert!(throttle.login("k".to_owned(), address("2001:db8::ffff"), now).is_err());
        assert!(throttle.login("k".to_owned(), address("2001:db8:0:1::1"), now).is_ok());
        for _ in 0..10 {
            throttle.login("k".to_owned(), address("::ffff:192.0.2.1"), now).unwrap();
        }
        assert!(throttle.login("k".to_owned(), address("192.0.2.1"), now).is_err());
        assert!(throttle.login("k".to_owned(), address("192.0.2.2"), now).is_ok());
    }
}
