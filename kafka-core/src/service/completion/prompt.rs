//! What a model is sent: the branch that ends in the question, trimmed to the model's context.

use std::iter;

use super::{citations::without_numbers, opaque::Source, passages::AskedDocuments};
use crate::{
    base::{
        error::Result,
        id::{ChatId, MessageId},
    },
    entity::{
        document,
        file::FileText,
        message::{MessageStatus, Role},
        params::Params,
        tool_call::ToolCall,
    },
    provider::api::{Prompt, PromptMessage},
    repo::messages::{self, Line},
    service::{
        self, contents,
        retrieval::{self, Prepared, Retrieved},
    },
    storage::{Conn, blob::Blobs},
};

/// How many ancestors one query reads.
const STRIDE: u32 = 64;
/// The type of messages that tell of files.
pub(in crate::service) const FILE: &str = "file";
/// What a message costs besides its text.
const TOKENS_PER_MESSAGE: u64 = 4;

/// Makes prompts for one model.
pub(super) struct PromptBuilder<'a> {
    pub(super) params: &'a Params,
    pub(super) default_context: u32,
    pub(super) source: &'a Source,
    pub(super) blobs: &'a Blobs,
    /// The documents that are asked about; none where it is only estimated what a prompt costs.
    pub(super) documents: Option<(AskedDocuments, &'a Prepared)>,
}

impl PromptBuilder<'_> {
    /// Reads the branch upwards from the question until the model's context is full. Instructions are always
    /// sent first, and so is the question; if that is a tool's result, from the user's message on that led to it.
    /// The chat's files have up to half of the rest, and passages of documents half of what is left then. The oldest of
    /// what else was said are left out first. Comes with what the passages' numbers stand for.
    pub(super) fn build(
        &self,
        conn: &Conn<'_>,
        chat: ChatId,
        question: MessageId,
    ) -> Result<(Prompt, Vec<document::Source>)> {
        let instructions = messages::system_lines(conn, chat, question)?;
        let mut left = budget(self.params, self.default_context);
        for line in &instructions {
            left = left.saturating_sub(tokens(&line.content, &[]));
        }
        let files = self.files(conn, chat, left / 2)?;
        left = left.saturating_sub(files.as_ref().map_or(0, |files| tokens(&files.content, &[])));
        let retrieved = match self.documents {
            Some((documents, prepared)) => {
                let most = || documents.most_tokens(conn, left / 2);
                retrieval::for_question(conn, documents.asked, prepared, question, most)?
            }
            None => None,
        };
        let (passages, sources) = match retrieved {
            Some(Retrieved { told, sources }) => {
                left = left.saturating_sub(tokens(&told, &[]));
                (Some(PromptMessage::text(Role::System.as_str(), told)), sources)
            }
            None => (None, Vec::new()),
        };
        let branch = branch(conn, question, left)?;
        let instructions = in_pairs(instructions.into_iter(), self.source);
        let said = in_pairs(branch, self.source);
        let messages = instructions.into_iter().chain(files).chain(passages).chain(said).collect();
        Ok((Prompt { messages }, sources))
    }

    /// What the chat's files say, as an instruction; none for a chat without files.
    fn files(&self, conn: &Conn<'_>, chat: ChatId, most_tokens: u64) -> Result<Option<PromptMessage>> {
        let documents = self.documents.map(|(documents, _)| documents.asked);
        let files = contents::for_model(conn, self.blobs, chat, 4 * most_tokens, &[], None, documents)?;
        if files.is_empty() {
            return Ok(None);
        }
        Ok(Some(PromptMessage::text(Role::System.as_str(), told(files))))
    }
}

/// Files by name and text, as models are told of them.
pub(in crate::service) fn told(files: Vec<(String, FileText)>) -> String {
    let mut told = String::from("These files belong to the conversation.");
    for (filename, FileText { text, note }) in files {
        let missing = || "Its text is not available here.".to_owned();
        let note = note.or_else(|| text.is_none().then(missing)).map(|note| format!("({note})"));
        let said: Vec<String> = text.into_iter().chain(note).collect();
        let said = said.join("\n");
        told += &format!("\n\n--- begin of {filename} ---\n{said}\n--- end of {filename} ---");
    }
    told
}

/// The branch that ends in the question, oldest first, as far as it fits.
fn branch(conn: &Conn<'_>, question: MessageId, mut left: u64) -> Result<impl Iterator<Item = Line> + use<>> {
    let mut newest_first = Vec::new();
    let mut is_asked = true;
    for line in upwards(conn, question) {
        let line = line?;
        if line.id != question && !is_sent(&line) {
            continue;
        }
        let cost = tokens(&line.content, &line.tool_calls);
        if !is_asked && cost > left {
            break;
        }
        is_asked &= line.role != Role::User;
        left = left.saturating_sub(cost);
        newest_first.push(line);
    }
    if newest_first.is_empty() {
        // It was deleted while its answer waited.
        return Err(service::messages::not_found(question));
    }
    Ok(newest_first.into_iter().rev())
}

