//! Writing a whole file.

use super::{Composing, Triage, check, composition::Composition, json, names, prompt::Task, target};
use crate::{base::error::Result, entity::attempt::Step, repo::chat_files};

impl Composing<'_> {
    pub(super) fn write(&mut self, triage: &Triage) -> Result<()> {
        let composition = self.attempt(Step::Write, |composing, reasons| {
            // Those that the model is shown.
            let chat = composing.chat();
            let shown = composing.read(|conn| chat_files::located(conn, chat))?;
            let said = composing.ask(&Task { step: Step::Write, current: None, triage, reasons })?;
            let object = match json::object(&said, "text") {
                Ok(object) => object,
                Err(reason) => return Ok(Err(reason)),
            };
            let name = json::text(&object, "filename").and_then(names::checked);
            let (name, text) = match (name, json::text(&object, "text")) {
                (Ok(name), Ok(text)) => (name, text),
                (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
            };
            let limits = composing.installation().limits();
            if let Err(reason) = check::size(text, limits.version_bytes) {
                return Ok(Err(reason));
            }
            let (there, is_upload) = composing
                .read(|conn| Ok((target::find(conn, chat, name)?, target::is_upload(conn, chat, name)?)))?;
            if is_upload && there.is_none() {
                let reason = format!(
                    "the name {name} is that of an uploaded file, which stays as it is; take another"
                );
                return Ok(Err(reason));
            }
            if let Some(there) = &there {
                let shown = shown.iter().find(|it| it.file.id == there.file.id);
                if shown.and_then(|it| it.file.latest_version) != Some(there.newest.number) {
                    return Ok(Err(format!("the file {name} was changed meanwhile; look at it again")));
                }
                if there.newest.content == text {
                    return Ok(Err(format!("the file {name} says that already; nothing would change")));
                }
            }
            if let Err(reason) = composing.check(name, text)? {
                return Ok(Err(reason));
            }
            Ok(Ok(Composition::whole(composing.answering, name, text, there)))
        })?;
        self.keep(composition);
        Ok(())
    }
}
