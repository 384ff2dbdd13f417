//! Accepting a question: everything that is stored before a model is called.

use super::{
    Completions,
    live::Running,
    opaque::Source,
    prompt::{self, PromptBuilder},
    resolve,
    run::{self, Work},
    turn::Turn,
};
use crate::{
    base::{
        day::Day,
        error::{Error, ErrorKind, Result},
        id::{ChatId, MessageId, ResponseId, UserId},
        permission::{Area, Permission},
        shares::Whose,
        time::Timestamp,
    },
    entity::params::Params,
    entity::{
        event::{Event, EventKind},
        message::{Message, MessageStatus, Role},
        response::{AnswerRequest, Response, ResponseStatus},
    },
    repo::{self, messages::NewRow},
    service::{
        branches, chats,
        feed::Feed,
        input, messages,
        models::{Callable, check_params},
        once::Once,
        quotas::{self, Cost, Quotas, Reservation},
    },
    storage::{Tx, blob::Blobs},
};

impl Completions<'_> {
    /// Stores a question (or takes one that is stored), and has a model answer it on a thread of its own.
    /// The user's message, the empty answer and its record are on disk when this returns; the answer
    /// goes on whatever becomes of the [`Turn`]. Answers of one chat run one after another, in the
    /// order in which they were accepted. Documents are a part of it as far as the actor may read them: with a
    /// credential that reads none they are not.
    ///
    /// # Errors
    /// Before anything is stored: `NotFound` for the chat or the model; `Invalid` for a parent that is not
    /// in the chat or neither a user's nor a tool's message, parameters out of range, or nothing to
    /// answer; `TooLarge` for the text; `RateLimited` (`chat_busy`) when 16 answers of the chat wait
    /// already, or (`owner_busy`) when a quarter of those that the process may run are in chats of the same
    /// owner, unless the operator asks; `QuotaExceeded` when plans are enforced and the answer may cost more than the chat's owner
    /// has left today; `Busy` when the process runs as many answers as it may. Failures of the model come
    /// later, as the end of the turn.
    pub fn start(&self, chat: ChatId, request: AnswerRequest) -> Result<Turn> {
        self.accept(chat, request, Work::Answer)
    }

    /// Stores a question, and has what is asked done on a thread of its own.
    pub(in crate::service) fn accept(
        &self,
        chat: ChatId,
        request: AnswerRequest,
        work: Work,
    ) -> Result<Turn> {
        let installation = self.installation;
        if let Some(content) = &request.content {
            input::bytes("content", content, installation.limits().message_bytes)?;
        }
        input::optional_name(installation.limits(), "model", request.model.as_ref())?;
        request.params.as_ref().map_or(Ok(()), check_params)?;
        // A twin follows the first one's answer, also when the model or the room for it is gone since.
        if let Some(once) = &self.once
            && let Some(id) = installation.storage().read_one(|conn| once.find_response(conn))?
        {
            return Turn::of_stored(installation, &self.actor, id);
        }
        let (owner, mut callable) = self.callable(chat, &request, &work)?;
        let whose = if self.actor.is_operator() { Whose::Operator } else { Whose::Owner(owner) };
        let slot = installation.live().reserve(whose, installation.limits().concurrent_answers)?;

        let accepting = Accepting {
            actor_id: self.actor.user_id(),
            chat,
            asked_model: request.model.filter(|name| !name.is_empty()),
            content: request.content,
            parent_id: request.parent_id,
            user_message_id: installation.new_id(),
            message_id: installation.new_id(),
            response_id: installation.new_id(),
            model: callable.options.model.clone(),
            provider: callable.provider.name().to_owned(),
            now: installation.now(),
            most_waiting: installation.limits().waiting_answers_per_chat,
            params: callable.options.params.clone(),
            context_tokens: installation.limits().context_tokens,
            blobs: installation.storage().blobs().clone(),
            quotas: installation.quotas(),
        };
        let (scope, node, once) =
            (self.actor.scope(Permission::write(Area::Chats))?, installation.node_id(), self.once.clone());
        let (live, feed) = (installation.live().clone(), installation.feed().clone());
        let cancel = callable.options.cancel.clone();
        let documents = self.actor.scope(Permission::read(Area::Documents)).ok();
        let accepted = installation.storage().write(move |tx| {
            if let Some(id) = once.as_ref().map(|once| once.find_response(tx)).transpose()?.flatten() {
                return Ok(Accepted::Before(id));
            }
            let head =
                repo::chats::head_for_writing(tx, scope, chat)?.ok_or_else(|| chats::not_found(chat))?;
            let (user_message, message) = accepting.store_messages(tx, scope, &feed, &head)?;
            let reserved = accepting.reserve(tx, user_message.id)?;
            let (response, event) =
                accepting.store_response(tx, &message, node, reserved.tokens, once.as_ref())?;
            if accepting.content.is_some() {
                feed.message(tx, chat, user_message.id);
            }
            feed.message(tx, chat, message.id);
            feed.response(tx, response.id);
            let running = Running::new(&response, user_message, event.into_block(), cancel.clone());
            let (live, registered) = (live.clone(), running.clone());
            tx.after_commit(move || live.add(registered));
            Ok(Accepted::Now(running, reserved))
        })?;
        match accepted {
            Accepted::Now(running, reserved) => {
                if let Some(tokens) = reserved.answer_tokens {
                    quotas::bound_answer(&mut callable.options.params, tokens);
                }
                run::spawn(installation, &running, callable, work, reserved, slot, documents);
                Ok(Turn::of_accepted(installation, &self.actor, running))
            }
            Accepted::Before(id) => Turn::of_stored(installation, &self.actor, id),
        }
    }

    /// Whose the chat is, and what answers in it.
    fn callable(
        &self,
        chat: ChatId,
        request: &AnswerRequest,
        work: &Work,
    ) -> Result<(Option<UserId>, Callable)> {
        let (owner, found) = self.installation.storage().read(|conn| {
            let chat =
                repo::chats::find_for_writing(conn, self.actor.scope(Permission::write(Area::Chats))?, chat)?
                    .ok_or_else(|| chats::not_found(chat))?;
            if let Work::Compose(wishes) = work {
                wishes.check(conn, chat.id)?;
            }
            let asked = request.model.as_deref().filter(|name| !name.is_empty());
            let found = resolve::find(conn, chat.user_id, asked.or(chat.default_model.as_deref()))?;
            Ok((chat.user_id, found))
        })?;
        Ok((owner, found.callable(self.installation, request.params.as_ref())?))
    }
}

