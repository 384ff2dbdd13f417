//! Places that callers share, of which no one takes all.

use std::collections::HashMap;

use super::{actor::Actor, id::UserId};

/// Of whose share a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    /// The operator's, who may take all.
    Operator,
    /// An account's, or that of all who have none.
    Owner(Option<UserId>),
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// All are taken.
    All,
    /// So many are taken, which is the share of whoever wants another.
    Share(usize),
}

/// Counts the places that are taken, in all and of each share.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    taken: usize,
    of_owners: HashMap<Option<UserId>, usize>,
}

impl Whose {
    /// The share of who acts.
    pub(crate) fn actor(actor: &Actor) -> Whose {
        match actor.is_operator() {
            true => Whose::Operator,
            false => Whose::Owner(actor.user_id()),
        }
    }
}

impl Shares {
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Whether one of `most` places is there: nobody but the operator has more than a quarter, or than one
    /// where there are fewer than eight.
    pub(crate) fn room(&self, whose: Whose, most: usize) -> Result<(), Full> {
        if self.taken >= most {
            return Err(Full::All);
        }
        let Whose::Owner(owner) = whose else { return Ok(()) };
        let share = (most / 4).max(1);
        match self.of_owners.get(&owner) {
            Some(taken) if *taken >= share => Err(Full::Share(*taken)),
            _ => Ok(()),
        }
    }

    /// Takes a place, whether or not there is [room](Shares::room).
    pub(crate) fn take(&mut self, whose: Whose) {
        self.taken += 1;
        if let Whose::Owner(owner) = whose {
            *self.of_owners.entry(owner).or_default() += 1;
        }
    }

    pub(crate) fn give_back(&mut self, whose: Whose) {
        self.taken -= 1;
        let Whose::Owner(owner) = whose else { return };
        if let Some(taken) = self.of_owners.get_mut(&owner) {
            *taken -= 1;
            if *taken == 0 {
                self.of_owners.remove(&owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_a_quarter_and_the_operator_all() {
        let (one, other) = (Whose::Owner(None), Whose::Owner(Some(UserId::from(uuid::Uuid::from_u128(1)))));
        for (most, share) in [(1, 1), (4, 1), (7, 1), (8, 2), (512, 128)] {
            let mut shares = Shares::default();
            (0..share).for_each(|_| shares.take(one));
            let expected = if share == most { Full::All } else { Full::Share(share) };
            assert_eq!(shares.room(one, most), Err(expected), "{most}");
            assert_eq!(shares.room(other, most).is_ok(), most > 1, "{most}");
            (share..most).for_each(|_| shares.take(Whose::Operator));
            assert_eq!(shares.room(Whose::Operator, most), Err(Full::All), "{most}");
            (0..share).for_each(|_| shares.give_back(one));
            assert_eq!((shares.taken(), shares.room(one, most)), (most - share, Ok(())), "{most}");
        }
    }
}
