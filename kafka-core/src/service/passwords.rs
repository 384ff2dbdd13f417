//! Hashing passwords, which is meant to be slow, without letting it take every core.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        limits::Limits,
        secret::Secret,
    },
    crypto::password,
    service::throttle::network,
};

/// Hashes passwords, a few at a time. Callers bring their own thread and wait here for their turn.
#[derive(Debug)]
pub(crate) struct Passwords {
    cost: u32,
    most: usize,
    most_waiting: usize,
    /// Most that wait from one address.
    most_of_address: usize,
    callers: Mutex<Callers>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Callers {
    at_work: usize,
    waiting: usize,
    waiting_from: HashMap<IpAddr, usize>,
}

/// One of the places to work at; free again when dropped.
#[derive(Debug)]
struct Place<'p>(&'p Passwords);

impl Passwords {
    pub(crate) fn new(cost: u32, limits: &Limits) -> Passwords {
        Passwords {
            cost,
            most: limits.password_hashes.max(1),
            most_waiting: limits.waiting_password_hashes,
            most_of_address: limits.waiting_password_hashes.div_ceil(4),
            callers: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// The hash of a new password, for a caller at this address, if it comes from elsewhere.
    ///
    /// # Errors
    /// Those of [`password::check`]; `Busy` (`passwords_at_capacity`) when too many wait already.
    pub(crate) fn hash(&self, password: &Secret<String>, from: Option<IpAddr>) -> Result<Secret<String>> {
        password::check(password)?;
        let _place = self.take_place(from)?;
        password::hash(password, self.cost)
    }

    /// Whether the password is the one that was hashed. Without a hash the answer is no, at the cost of one.
    ///
    /// # Errors
    /// `Busy` (`passwords_at_capacity`) when too many wait already.
    pub(crate) fn verify(
        &self,
        password: &Secret<String>,
        hash: Option<&Secret<String>>,
        from: Option<IpAddr>,
    ) -> Result<bool> {
        let _place = self.take_place(from)?;
        Ok(password::verify(password, hash, self.cost))
    }

    /// One address has no more than a quarter of the places to wait, so that it keeps nobody else out.
    fn take_place(&self, from: Option<IpAddr>) -> Result<Place<'_>> {
        let from = from.map(network);
        let mut callers = self.callers();
        if callers.at_work >= self.most {
            let of_address = from.and_then(|from| callers.waiting_from.get(&from)).copied().unwrap_or(0);
            if callers.waiting >= self.most_waiting || of_address >= self.most_of_address {
                return Err(Error::new(
                    ErrorKind::Busy,
                    "passwords_at_capacity",
                    format!(
                        "{} passwords wait to be checked already; try again in a moment.",
                        callers.waiting
                    ),
                )
                .with_retry_after(Duration::from_secs(2)));
            }
            callers.enter(from);
            let is_full = |callers: &mut Callers| callers.at_work >= self.most;
            callers = self.freed.wait_while(callers, is_full).unwrap_or_else(PoisonError::into_inner);
            callers.leave(from);
        }
        callers.at_work += 1;
        Ok(Place(self))
    }

    fn callers(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callers {
    fn enter(&mut self, from: Option<IpAddr>) {
        self.waiting += 1;
        if let Some(from) = from {
            *self.waiting_from.entry(from).or_default() += 1;
        }
    }

    fn leave(&mut self, from: Option<IpAddr>) {
        self.waiting -= 1;
        let Some(from) = from else { return };
        let left = self.waiting_from.get(&from).map_or(0, |count| count - 1);
        match left {
            0 => drop(self.waiting_from.remove(&from)),
            left => drop(self.waiting_from.insert(from, left)),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.callers().at_work -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_few_work_at_a_time_a_few_wait_and_the_rest_is_sent_away() {
        let limits = Limits { password_hashes: 2, waiting_password_hashes: 1, ..Limits::default() };
        let passwords = Passwords::new(4, &limits);
        let (first, second) = (passwords.take_place(None).unwrap(), passwords.take_place(None).unwrap());
        thread::scope(|threads| {
            let third = threads.spawn(|| passwords.take_place(None).map(drop));
            while passwords.callers().waiting == 0 {
                thread::yield_now();
            }
            let refused = passwords.hash(&Secret::new("correct horse".to_owned()), None).unwrap_err();
            assert_eq!((refused.kind(), refused.code()), (ErrorKind::Busy, "passwords_at_capacity"));
            assert!(refused.retry_after().is_some());
            assert!(!third.is_finished());
            drop(first);
            third.join().unwrap().unwrap();
        });
        drop(second);
        assert_eq!(passwords.callers().at_work, 0);
    }

    #[test]
    fn one_address_waits_in_a_quarter_of_the_places() {
        let limits = Limits { password_hashes: 1, waiting_password_hashes: 4, ..Limits::default() };
        let passwords = Passwords::new(4, &limits);
        let [here, there] = ["192.0.2.1", "192.0.2.2"].map(|text| Some(text.parse().unwrap()));
        let place = passwords.take_place(None).unwrap();
        thread::scope(|threads| {
            let wait_for = |count| {
                while passwords.callers().waiting < count {
                    thread::yield_now();
                }
            };
            let first = threads.spawn(|| passwords.take_place(here).map(drop));
            wait_for(1);
            assert_eq!(passwords.take_place(here).unwrap_err().code(), "passwords_at_capacity");
            let other = threads.spawn(|| passwords.take_place(there).map(drop));
            wait_for(2);
            drop(place);
            first.join().unwrap().unwrap();
            other.join().unwrap().unwrap();
        });
        assert!(passwords.callers().waiting_from.is_empty());
    }

    #[test]
    fn one_that_cannot_be_chosen_takes_no_place() {
        let limits = Limits { password_hashes: 1, waiting_password_hashes: 0, ..Limits::default() };
        let passwords = Passwords::new(4, &limits);
        let _place = passwords.take_place(None).unwrap();
        let refused = passwords.hash(&Secret::new("short".to_owned()), None).unwrap_err();
        assert_eq!(refused.code(), "password_too_short");
    }
}
