//! What a model is sent: one message with the task and all it needs to know, and the prompt itself behind it,
//! verbatim and alone.
//!
//! Each task has words that no other has, by which stand-ins for models tell what they are asked. The files and
//! the conversation may hold the same words, and so may what a model made of them. Nothing here depends on that:
//! this side knows what it asked for, and reads the answer accordingly.

use super::{Composing, Triage, target::Target};
use crate::{
    base::error::{Error, ErrorKind, Result},
    entity::{attempt::Step, document::Source, message::Role},
    provider::api::{Prompt, PromptMessage},
    service::{
        completion::prompt::{budget, tokens, told},
        contents,
        retrieval::{self, Retrieved},
    },
};

/// What a step asks for, and what it knows.
pub(super) struct Task<'a> {
    pub(super) step: Step,
    /// The file that is to be changed.
    pub(super) current: Option<&'a Target>,
    pub(super) triage: &'a Triage,
    /// Why the answers so far could not be used.
    pub(super) reasons: &'a [String],
}

const TRIAGE: &str = "\
You look at the last message of a conversation that has files, and say what it asks for. You do not do it.
Answer with one JSON object and nothing else. Its keys:
\"summary\": one sentence that says what is wanted;
\"extraction_indices\": a list of pairs [from, to] of the numbers of earlier messages that matter, or [];
\"genNewFile\": true if a new file is to be written, else false;
\"files_list\": a list of the names of files that matter, or [];
\"plain_response\": true if the message is to be answered in words, without changing a file, else false.
If both are false, a file that is there is changed. Without a file there is nothing to change.";

