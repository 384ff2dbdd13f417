//! The thread of one answer: waits for its turn in the chat, asks the model, passes on what it says.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    finish::Ending,
    live::{Running, Slot},
    opaque::Source,
    passages::AskedDocuments,
    prompt::{self, PromptBuilder},
    recover, titles,
};
use crate::{
    base::{
        actor::Scope,
        error::{Error, ErrorKind},
        shares::Whose,
    },
    entity::{
        event::EventKind,
        response::{ResponseError, ResponseStatus},
        tool_call::ToolCall,
    },
    provider::api::{Delta, Prompt, ProviderError},
    repo,
    service::{
        composer::{self, Wishes},
        contents,
        installation::Installation,
        models::{Callable, ECHO},
        quotas::Reservation,
        retrieval::Prepared,
    },
};

/// How often a waiting answer looks whether another process has let it go first, or the database is back.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer waits for a database that is away or busy, which it mostly is not for long.
const BUSY_PATIENCE: Duration = Duration::from_secs(60);
/// How long for one that fails.
const FAULT_PATIENCE: Duration = Duration::from_secs(10);
/// What becomes of an answer that cannot be begun.
const UNREAD: &str = "The chat could not be read to ask the model";
/// What an event costs besides its text, so that tiny pieces cannot fill the memory.
const EVENT_BYTES: usize = 64;
/// The thread runs parsers and TLS, whose frames are small.
const STACK_BYTES: usize = 512 << 10;

/// Has the answer run on a thread of its own.
pub(super) fn spawn(
    installation: &Installation,
    running: &Arc<Running>,
    callable: Callable,
    work: Work,
    reserved: Reservation,
    slot: Slot,
    documents: Option<Scope>,
) {
    let answering = Answering {
        installation: installation.clone(),
        running: Arc::clone(running),
        source: Source::of(&callable),
        callable,
        ending: Ending {
            most_completion_tokens: reserved.answer_tokens,
            ..Ending::of(ResponseStatus::Interrupted)
        },
        began: installation.clock().instant(),
        reserved,
        whose: slot.whose(),
        documents,
        bytes: 0,
        affordable_bytes: reserved.answer_tokens.map(prompt::most_bytes),
        is_spent: false,
    };
    let spawned = thread::Builder::new()
        .name("kafka-answer".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || answering.run(work, slot));
    if spawned.is_err() {
        // The slot went with the closure; the end takes another, past the limit for its short life.
        let mut ending = Ending::of(ResponseStatus::Failed);
        ending.error = Some(ResponseError {
            code: "thread_unavailable".to_owned(),
            detail: "The system gives no more threads; try again later.".to_owned(),
        });
        installation.log().end(running, ending, installation.live().reserve_for_end());
    }
}

/// What is to be done for a question.
pub(in crate::service) enum Work {
    /// The model's answer is passed on as it comes.
    Answer,
    /// A file is made of what the model answers, or changed by it.
    Compose(Wishes),
}

/// What is said of a provider whose code panicked.
pub(super) fn panicked() -> Error {
    Error::new(
        ErrorKind::Provider,
        "provider_panicked",
        "The provider failed unexpectedly; the log says where.",
    )
}

/// An answer that its thread works on.
pub(in crate::service) struct Answering {
    pub(in crate::service) installation: Installation,
    pub(in crate::service) running: Arc<Running>,
    pub(in crate::service) callable: Callable,
    source: Source,
    pub(in crate::service) ending: Ending,
    began: Instant,
    pub(in crate::service) reserved: Reservation,
    /// Of whose share it is.
    whose: Whose,
    /// Which documents whoever asked may read; none with a credential that reads none.
    pub(super) documents: Option<Scope>,
    bytes: usize,
    /// What may still be said of what the owner's plan keeps free for this answer; none is no bound.
    affordable_bytes: Option<usize>,
    is_spent: bool,
}

