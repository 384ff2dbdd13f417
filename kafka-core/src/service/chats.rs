//! What can be done with chats.

use super::{
    auth, branches,
    completion::recover::Ender,
    input, listing,
    listing::TimeKey,
    once::{IdempotencyKey, Once, once},
    removal, tags, users, workspaces,
};
use crate::{
    base::{
        actor::Actor,
        day::Day,
        error::{Error, Result},
        id::ChatId,
        limits::Limits,
        page::{Page, PageRequest, Place},
        permission::{Area, Permission},
        shares::Whose,
        time::Timestamp,
    },
    entity::{
        chat::{Chat, ChatFilter, ChatPatch, NewChat},
        response::ResponseStatus,
    },
    repo::{
        chat_files,
        chat_lists::{self, Slice},
        chat_tags,
        chats::{self, Belonging},
        deleted_chats, deleted_documents, files, messages, responses, usage_daily,
    },
    service::{
        blob_sweep::BlobSweep, completion::live::Live, doorman::Doorman, feed::Feed,
        installation::Installation,
    },
    storage::Tx,
};

/// What a credential needs for reading here.
pub(super) const READ: Permission = Permission::read(Area::Chats);
/// What it needs for changing something.
pub(super) const WRITE: Permission = Permission::write(Area::Chats);
/// A numbered page behind so many chats is as dear as a search.
const DEEP_ROWS: u64 = 10_000;

/// Chats, as one actor may use them. Made by [`Kafka::chats`](crate::Kafka::chats).
#[derive(Debug)]
pub struct Chats<'k> {
    pub(super) installation: &'k Installation,
    pub(super) actor: Actor,
    once: Option<Once>,
}

pub(crate) fn not_found(id: ChatId) -> Error {
    Error::not_found("chat_not_found", "chat", id)
}

