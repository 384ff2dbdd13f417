//! What the documents of a chat say about a question: passages for the model, each behind the number that the answer
//! cites it by.
//!
//! A question is taken as plain language: passages that hold any of its content words are candidates, and they are
//! ranked among themselves. Those that stand side by side become one. A question without content words, or whose words
//! stand nowhere, is about the documents as wholes, and gets their beginnings and headings; one that asks for a summary
//! gets them besides. A short document that is a file of the chat, too, is given whole, as other files are.

mod content_words;
mod nearness;
mod selection;
mod told;

pub(super) use nearness::{Prepared, prepare};

use std::collections::HashSet;

use crate::{
    base::{
        actor::Actor,
        error::Result,
        id::MessageId,
        permission::{Area, Permission},
    },
    crypto::digest::sha256_hex,
    entity::{
        document::{Source, SourceText},
        message::{Message, Role},
    },
    repo::{chunks::Asked, document_texts, messages::Line},
    service::completion::prompt::upwards,
    storage::Conn,
};
use content_words::Question;
use told::Told;

/// Documents of which beginnings are given.
const MOST_WHOLE: u32 = 8;
/// Fewer documents are given where each would have fewer tokens …
const LEAST_SHARE: u64 = 100;
/// … and nothing where there are fewer for all.
const LEAST_ROOM: u64 = 60;
/// How far back it is looked what the user said.
const LOOK_BACK: usize = 16;

/// What a model is given of documents.
#[derive(Clone, Debug, Default)]
pub(super) struct Retrieved {
    /// An instruction with the passages.
    pub(super) told: String,
    /// What the numbers in it stand for.
    pub(super) sources: Vec<Source>,
}

/// What the documents of the chat say about what the user has asked last, in so many tokens by estimate; none for a chat
/// without documents that are completed, and where they have no room.
pub(super) fn for_question(
    conn: &Conn<'_>,
    asked: Asked,
    prepared: &Prepared,
    question: MessageId,
    most_tokens: impl FnOnce() -> Result<u64>,
) -> Result<Option<Retrieved>> {
    let mut documents = asked.outlines(conn, MOST_WHOLE)?;
    if documents.is_empty() {
        return Ok(None);
    }
    let mut told = Told::new(&prepared.mark, most_tokens()?);
    let room = told.room();
    if room < LEAST_ROOM {
        return Ok(None);
    }
    let whole = selection::whole(conn, asked.files(conn)?, room / 2)?;
    let is_given = |id| whole.iter().any(|given| given.document_id == id);
    let (said, before) = said(conn, question)?;
    // One that is too short to stand alone is understood with what the user said before it.
    let Question { query, is_whole } = content_words::question(&said, before.as_deref());
    let (mut ranked, is_said) = selection::ranked(conn, asked, &query, &prepared.near)?;
    ranked.retain(|found| !is_given(found.document_id));
    documents.retain(|(_, id, ..)| !is_given(*id));
    let is_whole = (is_whole || !is_said) && !documents.is_empty();
    whole.into_iter().for_each(|document| told.passage(document));
    let room = told.room();
    let most = if is_whole { room / 2 } else { room };
    let passages = selection::fitting(ranked, most);
    let given: HashSet<i64> = passages.iter().map(|found| found.number).collect();
    for passage in selection::joined(conn, passages)? {
        told.passage(passage);
    }
    if is_whole {
        let most = usize::try_from(told.room() / LEAST_SHARE).unwrap_or(usize::MAX);
        documents.truncate(most.max(1));
        let share = told.room() / documents.len() as u64;
        let mut beginnings = Vec::new();
        for (number, _, filename, outline) in &documents {
            let left = share.saturating_sub(told.headings(filename, outline.as_deref(), share / 2));
            beginnings.extend(selection::beginning(conn, *number, &given, left)?);
        }
        beginnings.into_iter().for_each(|passage| told.passage(passage));
    }
    Ok(Some(told.end()))
}

/// What the user said last, and what before that; a tool's result is no question.
fn said(conn: &Conn<'_>, question: MessageId) -> Result<(String, Option<String>)> {
    let lines = upwards(conn, question).take(LOOK_BACK).collect::<Result<Vec<Line>>>()?;
    let mut by_user = lines.into_iter().filter(|line| line.role == Role::User).map(|line| line.content);
    Ok((by_user.next().unwrap_or_default(), by_user.next()))
}

/// The sources of an answer, with what they say for an actor who may read documents.
pub(super) fn texts(conn: &Conn<'_>, actor: &Actor, message: &Message) -> Result<Vec<SourceText>> {
    let may_read = actor.require(Permission::read(Area::Documents)).is_ok();
    let sources = message.sources.iter().flatten();
    let with_text = |source: &Source| {
        if !may_read {
            return Ok(SourceText { source: source.clone(), text: None });
        }
        let (_, text) = document_texts::between(conn, source.document_id, source.start, source.end)?;
        // Another text is not what was cited.
        let text = Some(text).filter(|text| sha256_hex(text.as_bytes()) == source.sha256);
        Ok(SourceText { source: source.clone(), text })
    };
    sources.map(with_text).collect()
}
