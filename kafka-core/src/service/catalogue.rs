//! What the models are called that someone may name: rows, and what a gateway lists.
//!
//! A gateway is asked for its list at most once an hour, and never by two at a time. One that fails is left alone for
//! a minute, and costs nobody more than a few seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::models::{ECHO, Models};
use crate::{
    base::{
        error::Result,
        id::ModelId,
        permission::{Area, Permission},
        time::Timestamp,
    },
    entity::params::Timeouts,
    repo::models::{self, ModelRow},
};

/// How long a list is given again without asking, in milliseconds.
const KEPT_MS: i64 = 3_600_000;
/// How long a gateway is left alone that gave none, in milliseconds.
const LEFT_ALONE_MS: i64 = 60_000;
/// How long a gateway may take, with everything.
const PATIENCE: Duration = Duration::from_secs(5);
/// Names of one list that are kept.
const NAMES_MAX: usize = 5_000;
/// Gateways whose lists are kept.
const GATEWAYS_MAX: usize = 64;

/// The models that can be named in the actor's chats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferedModels {
    /// Their names, each once: rows, oldest first, then `echo`, then what the gateway lists, in its order.
    pub names: Vec<String>,
    /// Whether the gateway's part is an earlier answer of it.
    pub is_cached: bool,
}

/// The lists of gateways that were asked.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    shelf: Mutex<Shelf>,
    answered: Condvar,
}

#[derive(Debug, Default)]
struct Shelf {
    lists: BTreeMap<ModelId, List>,
    asked: BTreeSet<ModelId>,
}

#[derive(Clone, Debug)]
struct List {
    /// The row that it was asked with: another address or key may list other models.
    base_url: String,
    ak_sealed: Option<String>,
    at: Timestamp,
    /// None of one that failed.
    names: Option<Vec<String>>,
}

impl List {
    fn holds(&self, row: &ModelRow, now: Timestamp) -> bool {
        let lasts = if self.names.is_some() { KEPT_MS } else { LEFT_ALONE_MS };
        let age = now.unix_ms() - self.at.unix_ms();
        self.base_url == row.model.base_url && self.ak_sealed == row.ak_sealed && (0..lasts).contains(&age)
    }
}

/// Is being asked until this is dropped, also by a panic.
struct Asking<'c> {
    catalogue: &'c Catalogue,
    id: ModelId,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.catalogue.shelf().asked.remove(&self.id);
        self.catalogue.answered.notify_all();
    }
}

impl Catalogue {
    /// The gateway's list, and whether it was asked earlier. Empty when it gives none.
    fn names(
        &self,
        row: &ModelRow,
        now: Timestamp,
        ask: impl FnOnce() -> Option<Vec<String>>,
    ) -> (Vec<String>, bool) {
        let id = row.model.id;
        let mut shelf = self.shelf();
        loop {
            if let Some(list) = shelf.lists.get(&id).filter(|list| list.holds(row, now)) {
                return (list.names.clone().unwrap_or_default(), list.names.is_some());
            }
            if shelf.asked.insert(id) {
                break;
            }
            shelf = self.answered.wait(shelf).unwrap_or_else(PoisonError::into_inner);
        }
        drop(shelf);
        let asking = Asking { catalogue: self, id };
        let names = ask();
        let mut shelf = self.shelf();
        if shelf.lists.len() >= GATEWAYS_MAX && !shelf.lists.contains_key(&id) {
            let oldest = shelf.lists.iter().min_by_key(|(_, list)| list.at).map(|(id, _)| *id);
            oldest.and_then(|id| shelf.lists.remove(&id));
        }
        let (base_url, ak_sealed) = (row.model.base_url.clone(), row.ak_sealed.clone());
        shelf.lists.insert(id, List { base_url, ak_sealed, at: now, names: names.clone() });
        drop(shelf);
        drop(asking);
        (names.unwrap_or_default(), false)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Models<'_> {
    /// The models that can be named in the actor's chats: the actor's own and the shared ones, and what the gateway
    /// lists that names go to which no row has. The gateway is asked at most once an hour; one that does not give a
    /// list within 5 s, or none, is left out. Of a list the first 5,000 names are kept, and none longer than
    /// [`Limits::name_chars`](crate::Limits).
    ///
    /// # Errors
    /// Those of reading.
    pub fn offered(&self) -> Result<OfferedModels> {
        self.actor.require(Permission::read(Area::Models))?;
        let owner = self.actor.user_id();
        let (rows, gateway) = self.installation.storage().read(|conn| {
            let rows = models::names_for(conn, owner)?;
            let gateway = match rows.iter().any(|(_, is_gateway)| *is_gateway) {
                true => models::gateway(conn, owner)?,
                false => None,
            };
            Ok((rows, gateway))
        })?;
        let mut names: Vec<String> = rows.into_iter().map(|(name, _)| name).collect();
        names.push(ECHO.to_owned());
        let mut is_cached = false;
        if let Some(row) = gateway {
            let now = self.installation.now();
            let (listed, is_earlier) =
                self.installation.catalogue().names(&row, now, || self.ask_for_names(&row));
            names.extend(listed);
            is_cached = is_earlier;
        }
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(OfferedModels { names, is_cached })
    }

    fn ask_for_names(&self, row: &ModelRow) -> Option<Vec<String>> {
        let mut callable = self.asking(row.clone()).ok()?;
        callable.options.timeouts =
            Timeouts { connect: PATIENCE, first_token: PATIENCE, between_tokens: PATIENCE, total: PATIENCE };
        let health = callable.provider.probe(&callable.options).ok()?;
        let longest = self.installation.limits().name_chars;
        let is_name = |name: &String| {
            !name.trim().is_empty() && name.chars().count() <= longest && !name.contains(char::is_control)
        };
        let names: Vec<String> = health.models.into_iter().filter(is_name).take(NAMES_MAX).collect();
        (!names.is_empty()).then_some(names)
    }

    /// The name of the model that answers in the actor's own chats where nothing names one.
    ///
    /// # Errors
    /// Those of reading.
    pub fn default_name(&self) -> Result<String> {
        // Part of a chat, which is made without looking at models.
        self.actor.require(Permission::read(Area::Chats))?;
        let owner = self.actor.user_id();
        let found = self.installation.storage().read_one(|conn| models::default(conn, owner))?;
        Ok(found.map_or_else(|| ECHO.to_owned(), |row| row.model.name))
    }
}