impl<'k> Chats<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Chats<'k> {
        Chats { installation, actor: *actor, once: None }
    }

    /// Makes [`create`](Chats::create) take effect once for this key, if there is one.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> Chats<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }

    /// Makes a chat. The default model is stored unchecked; it is looked up when an answer is asked for.
    ///
    /// # Errors
    /// `Invalid` for a text that is too long; `NotFound` for a workspace that may not be written to;
    /// `Forbidden` when someone else is named as its owner; `QuotaExceeded` when plans are enforced and
    /// the owner's allows no further chat.
    pub fn create(&self, new: NewChat) -> Result<Chat> {
        let limits = self.installation.limits();
        check(
            limits,
            new.title.as_ref(),
            new.description.as_ref(),
            Some(&new.notebooks),
            new.default_model.as_ref(),
        )?;
        let tags = tags::tidied(limits, new.tags)?;
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let chat = Chat {
            number: 0,
            id: self.installation.new_id(),
            title: new.title,
            description: new.description,
            notebooks: new.notebooks,
            default_model: new.default_model.filter(|name| !name.is_empty()),
            user_id: users::owner(&self.actor, "user_id", new.user_id)?,
            workspace_id: new.workspace_id,
            active_leaf_id: None,
            message_count: 0,
            total_tokens: 0,
            archived_at: None,
            pinned_at: None,
            tags,
            created_at: now,
            updated_at: now,
        };
        let (key, feed) = (self.once.clone(), self.installation.feed().clone());
        let quotas = self.installation.quotas();
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                users::must_exist(tx, chat.user_id)?;
                if let Some(workspace) = chat.workspace_id
                    && !crate::repo::workspaces::is_fillable(tx, scope, workspace)?
                {
                    return Err(workspaces::not_found(workspace));
                }
                quotas.admit_chat(tx, chat.user_id)?;
                let number = chats::insert(tx, scope, &chat)?;
                usage_daily::count_chat(tx, chat.id, Day::of(now))?;
                feed.chat(tx, chat.id);
                Ok(Chat { number, ..chat.clone() })
            })
        })
    }

    /// One chat.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: ChatId) -> Result<Chat> {
        let scope = self.actor.scope(READ)?;
        let found = self.installation.storage().read_one_anywhere(|conn| chats::find(conn, scope, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// Chats that the actor may see, the one changed last first.
    ///
    /// # Errors
    /// `Unauthenticated` (`account_required`) for callers without a credential: what they made is reached by
    /// its id alone. `Invalid` for a page out of range, a numbered one whose texts go beyond
    /// [`Limits::page_bytes`](crate::Limits), a cursor that no page gave, or a text to find that no title can
    /// hold. What no index narrows, titles and, inside one workspace, pinned, archived and tagged chats, and a numbered page behind 10,000 chats, waits for its turn: `Busy`
    /// (`searches_at_capacity`) when [`Limits::searches`](crate::Limits) others search;
    /// `RateLimited` (`search_waits`) when another search of the actor's waits already.
    pub fn list(&self, filter: &ChatFilter, request: &PageRequest) -> Result<Page<Chat>> {
        let scope = self.actor.scope(READ)?;
        auth::refuse_anonymous(&self.actor)?;
        let limits = self.installation.limits();
        input::optional_name(limits, "q", filter.title_contains.as_ref())?;
        let cursor = |chat: &Chat| TimeKey::cursor(chat.updated_at, chat.id);
        let filter = &tags::folded(limits, filter)?;
        // What stands before a numbered page is read for it.
        let is_deep = matches!(request, PageRequest::Numbered { page, page_size }
            if u64::from(*page) * u64::from(*page_size) > DEEP_ROWS);
        let is_search = is_deep || chat_lists::is_search(filter);
        let _search =
            is_search.then(|| self.installation.searches().begin(Whose::actor(&self.actor))).transpose()?;
        listing::read(self.installation.storage(), request, |conn| {
            let rows = |slice: &Slice<'_>, room| chat_lists::list(conn, scope, filter, slice, room);
            match request {
                PageRequest::Numbered { page, page_size } => {
                    let (room, offset) = listing::numbered_room(limits, *page, *page_size)?;
                    let stretch = rows(&Slice::Offset(offset), room)?;
                    let total = chat_lists::count(conn, scope, filter)?;
                    listing::numbered(stretch, room, total, *page)
                }
                PageRequest::Cursor { limit, place } => {
                    let room = listing::room(limits, *limit)?;
                    match place {
                        Place::Start => {
                            let newest = Slice::Older(Timestamp::from_unix_ms(i64::MAX), "");
                            Ok(listing::forward(rows(&newest, room)?, true, cursor))
                        }
                        Place::After(after) => {
                            let key = TimeKey::of_cursor(after)?;
                            let rows = rows(&Slice::Older(key.at, &key.id), room)?;
                            Ok(listing::forward(rows, false, cursor))
                        }
                        Place::Before(before) => {
                            let key = TimeKey::of_cursor(before)?;
                            let rows = rows(&Slice::Newer(key.at, &key.id), room)?;
                            Ok(listing::backward(rows, false, cursor))
                        }
                    }
                }
            }
        })
    }

    /// Renames, describes, configures, archives, pins or tags a chat, or chooses its active branch.
    ///
    /// # Errors
    /// `NotFound` for the chat; `Invalid` for a text that is too long, for too many or empty tags, and for an `active_leaf_id` that
    /// is no message of the chat.
    pub fn update(&self, id: ChatId, mut patch: ChatPatch) -> Result<Chat> {
        patch.tags = patch.tags.map(|given| tags::tidied(self.installation.limits(), given)).transpose()?;
        let title = patch.title.as_ref().and_then(Option::as_ref);
        let description = patch.description.as_ref().and_then(Option::as_ref);
        let default_model = patch.default_model.as_ref().and_then(Option::as_ref);
        check(self.installation.limits(), title, description, patch.notebooks.as_deref(), default_model)?;
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            let stored = chats::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            let mut chat = stored.clone();
            if let Some(leaf) = patch.active_leaf_id {
                if !messages::is_in_chat(tx, id, leaf)? {
                    return Err(Error::invalid(
                        "active_leaf_unknown",
                        "active_leaf_id",
                        "name a message of this chat",
                    ));
                }
                branches::go_over(tx, &feed, id, chat.active_leaf_id, Some(leaf))?;
                chat.active_leaf_id = Some(leaf);
            }
            apply(&mut chat, &patch, now);
            // Who changes nothing does not move the chat to the head of the list.
            if chat == stored {
                return Ok(chat);
            }
            chat.updated_at = now;
            if chat.tags != stored.tags {
                chat_tags::replace(tx, &chat)?;
            }
            chats::update(tx, scope, &chat)?;
            feed.chat(tx, id);
            Ok(chat)
        })
    }

    /// Deletes a chat with its messages and responses. A running answer ends. The rows of more than 1,000 messages, and
    /// of documents, are removed by a process that stays, within minutes, a command's own before it returns; nobody sees
    /// them any more.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete(&self, id: ChatId) -> Result<()> {
        let (scope, parting) = (self.actor.scope(WRITE)?, Parting::new(self.installation));
        self.installation.storage().write(move |tx| {
            let Chat { user_id, workspace_id, .. } =
                chats::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            parting.announce(tx, &[Belonging { id, user_id, workspace_id }])?;
            chats::delete(tx, scope, id)?;
            Ok(())
        })?;
        removal::after_deletion(self.installation)
    }
}