impl Answering {
    fn run(mut self, work: Work, slot: Slot) {
        // A provider is code that others write: its panic ends this answer and nothing else.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.work(work))).unwrap_or_else(|_| Err(panicked()));
        match outcome {
            Ok(status) => self.ending.status = status,
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                self.ending.status = ResponseStatus::Cancelled
            }
            Err(error) => {
                self.ending.status = ResponseStatus::Failed;
                self.ending.error = Some(reason(&error));
            }
        }
        if self.ending.status != ResponseStatus::Completed && self.running.cancel.is_cancelled() {
            // Whatever the socket said when it was closed, the reason is that this side closed it.
            self.ending.status = match self.running.is_cut_off() {
                true => ResponseStatus::Interrupted,
                false => ResponseStatus::Cancelled,
            };
            self.ending.error = self.running.cut_off_for();
        }
        self.ending.completion_time_ms = Some(self.elapsed_ms());
        let is_answered =
            self.ending.status == ResponseStatus::Completed && self.ending.composition.is_none();
        self.installation.log().end(&self.running, self.ending, slot);
        if is_answered {
            titles::after(&self.installation, &self.running, &self.callable);
        }
    }

    fn work(&mut self, work: Work) -> Result<ResponseStatus, Error> {
        self.wait_for_turn()?;
        self.began = self.installation.clock().instant();
        match work {
            // It has nothing to compose with.
            Work::Compose(wishes) if self.callable.provider.name() != ECHO => composer::run(self, &wishes),
            Work::Answer | Work::Compose(_) => self.answer(),
        }
    }

    fn answer(&mut self) -> Result<ResponseStatus, Error> {
        let prompt = self.prompt()?;
        let prompt_tokens = prompt::cost(&prompt) + prompt::cost_besides(&self.callable.options.params);
        self.afford(prompt_tokens)?;
        // From here on the endpoint may have what it is asked, and count it, even if nothing comes back.
        self.ending.prompt_tokens_estimate = Some(prompt_tokens);
        let stream = self.callable.provider.complete(&prompt, &self.callable.options).map_err(Error::from);
        if stream.as_ref().is_err_and(|error| error.kind() == ErrorKind::Provider) {
            // It was not reached, or refused what it was asked.
            self.ending.prompt_tokens_estimate = None;
        }
        let stream = stream?;
        let most = self.installation.limits().answer_bytes;
        for delta in stream {
            self.take(delta?);
            if self.is_spent {
                self.ending.finish_reason = Some("length".to_owned());
                self.ending.error = Some(share_spent());
                return Ok(ResponseStatus::Interrupted);
            }
            if self.bytes > most {
                self.ending.error = Some(too_long(most));
                return Ok(ResponseStatus::Interrupted);
            }
        }
        match self.ending.finish_reason {
            Some(_) => Ok(ResponseStatus::Completed),
            None => Ok(ResponseStatus::Interrupted),
        }
    }

    /// Answers of one chat run in the order in which they were accepted, over all processes.
    fn wait_for_turn(&self) -> Result<(), Error> {
        let live = self.installation.live().clone();
        let _wake = self.running.cancel.on_cancel(move || live.nudge());
        loop {
            self.check_wanted()?;
            let news = self.installation.live().news();
            let (id, chat) = (self.running.id, self.running.chat);
            let storage = self.installation.storage();
            let queue =
                self.patiently(|| storage.read_one(|conn| repo::responses::running_in_chat(conn, chat)))?;
            match queue.first() {
                Some(first) if *first != id => {
                    // Nobody else may be there to end what a dead process left in front of us. Trouble
                    // with that is no reason to give up a question: the next look tries again.
                    let _ = recover::end_if_abandoned(&self.installation, *first);
                }
                _ => return Ok(()),
            }
            self.installation.live().wait_for_news(news, LOOK);
        }
    }

    /// Has `work` done with the database, tried again while that is away: the question is stored, and a server that
    /// restarts is no reason to give it up. When it stays away, the answer is interrupted and not failed.
    pub(in crate::service) fn patiently<T>(&self, work: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        let began = Instant::now();
        loop {
            let news = self.installation.live().news();
            let error = match work() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let patience = match error.kind() {
                ErrorKind::Busy => BUSY_PATIENCE,
                ErrorKind::Storage => FAULT_PATIENCE,
                _ => return Err(error),
            };
            if began.elapsed() >= patience {
                if error.kind() == ErrorKind::Busy {
                    self.running.cut_off(Some(ResponseError::of_storage(&error, UNREAD)));
                }
                return Err(error);
            }
            self.installation.live().wait_for_news(news, LOOK);
            self.check_wanted()?;
        }
    }

    fn check_wanted(&self) -> Result<(), Error> {
        match self.running.cancel.is_cancelled() {
            true => Err(ProviderError::cancelled().into()),
            false => Ok(()),
        }
    }

    /// Has the documents of the chat read, so that a prompt can tell what they say.
    pub(in crate::service) fn read_documents(&self) -> Result<(), Error> {
        let (chat, cancel) = (self.running.chat, &self.running.cancel);
        self.patiently(|| contents::prepare_chat(&self.installation, chat, self.whose, cancel))?;
        self.check_wanted()
    }

    fn prompt(&self) -> Result<Prompt, Error> {
        self.read_documents()?;
        let (storage, chat) = (self.installation.storage(), self.running.chat);
        let question = self.running.user_message.id;
        let prepared = self.prepared()?;
        let (prompt, sources) = self.patiently(|| {
            storage.read(|conn| {
                let asked = self.asked(conn)?;
                self.builder(asked.zip(prepared.as_ref())).build(conn, chat, question)
            })
        })?;
        self.cite(&sources)?;
        Ok(prompt)
    }

    fn builder<'b>(&'b self, documents: Option<(AskedDocuments, &'b Prepared)>) -> PromptBuilder<'b> {
        PromptBuilder {
            params: &self.callable.options.params,
            default_context: self.installation.limits().context_tokens,
            source: &self.source,
            blobs: self.installation.storage().blobs(),
            documents,
        }
    }

    /// Keeps free what it costs to ask, if that has grown since it was accepted, or ends the answer. What was
    /// spent before is a part of the costs.
    pub(in crate::service) fn afford(&mut self, prompt_tokens: u64) -> Result<(), Error> {
        let reserved = self.reserved;
        let Some(answer) = reserved.answer_tokens else { return Ok(()) };
        if prompt_tokens + answer <= reserved.tokens {
            return Ok(());
        }
        let (quotas, now) = (self.installation.quotas(), self.installation.now());
        let storage = self.installation.storage();
        self.reserved = self.patiently(|| {
            let accepted = Arc::clone(&self.running.accepted);
            storage.write(move |tx| quotas.raise(tx, &accepted, now, reserved, prompt_tokens))
        })?;
        if self.reserved.answer_tokens < reserved.answer_tokens {
            self.shorten();
        }
        Ok(())
    }

    /// Has the answer become no longer than what is kept free for it now.
    fn shorten(&mut self) {
        let Some(tokens) = self.reserved.answer_tokens else { return };
        self.callable.options.params.max_tokens = Some(u32::try_from(tokens).unwrap_or(u32::MAX));
        self.ending.most_completion_tokens = Some(tokens);
        self.affordable_bytes = Some(prompt::most_bytes(tokens));
    }

    fn take(&mut self, delta: Delta) {
        match delta {
            Delta::Text(text) => self.say(EventKind::Delta, text),
            Delta::Reasoning(text) => self.say(EventKind::Reasoning, text),
            Delta::Model(name) => self.ending.model_used = Some(self.word(name)),
            Delta::Usage(usage) => self.ending.usage = Some(usage),
            Delta::ToolCall(call) => self.call(call),
            Delta::ProviderData(data) => self.ending.provider_data = Some(self.source.keep(data)),
            Delta::Finish(reason) => self.ending.finish_reason = Some(self.word(reason)),
        }
    }

    /// What an endpoint says in a word is kept as long as a name may be: it stands in records, and the name of
    /// a model in an index besides.
    pub(in crate::service) fn word(&self, text: String) -> String {
        let mut text = storable(text);
        if let Some((end, _)) = text.char_indices().nth(self.installation.limits().name_chars) {
            text.truncate(end);
        }
        text
    }

    /// Passes on what the model says, as far as its owner's plan has kept free for it.
    fn say(&mut self, kind: EventKind, mut text: String) {
        if let Some(affordable) = &mut self.affordable_bytes {
            if text.len() > *affordable {
                text.truncate(text.floor_char_boundary(*affordable));
                self.is_spent = true;
            }
            *affordable -= text.len();
        }
        if text.is_empty() {
            return;
        }
        if self.ending.first_token_ms.is_none() {
            self.ending.first_token_ms = Some(self.elapsed_ms());
        }
        self.bytes += text.len() + EVENT_BYTES;
        self.tell(kind, text);
    }

    /// Tells of what is no piece of the model's answer, or was counted as that before.
    pub(in crate::service) fn tell(&self, kind: EventKind, text: String) {
        self.installation.log().say(&self.running, kind, storable(text));
    }

    /// Calls are no event, so they are kept until the end.
    fn call(&mut self, call: ToolCall) {
        let bytes = call.name.len() + call.arguments.len();
        let kept = bytes + call.id.len();
        if let Some(affordable) = &mut self.affordable_bytes {
            if bytes > *affordable {
                // Half a call is of no use.
                self.is_spent = true;
                return;
            }
            *affordable -= bytes;
        }
        self.bytes += kept + EVENT_BYTES;
        self.ending.tool_calls.push(ToolCall {
            id: storable(call.id),
            name: storable(call.name),
            arguments: storable(call.arguments),
            ..call
        });
    }

    pub(in crate::service) fn elapsed_ms(&self) -> u64 {
        let elapsed = self.installation.clock().instant().saturating_duration_since(self.began);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Why an answer ends where what its owner's plan kept free for it does.
fn share_spent() -> ResponseError {
    ResponseError {
        code: "quota_exceeded".to_owned(),
        detail: "The answer was cut off because the tokens that the plan kept free for it are used up; \
                 ask for more with max_tokens, or wait until midnight UTC."
            .to_owned(),
    }
}

/// Why an answer ends that is longer than any may be.
fn too_long(most: usize) -> ResponseError {
    ResponseError {
        code: "answer_too_long".to_owned(),
        detail: format!(
            "The answer was cut off because it takes more than the {most} bytes that an answer may have; ask for a shorter one."
        ),
    }
}

/// Text as the database can hold it: what a model says is not refused, so U+0000 becomes U+FFFD.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

/// What clients may read of an error.
pub(in crate::service) fn reason(error: &Error) -> ResponseError {
    match error.kind() {
        ErrorKind::Storage | ErrorKind::Internal | ErrorKind::Corrupt => {
            ResponseError::of_storage(error, UNREAD)
        }
        _ => ResponseError { code: error.code().to_owned(), detail: error.message().to_owned() },
    }
}
