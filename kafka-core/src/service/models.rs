//! What can be done with models.

use std::sync::Arc;

use super::{
    input,
    listing::{self, ByCreation, TimeKey},
    once::{IdempotencyKey, Once, once},
    users,
};
use crate::{
    base::{
        actor::{Actor, Scope},
        cancel::CancelToken,
        error::{Error, ErrorKind, Result},
        id::{ChatId, ModelId, UserId},
        page::{Page, PageRequest},
        permission::{Area, Permission},
        secret::Secret,
        shares::Whose,
    },
    entity::{
        model::{Model, ModelPatch, NewModel},
        params::{Params, Timeouts},
    },
    provider::{
        address::AddressPolicy,
        api::{CallOptions, ModelHealth, Provider},
        endpoint::Endpoint,
        network::Network,
    },
    repo::{
        models::{self, ModelRow},
        users as accounts,
    },
    service::installation::Installation,
    storage::{Conn, Tx},
};

/// Largest context of a model, in tokens: history up to it is held in memory.
const CONTEXT_TOKENS_MAX: u32 = 4_000_000;

/// The built-in model's name, which no row may have.
pub(crate) const ECHO: &str = "echo";

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Models);
/// What it needs for changing something.
const WRITE: Permission = Permission::write(Area::Models);

/// Models, as one actor may use them. Made by [`Kafka::models`](crate::Kafka::models).
#[derive(Debug)]
pub struct Models<'k> {
    pub(super) installation: &'k Installation,
    pub(super) actor: Actor,
    once: Option<Once>,
}

fn not_found(id: ModelId) -> Error {
    Error::not_found("model_not_found", "model", id)
}

