//! What the nodes of one database tell each other with their commits, so that whoever is connected to one sees
//! what happens through another.
//!
//! Only ids are told: what stands behind them is read by who wants to know it. What was missed cannot be told
//! again; then subscribers are told that they lost something, and everyone who waits looks for themselves.

use serde::{Deserialize, Serialize};

use super::feed::Notice;
#[cfg(feature = "postgres")]
use super::{completion::live::Live, doorman::Doorman, feed::Feed};
#[cfg(feature = "postgres")]
use crate::storage::Heard;
use crate::{base::id::ResponseId, storage::Tx};

/// What a node tells.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// These changes are to be told to whoever subscribed.
    Changed(Vec<Notice>),
    /// A running answer has said more.
    Grown(ResponseId),
    /// Something has changed that decides who may go on following.
    Access,
}

impl Word {
    /// Tells it with the commit of this transaction.
    pub(super) fn tell(tx: &Tx<'_>, word: impl FnOnce() -> Word) {
        // What cannot be written, which does not happen, is heard as something missed.
        tx.tell(|| serde_json::to_string(&word()).unwrap_or_default());
    }
}

/// What is done about it here.
#[cfg(feature = "postgres")]
pub(super) struct Neighbours {
    pub(super) feed: Feed,
    pub(super) live: Live,
    pub(super) doorman: Doorman,
}

#[cfg(feature = "postgres")]
impl Neighbours {
    pub(super) fn hear(&self, heard: Heard<'_>) {
        match heard {
            Heard::Told(lines) => lines.lines().for_each(|line| match serde_json::from_str(line) {
                Ok(word) => self.take(&word),
                // A newer release has more words.
                Err(_) => self.miss(),
            }),
            Heard::Gap => self.miss(),
        }
    }

    fn take(&self, word: &Word) {
        match word {
            Word::Grown(id) => self.feed.relays().wake(*id),
            Word::Access => self.doorman.ask_all(),
            Word::Changed(notices) => {
                for notice in notices {
                    // Others tell of an answer that runs here only when they have ended it.
                    if let Notice::Response(id) = notice {
                        self.live.let_go(*id);
                    }
                }
                self.feed.tell(notices);
            }
        }
    }

    fn miss(&self) {
        self.feed.lose();
        self.doorman.ask_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{ChatId, UserId};

    #[test]
    fn words_come_over_as_they_were_said() {
        let (chat, user) = (ChatId::from(uuid::Uuid::from_u128(1)), UserId::from(uuid::Uuid::from_u128(2)));
        let notices =
            vec![Notice::Chat(chat), Notice::ChatDeleted(chat, Some(user), vec![user, user].into())];
        for word in [Word::Changed(notices), Word::Grown(uuid::Uuid::from_u128(3).into()), Word::Access] {
            let line = serde_json::to_string(&word).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Word>(&line).unwrap(), word);
        }
    }
}
