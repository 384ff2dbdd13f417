//! `kafka message answer`: has a stored question answered, for the first time or once more.

use kafka_core::{Kafka, MessageId, Result, Role};

use super::super::{
    answer::{Conversation, Interrupts, succeeded, summary},
    ids,
};
use crate::context::Context;

/// Have a question answered; named an answer, its question is answered once more
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka message answer ID\n  \
    kafka message answer ID --model gpt-5-mini\n\n\
    Earlier answers are kept on their own branches. Ctrl-C stops the answer; what came is kept.")]
pub(super) struct Args {
    /// A question, or an answer
    #[arg(value_parser = ids::parse::<MessageId>)]
    id: MessageId,
    /// The model to ask [default: the chat's, the default model, `echo`]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

pub(super) fn run(args: Args, kafka: &Kafka, context: &Context) -> Result<()> {
    let message = kafka.messages(&kafka.operator()).get(args.id)?;
    let question = match message.parent_id {
        Some(asked) if message.role == Role::Assistant => asked,
        _ => message.id,
    };
    let interrupts = Interrupts::watch(kafka)?;
    let mut conversation =
        Conversation::new(kafka, context, &interrupts, Some(message.chat_id), args.model, None);
    let result = conversation.answer(question).and_then(|answer| {
        context.output.streamed(&answer, &answer.message.id.to_string())?;
        context.output.note(&summary(&answer.response));
        succeeded(&answer)
    });
    kafka.close();
    result
}
