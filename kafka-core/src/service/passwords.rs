//! Hashing passwords, which is meant to be slow, without letting it take every core.

use std::{
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
};

/// Hashes passwords, a few at a time. Callers bring their own thread and wait here for their turn.
#[derive(Debug)]
pub(crate) struct Passwords {
    cost: u32,
    most: usize,
    most_waiting: usize,
    callers: Mutex<Callers>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Callers {
    at_work: usize,
    waiting: usize,
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
            callers: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// Those of [`password::check`]; `Busy` (`passwords_at_capacity`) when too many wait already.
    pub(crate) fn hash(&self, password: &Secret<String>) -> Result<Secret<String>> {
        password::check(password)?;
        let _place = self.take_place()?;
        password::hash(password, self.cost)
    }

    /// Whether the password is the one that was hashed. Without a hash the answer is no, at the cost of one.
    ///
    /// # Errors
    /// `Busy` (`passwords_at_capacity`) when too many wait already.
    pub(crate) fn verify(&self, password: &Secret<String>, hash: Option<&Secret<String>>) -> Result<bool> {
        let _place = self.take_place()?;
        Ok(password::verify(password, hash, self.cost))
    }

    fn take_place(&self) -> Result<Place<'_>> {
        let mut callers = self.callers();
        if callers.at_work >= self.most {
            if callers.waiting >= self.most_waiting {
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
            callers.waiting += 1;
            let is_full = |callers: &mut Callers| callers.at_work >= self.most;
            callers = self.freed.wait_while(callers, is_full).unwrap_or_else(PoisonError::into_inner);
            callers.waiting -= 1;
        }
        callers.at_work += 1;
        Ok(Place(self))
    }

    fn callers(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (first, second) = (passwords.take_place().unwrap(), passwords.take_place().unwrap());
        thread::scope(|threads| {
            let third = threads.spawn(|| passwords.take_place().map(drop));
            while passwords.callers().waiting == 0 {
                thread::yield_now();
            }
            let refused = passwords.hash(&Secret::new("correct horse".to_owned())).unwrap_err();
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
    fn one_that_cannot_be_chosen_takes_no_place() {
        let limits = Limits { password_hashes: 1, waiting_password_hashes: 0, ..Limits::default() };
        let passwords = Passwords::new(4, &limits);
        let _place = passwords.take_place().unwrap();
        let refused = passwords.hash(&Secret::new("short".to_owned())).unwrap_err();
        assert_eq!(refused.code(), "password_too_short");
    }
}