enum Accepted {
    /// This call stored it.
    Now(std::sync::Arc<Running>, Reservation),
    /// A twin of this call did.
    Before(ResponseId),
}

/// What is about to be stored. Ids and times are made before, because the transaction may run again.
struct Accepting {
    actor_id: Option<UserId>,
    chat: ChatId,
    asked_model: Option<String>,
    content: Option<String>,
    parent_id: Option<Option<MessageId>>,
    user_message_id: MessageId,
    message_id: MessageId,
    response_id: ResponseId,
    model: String,
    provider: String,
    now: Timestamp,
    most_waiting: usize,
    params: Params,
    context_tokens: u32,
    blobs: Blobs,
    quotas: Quotas,
}

impl Accepting {
    /// The message that is answered, new or found, and the empty answer below it.
    fn store_messages(
        &self,
        tx: &Tx<'_>,
        scope: crate::base::actor::Scope,
        feed: &Feed,
        head: &repo::chats::Head,
    ) -> Result<(Message, Message)> {
        let waiting = repo::responses::running_in_chat(tx, self.chat)?.len();
        if waiting > self.most_waiting {
            return Err(Error::new(
                ErrorKind::RateLimited,
                "chat_busy",
                format!("{waiting} answers of this chat run or wait already; try again when one has ended."),
            )
            .with_retry_after(std::time::Duration::from_secs(5)));
        }
        let mut seq = head.last_seq;
        let user_message = match &self.content {
            Some(content) => {
                let parent_id = messages::place_under(tx, feed, self.chat, head, self.parent_id)?;
                seq += 1;
                let row = NewRow {
                    id: self.user_message_id,
                    seq,
                    parent_id,
                    user_id: self.actor_id,
                    role: Role::User,
                    content,
                    model: self.asked_model.as_deref(),
                    status: MessageStatus::Complete,
                    ..self.row()
                };
                repo::usage_daily::count_message(tx, self.chat, Day::of(self.now))?;
                messages::store(tx, &row)?
            }
            None => {
                let found = self.message_to_answer(tx, scope)?;
                branches::go_over(tx, feed, self.chat, head.active_leaf_id, Some(found.id))?;
                found
            }
        };
        let row = NewRow {
            id: self.message_id,
            seq: seq + 1,
            parent_id: Some(user_message.id),
            role: Role::Assistant,
            model: Some(&self.model),
            status: MessageStatus::Streaming,
            ..self.row()
        };
        let message = messages::store(tx, &row)?;
        Ok((user_message, message))
    }

