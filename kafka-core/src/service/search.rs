//! Searching over everything that someone may see.

mod nearness;

use std::cmp::Reverse;

use super::{auth, embedding::Near, input, installation::Installation, search_index};
use crate::{
    base::{
        actor::Actor,
        error::{Error, Result},
        limits::Limits,
        page::{Cursor, Room},
        permission::{Area, Permission},
        shares::Whose,
    },
    entity::search::{Hit, HitKind, Hits, SearchArea, SearchMode, SearchRequest, SearchSort},
    repo::{
        chats,
        search::{self, Filter, Found, Lookup, Noun},
        search_index::{self as index, Marks, Table},
        search_terms::Wanted,
    },
    storage::{Conn, NodeKind},
    text::search::{
        fusion::{Said, fused},
        matching::{Match, Score, scores},
        query::Query,
        snippet::snippet,
    },
};

/// What a credential needs: searching counts as reading chats.
const READ: Permission = Permission::read(Area::Chats);
/// The best are chosen among so many texts that hold everything, the newest ones …
const CANDIDATES: Room = Room { entries: 500, bytes: 4 << 20 };
/// … and, in plain language, so many that hold one of the words.
const CANDIDATES_OF_WORD: Room = Room { entries: 100, bytes: 1 << 20 };

/// Searches, as one actor may do them. Made by [`Kafka::search`](crate::Kafka::search).
#[derive(Debug)]
pub struct Search<'k> {
    installation: &'k Installation,
    actor: Actor,
}