impl<'k> Models<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Models<'k> {
        Models { installation, actor: *actor, once: None }
    }

    /// Makes [`create`](Models::create) take effect once for this key, if there is one.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> Models<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }

    /// Adds a model. The operator's is shared by all. Nothing is called yet; see
    /// [`probe`](Models::probe).
    ///
    /// # Errors
    /// `Invalid` for a name, URL or provider that cannot be; `Conflict` when the owner has a model of
    /// this name (`model_exists`); `Forbidden` when a key is given and the installation has no secret to
    /// seal it with (`secret_missing`).
    pub fn create(&self, new: NewModel) -> Result<Model> {
        self.store(new, |tx, model| must_be_free(tx, model))
    }

    /// The same, but the owner may have a model of this name: the newest is the one that a name means.
    ///
    /// # Errors
    /// Those of [`create`](Models::create) besides `model_exists`.
    pub fn create_newer(&self, new: NewModel) -> Result<Model> {
        self.store(new, |_, _| Ok(()))
    }

    fn store(&self, new: NewModel, check: fn(&Tx<'_>, &Model) -> Result<()>) -> Result<Model> {
        self.actor.require(WRITE)?;
        let limits = self.installation.limits();
        check_name(self.installation, &new.name)?;
        input::optional_name(limits, "upstream_model", new.upstream_model.as_ref())?;
        let provider = new.provider.unwrap_or_else(|| "openai".to_owned());
        self.installation.providers().get(&provider)?;
        check_params(&new.params)?;
        let user_id = users::owner(&self.actor, "user_id", new.user_id)?;
        let endpoint = self.check_base_url(&new.base_url, user_id)?;
        let api_key = new.api_key.filter(|key| !key.expose().is_empty());
        let ak_sealed = api_key.map(|key| self.seal(&key, user_id, &endpoint)).transpose()?;
        let row = ModelRow {
            model: Model {
                id: self.installation.new_id(),
                user_id,
                name: new.name,
                upstream_model: new.upstream_model.filter(|name| !name.is_empty()),
                provider,
                base_url: new.base_url.trim().to_owned(),
                has_api_key: ak_sealed.is_some(),
                is_gateway: new.is_gateway,
                params: new.params,
                is_default: new.is_default,
                created_at: self.installation.now(),
            },
            ak_sealed,
        };
        let (key, feed) = (self.once.clone(), self.installation.feed().clone());
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                users::must_exist(tx, row.model.user_id)?;
                check(tx, &row.model)?;
                models::insert(tx, &row)?;
                feed.model(tx, row.model.id);
                Ok(row.model.clone())
            })
        })
    }

    /// One model. Callers without a credential are not told where it is, nor its parameters.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: ModelId) -> Result<Model> {
        self.row(id).map(|row| self.shown(row.model))
    }

    fn shown(&self, model: Model) -> Model {
        match self.actor.is_anonymous() {
            true => Model { base_url: String::new(), params: Params::default(), ..model },
            false => model,
        }
    }

    fn row(&self, id: ModelId) -> Result<ModelRow> {
        let found =
            self.installation.storage().read_one(|conn| models::find(conn, self.actor.scope(READ)?, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// The actor's models and the shared ones, oldest first, each as by [`get`](Models::get). `echo` is built in and has no row.
    ///
    /// # Errors
    /// `Invalid` for a page out of range or a cursor that no page gave.
    pub fn list(&self, request: &PageRequest) -> Result<Page<Model>> {
        let scope = self.actor.scope(READ)?;
        let mut page = listing::read(self.installation.storage(), request, |conn| {
            let list = ByCreation {
                after: &|key, room| models::list(conn, scope, key, room),
                before: &|key, room| models::list_back(conn, scope, key, room),
                numbered: &|room, offset| {
                    let items = models::list_numbered(conn, scope, room, offset)?;
                    Ok((items, models::count(conn, scope)?))
                },
                cursor: &|model: &Model| TimeKey::cursor(model.created_at, model.id),
            };
            list.page(self.installation.limits(), request)
        })?;
        page.items = page.items.into_iter().map(|model| self.shown(model)).collect();
        Ok(page)
    }

    /// The names of the models that a chat's owner has added, oldest first; without the shared ones,
    /// unless the chat belongs to nobody. Empty for a chat that the actor may not see.
    ///
    /// # Errors
    /// Those of reading.
    pub fn names_of_owner(&self, chat: ChatId) -> Result<Vec<String>> {
        // Part of the chat, as it is shown when it is opened.
        let scope = self.actor.scope(Permission::read(Area::Chats))?;
        self.installation.storage().read_one_anywhere(|conn| models::names_of_owner(conn, scope, chat))
    }

    /// Changes a model. When `base_url` moves to another origin the key must be given again: a key is
    /// bound to the place it was meant for.
    ///
    /// # Errors
    /// `NotFound`, also for shared models of the operator; `Invalid` and `Conflict` as for
    /// [`create`](Models::create), and `Invalid` (`api_key_required`) for a moved origin without a key.
    pub fn update(&self, id: ModelId, patch: ModelPatch) -> Result<Model> {
        let limits = self.installation.limits();
        patch.name.as_ref().map_or(Ok(()), |name| check_name(self.installation, name))?;
        let upstream = patch.upstream_model.as_ref().and_then(Option::as_ref);
        input::optional_name(limits, "upstream_model", upstream)?;
        patch.params.as_ref().map_or(Ok(()), check_params)?;
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let before =
            self.installation.storage().read_one(|conn| models::find_for_writing(conn, scope, id))?;
        let before = before.ok_or_else(|| not_found(id))?;
        let ak_sealed = self.key_after(&before, &patch)?;
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            let mut row = models::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            if row.ak_sealed != before.ak_sealed || row.model.base_url != before.model.base_url {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "model_changed",
                    format!("The model {id} was changed by someone else at the same time; try again."),
                ));
            }
            apply(&mut row.model, &patch);
            row.ak_sealed.clone_from(&ak_sealed);
            row.model.has_api_key = ak_sealed.is_some();
            // Dialects may have made two of one name; each can still be changed otherwise.
            if patch.name.is_some() {
                must_be_free(tx, &row.model)?;
            }
            models::update(tx, scope, &row, now)?;
            feed.model(tx, id);
            Ok(row.model)
        })
    }

    /// The sealed key that a model has once the patch is applied.
    fn key_after(&self, before: &ModelRow, patch: &ModelPatch) -> Result<Option<String>> {
        let old = Endpoint::parse(&before.model.base_url)?;
        let new = match &patch.base_url {
            Some(base_url) => self.check_base_url(base_url, before.model.user_id)?,
            None => old.clone(),
        };
        match &patch.api_key {
            Some(None) => Ok(None),
            Some(Some(key)) if key.expose().is_empty() => Ok(None),
            Some(Some(key)) => self.seal(key, before.model.user_id, &new).map(Some),
            None if before.ak_sealed.is_some() && new.origin() != old.origin() => Err(Error::invalid(
                "api_key_required",
                "api_key",
                "the endpoint moves to another origin, so give its key again (or null for none)",
            )),
            None => Ok(before.ak_sealed.clone()),
        }
    }

    /// Deletes a model. Answers that it gave keep its name.
    ///
    /// # Errors
    /// `NotFound`, also for shared models of the operator.
    pub fn delete(&self, id: ModelId) -> Result<()> {
        let (scope, feed) = (self.actor.scope(WRITE)?, self.installation.feed().clone());
        self.installation.storage().write(move |tx| {
            let row = models::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            models::delete(tx, scope, id)?;
            feed.model_deleted(tx, id, row.model.user_id);
            Ok(())
        })
    }

    /// Makes sure that the model can be called from here: its key can be opened, its provider is known.
    /// The endpoint is not asked; see [`probe`](Models::probe).
    ///
    /// # Errors
    /// `NotFound`; `Busy` (`key_unreadable`) when the key cannot be opened.
    pub fn check(&self, id: ModelId) -> Result<()> {
        Callable::of_row(self.installation, self.row(id)?, None, None).map(drop)
    }

    /// Asks the endpoint, without spending tokens, whether it works. What is wrong with it is told in
    /// the result, not as an error.
    ///
    /// # Errors
    /// `NotFound`; `Busy` (`key_unreadable`) when the key cannot be opened.
    pub fn probe(&self, id: ModelId) -> Result<ModelHealth> {
        let Callable { provider, options } = self.asking(self.row(id)?)?;
        Ok(provider.probe(&options)?)
    }

    /// How the actor may ask an endpoint about itself.
    pub(super) fn asking(&self, row: ModelRow) -> Result<Callable> {
        // What is shared was saved by those who run the installation; what is one's own may be saved and
        // asked by the same key.
        let network = match row.model.user_id {
            Some(owner) => {
                let network = self.network(Some(owner), &Endpoint::parse(&row.model.base_url)?)?;
                Some(network.for_models_of(Some(owner)))
            }
            None => None,
        };
        let mut callable = Callable::of_row(self.installation, row, None, None)?;
        callable.options.network = network.unwrap_or(callable.options.network);
        Ok(callable)
    }

    /// How the actor may reach a model of this owner: private addresses take a credential that may
    /// administer, whoever's it is.
    fn network(&self, owner: Option<UserId>, endpoint: &Endpoint) -> Result<Network> {
        match self.actor.permissions().allow(Permission::write(Area::Admin)) {
            true => network(self.installation, owner, endpoint),
            false => Ok(network_for_all(self.installation, endpoint)),
        }
    }

    fn check_base_url(&self, base_url: &str, owner: Option<UserId>) -> Result<Endpoint> {
        input::bytes("base_url", base_url, 2048)?;
        let endpoint = Endpoint::parse(base_url)?;
        self.network(owner, &endpoint)?.check(&endpoint, self.actor.is_admin(), Whose::actor(&self.actor))?;
        Ok(endpoint)
    }

    fn seal(&self, key: &Secret<String>, owner: Option<UserId>, endpoint: &Endpoint) -> Result<String> {
        self.installation.keyring()?.seal(
            key.expose(),
            &owner_text(owner),
            &endpoint.origin(),
            self.installation.random(),
        )
    }
}