    /// What the rows of question and answer share.
    fn row(&self) -> NewRow<'_> {
        NewRow {
            id: self.message_id,
            chat_id: self.chat,
            seq: 0,
            parent_id: None,
            user_id: None,
            role: Role::User,
            kind: "text",
            content: "",
            parts: None,
            tool_call_id: None,
            model: None,
            status: MessageStatus::Complete,
            created_at: self.now,
        }
    }

    /// The stored message that is to be answered: a user's, again, or a tool's result.
    fn message_to_answer(&self, tx: &Tx<'_>, scope: crate::base::actor::Scope) -> Result<Message> {
        let asked = match self.parent_id {
            Some(id) => id,
            None => repo::messages::last_of_user(tx, scope, self.chat)?,
        };
        let Some(id) = asked else {
            return Err(Error::invalid(
                "nothing_to_answer",
                "content",
                "the chat has no message of a user yet, so give a text",
            ));
        };
        let found = repo::messages::find_for_writing(tx, scope, id)?;
        match found.filter(|message| message.chat_id == self.chat) {
            Some(message) if matches!(message.role, Role::User | Role::Tool) => Ok(message),
            Some(_) => Err(Error::invalid(
                "parent_not_a_question",
                "parent_id",
                "without a text, name a message of the role user to answer it again, or of the role tool to go on from it",
            )),
            None => Err(Error::invalid("parent_unknown", "parent_id", "name a message of this chat")),
        }
    }

    /// Keeps free what the answer may cost the chat's owner.
    fn reserve(&self, tx: &Tx<'_>, question: MessageId) -> Result<Reservation> {
        self.quotas.reserve(tx, self.chat, self.now, |running| {
            let builder = PromptBuilder {
                params: &self.params,
                default_context: self.context_tokens,
                source: &Source::default(),
                blobs: &self.blobs,
                documents: None,
            };
            let (prompt, _) = builder.build(tx, self.chat, question)?;
            let known = prompt::cost(&prompt);
            // What is still being written above this question will be sent with it, as far as it fits.
            let most = prompt::budget(&self.params, self.context_tokens).max(known);
            let history = (known + running).min(most);
            Ok(Cost {
                prompt: history + prompt::cost_besides(&self.params),
                answer: quotas::most_tokens(&self.params)?,
                room: prompt::room(&self.params, self.context_tokens, history),
            })
        })
    }

    fn store_response(
        &self,
        tx: &Tx<'_>,
        message: &Message,
        node: crate::base::id::NodeId,
        reserved: u64,
        once: Option<&Once>,
    ) -> Result<(Response, Event)> {
        let response = Response {
            id: self.response_id,
            message_id: message.id,
            chat_id: self.chat,
            status: ResponseStatus::Streaming,
            model_used: self.model.clone(),
            provider: self.provider.clone(),
            finish_reason: None,
            tokens_prompt: None,
            tokens_completion: None,
            tokens_total: None,
            usage_estimated: false,
            first_token_ms: None,
            completion_time_ms: None,
            error: None,
            attempts: None,
            created_at: self.now,
        };
        repo::responses::insert(tx, &response, node, reserved)?;
        let event = Event::with_response(1, EventKind::Started, &response)?;
        repo::response_events::begin(tx, response.id, &event)?;
        if let Some(once) = once {
            once.keep_response(tx, response.id)?;
        }
        Ok((response, event))
    }
}