impl<'k> Search<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Search<'k> {
        Search { installation, actor: *actor }
    }

    /// Finds messages, chats and passages of documents that the actor may see, whatever the query is: what is no word is passed over, and a
    /// query without words finds nothing. Case and accents make no difference. Of a text the first 16,000 words are
    /// searched, of a query the first 32 parts and 64 words count. What was stored is found within a second, an answer when it has
    /// ended.
    ///
    /// Words, `"phrases"`, `begin*` (two letters at least) and `-not` are understood in the mode `text`, where a text
    /// has to hold all of it. In plain language one word will do, unless the newest are asked for.
    ///
    /// The newest are all there are, in the order in which they were stored: what a fork copies is as new there as the fork,
    /// whatever time the messages keep. The best are chosen among the newest 500 texts that hold everything, and in plain
    /// language also among the newest 100 for each word. Scores are made of these texts alone: nothing tells how
    /// often a word stands in what others wrote. How long a search takes depends on all that is stored.
    ///
    /// # Errors
    /// `Invalid` for a query over [`Limits::search_query_chars`](crate::Limits) or with U+0000, a limit out of range,
    /// a cursor that no page gave, and the mode `vector` where no endpoint makes vectors
    /// (`vectors_missing`), or with the newest first; `QuotaExceeded` in the mode `vector` when plans are enforced and
    /// the caller's has no tokens left for the query today, where the others do with words; `Unauthenticated` (`account_required`)
    /// for callers without a credential: what they made is reached by its id alone. What begins words waits for its
    /// turn, as [`Chats::list`](crate::Chats::list) does by title, and so do vectors that are not in memory, without which
    /// hybrid search does.
    pub fn find(&self, request: &SearchRequest) -> Result<Hits> {
        let scope = self.actor.scope(READ)?;
        auth::refuse_anonymous(&self.actor)?;
        let limits = self.installation.limits();
        input::query(limits, &request.query)?;
        input::optional_name(limits, "model", request.model.as_ref())?;
        let limit = limit(limits, request.limit)?;
        let mode = request.mode.unwrap_or(SearchMode::Hybrid);
        let mut query = match mode {
            SearchMode::Hybrid | SearchMode::Vector => Query::plain(&request.query).without_stop_words(),
            SearchMode::Text => Query::with_operators(&request.query),
        };
        let after = request.after.clone().map(|after| Cursor::new(after).in_field("after"));
        let sort = request.sort.unwrap_or(SearchSort::Best);
        // Newest texts with any of the words would be any texts.
        query.is_plain &= sort == SearchSort::Best;
        let may_read_documents = self.may_read_documents(request)?;
        let mut tables = tables(request, may_read_documents);
        let near = match mode {
            SearchMode::Vector if sort == SearchSort::Newest => {
                let message = "what is near has one order; leave it out, or ask for hybrid or text";
                return Err(Error::invalid("sort_refused", "sort", message));
            }
            SearchMode::Text => Near::default(),
            _ if sort == SearchSort::Newest => Near::default(),
            // Whoever asks for no passages has nothing sent to the endpoint.
            _ if !tables.contains(&Table::Chunks) && self.installation.embedding().model().is_some() => {
                Near::default()
            }
            _ => {
                let whose = Whose::actor(&self.actor);
                nearness::nearest(self.installation, (scope, whose, self.actor.user_id()), request, mode)?
            }
        };
        if mode == SearchMode::Vector {
            tables.clear();
        }
        let asked = Filter {
            from: request.from,
            to: request.to,
            chat_id: request.chat_id,
            chat_number: None,
            shelf: None,
            workspace_id: request.workspace_id,
            role: request.role,
            model: request.model.clone(),
        };
        let _turn = query
            .has_prefix()
            .then(|| self.installation.searches().begin(Whose::actor(&self.actor)))
            .transpose()?;
        self.installation.storage().read_anywhere(|conn| {
            let mut filter = asked.clone();
            if let Some(id) = filter.chat_id {
                match chats::find(conn, scope, id)? {
                    Some(chat) => {
                        (filter.chat_number, filter.shelf) = (Some(chat.number), chat.workspace_id);
                    }
                    None => return Ok(nothing()),
                }
            }
            let labels = search::labels(conn, scope, &filter)?;
            search::plan_anew(conn)?;
            let lookup = Lookup { scope, filter: &filter, labels: &labels };
            let search = Running { conn, lookup, query: &query, tables: &tables, near: &near, limit };
            match sort {
                _ if query.wanted.is_empty() && near.passages.is_empty() => Ok(nothing()),
                SearchSort::Best => search.best(after.as_ref()),
                SearchSort::Newest => search.newest(after.as_ref(), limits.page_bytes),
            }
        })
    }

    /// A key that may not read documents searches the rest, unless it asks for documents alone.
    fn may_read_documents(&self, request: &SearchRequest) -> Result<bool> {
        let may = self.actor.require(Permission::read(Area::Documents));
        match &request.areas {
            Some(areas) if areas[..] == [SearchArea::Documents] => may.map(|()| true),
            _ => Ok(may.is_ok()),
        }
    }

    /// Takes into the index what is not in it yet, instead of within a second. Where another process serves the same
    /// database nothing is done: that one does it.
    ///
    /// # Errors
    /// Those of writing.
    pub fn refresh(&self) -> Result<()> {
        self.actor.require(READ)?;
        let storage = self.installation.storage();
        let own = self.installation.node_id();
        let nodes = storage.live_nodes()?;
        match nodes.iter().any(|node| node.kind != NodeKind::Cli && node.id != own) {
            true => Ok(()),
            false => search_index::catch_up(storage),
        }
    }
}

fn nothing() -> Hits {
    Hits { items: Vec::new(), next_cursor: None }
}

fn limit(limits: &Limits, asked: Option<u32>) -> Result<usize> {
    let limit = asked.unwrap_or(limits.search_default);
    if (1..=limits.search_max).contains(&limit) {
        return Ok(limit as usize);
    }
    let message = format!("give a number from 1 to {}", limits.search_max);
    Err(Error::invalid("limit_out_of_range", "limit", message))
}

/// Where to look: only messages have a role and a model.
fn tables(request: &SearchRequest, may_read_documents: bool) -> Vec<Table> {
    let is_asked = |area| request.areas.as_ref().is_none_or(|areas| areas.contains(&area));
    let is_about_messages = request.role.is_some() || request.model.is_some();
    let messages = is_asked(SearchArea::Messages).then_some(Table::Messages);
    let chats = (is_asked(SearchArea::Chats) && !is_about_messages).then_some(Table::Chats);
    let documents = is_asked(SearchArea::Documents) && !is_about_messages && may_read_documents;
    messages.into_iter().chain(chats).chain(documents.then_some(Table::Chunks)).collect()
}

