//! Forking a conversation.

use super::{
    branches::{MOST_MESSAGES, too_long},
    chats,
    completion::resolve,
    input,
    once::{Once, once},
    users,
};
use crate::{
    base::{
        actor::Actor,
        day::Day,
        error::{Error, ErrorKind, Result},
        id::{ChatFileId, ChatId, IdRun, MessageId, UserId},
        permission::{Area, Permission},
    },
    entity::{branch::NewFork, chat::Chat, message::MessageStatus},
    repo::{
        self,
        forks::{self, MessageCopy},
        usage_daily,
    },
    service::installation::Installation,
    storage::Tx,
};

/// How many rows one statement copies.
const BATCH: usize = 500;

/// Copies the branch of a chat that ends in a message, in one transaction. Texts stay where they are, and what is held
/// of each message is its id.
pub(super) fn fork(
    installation: &Installation,
    actor: &Actor,
    key: Option<&Once>,
    of: ChatId,
    new: NewFork,
) -> Result<Chat> {
    input::optional_name(installation.limits(), "title", new.title.as_ref())?;
    let (scope, now) = (actor.scope(Permission::write(Area::Chats))?, installation.now());
    let owner = users::owner(actor, "user_id", new.user_id)?;
    let (id, ids) = (installation.new_id(), IdRun::new(installation.random(), now));
    let (key, feed, quotas) = (key.cloned(), installation.feed().clone(), installation.quotas());
    installation.storage().write(move |tx| {
        once(tx, key.as_ref(), || {
            let source = repo::chats::find(tx, scope, of)?.ok_or_else(|| chats::not_found(of))?;
            users::must_exist(tx, owner)?;
            let line = line(tx, &source, new.message_id)?;
            quotas.admit_chat(tx, owner)?;
            let workspace_id = match source.workspace_id {
                Some(id) if repo::workspaces::is_fillable(tx, scope, id)? => Some(id),
                _ => None,
            };
            let mut chat = Chat {
                number: 0,
                id,
                title: new.title.clone().or(source.title.clone()),
                default_model: default_model(tx, &source, owner)?,
                user_id: owner,
                workspace_id,
                active_leaf_id: None,
                message_count: line.len() as u64,
                total_tokens: 0,
                archived_at: None,
                pinned_at: None,
                created_at: now,
                updated_at: now,
                ..source
            };
            chat.number = repo::chats::insert(tx, scope, &chat)?;
            usage_daily::count_chat(tx, id, Day::of(now))?;
            let mut ids = ids.clone();
            chat.active_leaf_id = copy_messages(tx, id, &line, &mut ids)?;
            copy_files(tx, of, id, &mut ids)?;
            feed.chat(tx, id);
            Ok(chat)
        })
    })
}

/// The messages to copy, oldest first.
fn line(tx: &Tx<'_>, chat: &Chat, last: Option<MessageId>) -> Result<Vec<MessageId>> {
    if let Some(last) = last
        && !repo::messages::is_in_chat(tx, chat.id, last)?
    {
        return Err(Error::invalid("message_unknown", "message_id", "name a message of this chat"));
    }
    let Some(last) = last.or(chat.active_leaf_id) else { return Ok(Vec::new()) };
    let line = forks::line(tx, last, MOST_MESSAGES + 1)?;
    if line.len() > MOST_MESSAGES as usize {
        return Err(too_long("fork the chat at an earlier one"));
    }
    if let Some((id, _)) = line.iter().find(|(_, status)| *status == MessageStatus::Streaming) {
        return Err(Error::new(
            ErrorKind::Conflict,
            "message_streaming",
            format!("The message {id} is being written; wait until its answer has ended, or fork before it."),
        ));
    }
    Ok(line.into_iter().map(|(id, _)| id).collect())
}

/// The model that answers in the fork: what it is called means something to the owner only.
fn default_model(tx: &Tx<'_>, source: &Chat, owner: Option<UserId>) -> Result<Option<String>> {
    let name = source.default_model.clone();
    if source.user_id == owner || name.is_none() {
        return Ok(name);
    }
    match resolve::find(tx, owner, name.as_deref()) {
        Ok(_) => Ok(name),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts copies of messages into an empty chat, and says which is the last.
fn copy_messages(
    tx: &Tx<'_>,
    into: ChatId,
    line: &[MessageId],
    ids: &mut IdRun,
) -> Result<Option<MessageId>> {
    let (mut parent_id, mut seq) = (None, 0);
    for batch in line.chunks(BATCH) {
        let copy = |of: &MessageId| {
            let id = ids.next();
            seq += 1;
            MessageCopy { of: *of, id, parent_id: parent_id.replace(id), seq }
        };
        let copies: Vec<MessageCopy> = batch.iter().map(copy).collect();
        forks::copy_messages(tx, into, &copies)?;
    }
    if let Some(leaf) = parent_id {
        forks::settle(tx, into, seq, leaf)?;
    }
    Ok(parent_id)
}

/// Gives a chat what another has of files. Files that were uploaded are the same for both; texts that are written in
/// chats are copied with all versions, since from now on each goes its own way.
fn copy_files(tx: &Tx<'_>, of: ChatId, into: ChatId, ids: &mut IdRun) -> Result<()> {
    let files: Vec<(ChatFileId, ChatFileId)> =
        forks::files(tx, of)?.into_iter().map(|file| (file, ids.next())).collect();
    for batch in files.chunks(BATCH) {
        forks::copy_files(tx, into, batch)?;
    }
    for (file, copy) in files {
        let versions = forks::versions(tx, file)?;
        for batch in versions.chunks(BATCH) {
            let copies: Vec<_> = batch.iter().map(|version| (*version, ids.next(), copy)).collect();
            forks::copy_versions(tx, into, &copies)?;
        }
    }
    Ok(())
}