/// How a model of this owner is reached. Private addresses are for those who run the installation, and
/// for hosts that they allowed: others would reach through it what they cannot reach themselves.
fn network(installation: &Installation, owner: Option<UserId>, endpoint: &Endpoint) -> Result<Network> {
    let is_trusted = match owner {
        Some(id) if !installation.is_open() => {
            let found = installation.storage().read_one(|conn| accounts::find(conn, Scope::Operator, id))?;
            found.is_some_and(|user| user.is_admin)
        }
        _ => true,
    };
    match is_trusted && !is_allowed(installation, endpoint) {
        true => Ok(installation.network().clone()),
        false => Ok(network_for_all(installation, endpoint)),
    }
}

/// How a model of anybody is reached.
fn network_for_all(installation: &Installation, endpoint: &Endpoint) -> Network {
    let policy = match is_allowed(installation, endpoint) {
        true => AddressPolicy::PrivateAllowed,
        false => AddressPolicy::PublicOnly,
    };
    Network { policy, ..installation.network().clone() }
}

/// Whether those who run the installation allowed this host to every model.
fn is_allowed(installation: &Installation, endpoint: &Endpoint) -> bool {
    installation.model_hosts().iter().any(|host| host.is_of(endpoint))
}

/// Who a key is sealed for.
pub(crate) fn owner_text(owner: Option<UserId>) -> String {
    owner.map_or_else(|| "operator".to_owned(), |id| id.to_string())
}

