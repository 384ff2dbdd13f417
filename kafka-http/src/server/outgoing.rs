//! Long answers and frames on their way to clients, and how much memory they may hold together.
//!
//! Room is made for a new one by cutting off whoever has been reading the longest, so that those who do
//! not read keep neither memory nor anyone's answer: who reads is done before that is their turn.

use std::{
    collections::BTreeMap,
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Debug)]
pub(crate) struct Outgoing {
    most_bytes: usize,
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    bytes: usize,
    last_key: u64,
    /// In the order in which they began.
    by_key: BTreeMap<u64, Answer>,
}

#[derive(Debug)]
struct Answer {
    stream: Arc<TcpStream>,
    bytes: usize,
}

/// The place of an answer that is being written; dropping it gives its memory to others.
#[derive(Debug)]
pub(crate) struct Passage {
    outgoing: Arc<Outgoing>,
    key: u64,
}

impl Outgoing {
    pub(crate) fn new(most_bytes: usize) -> Outgoing {
        Outgoing { most_bytes, answers: Mutex::default() }
    }

    /// Lets an answer of so many bytes out, and cuts off the oldest of others that leave it no room.
    pub(crate) fn enter(self: &Arc<Outgoing>, stream: &Arc<TcpStream>, bytes: usize) -> Passage {
        let mut answers = self.answers();
        while answers.bytes.saturating_add(bytes) > self.most_bytes
            && let Some((_, oldest)) = answers.by_key.pop_first()
        {
            answers.bytes -= oldest.bytes;
            // Wakes the thread that writes it; it fails only when the client is gone already.
            let _ = oldest.stream.shutdown(Shutdown::Both);
        }
        answers.bytes += bytes;
        answers.last_key += 1;
        let key = answers.last_key;
        answers.by_key.insert(key, Answer { stream: Arc::clone(stream), bytes });
        drop(answers);
        Passage { outgoing: Arc::clone(self), key }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut answers = self.outgoing.answers();
        if let Some(answer) = answers.by_key.remove(&self.key) {
            answers.bytes -= answer.bytes;
        }
    }
}
