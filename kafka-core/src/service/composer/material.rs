//! What a prompt is composed from, besides the chat's files: the prompt itself, and what was said before it.

use crate::{
    base::{error::Result, id::MessageId},
    entity::message::{MessageStatus, Role},
    repo::messages::{self, Line},
    service::{
        self,
        completion::{
            prompt::{FILE, budget, tokens, upwards},
            run::Answering,
        },
    },
    storage::Conn,
};

/// It is read once: the files may change while the model answers, but what was said stays said.
pub(super) struct Material {
    /// The prompt, as it was stored.
    pub(super) prompt: String,
    /// The chat's instructions.
    pub(super) instructions: Vec<String>,
    /// What was said before, oldest first, as far as the model's context can hold it.
    pub(super) said: Vec<Remark>,
}

pub(super) struct Remark {
    pub(super) role: Role,
    pub(super) text: String,
}

impl Material {
    pub(super) fn read(answering: &Answering) -> Result<Material> {
        let (installation, running) = (&answering.installation, &answering.running);
        let params = &answering.callable.options.params;
        let most = budget(params, installation.limits().context_tokens);
        let read = |conn: &Conn<'_>| {
            let instructions = messages::system_lines(conn, running.chat, running.user_message.id)?;
            let (prompt, said) = branch(conn, running.user_message.id, most)?;
            let instructions = instructions.into_iter().map(|line| line.content).collect();
            Ok(Material { prompt, instructions, said })
        };
        answering.patiently(|| installation.storage().read(read))
    }
}

/// The question, and what stands above it.
fn branch(conn: &Conn<'_>, question: MessageId, mut left: u64) -> Result<(String, Vec<Remark>)> {
    let mut prompt = None;
    let mut newest_first = Vec::new();
    for line in upwards(conn, question) {
        let line = line?;
        if line.id == question {
            prompt = Some(line.content);
            continue;
        }
        let Some(remark) = remark(line) else { continue };
        match left.checked_sub(tokens(&remark.text, &[])) {
            Some(rest) => left = rest,
            None => break,
        }
        newest_first.push(remark);
    }
    newest_first.reverse();
    // It was deleted while its answer waited.
    let prompt = prompt.ok_or_else(|| service::messages::not_found(question))?;
    Ok((prompt, newest_first))
}

/// What a message says, if it says something. Of a file that was written here only the name is
/// told, and nothing of one that came or went: the files are sent as they are now.
fn remark(line: Line) -> Option<Remark> {
    let is_speech = matches!(line.role, Role::User | Role::Assistant);
    if !is_speech || line.status == MessageStatus::Streaming {
        return None;
    }
    let text = if line.kind == FILE {
        let stored: serde_json::Value = serde_json::from_str(&line.content).ok()?;
        format!("(the file {})", stored["based_filename"].as_str()?)
    } else {
        line.content
    };
    (!text.is_empty()).then_some(Remark { role: line.role, text })
}
