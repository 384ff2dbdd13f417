//! Documents of chats and workspaces: uploading them, what became of them, and what they say.

use kafka_core::{DocumentPlace, NewFile};

use crate::{error::Failure, reply, request::Call, server::Reply, upload};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let place = DocumentPlace::Chat(call.id()?);
    list_of(call, place)
}

pub(super) fn list_shared(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let place = DocumentPlace::Workspace(call.id()?);
    list_of(call, place)
}

fn list_of(call: &mut Call<'_, '_>, place: DocumentPlace) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().documents(&actor).list(place, &call.page()?)?)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let place = DocumentPlace::Chat(call.id()?);
    create_in(call, place)
}

pub(super) fn create_shared(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let place = DocumentPlace::Workspace(call.id()?);
    create_in(call, place)
}

fn create_in(call: &mut Call<'_, '_>, place: DocumentPlace) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let kafka = call.kafka();
    upload::each(call, |new: NewFile, bytes, key| {
        kafka.documents(&actor).idempotent(key).upload(place, new, bytes)
    })
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().documents(&actor).get(call.id()?)?)
}

pub(super) fn replace(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (documents, id) = (call.kafka().documents(&actor), call.id()?);
    let staged = upload::one(call, |new, bytes| documents.stage_replacement(id, new, bytes))?;
    let file = staged.file().id;
    let document = documents.put_replacement(id, staged)?;
    // What says the same already is as it was.
    if document.file_id == Some(file) { reply::created(&document) } else { reply::ok(&document) }
}

pub(super) fn passage(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let bytes = "a number of bytes";
    let (start, end) = (call.query_as("start", bytes)?.unwrap_or(0), call.query_as("end", bytes)?);
    reply::ok(&call.kafka().documents(&actor).passage(call.id()?, start, end)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().documents(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}