/// What comes with the deletion of chats, whatever they are deleted with.
pub(crate) struct Parting {
    live: Live,
    feed: Feed,
    ender: Ender,
    doorman: Doorman,
    sweep: BlobSweep,
    now: Timestamp,
}

impl Parting {
    pub(crate) fn new(installation: &Installation) -> Parting {
        Parting {
            live: installation.live().clone(),
            feed: installation.feed().clone(),
            ender: Ender::new(installation),
            doorman: installation.doorman().clone(),
            sweep: installation.blob_sweep().clone(),
            now: installation.now(),
        }
    }

    /// Counts what running answers have spent, and has whoever can see the chats told, and their answers
    /// stopped, once they are deleted. The files go that only these chats have. Long chats are deleted here, so that what
    /// comes after takes no more than short ones along. Comes before the deletion, after which nobody can say any more whose
    /// they were.
    pub(crate) fn announce(&self, tx: &Tx<'_>, chats: &[Belonging]) -> Result<()> {
        let mut ended = Vec::new();
        for (response, chat) in responses::all_running(tx)?.into_iter().rev() {
            if chats.iter().any(|leaving| leaving.id == chat) {
                ended.push((response, self.ender.end(tx, response, ResponseStatus::Cancelled)?));
            }
        }
        let live = self.live.clone();
        for chat in chats {
            deleted_documents::mark_of_chat(tx, chat.id)?;
            files::delete_of_chat(tx, chat.id)?;
            // Not left to the chat's own end, so that a file which two chats have that go together goes, too.
            chat_files::delete_of_chat(tx, chat.id)?;
        }
        self.sweep.ask(tx);
        // Before anyone is told that the chat is gone, those who watch see how its answers end.
        tx.after_commit(move || {
            ended.iter().for_each(|(response, log)| live.abandon(*response, log.as_deref()));
        });
        self.feed.chats_deleted(tx, chats)?;
        chats.iter().try_for_each(|chat| deleted_chats::mark(tx, chat.id, self.now, removal::MESSAGES))?;
        self.doorman.announce(tx);
        let (live, ids) = (self.live.clone(), chats.iter().map(|chat| chat.id).collect());
        tx.after_commit(move || live.abandon_chats(&ids));
        Ok(())
    }
}

fn check(
    limits: &Limits,
    title: Option<&String>,
    description: Option<&String>,
    notebooks: Option<&[String]>,
    default_model: Option<&String>,
) -> Result<()> {
    input::optional_name(limits, "title", title)?;
    input::optional_name(limits, "default_model", default_model)?;
    if let Some(description) = description {
        input::bytes("description", description, limits.description_bytes)?;
    }
    let notebooks = notebooks.unwrap_or_default();
    if notebooks.len() > limits.notebooks {
        let message = format!("a chat has at most {} notebooks", limits.notebooks);
        return Err(Error::invalid("too_many_notebooks", "notebooks", message));
    }
    notebooks.iter().try_for_each(|name| input::name(limits, "notebooks", name))
}

fn apply(chat: &mut Chat, patch: &ChatPatch, now: Timestamp) {
    if let Some(title) = &patch.title {
        chat.title.clone_from(title);
    }
    if let Some(description) = &patch.description {
        chat.description.clone_from(description);
    }
    if let Some(notebooks) = &patch.notebooks {
        chat.notebooks.clone_from(notebooks);
    }
    if let Some(model) = &patch.default_model {
        chat.default_model = model.clone().filter(|name| !name.is_empty());
    }
    if let Some(archived) = patch.archived {
        chat.archived_at = archived.then(|| chat.archived_at.unwrap_or(now));
    }
    if let Some(tags) = &patch.tags {
        chat.tags.clone_from(tags);
    }
    if let Some(pinned) = patch.pinned {
        chat.pinned_at = pinned.then(|| chat.pinned_at.unwrap_or(now));
    }
}
