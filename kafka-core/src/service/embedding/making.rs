//! Making the vectors of a document: batch by batch, each of which is stored and counted when it is there.
//!
//! A batch that the endpoint refuses is halved until what it refuses stands alone. That passage is noted as one without a
//! vector of this model, and the rest of the document gets its vectors.

use super::{Embedded, cost, in_use, question, told};
use crate::{
    base::{
        cancel::CancelToken,
        day::Day,
        error::{Error, ErrorKind, Result},
        id::DocumentId,
    },
    repo::{documents, embeddings},
    service::installation::Installation,
    storage::Tx,
};

/// Codes of an endpoint that would keep also the next text waiting.
const CANNOT_BE_REACHED: [&str; 2] = ["provider_unreachable", "provider_timeout"];
/// One that has no room now for any text.
const LIMITED: &str = "provider_rate_limited";
/// One of what may pass, also where only this text meets it. Some say it of a text that is too long for them, again and again.
const MAY_PASS: &str = "provider_failed";
/// An endpoint that has refused so many passages in a row, and nothing else in between, is asked for no further one.
const MOST_IN_A_ROW: u32 = 16;
/// After so many batches others have their turn.
const MOST_BATCHES: u32 = 16;

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// Each passage has its vector, or is known to get none.
    All { has_any: bool },
    /// At some the endpoint failed, though it works: later it may give theirs.
    InPart,
    /// The endpoint gives none now, or no more of them.
    Unavailable { has_made: bool },
    /// There are more to make, and others have their turn first.
    Paused,
    /// This process ends, or another model is in use.
    Stopped,
    /// The document is gone, or another node's.
    Gone,
}

/// What is to be made.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) installation: &'a Installation,
    pub(super) model: &'a str,
    pub(super) id: DocumentId,
    pub(super) number: i64,
    /// The job, which is this node's as long as it may store what it makes.
    pub(super) job: i64,
    /// Whether the document has never had all of its vectors: then its owner pays for them. Making them anew is no doing
    /// of the owner's.
    pub(super) is_first: bool,
    /// Whether what the endpoint fails at is not tried again.
    pub(super) is_last: bool,
    pub(super) cancel: &'a CancelToken,
}

/// A turn that makes them.
pub(super) struct Making<'a> {
    task: Task<'a>,
    /// The length of those that were made in this turn.
    dims: Option<usize>,
    has_made: bool,
    /// Whether the endpoint has given the vector of a word since it refused the first text of a batch.
    works: bool,
    has_begun_anew: bool,
    /// Passages that were left out for another turn, and such that were refused for good.
    left: u64,
    refused: u64,
    /// Of both, those since the last that got its vector.
    in_a_row: u32,
    /// What the endpoint said of the first of them.
    why: Option<String>,
}

/// Passages: their numbers, and what is sent of them.
type Texts = [(i64, String)];

/// What an endpoint says to a piece of a batch.
enum Answer {
    Vectors(Embedded),
    /// It gives none for this, though it works. `for_good`: it will not another time.
    Refused {
        for_good: bool,
    },
    End(End),
}

/// Why a batch comes to no end.
enum End {
    /// The endpoint gives vectors of another length than a while ago, so what comes before lacks them, too.
    Anew,
    Turn(Made),
}