/// A search at work.
struct Running<'a> {
    conn: &'a Conn<'a>,
    lookup: Lookup<'a>,
    query: &'a Query,
    tables: &'a [Table],
    near: &'a Near,
    limit: usize,
}

/// A hit, with what it holds of the query.
type Matched = (Found, Match);

/// What a text holds of a query, if it is a hit; what a passage stands under is a part of what it says.
fn matched(query: &Query, found: &Found) -> Option<Match> {
    let Some(heading) = &found.heading else { return Match::of(query, &found.text) };
    Match::of(query, &format!("{heading}\n{}", found.text))
        .map(|matched| matched.shown_from(heading.len() + 1))
}

impl Running<'_> {
    fn find(&self, table: Table, wanted: Wanted<'_>, before: i64, room: Room) -> Result<(Vec<Found>, bool)> {
        let found = self.lookup.find(self.conn, table, wanted, before, room)?;
        Ok((found.rows, found.goes_on))
    }

    /// The best of the candidates. Further pages rank the same ones again: what was stored since is left out, and
    /// what was changed or deleted meanwhile moves the others by a place, not by a score.
    fn best(&self, after: Option<&Cursor>) -> Result<Hits> {
        let (before, start) = match after {
            None => (index::state(self.conn)?.upto.map(|upto| upto.saturating_add(1)), 0_usize),
            Some(cursor) => {
                let [messages, chats, chunks, start] = cursor.keys()?;
                ([cursor.key(messages)?, cursor.key(chats)?, cursor.key(chunks)?], cursor.key(start)?)
            }
        };
        let mut candidates = Vec::new();
        for table in self.tables {
            for found in self.candidates(*table, before[table.place()])? {
                // What was changed a moment ago may be found by what it held before.
                if let Some(matched) = matched(self.query, &found) {
                    candidates.push((found, matched));
                }
            }
        }
        let mut ranked = score(self.query, candidates);
        ranked
            .sort_by_key(|(score, (found, _))| (Reverse(score.points), place(found), Reverse(found.number)));
        let ranked: Vec<(u64, Matched)> = match self.near.passages.is_empty() {
            true => ranked.into_iter().map(|(score, matched)| (score.points, matched)).collect(),
            false => self.with_near(ranked)?,
        };
        let end = start.saturating_add(self.limit);
        let next_cursor =
            (ranked.len() > end).then(|| Cursor::of(&[&before[0], &before[1], &before[2], &end]));
        let items = ranked.into_iter().skip(start).take(self.limit).map(hit).collect();
        Ok(Hits { items, next_cursor })
    }

    /// What words have found and what is near, by the ranks of both.
    fn with_near(&self, ranked: Vec<(Score, Matched)>) -> Result<Vec<(u64, Matched)>> {
        let key = |found: &Found| (place(found), found.number);
        let has_vector = |found: &Found| match &found.noun {
            Noun::Passage(document, ..) => self.near.documents.contains(document),
            Noun::Message(..) | Noun::Chat => false,
        };
        let by_words: Vec<_> = ranked
            .iter()
            .map(|(score, (found, _))| Said { key: key(found), score: *score, has_vector: has_vector(found) })
            .collect();
        let near: Vec<_> = self.near.passages.iter().map(|number| (Table::Chunks.place(), *number)).collect();
        let scores = fused(&by_words, &near);
        let mut all: Vec<Matched> = ranked.into_iter().map(|(_, matched)| matched).collect();
        let others = near.iter().filter(|near| !by_words.iter().any(|said| said.key == **near));
        let others: Vec<i64> = others.map(|(_, number)| *number).collect();
        for found in search::passages(self.conn, self.lookup.scope, &others)? {
            let matched = matched(self.query, &found).unwrap_or_default();
            all.push((found, matched));
        }
        let score = |found: &Found| scores.get(&key(found)).copied().unwrap_or_default();
        let mut all: Vec<_> = all.into_iter().map(|matched| (score(&matched.0), matched)).collect();
        all.sort_by_key(|(score, (found, _))| (Reverse(*score), place(found), Reverse(found.number)));
        Ok(all)
    }

    fn candidates(&self, table: Table, before: i64) -> Result<Vec<Found>> {
        let (mut found, goes_on) = self.find(table, Wanted::All(self.query), before, CANDIDATES)?;
        if self.query.is_plain && self.query.wanted.len() > 1 && !goes_on {
            for clause in &self.query.wanted {
                let wanted = Wanted::Part(self.query, clause);
                let (more, _) = self.find(table, wanted, before, CANDIDATES_OF_WORD)?;
                found.extend(more);
            }
            found.sort_by_key(|found| Reverse(found.number));
            found.dedup_by_key(|found| found.number);
        }
        Ok(found)
    }

    /// What was stored last, of all tables together: each is read downwards from where the page before ended.
    fn newest(&self, after: Option<&Cursor>, bytes: usize) -> Result<Hits> {
        let mut before: Marks = match after {
            None => [i64::MAX; 3],
            Some(cursor) => {
                let [messages, chats, chunks] = cursor.keys()?;
                [cursor.key(messages)?, cursor.key(chats)?, cursor.key(chunks)?]
            }
        };
        let room = Room { entries: u32::try_from(self.limit).unwrap_or(u32::MAX), bytes };
        let mut streams = Vec::new();
        for table in self.tables {
            let place = table.place();
            let (rows, goes_on) = self.find(*table, Wanted::All(self.query), before[place], room)?;
            streams.push((place, rows.into_iter().peekable(), goes_on));
        }
        let mut items = Vec::new();
        let mut goes_on = false;
        loop {
            // Behind the rows of one that goes on, nobody knows which comes next.
            goes_on |= streams.iter_mut().any(|(_, rows, goes_on)| *goes_on && rows.peek().is_none());
            let heads = streams.iter_mut().enumerate();
            let latest = heads
                .filter_map(|(stream, (_, rows, _))| {
                    rows.peek().map(|found| (found.created_at, Reverse(stream)))
                })
                .max();
            let Some((_, Reverse(stream))) = latest else { break };
            if goes_on || items.len() == self.limit {
                goes_on = true;
                break;
            }
            let Some((place, rows, _)) = streams.get_mut(stream) else { break };
            let Some(found) = rows.next() else { break };
            before[*place] = found.number;
            if let Some(matched) = matched(self.query, &found) {
                items.push((found, matched));
            }
        }
        let next_cursor = goes_on.then(|| Cursor::of(&[&before[0], &before[1], &before[2]]));
        let items = score(self.query, items).into_iter().map(|(score, matched)| hit((score.points, matched)));
        Ok(Hits { items: items.collect(), next_cursor })
    }
}

