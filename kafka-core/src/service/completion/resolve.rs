//! Which model answers.

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        id::UserId,
    },
    entity::params::Params,
    repo::models::{self, ModelRow},
    service::installation::Installation,
    service::models::{Callable, ECHO},
    storage::Conn,
};

/// A model as it was found, before its key is opened.
pub(in crate::service) enum Found {
    Echo,
    Row(ModelRow),
    /// A gateway, and the name that it shall answer under.
    Gateway(ModelRow, String),
}

/// What a chat's owner means by the name: their own model, a shared one, `echo`, or what a gateway
/// knows. Without a name the owner's default, the shared default, `echo`.
pub(in crate::service) fn find(conn: &Conn<'_>, owner: Option<UserId>, name: Option<&str>) -> Result<Found> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(models::default(conn, owner)?.map_or(Found::Echo, Found::Row));
    };
    if name == ECHO {
        return Ok(Found::Echo);
    }
    if let Some(row) = models::named(conn, owner, name)? {
        return Ok(Found::Row(row));
    }
    match models::gateway(conn, owner)? {
        Some(gateway) => Ok(Found::Gateway(gateway, name.to_owned())),
        None => Err(Error::new(
            ErrorKind::NotFound,
            "model_not_found",
            format!("There is no model called {name}; add it, or name another (`echo` is always there)."),
        )),
    }
}

impl Found {
    /// Opens the key and looks up the provider.
    pub(super) fn callable(self, installation: &Installation, params: Option<&Params>) -> Result<Callable> {
        match self {
            Found::Echo => Callable::echo(installation, params),
            Found::Row(row) => Callable::of_row(installation, row, None, params),
            Found::Gateway(row, name) => Callable::of_row(installation, row, Some(name), params),
        }
    }
}