const WRITE: &str = "\
You write the file that the last message of the conversation asks for, whole.
Answer with one JSON object and nothing else, of this form:
{\"type\": \"based\", \"filename\": \"NAME.based\", \"text\": \"ALL LINES OF THE FILE\"}
The name has no folders, and its end tells the kind of the file; it is .based unless the message asks for another
kind. To replace a file that is there, give its name.";

const EDIT: &str = "\
You change a file as the last message of the conversation asks.
Answer with one JSON object and nothing else, of this form:
{\"type\": \"diff\", \"filename\": \"NAME\", \"text\": \"A UNIFIED DIFF\"}
The diff makes the new text of the current one. Each of its hunks begins with a header such as @@ -3,4 +3,5 @@; its
lines begin with a space where they stay, with - where they go and with + where they come. Repeat the lines that stay
and go exactly, with three that stay before and behind each change.";

const REPLY: &str = "\
You answer the last message of the conversation in words.
Answer with one JSON object and nothing else, of this form:
{\"text\": \"YOUR ANSWER\"}";

/// The language of `.based` files, as far as a model has to know it.
const BASED: &str = "\
A .based file describes a conversation. It is written like Python, with these blocks of its own:
loop:
\tres = talk(\"What the assistant does, and when it is done.\", True)
until \"the condition, in plain words\":
\tsay(\"What is said then.\", exact=True)
At least one loop stands at the top level. The body of a loop is exactly one call of talk. Behind each loop, at the
same indentation, stands at least one until with a text in quotes, a colon and an indented block. Loops may stand in
the blocks of until, if and for. talk stands nowhere else. There is no while. Other lines are ordinary statements:
assignments, if, for, calls such as res.ask(question=\"The name?\", example={\"name\": \"Ada\"}) and say(\"…\").";

/// What is said of the numbers of passages where a file is made of them.
const NO_NUMBERS: &str = "\n\nThe numbers of passages do not belong into a file.";

impl Composing<'_> {
    /// The messages for a task, within the model's context. Always sent are the task, the prompt, the file
    /// that is changed and the chat's instructions; other files have up to half of the rest, passages of documents half of
    /// what is left then, the conversation the rest. What the triage chose comes before what it did not. Comes with what
    /// the passages' numbers stand for.
    ///
    /// # Errors
    /// `context_too_small` when the file that is to be changed does not fit: a model cannot change what it does
    /// not see.
    pub(super) fn prompt(&self, task: &Task<'_>) -> Result<(Prompt, Vec<Source>)> {
        let mut system = instructions(task);
        if !self.material.instructions.is_empty() {
            system += "\n\nThese instructions hold for the whole conversation:\n";
            system += &self.material.instructions.join("\n");
        }
        let prompt = &self.material.prompt;
        let feedback = feedback(task.reasons);
        let params = &self.answering.callable.options.params;
        let all = budget(params, self.installation().limits().context_tokens);
        let fixed = tokens(&system, &[]) + tokens(prompt, &[]) + tokens(&feedback, &[]);
        let mut left = all.saturating_sub(fixed);
        let current = task.current.map(current).unwrap_or_default();
        left = left.checked_sub((current.len() as u64).div_ceil(4)).ok_or_else(|| too_large(task))?;

        let blobs = self.installation().storage().blobs();
        let except = task.current.map(|target| target.file.id);
        let (first, most) = (&task.triage.files, 4 * (left / 2));
        let files = self.read(|conn| {
            let documents = match task.step {
                Step::Triage => None,
                _ => self.answering.asked(conn)?.map(|documents| documents.asked),
            };
            contents::for_model(conn, blobs, self.chat(), most, first, except, documents)
        })?;
        if !files.is_empty() {
            let files = told(files);
            left = left.saturating_sub(tokens(&files, &[]));
            system += "\n\n";
            system += &files;
        }
        let mut sources = Vec::new();
        if let Some(Retrieved { told, sources: found }) = self.passages(task, left / 2)? {
            left = left.saturating_sub(tokens(&told, &[]));
            system += "\n\n";
            system += &told;
            if task.step != Step::Reply {
                system += NO_NUMBERS;
            }
            sources = found;
        }
        system += &current;
        system += &self.conversation(left, task.triage, sources.is_empty());
        system += &feedback;
        let messages = [(Role::System, system), (Role::User, prompt.clone())];
        let messages = messages.map(|(role, text)| PromptMessage::text(role.as_str(), text));
        Ok((Prompt { messages: messages.into() }, sources))
    }

    /// What the chat's documents say about the prompt; nothing for the step that only tells what is wanted.
    fn passages(&self, task: &Task<'_>, room: u64) -> Result<Option<Retrieved>> {
        if task.step == Step::Triage {
            return Ok(None);
        }
        let question = self.answering.running.user_message.id;
        self.read(|conn| {
            let documents = self.answering.asked(conn)?.zip(self.prepared.as_ref());
            let Some((documents, prepared)) = documents else { return Ok(None) };
            let most = || documents.most_tokens(conn, room);
            retrieval::for_question(conn, documents.asked, prepared, question, most)
        })
    }

    /// What was said before, as far as it fits: what the triage chose, then the newest. It is numbered unless passages are.
    fn conversation(&self, mut left: u64, triage: &Triage, is_numbered: bool) -> String {
        let said = &self.material.said;
        let mut is_told = vec![false; said.len()];
        let newest_first = || (0..said.len()).rev();
        let (chosen, others): (Vec<_>, Vec<_>) = newest_first().partition(|at| triage.chose(at + 1));
        for at in chosen.into_iter().chain(others) {
            match left.checked_sub(tokens(&said[at].text, &[])) {
                Some(rest) => left = rest,
                None => break,
            }
            is_told[at] = true;
        }
        let mut text = String::new();
        for (number, remark) in (1..).zip(said).filter(|(number, _): &(usize, _)| is_told[number - 1]) {
            if text.is_empty() {
                text += "\n\nThe conversation so far:";
            }
            let number = if is_numbered { format!("[{number}] ") } else { String::new() };
            text += &format!("\n{number}{}: {}", remark.role, remark.text);
        }
        text
    }
}

fn instructions(task: &Task<'_>) -> String {
    let mut system = match task.step {
        Step::Triage => TRIAGE,
        Step::Write => WRITE,
        Step::Edit => EDIT,
        Step::Reply => REPLY,
    }
    .to_owned();
    let writes_based = match task.current {
        Some(target) => target.file.filename.ends_with(".based"),
        None => task.step == Step::Write,
    };
    if writes_based {
        system += "\n\n";
        system += BASED;
    }
    if !task.triage.summary.is_empty() {
        system += "\n\nIn short, this is wanted: ";
        system += &task.triage.summary;
    }
    system
}

fn current(target: &Target) -> String {
    let (name, text) = (&target.file.filename, &target.newest.content);
    format!("\n\nThe current file content of {name}:\n--- begin ---\n{text}\n--- end ---")
}

fn feedback(reasons: &[String]) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n\nYour answers so far could not be used, for these reasons:");
    for reason in reasons {
        text += "\n- ";
        text += reason;
    }
    text += "\nAnswer again, without these mistakes.";
    text
}

fn too_large(task: &Task<'_>) -> Error {
    let name = task.current.map_or("", |target| &target.file.filename);
    let sentence = format!(
        "The file {name} does not fit into the context of the model, which therefore cannot change it; choose a model \
         with a larger one, or state it as context_tokens among the model's parameters."
    );
    Error::new(ErrorKind::TooLarge, "context_too_small", sentence)
}
