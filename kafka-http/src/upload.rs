//! Files that come in a form.

use std::io::Read;

use kafka_core::{IdempotencyKey, NewFile};
use serde::Serialize;
use serde_json::json;

use crate::{
    error::{Failure, Problem},
    reply,
    request::{Call, refused_field},
    server::Reply,
};

/// The field that holds them.
const FIELD: &str = "files";

/// What takes one file, given its name.
type Take<'t> = &'t mut dyn FnMut(String, &mut dyn Read) -> Result<(), Failure>;

/// Stores the files of the field `files`, each as it comes: 201 with `items`. Where one is refused, those
/// before it stay and the rest is not read; the answer is that refusal, and its member `items` holds what is
/// stored. An `Idempotency-Key` holds for each file in its place, so the same form sent again adds only what
/// is missing.
pub(crate) fn each<T: Serialize>(
    call: &mut Call<'_, '_>,
    store: impl Fn(NewFile, &mut dyn Read, Option<IdempotencyKey>) -> kafka_core::Result<T>,
) -> Result<Reply, Failure> {
    let keys = Keys::of(call);
    let mut items = Vec::new();
    let stored = take_all(call, &mut |filename, part| {
        let key = keys.next(items.len(), &filename)?;
        let item = store(NewFile::named(filename), part, key)?;
        items.push(serde_json::to_value(item).map_err(reply::unwritable)?);
        Ok(())
    });
    match stored {
        Ok(()) if items.is_empty() => Err(refused_field("field_missing", FIELD, "give at least one file")),
        Ok(()) => reply::created(&json!({"items": items})),
        Err(failure) if items.is_empty() => Err(failure),
        Err(failure) => Err(failure.with_member("items", items)),
    }
}

/// Takes the only file of the field `files`. What is taken must not be stored yet: a second one is refused.
pub(crate) fn one<T>(
    call: &mut Call<'_, '_>,
    take: impl Fn(NewFile, &mut dyn Read) -> kafka_core::Result<T>,
) -> Result<T, Failure> {
    let mut taken = None;
    take_all(call, &mut |filename, part| {
        if taken.is_some() {
            return Err(refused_field("field_invalid", FIELD, "give one file only"));
        }
        taken = Some(take(NewFile::named(filename), part)?);
        Ok(())
    })?;
    taken.ok_or_else(|| refused_field("field_missing", FIELD, "give a file"))
}

/// Has each file of the field taken as it comes, with its name.
fn take_all(call: &mut Call<'_, '_>, take: Take<'_>) -> Result<(), Failure> {
    if !call.has_files() {
        let detail = "Files are taken as a form only; send them as `multipart/form-data`, field `files`.";
        return Err(Problem::new(415, "unsupported_media_type", detail).into());
    }
    let mut form = call.form()?;
    while let Some(mut part) = form.next_part()? {
        if part.name != FIELD {
            continue;
        }
        let Some(filename) = part.filename.take() else {
            return Err(refused_field("field_invalid", FIELD, "give a file, not a text"));
        };
        // This is how browsers send that no file was chosen.
        if filename.is_empty() && part.is_empty()? {
            continue;
        }
        let taken = take(filename, &mut part);
        if let Some(failure) = form.take_failure() {
            return Err(failure.into());
        }
        taken?;
    }
    Ok(())
}

/// What the client's key makes of each file.
struct Keys {
    method: String,
    path: String,
    key: Option<String>,
}

impl Keys {
    fn of(call: &Call<'_, '_>) -> Keys {
        Keys {
            method: call.request.method().as_str().to_owned(),
            path: call.request.path().trim_end_matches('/').to_owned(),
            key: call.request.header("idempotency-key").map(str::to_owned),
        }
    }

    /// The library adds the bytes to what the key stands for.
    fn next(&self, before: usize, filename: &str) -> kafka_core::Result<Option<IdempotencyKey>> {
        let path = match before {
            0 => self.path.clone(),
            before => format!("{}#{before}", self.path),
        };
        let body = format!("{FIELD}={filename}");
        let key = self.key.as_ref().map(|key| IdempotencyKey::new(&self.method, &path, key, body.as_bytes()));
        key.transpose()
    }
}
