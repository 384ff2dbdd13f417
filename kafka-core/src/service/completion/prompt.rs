//! What a model is sent: the branch that ends in the question, trimmed to the model's context.

use crate::{
    base::{
        error::Result,
        id::{ChatId, MessageId},
    },
    entity::message::{MessageStatus, Role},
    entity::params::Params,
    provider::api::{Prompt, PromptMessage},
    repo::messages::{self, Line},
    service,
    storage::Conn,
};

/// How many ancestors one query reads.
const STRIDE: u32 = 64;
/// What a message costs besides its text.
const TOKENS_PER_MESSAGE: u64 = 4;

/// Reads the branch upwards from the question until the model's context is full. Instructions and the
/// question itself are always sent; the oldest of the rest are left out first.
pub(super) fn build(
    conn: &Conn<'_>,
    chat: ChatId,
    question: MessageId,
    params: &Params,
    default_context: u32,
) -> Result<Prompt> {
    let instructions = messages::system_lines(conn, chat, question)?;
    let mut left = budget(params, default_context);
    for line in &instructions {
        left = left.saturating_sub(tokens(&line.content));
    }
    let mut newest_first = Vec::new();
    let mut next = Some(question);
    'branch: while let Some(id) = next {
        let lines = messages::ancestors(conn, id, STRIDE)?;
        if lines.is_empty() && id == question {
            // It was deleted while its answer waited.
            return Err(service::messages::not_found(question));
        }
        next = lines.last().and_then(|line| line.parent_id);
        for line in lines.into_iter().filter(|line| line.id == question || is_sent(line)) {
            let cost = tokens(&line.content);
            if line.id != question && cost > left {
                break 'branch;
            }
            left = left.saturating_sub(cost);
            newest_first.push(line);
        }
    }
    let lines = instructions.into_iter().chain(newest_first.into_iter().rev());
    Ok(Prompt { messages: lines.map(as_sent).collect() })
}

/// Tokens for what is sent: the context less room for the answer.
fn budget(params: &Params, default_context: u32) -> u64 {
    let context = u64::from(params.context_tokens.unwrap_or(default_context));
    let answer = u64::from(params.max_tokens.unwrap_or(1024)).min(context / 2);
    context - answer
}

/// An estimate that errs on the high side for most languages: four bytes a token.
pub(super) fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4) + TOKENS_PER_MESSAGE
}

/// Instructions are read apart. A tool's result means nothing without the call it belongs to. An answer
/// that is still empty or failed has nothing to say.
fn is_sent(line: &Line) -> bool {
    matches!(line.role, Role::User | Role::Assistant)
        && !line.content.is_empty()
        && line.status != MessageStatus::Streaming
}

fn as_sent(line: Line) -> PromptMessage {
    PromptMessage {
        role: line.role.as_str().to_owned(),
        content: line.content,
        provider_data: line.provider_data,
    }
}
