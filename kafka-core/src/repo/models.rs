//! The table `models`.

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::{Error, ErrorKind, Result},
        id::{ChatId, ModelId, UserId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::model::Model,
    storage::{Conn, Row, Tx, sql::statements},
};

const COLUMNS: &str = "m.id, m.user_id, m.name, m.upstream_model, m.provider, m.base_url, m.is_gateway, m.params, \
     m.is_default, m.created_at, m.ak_sealed";

/// A model with its sealed key, which never leaves the service floor.
#[derive(Clone)]
pub(crate) struct ModelRow {
    pub(crate) model: Model,
    pub(crate) ak_sealed: Option<String>,
}

fn read(row: &mut Row<'_>) -> Result<ModelRow> {
    let mut model = Model {
        id: row.next()?,
        user_id: row.next()?,
        name: row.next()?,
        upstream_model: row.next()?,
        provider: row.next()?,
        base_url: row.next()?,
        is_gateway: row.next()?,
        params: row.next_json()?.unwrap_or_default(),
        is_default: row.next()?,
        created_at: row.next()?,
        has_api_key: false,
    };
    let ak_sealed: Option<String> = row.next()?;
    model.has_api_key = ak_sealed.is_some();
    Ok(ModelRow { model, ak_sealed })
}

/// Of an owner's rows and the shared ones: the owner's first, the newest of one name first.
const NEAREST_FIRST: &str = " AND (m.user_id = $1 OR m.user_id IS NULL) \
     ORDER BY CASE WHEN m.user_id IS NULL THEN 1 ELSE 0 END, m.number DESC LIMIT 1";

statements! {
    INSERT = ["INSERT INTO models (id, user_id, name, upstream_model, provider, base_url, ak_sealed, is_gateway, params, \
        is_default, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"];
    GET = ["SELECT ", COLUMNS, " FROM models m WHERE m.id = $3 AND ", scope::MODEL_READ];
    GET_FOR_WRITING = ["SELECT ", COLUMNS, " FROM models m WHERE m.id = $3 AND ", scope::MODEL_WRITE];
    LIST = ["SELECT ", COLUMNS, " FROM models m WHERE (m.created_at, m.id) > ($3, $4) AND ", scope::MODEL_READ,
        " ORDER BY m.created_at, m.id LIMIT $5"];
    LIST_BACK = ["SELECT ", COLUMNS, " FROM models m WHERE (m.created_at, m.id) < ($3, $4) AND ", scope::MODEL_READ,
        " ORDER BY m.created_at DESC, m.id DESC LIMIT $5"];
    COUNT = ["SELECT COUNT(*) FROM models m WHERE ", scope::MODEL_READ];
    LIST_NUMBERED = ["SELECT ", COLUMNS, " FROM models m WHERE ", scope::MODEL_READ,
        " ORDER BY m.created_at, m.id LIMIT $3 OFFSET $4"];
    NAMED = ["SELECT ", COLUMNS, " FROM models m WHERE m.name = $2", NEAREST_FIRST];
    DEFAULT = ["SELECT ", COLUMNS, " FROM models m WHERE m.is_default = 1", NEAREST_FIRST];
    GATEWAY = ["SELECT ", COLUMNS, " FROM models m WHERE m.is_gateway = 1", NEAREST_FIRST];
    OF_OWNER = ["SELECT ", COLUMNS, " FROM models m WHERE m.user_id = $3 AND ", scope::MODEL_READ,
        " ORDER BY m.created_at, m.id"];
    NAMES_OF_OWNER = ["SELECT m.name FROM chats c JOIN models m ON m.user_id = c.user_id \
        OR (m.user_id IS NULL AND c.user_id IS NULL) WHERE c.id = $3 AND ", scope::CHAT_READ,
        " ORDER BY m.created_at, m.id"];
    NAMES_FOR = ["SELECT m.name, m.is_gateway FROM models m WHERE m.user_id = $1 OR m.user_id IS NULL ORDER BY m.created_at, m.id"];
    TAKEN = ["SELECT 1 FROM models m WHERE m.name = $1 AND m.id <> $2 AND (m.user_id = $3 \
        OR (m.user_id IS NULL AND CAST($3 AS TEXT) IS NULL))"];
    UPDATE = ["UPDATE models AS m SET name = $4, upstream_model = $5, base_url = $6, ak_sealed = $7, is_gateway = $8, \
        params = $9, is_default = $10, updated_at = $11 WHERE m.id = $3 AND ", scope::MODEL_WRITE];
    ONLY_DEFAULT = ["UPDATE models SET is_default = 0 WHERE id <> $1 AND is_default = 1 AND (user_id = $2 \
        OR (user_id IS NULL AND CAST($2 AS TEXT) IS NULL))"];
    SEALED = ["SELECT number, id, user_id, name, base_url, ak_sealed FROM models WHERE ak_sealed IS NOT NULL \
        AND number > $1 ORDER BY number LIMIT $2"];
    RESEAL = ["UPDATE models SET ak_sealed = $3 WHERE id = $1 AND ak_sealed = $2"];
    DELETE = ["DELETE FROM models AS m WHERE m.id = $3 AND ", scope::MODEL_WRITE];
}