/// Where a key is sealed to.
pub(crate) fn origin_of(base_url: &str) -> Result<String> {
    Endpoint::parse(base_url).map(|endpoint| endpoint.origin())
}

fn check_name(installation: &Installation, name: &str) -> Result<()> {
    input::name(installation.limits(), "name", name)?;
    if name.trim().is_empty() {
        return Err(Error::invalid("name_empty", "name", "a model needs a name"));
    }
    if name == ECHO {
        return Err(Error::invalid(
            "name_reserved",
            "name",
            "`echo` is the built-in model; choose another name",
        ));
    }
    Ok(())
}

/// Parameters that every endpoint would refuse are refused here, where the reason can be named.
pub(crate) fn check_params(params: &Params) -> Result<()> {
    let out_of =
        |field: &str, range: &str| Error::invalid("params_out_of_range", field, format!("give {range}"));
    if params.temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
        return Err(out_of("params.temperature", "a number from 0 to 2"));
    }
    if params.top_p.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
        return Err(out_of("params.top_p", "a number from 0 to 1"));
    }
    if params.max_tokens == Some(0) {
        return Err(out_of("params.max_tokens", "a number from 1"));
    }
    if params.context_tokens.is_some_and(|tokens| !(16..=CONTEXT_TOKENS_MAX).contains(&tokens)) {
        let range = format!("a number from 16 to {CONTEXT_TOKENS_MAX}");
        return Err(out_of("params.context_tokens", &range));
    }
    let seconds = params.timeouts.unwrap_or_default();
    let given = [seconds.connect, seconds.first_token, seconds.between_tokens, seconds.total];
    if given.into_iter().flatten().any(|value| !(value > 0.0 && value <= 86_400.0)) {
        return Err(out_of("params.timeouts", "seconds above 0, at most 86400"));
    }
    Ok(())
}

fn must_be_free(conn: &Conn<'_>, model: &Model) -> Result<()> {
    if !models::is_name_taken(conn, model)? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "model_exists",
        format!("There is already a model called {}; choose another name, or change that one.", model.name),
    ))
}

fn apply(model: &mut Model, patch: &ModelPatch) {
    if let Some(name) = &patch.name {
        model.name.clone_from(name);
    }
    if let Some(base_url) = &patch.base_url {
        base_url.trim().clone_into(&mut model.base_url);
    }
    if let Some(upstream) = &patch.upstream_model {
        model.upstream_model = upstream.clone().filter(|name| !name.is_empty());
    }
    if let Some(is_gateway) = patch.is_gateway {
        model.is_gateway = is_gateway;
    }
    if let Some(params) = &patch.params {
        model.params.clone_from(params);
    }
    if let Some(is_default) = patch.is_default {
        model.is_default = is_default;
    }
}

/// A model that can be called: its provider, and where and how to ask it.
#[derive(Debug)]
pub(crate) struct Callable {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) options: CallOptions,
}

impl Callable {
    /// The built-in model.
    pub(crate) fn echo(installation: &Installation, params: Option<&Params>) -> Result<Callable> {
        let options = CallOptions {
            model: ECHO.to_owned(),
            base_url: String::new(),
            api_key: None,
            params: params.cloned().unwrap_or_default(),
            network: installation.network().clone(),
            timeouts: Timeouts::default(),
            cancel: CancelToken::new(),
        };
        Ok(Callable { provider: Arc::clone(installation.providers().get(ECHO)?), options })
    }

    /// A configured model. `passed_through` is a name that only the endpoint knows.
    pub(crate) fn of_row(
        installation: &Installation,
        row: ModelRow,
        passed_through: Option<String>,
        params: Option<&Params>,
    ) -> Result<Callable> {
        let model = row.model;
        let endpoint = Endpoint::parse(&model.base_url)?;
        let api_key = match &row.ak_sealed {
            Some(sealed) => {
                Some(installation.keyring()?.open(sealed, &owner_text(model.user_id), &endpoint.origin())?)
            }
            None => None,
        };
        let params = match params {
            Some(params) => model.params.replaced_by(params),
            None => model.params,
        };
        let options = CallOptions {
            model: passed_through.or(model.upstream_model).unwrap_or(model.name),
            base_url: model.base_url,
            api_key,
            network: network(installation, model.user_id, &endpoint)?.for_models_of(model.user_id),
            timeouts: params.timeouts.unwrap_or_default().over(Timeouts::default()),
            params,
            cancel: CancelToken::new(),
        };
        Ok(Callable { provider: Arc::clone(installation.providers().get(&model.provider)?), options })
    }
}