/// A message and what stands above it, newest first, read as far as it is asked for.
pub(in crate::service) fn upwards(conn: &Conn<'_>, from: MessageId) -> impl Iterator<Item = Result<Line>> {
    let (mut next, mut read) = (Some(from), Vec::new().into_iter());
    iter::from_fn(move || {
        if read.len() == 0
            && let Some(id) = next.take()
        {
            match messages::ancestors(conn, id, STRIDE) {
                Ok(lines) => {
                    next = lines.last().and_then(|line| line.parent_id);
                    read = lines.into_iter();
                }
                Err(error) => return Some(Err(error)),
            }
        }
        read.next().map(Ok)
    })
}

/// What a prompt costs, by estimate.
pub(in crate::service) fn cost(prompt: &Prompt) -> u64 {
    prompt.messages.iter().map(|message| tokens(&message.content, &message.tool_calls)).sum()
}

/// What is sent besides the prompt costs, by estimate: tools and the form of the answer are read by the model
/// like text; numbers and switches are not.
pub(in crate::service) fn cost_besides(params: &Params) -> u64 {
    let fields = params.extra.iter().map(|(name, value)| (name.as_str(), value));
    let fields = fields.chain(params.response_format.as_ref().map(|value| ("response_format", value)));
    let texts = fields.filter(|(_, value)| value.is_object() || value.is_array() || value.is_string());
    let bytes: usize = texts.map(|(name, value)| name.len() + value.to_string().len()).sum();
    (bytes as u64).div_ceil(4)
}

/// What the context has left for an answer to a history of so many tokens; never less than what
/// [`budget`] keeps free.
pub(super) fn room(params: &Params, default_context: u32, history: u64) -> u64 {
    let context = u64::from(params.context_tokens.unwrap_or(default_context));
    context - history.min(budget(params, default_context))
}

/// Tokens for what is sent: the context less room for the answer.
pub(in crate::service) fn budget(params: &Params, default_context: u32) -> u64 {
    let context = u64::from(params.context_tokens.unwrap_or(default_context));
    let answer = u64::from(params.max_tokens.unwrap_or(1024)).min(context / 2);
    context - answer
}

/// An estimate that errs on the high side for most languages: four bytes a token.
pub(in crate::service) fn tokens(text: &str, calls: &[ToolCall]) -> u64 {
    let of_calls: usize = calls.iter().map(|call| call.name.len() + call.arguments.len()).sum();
    ((text.len() + of_calls) as u64).div_ceil(4) + TOKENS_PER_MESSAGE
}

/// How long a text of so many tokens can be. An endpoint that keeps to its tokens must not be cut off, and
/// the tokens of some languages hold twice as much as the estimate has them.
pub(in crate::service) fn most_bytes(tokens: u64) -> usize {
    usize::try_from(tokens.saturating_mul(8)).unwrap_or(usize::MAX)
}

/// Instructions are read apart. An answer that is still empty or failed has nothing to say.
fn is_sent(line: &Line) -> bool {
    let says_something = match line.role {
        Role::System => false,
        Role::User => !line.content.is_empty(),
        Role::Assistant => !line.content.is_empty() || !line.tool_calls.is_empty(),
        Role::Tool => true,
    };
    // That a file came or went is no speech; the files themselves are sent.
    says_something && line.status != MessageStatus::Streaming && line.kind != FILE
}

/// Endpoints refuse a call without its result right behind it, and a result without its call, so only
/// pairs are sent: the user may have gone on without an answer to a call.
fn in_pairs(lines: impl Iterator<Item = Line>, source: &Source) -> Vec<PromptMessage> {
    let mut messages = Vec::new();
    let mut lines = lines.peekable();
    while let Some(mut line) = lines.next() {
        let mut results: Vec<Line> =
            iter::from_fn(|| lines.next_if(|next| next.role == Role::Tool)).collect();
        line.tool_calls.retain(|call| !call.incomplete && line.role == Role::Assistant);
        let mut open: Vec<String> = line.tool_calls.iter().map(|call| call.id.clone()).collect();
        results.retain(|result| {
            let at = open.iter().position(|id| Some(id) == result.tool_call_id.as_ref());
            at.map(|at| open.swap_remove(at)).is_some()
        });
        line.tool_calls.retain(|call| !open.contains(&call.id));
        let is_left = match line.role {
            Role::Tool => false,
            Role::Assistant => !(line.content.is_empty() && line.tool_calls.is_empty()),
            Role::User | Role::System => true,
        };
        messages.extend(is_left.then_some(line).into_iter().chain(results).map(|line| as_sent(line, source)));
    }
    messages
}

fn as_sent(line: Line, source: &Source) -> PromptMessage {
    PromptMessage {
        role: line.role.as_str().to_owned(),
        content: if line.sources > 0 { without_numbers(&line.content, line.sources) } else { line.content },
        tool_calls: line.tool_calls,
        tool_call_id: line.tool_call_id,
        provider_data: line.provider_data.and_then(|kept| source.take_back(kept)),
    }
}
