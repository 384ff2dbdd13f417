//! Double-entry bookkeeping for a small club.

use std::collections::BTreeMap;

/// Money in cents; there are no fractions of a cent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cents(pub i64);

pub struct Entry {
    pub debit: String,
    pub credit: String,
    pub amount: Cents,
    pub day: u32,
}

#[derive(Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    closed_until: u32,
}

impl Ledger {
    /// Adds an entry. One of a period that was closed is refused, since its figures were published.
    pub fn post(&mut self, entry: Entry) -> Result<(), &'static str> {
        if entry.day <= self.closed_until {
            return Err("the period is closed");
        }
        self.entries.push(entry);
        Ok(())
    }

    /// What an account holds: debits less credits.
    pub fn balance(&self, account: &str) -> i64 {
        let sign = |entry: &Entry| {
            i64::from(entry.debit == account) - i64::from(entry.credit == account)
        };
        self.entries.iter().map(|entry| sign(entry) * entry.amount.0).sum()
    }

    /// Mistakes are never erased: a second entry in the other direction takes the first one back.
    pub fn reverse(&mut self, index: usize, day: u32) -> Result<(), &'static str> {
        let Some(wrong) = self.entries.get(index) else { return Err("no such entry") };
        let undo = Entry {
            debit: wrong.credit.clone(),
            credit: wrong.debit.clone(),
            amount: wrong.amount,
            day,
        };
        self.post(undo)
    }

    /// All accounts together make zero, or something was posted on one side only.
    pub fn is_balanced(&self) -> bool {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        for entry in &self.entries {
            *sums.entry(&entry.debit).or_default() += entry.amount.0;
            *sums.entry(&entry.credit).or_default() -= entry.amount.0;
        }
        sums.values().sum::<i64>() == 0
    }
}

/// Splits an amount among members; the cents that remain go to the first ones, so that nothing is lost.
pub fn split(amount: Cents, members: usize) -> Vec<Cents> {
    let count = members.max(1) as i64;
    let (share, rest) = (amount.0 / count, amount.0 % count);
    (0..count).map(|at| Cents(share + i64::from(at < rest))).collect()
}
