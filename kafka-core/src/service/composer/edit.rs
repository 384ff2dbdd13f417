//! Changing a file.

use super::{Composing, Triage, check, composition::Composition, json, prompt::Task, target};
use crate::{
    base::error::Result,
    entity::attempt::Step,
    repo::chat_file_versions,
    text::{merge::merge, patch::apply_patch},
};

impl Composing<'_> {
    pub(super) fn edit(&mut self, triage: &Triage) -> Result<()> {
        let composition = self.attempt(Step::Edit, |composing, reasons| {
            // Each attempt is made on what is the newest by then.
            let (chat, selected) = (composing.chat(), composing.wishes.selected_file.as_deref());
            let mut target = composing.read(|conn| match selected {
                Some(name) => target::named(conn, chat, name),
                None => target::changed_last(conn, chat),
            })?;
            let said = composing.ask(&Task { step: Step::Edit, current: Some(&target), triage, reasons })?;
            let object = match json::object(&said, "text") {
                Ok(object) => object,
                Err(reason) => return Ok(Err(reason)),
            };
            let diff = match json::text(&object, "text") {
                Ok(diff) => diff,
                Err(reason) => return Ok(Err(reason)),
            };
            let most = composing.installation().limits().version_bytes;
            let applied = check::size(diff, 2 * most)
                .and_then(|()| apply_patch(&target.newest.content, diff).map_err(|misfit| misfit.to_string()))
                .and_then(|text| check::size(&text, most).map(|()| text));
            let mut text = match applied {
                Ok(text) if text == target.newest.content => {
                    return Ok(Err("the diff changes nothing".to_owned()));
                }
                Ok(text) => text,
                Err(reason) => return Ok(Err(reason)),
            };
            // Someone may have changed the file while the model wrote.
            let newest = composing.read(|conn| chat_file_versions::newest(conn, target.file.id))?;
            if let Some(newest) = newest.filter(|newest| newest.number != target.newest.number) {
                let Some(merged) = merge(&target.newest.content, &text, &newest.content) else {
                    return Ok(Err(
                        "the same lines of the file were changed meanwhile; look at it again".to_owned()
                    ));
                };
                (text, target.newest) = (merged, newest);
            }
            if let Err(reason) = composing.check(&target.file.filename, &text)? {
                return Ok(Err(reason));
            }
            Ok(Ok(Composition::edit(composing.answering, target, &text, diff)))
        })?;
        self.keep(composition);
        Ok(())
    }
}
