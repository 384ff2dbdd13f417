//! The statements that a connection keeps prepared: so many at most, or each connection would take what memory
//! all statements of the program need.

use std::collections::HashMap;

/// Values by the address of the constant that they were made of. When it is full, the one that was not asked for for
/// longest goes.
pub(super) struct Prepared<T> {
    values: HashMap<usize, (T, u64)>,
    most: usize,
    /// Counts what was asked for.
    clock: u64,
}

impl<T: Clone> Prepared<T> {
    pub(super) fn new(most: usize) -> Prepared<T> {
        Prepared { values: HashMap::new(), most: most.max(1), clock: 0 }
    }

    pub(super) fn get(&mut self, address: usize) -> Option<T> {
        self.clock += 1;
        let (value, used) = self.values.get_mut(&address)?;
        *used = self.clock;
        Some(value.clone())
    }

    pub(super) fn insert(&mut self, address: usize, value: T) {
        if self.values.len() >= self.most {
            // Rare, and few: looking through them costs less than keeping them in order.
            let oldest = self.values.iter().min_by_key(|(_, (_, used))| *used).map(|(address, _)| *address);
            oldest.map(|address| self.values.remove(&address));
        }
        self.clock += 1;
        self.values.insert(address, (value, self.clock));
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_used_for_longest_goes() {
        let mut kept = Prepared::new(2);
        kept.insert(1, "one");
        kept.insert(2, "two");
        assert_eq!(kept.get(1), Some("one"));
        kept.insert(3, "three");
        assert_eq!([kept.get(1), kept.get(2), kept.get(3)], [Some("one"), None, Some("three")]);
        kept.clear();
        assert_eq!(kept.get(1), None);
    }
}