/// What was found with what it is worth.
fn score(query: &Query, found: Vec<Matched>) -> Vec<(Score, Matched)> {
    let (found, matches): (Vec<Found>, Vec<Match>) = found.into_iter().unzip();
    scores(query, &matches).into_iter().zip(found.into_iter().zip(matches)).collect()
}

/// Of what is as good, messages come first.
fn place(found: &Found) -> usize {
    let table = match found.noun {
        Noun::Message(..) => Table::Messages,
        Noun::Chat => Table::Chats,
        Noun::Passage(..) => Table::Chunks,
    };
    table.place()
}

fn hit((score, (found, matched)): (u64, Matched)) -> Hit {
    let mut hit = Hit {
        kind: HitKind::Chat,
        score: score as f64 / 1000.0,
        snippet: snippet(&found.text, &matched.places),
        chat_id: found.chat_id,
        title: found.title,
        message_id: None,
        role: None,
        document_id: None,
        filename: None,
        start: None,
        end: None,
        text: None,
        created_at: found.created_at,
    };
    match found.noun {
        Noun::Chat => {}
        Noun::Message(id, role) => {
            (hit.kind, hit.message_id, hit.role) = (HitKind::Message, Some(id), Some(role));
        }
        Noun::Passage(id, filename, [start, end]) => {
            (hit.kind, hit.document_id, hit.filename) = (HitKind::Document, Some(id), Some(filename));
            (hit.start, hit.end, hit.text) = (Some(start), Some(end), Some(found.text));
        }
    }
    hit
}
