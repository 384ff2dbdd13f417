//! The passages nearest to a vector: each is looked at, so none is missed.
//!
//! The vectors that a model makes of a document never change, so those that were read lately are kept in memory, as far as
//! there is room, by the document's id, which is never given twice; but for those of another length than is asked for. Which documents are looked at is asked of the database each time: what is gone,
//! or may not be seen, is not among them.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    base::{error::Result, id::DocumentId},
    repo::embeddings::Embedded,
};

/// What a document costs besides its vectors.
const ENTRY_BYTES: usize = 128;

/// Takes the number of a passage and its vector.
type Visit<'a> = &'a mut dyn FnMut(i64, Vec<f32>);

/// The vectors that are kept.
pub(in crate::service) struct Vectors {
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    documents: HashMap<DocumentId, (u64, Arc<OfDocument>)>,
    bytes: usize,
    /// Counts the uses, so that what was used longest ago is known.
    uses: u64,
}

/// The vectors of one document, one behind the other.
#[derive(Default)]
struct OfDocument {
    chunks: Vec<i64>,
    numbers: Vec<f32>,
}

/// A passage and how near it is.
struct Near(f32, i64);

impl PartialEq for Near {
    fn eq(&self, other: &Near) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Near {}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Near) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The farthest is the greatest.
impl Ord for Near {
    fn cmp(&self, other: &Near) -> Ordering {
        other.0.total_cmp(&self.0).then(self.1.cmp(&other.1))
    }
}

impl Vectors {
    pub(super) fn new(most_bytes: usize) -> Vectors {
        Vectors { most_bytes, kept: Mutex::default() }
    }

    /// And those of the documents whose vectors are as long. `read` reads the vectors of a document that is not kept.
    pub(super) fn nearest(
        &self,
        documents: &[Embedded],
        vector: &[f32],
        most: usize,
        mut read: impl FnMut(i64, Visit<'_>) -> Result<()>,
    ) -> Result<(Vec<i64>, HashSet<DocumentId>)> {
        let mut nearest = BinaryHeap::with_capacity(most + 1);
        let mut compared = HashSet::with_capacity(documents.len());
        for document in documents {
            let dims = vector.len();
            let of = self.of(*document, dims, &mut read)?;
            // Another model of the same name may make vectors of another length, until all are made anew.
            if !of.has_length(dims) {
                continue;
            }
            compared.insert(document.0);
            for (chunk, numbers) in of.chunks.iter().zip(of.numbers.chunks_exact(dims)) {
                let near = Near(product(numbers, vector), *chunk);
                if nearest.len() < most || nearest.peek().is_some_and(|farthest| near < *farthest) {
                    nearest.push(near);
                    if nearest.len() > most {
                        nearest.pop();
                    }
                }
            }
        }
        Ok((nearest.into_sorted_vec().into_iter().map(|Near(_, chunk)| chunk).collect(), compared))
    }

    fn of(
        &self,
        (id, number): Embedded,
        dims: usize,
        read: &mut impl FnMut(i64, Visit<'_>) -> Result<()>,
    ) -> Result<Arc<OfDocument>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).used(id);
        if let Some(kept) = kept.filter(|kept| kept.has_length(dims)) {
            return Ok(kept);
        }
        let mut of = OfDocument::default();
        read(number, &mut |chunk, vector| {
            of.chunks.push(chunk);
            of.numbers.extend(vector);
        })?;
        of.chunks.shrink_to_fit();
        of.numbers.shrink_to_fit();
        let of = Arc::new(of);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).keep(id, &of, self.most_bytes);
        Ok(of)
    }
}

impl Kept {
    fn used(&mut self, id: DocumentId) -> Option<Arc<OfDocument>> {
        self.uses += 1;
        let (used, of) = self.documents.get_mut(&id)?;
        *used = self.uses;
        Some(Arc::clone(of))
    }

    /// Keeps it, and lets those go that were used longest ago, as many as there is no room for.
    fn keep(&mut self, id: DocumentId, of: &Arc<OfDocument>, most_bytes: usize) {
        if of.bytes() > most_bytes {
            return;
        }
        self.bytes += of.bytes();
        if let Some((_, before)) = self.documents.insert(id, (self.uses, Arc::clone(of))) {
            self.bytes -= before.bytes();
        }
        while self.bytes > most_bytes {
            let oldest = self.documents.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id);
            let Some((_, gone)) = oldest.and_then(|id| self.documents.remove(&id)) else { return };
            self.bytes -= gone.bytes();
        }
    }
}

impl OfDocument {
    fn has_length(&self, dims: usize) -> bool {
        dims > 0 && self.numbers.len() == self.chunks.len() * dims
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.chunks) + size_of_val(&*self.numbers) + ENTRY_BYTES
    }
}

/// The sum of the products, in as many sums as a processor adds at once.
fn product(one: &[f32], other: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (ones, one_rest) = one.as_chunks::<LANES>();
    let (others, other_rest) = other.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (one, other) in ones.iter().zip(others) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * other[lane];
        }
    }
    let rest: f32 = one_rest.iter().zip(other_rest).map(|(one, other)| one * other).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_product_is_the_sum_of_products(pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..100)) {
            let (one, other): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let plain: f64 = pairs.iter().map(|(one, other)| f64::from(*one) * f64::from(*other)).sum();
            prop_assert!((f64::from(product(&one, &other)) - plain).abs() < 1e-4);
        }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_memory_stays_bounded() {
        let id = |number: u128| DocumentId(uuid::Uuid::from_u128(number));
        let of = || Arc::new(OfDocument { chunks: vec![1; 10], numbers: vec![0.0; 100] });
        let (mut kept, most) = (Kept::default(), 3 * of().bytes());
        for number in 0..3 {
            kept.keep(id(number), &of(), most);
        }
        assert!(kept.used(id(0)).is_some());
        kept.keep(id(3), &of(), most);
        kept.keep(id(3), &of(), most);
        assert_eq!((kept.documents.len(), kept.bytes), (3, most));
        assert!(kept.used(id(0)).is_some() && kept.used(id(3)).is_some());
        kept.keep(id(9), &Arc::new(OfDocument { chunks: vec![1; 1000], numbers: vec![] }), most);
        assert!(kept.used(id(9)).is_none() && kept.bytes <= most);
    }
}