impl<'a> Making<'a> {
    pub(super) fn of(task: Task<'a>) -> Making<'a> {
        Making {
            task,
            dims: None,
            has_made: false,
            works: false,
            has_begun_anew: false,
            left: 0,
            refused: 0,
            in_a_row: 0,
            why: None,
        }
    }

    /// What the endpoint said of the first passage that it refused for good, and how many those were.
    pub(super) fn refusals(&self) -> Option<(u64, &str)> {
        self.why.as_deref().filter(|_| self.refused > 0).map(|why| (self.refused, why))
    }

    /// Makes what the document lacks, as far as one turn goes.
    pub(super) fn run(&mut self) -> Result<Made> {
        let mut behind = 0;
        for batches in 0.. {
            let (known, texts) = (self.length(), self.lacking(behind)?);
            match texts.last() {
                Some(_) if batches == MOST_BATCHES => {
                    return Ok(if self.left == 0 { Made::Paused } else { Made::InPart });
                }
                Some((last, _)) => behind = *last,
                // All have vectors of the model: a word tells whether they are as long as those that the endpoint gives.
                None if known.is_none() => match self.word() {
                    Some(length) => self.dims = Some(length),
                    None => return Ok(self.away(None)),
                },
                None => break,
            }
            match self.batch(&texts)? {
                Some(End::Turn(made)) => return Ok(made),
                Some(End::Anew) if self.has_begun_anew => return Ok(self.unavailable()),
                Some(End::Anew) => (self.dims, self.has_begun_anew, behind) = (None, true, 0),
                // Of what comes before, some may have vectors of another length.
                None if self.length() != known => behind = 0,
                None => {}
            }
        }
        if self.left > 0 { Ok(Made::InPart) } else { self.complete() }
    }

    /// How long the vectors are, if that is known.
    fn length(&self) -> Option<usize> {
        self.dims.or(self.task.installation.embedding().length())
    }

    fn lacking(&self, behind: i64) -> Result<Vec<(i64, String)>> {
        let Task { installation, model, number, .. } = self.task;
        let (of, most) = ((model, self.length()), installation.embedding().batch());
        installation.storage().read_one(|conn| embeddings::texts(conn, number, of, behind, most))
    }

    fn batch(&mut self, texts: &Texts) -> Result<Option<End>> {
        let before = self.left + self.refused;
        let (mut largest, mut has_limit) = (0, true);
        let mut pieces = vec![texts];
        self.works = false;
        while let Some(piece) = pieces.pop().filter(|piece| !piece.is_empty()) {
            let answer = match self.in_a_row {
                MOST_IN_A_ROW.. => Answer::Refused { for_good: true },
                _ => self.ask(piece)?,
            };
            let end = match answer {
                Answer::Vectors(embedded) => {
                    largest = largest.max(piece.len());
                    self.store(piece, embedded)?
                }
                Answer::Refused { for_good } if piece.len() > 1 && self.in_a_row < MOST_IN_A_ROW => {
                    let (first, second) = piece.split_at(piece.len() / 2);
                    pieces.extend([second, first]);
                    has_limit &= for_good;
                    None
                }
                Answer::Refused { for_good } => self.leave_out(piece, for_good)?,
                Answer::End(end) => Some(end),
            };
            if end.is_some() {
                return Ok(end);
            }
        }
        // Whoever refuses many texts and none of them alone takes no more at a time.
        if has_limit && (1..texts.len()).contains(&largest) && self.left + self.refused == before {
            self.task.installation.embedding().limit_batch(largest);
        }
        Ok(None)
    }

    fn ask(&mut self, piece: &Texts) -> Result<Answer> {
        let Task { installation, cancel, .. } = self.task;
        let embedding = installation.embedding();
        let sent: Vec<&str> = piece.iter().map(|(_, text)| text.as_str()).collect();
        let error = match embedding.of_passages(&sent, cancel) {
            Ok(embedded) => return Ok(self.compare(embedded)),
            Err(error) => error,
        };
        if error.kind() == ErrorKind::Cancelled {
            return Ok(Answer::End(End::Turn(Made::Stopped)));
        }
        // It may be the endpoint, a key, a bill, or a name that it does not know, and not this text: another one tells.
        let is_asked = !CANNOT_BE_REACHED.contains(&error.code());
        let works = is_asked && ((piece.len() > 1 && self.works) || self.word().is_some());
        if cancel.is_cancelled() {
            return Ok(Answer::End(End::Turn(Made::Stopped)));
        }
        if !works {
            return Ok(Answer::End(End::Turn(self.away(Some(&error)))));
        }
        if error.code() == LIMITED {
            embedding.complain(installation, &error);
            return Ok(Answer::End(End::Turn(self.unavailable())));
        }
        self.why.get_or_insert_with(|| error.message().to_owned());
        Ok(Answer::Refused { for_good: error.code() != MAY_PASS })
    }

    /// Looks whether vectors are as long as others. If not, a word tells whether it is the texts or the endpoint.
    fn compare(&mut self, embedded: Embedded) -> Answer {
        let embedding = self.task.installation.embedding();
        embedding.note_success(self.task.installation);
        let length = embedded.vectors.first().map_or(0, Vec::len);
        let Some(known) = self.length().filter(|known| *known != length) else {
            embedding.length.note(length);
            self.dims = Some(length);
            return Answer::Vectors(embedded);
        };
        match self.word() {
            Some(word) if word == length => Answer::End(End::Anew),
            Some(word) if word == known => {
                self.why.get_or_insert_with(|| told::LENGTHS.to_owned());
                Answer::Refused { for_good: true }
            }
            // Of a word that has none, it is told already.
            None => Answer::End(End::Turn(self.away(None))),
            Some(_) => {
                let error = Error::new(ErrorKind::Provider, "provider_bad_answer", told::LENGTHS);
                Answer::End(End::Turn(self.away(Some(&error))))
            }
        }
    }

    /// The length of the vector that the endpoint gives for a word, if it gives one.
    fn word(&mut self) -> Option<usize> {
        let Task { installation, cancel, .. } = self.task;
        let vector = question::vector(installation, "word", question::Payer::OPERATOR, cancel).ok();
        self.works = vector.is_some();
        vector.map(|vector| vector.len())
    }

    /// Leaves the endpoint alone for a while, because it gives nobody any vector.
    fn away(&self, because: Option<&Error>) -> Made {
        let installation = self.task.installation;
        let embedding = installation.embedding();
        embedding.note_away(installation.clock().instant());
        if let Some(error) = because {
            embedding.complain(installation, error);
        }
        self.unavailable()
    }

    fn unavailable(&self) -> Made {
        Made::Unavailable { has_made: self.has_made }
    }

    fn store(&mut self, piece: &Texts, embedded: Embedded) -> Result<Option<End>> {
        let Task { installation, id, is_first, .. } = self.task;
        let texts: Vec<&str> = piece.iter().map(|(_, text)| text.as_str()).collect();
        let tokens = cost::tokens(&embedded, &texts);
        let day = Day::of(installation.now());
        (self.has_made, self.in_a_row) = (true, 0);
        self.keep(piece, embedded.vectors, move |tx, model| {
            let payer = if is_first { documents::owner(tx, id)? } else { None };
            cost::count(tx, payer, day, model, tokens)
        })
    }

    /// Notes passages that get no vector, or leaves them for another turn.
    fn leave_out(&mut self, piece: &Texts, for_good: bool) -> Result<Option<End>> {
        self.in_a_row += 1;
        if for_good || self.task.is_last {
            self.refused += piece.len() as u64;
            return self.keep(piece, vec![Vec::new(); piece.len()], |_, _| Ok(()));
        }
        self.left += piece.len() as u64;
        Ok((self.in_a_row >= MOST_IN_A_ROW).then_some(End::Turn(Made::InPart)))
    }

    fn keep(
        &self,
        piece: &Texts,
        vectors: Vec<Vec<f32>>,
        count: impl Fn(&Tx<'_>, &str) -> Result<()> + Send + 'static,
    ) -> Result<Option<End>> {
        let (id, model) = (self.task.id, self.task.model.to_owned());
        let chunks: Vec<i64> = piece.iter().map(|(chunk, _)| *chunk).collect();
        let made = self.write(move |tx| {
            // Until the last one is stored, the document has the vectors of no model.
            embeddings::forget_model(tx, id)?;
            embeddings::store(tx, &chunks, &model, &vectors)?;
            count(tx, &model)
        })?;
        Ok(made.err().map(End::Turn))
    }

    /// Notes whose vectors the document has now, and says which passages have none.
    fn complete(&self) -> Result<Made> {
        let Task { id, number, model, .. } = self.task;
        let model = model.to_owned();
        let has_any = self.write(move |tx| {
            let (all, refused) = embeddings::handled(tx, number, &model)?;
            let note = documents::note(tx, id)?;
            let said = told::with_refusals(note.as_deref(), refused, all);
            if said != note {
                documents::set_note(tx, id, &said)?;
            }
            match refused < all {
                true => embeddings::note_model(tx, id, &model)?,
                false => embeddings::forget_model(tx, id)?,
            }
            Ok(refused < all)
        })?;
        Ok(has_any.map_or_else(|made| made, |has_any| Made::All { has_any }))
    }

    /// Writes while the document is there, the job this node's, and the model in use.
    fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<std::result::Result<T, Made>> {
        let Task { installation, job, model, .. } = self.task;
        let (node, model) = (installation.node_id(), model.to_owned());
        installation.storage().write_behind(move |tx| {
            if documents::number_of_job(tx, job, node)?.is_none() {
                return Ok(Err(Made::Gone));
            }
            if !in_use::is(tx, &model)? {
                return Ok(Err(Made::Stopped));
            }
            work(tx).map(Ok)
        })
    }
}