pub(crate) fn insert(tx: &Tx<'_>, row: &ModelRow) -> Result<()> {
    let model = &row.model;
    let params = params_json(model)?;
    tx.execute(
        &INSERT,
        params![
            model.id,
            model.user_id,
            &model.name,
            &model.upstream_model,
            &model.provider,
            &model.base_url,
            &row.ak_sealed,
            model.is_gateway,
            &params,
            model.is_default,
            model.created_at
        ],
    )?;
    only_default(tx, model)
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: ModelId) -> Result<Option<ModelRow>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// As [`find`], but only what the scope may change.
pub(crate) fn find_for_writing(conn: &Conn<'_>, scope: Scope, id: ModelId) -> Result<Option<ModelRow>> {
    conn.first(&GET_FOR_WRITING, scoped![scope, id], read)
}

/// Those made after the key, oldest first.
pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    after: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<Model>> {
    conn.stretch(&LIST, scoped![scope, after.0, after.1, room.and_one()], room, |row| {
        read(row).map(|row| row.model)
    })
}

/// Those made before the key, newest first.
pub(crate) fn list_back(
    conn: &Conn<'_>,
    scope: Scope,
    before: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<Model>> {
    conn.stretch(&LIST_BACK, scoped![scope, before.0, before.1, room.and_one()], room, |row| {
        read(row).map(|row| row.model)
    })
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope], |row| row.next())?.unwrap_or(0))
}

pub(crate) fn list_numbered(
    conn: &Conn<'_>,
    scope: Scope,
    room: Room,
    offset: i64,
) -> Result<Stretch<Model>> {
    conn.stretch(&LIST_NUMBERED, scoped![scope, room.and_one(), offset], room, |row| {
        read(row).map(|row| row.model)
    })
}

/// The names of the models of a chat's owner, oldest first.
pub(crate) fn names_of_owner(conn: &Conn<'_>, scope: Scope, chat: ChatId) -> Result<Vec<String>> {
    conn.all(&NAMES_OF_OWNER, scoped![scope, chat], |row| row.next())
}

/// The newest model of that name, the owner's before a shared one.
pub(crate) fn named(conn: &Conn<'_>, owner: Option<UserId>, name: &str) -> Result<Option<ModelRow>> {
    conn.first(&NAMED, params![owner, name], read)
}

/// The owner's default, or the shared one.
pub(crate) fn default(conn: &Conn<'_>, owner: Option<UserId>) -> Result<Option<ModelRow>> {
    conn.first(&DEFAULT, params![owner], read)
}

/// The owner's gateway, or a shared one.
pub(crate) fn gateway(conn: &Conn<'_>, owner: Option<UserId>) -> Result<Option<ModelRow>> {
    conn.first(&GATEWAY, params![owner], read)
}

/// The names of an owner's models and of the shared ones, oldest first, and whether each is a gateway.
pub(crate) fn names_for(conn: &Conn<'_>, owner: Option<UserId>) -> Result<Vec<(String, bool)>> {
    conn.all(&NAMES_FOR, params![owner], |row| Ok((row.next()?, row.next()?)))
}

/// Whether another model of the same owner has this name.
pub(crate) fn is_name_taken(conn: &Conn<'_>, model: &Model) -> Result<bool> {
    let values = params![&model.name, model.id, model.user_id];
    Ok(conn.first(&TAKEN, values, |row| row.next::<i64>())?.is_some())
}

pub(crate) fn update(tx: &Tx<'_>, scope: Scope, row: &ModelRow, now: Timestamp) -> Result<()> {
    let model = &row.model;
    let params = params_json(model)?;
    tx.execute(
        &UPDATE,
        scoped![
            scope,
            model.id,
            &model.name,
            &model.upstream_model,
            &model.base_url,
            &row.ak_sealed,
            model.is_gateway,
            &params,
            model.is_default,
            now
        ],
    )?;
    only_default(tx, model)
}

pub(crate) fn delete(tx: &Tx<'_>, scope: Scope, id: ModelId) -> Result<bool> {
    Ok(tx.execute(&DELETE, scoped![scope, id])? > 0)
}

/// A sealed key, and what it is sealed for.
#[derive(Clone)]
pub(crate) struct SealedKey {
    pub(crate) number: i64,
    pub(crate) id: ModelId,
    pub(crate) user_id: Option<UserId>,
    pub(crate) name: String,
    pub(crate) base_url: String,
    pub(crate) ak_sealed: String,
}

/// The sealed keys of everyone, in the order of their numbers.
pub(crate) fn sealed(conn: &Conn<'_>, after: i64, limit: u32) -> Result<Vec<SealedKey>> {
    conn.all(&SEALED, params![after, limit], |row| {
        Ok(SealedKey {
            number: row.next()?,
            id: row.next()?,
            user_id: row.next()?,
            name: row.next()?,
            base_url: row.next()?,
            ak_sealed: row.next()?,
        })
    })
}

/// Replaces a sealed key, unless it was changed meanwhile.
pub(crate) fn reseal(tx: &Tx<'_>, row: &SealedKey, ak_sealed: &str) -> Result<()> {
    tx.execute(&RESEAL, params![row.id, &row.ak_sealed, ak_sealed]).map(drop)
}

/// An owner has one default at most.
fn only_default(tx: &Tx<'_>, model: &Model) -> Result<()> {
    if model.is_default {
        tx.execute(&ONLY_DEFAULT, params![model.id, model.user_id])?;
    }
    Ok(())
}

fn params_json(model: &Model) -> Result<String> {
    serde_json::to_string(&model.params).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "params_unwritable",
            "The model's parameters cannot be written as JSON.",
        )
        .with_source(error)
    })
}

/// An account's own models, oldest first.
pub(crate) fn of_owner(conn: &Conn<'_>, scope: Scope, owner: UserId) -> Result<Vec<Model>> {
    conn.all(&OF_OWNER, scoped![scope, owner], |row| Ok(read(row)?.model))
}
