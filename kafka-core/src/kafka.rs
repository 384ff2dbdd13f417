//! The handle of an open installation.

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::{ResponseId, UserId},
        limits::Limits,
        secret::Secret,
    },
    config::{Config, Database},
    entity::{overview::Overview, token::Login, user::NewUser},
    provider::{
        api::Provider, echo::EchoProvider, endpoint::Endpoint, network::Network, openai::OpenAiProvider,
        registry::Registry,
    },
    service::{
        administration::Administration,
        auth,
        branches::Branches,
        chat_files::ChatFiles,
        chats::Chats,
        completion::Completions,
        composer::Composer,
        documents::Documents,
        embedding::Embedding,
        events::Events,
        files::Files,
        installation::{Installation, Parts},
        keyring::Secrets,
        linear::Linear,
        login,
        messages::Messages,
        models::Models,
        moving::{self, MoveReport},
        overviews,
        plans::Plans,
        registration,
        responses::{EventStream, Responses},
        search::Search,
        share_links::ShareLinks,
        shared::Shared,
        tickets,
        tokens::Tokens,
        usage::Usage,
        users::Users,
        workspaces::Workspaces,
    },
    storage::{MoveProgress, Place, Storage, StorageOptions},
    text::chunk,
};

/// An open installation: the one entry point. Clones share it; it may be used from any thread. The last
/// clone closes it.
#[derive(Clone, Debug)]
pub struct Kafka(Installation);

impl Kafka {
    /// Opens an installation: makes the database if there is none, brings its schema up to date, and (but
    /// for the CLI) ends the answers of processes that died.
    ///
    /// # Errors
    /// `Storage`, `Corrupt`, `Incompatible` or `Busy` when the database cannot be used, naming it;
    /// `Conflict` when two providers have one name; `Invalid` when [`Config::based_validator`] or the URL of
    /// [`Config::embedding`] is none, or [`Config::chunks`] out of range.
    pub fn open(config: Config) -> Result<Kafka> {
        if !config.chunks.are_usable() {
            return Err(Error::invalid("chunks_invalid", "chunks", format!("give {}", chunk::USABLE)));
        }
        let storage = open_storage(&config)?;
        let openai = OpenAiProvider::new(Arc::clone(&config.clock), Arc::clone(&config.random));
        let network = Network::new(config.addresses, config.resolver);
        let embedding = Embedding::new(openai.clone(), config.embedding, network.clone(), &config.limits)?;
        let built_in: [Arc<dyn Provider>; 2] = [Arc::new(EchoProvider), Arc::new(openai)];
        let parts = Parts {
            providers: Registry::new(built_in.into_iter().chain(config.providers))?,
            network,
            embedding,
            chunks: config.chunks,
            model_hosts: config.model_hosts,
            based_validator: config.based_validator.as_deref().map(validator).transpose()?,
            secret: config.secret,
            password_cost: config.password_cost,
            open: config.open,
            anonymous: config.anonymous,
            registration: config.registration,
            quotas: config.quotas,
            extractor: config.extractor,
            on_warning: config.on_warning,
            titles: config.titles,
            limits: config.limits,
            clock: config.clock,
            random: config.random,
        };
        Installation::start(storage, config.kind, config.migrate, parts).map(Kafka)
    }

    /// An empty installation in memory, in open mode, for trying things out and for tests.
    ///
    /// # Errors
    /// Those of [`open`](Kafka::open), none of which is to be expected.
    pub fn in_memory() -> Result<Kafka> {
        let mut config = Config::memory();
        let mut key = [0; 32];
        config.random.fill(&mut key);
        config.secret = Some(Arc::new(Secret::new(key)));
        config.open = true;
        Kafka::open(config)
    }

    /// Moves an installation to another database, which becomes the same in everything: every row with its numbers,
    /// and the bytes of files. Nothing is taken from the source. Both sides are read afterwards and compared; only then
    /// can the target be opened. Who starts on either side meanwhile waits.
    ///
    /// Memory is bounded: about 50 MiB, most of it the caches of two databases, and the largest row. When it fails or its
    /// process dies, the same call goes on where it was. What was made of bytes, such as the texts of documents, is made
    /// again when it is asked for. Keys of models are moved as they are sealed: the new installation needs the secret of
    /// the old one, as `to.secret`.
    ///
    /// # Errors
    /// `NotFound` (`move_source_missing`); `Conflict` (`nodes_alive`) while other processes have either side open,
    /// (`move_target_not_empty`) for a target that holds something, unless a move of this source into it has not come to
    /// its end, (`move_begun`) when that is a move of another; `Incompatible` when the source has not the newest schema;
    /// `Invalid` for two sides that are one or lie in memory; `Conflict` (`move_differs`) when the source was written to
    /// all the same; those of reading and writing.
    pub fn move_database(
        from: &Config,
        to: &Config,
        mut watch: impl FnMut(MoveProgress),
    ) -> Result<MoveReport> {
        if let Database::File(path) = &from.database
            && !path.exists()
        {
            let sentence =
                format!("There is no database {} to be moved; name one that exists.", path.display());
            return Err(Error::new(ErrorKind::NotFound, "move_source_missing", sentence));
        }
        moving::run(&open_storage(from)?, &open_storage(to)?, to.secret.clone(), &mut watch)
    }

    /// The actor for whoever opened the database: it sees and may do everything. Not for requests that
    /// come from elsewhere; see [`authenticate`](Kafka::authenticate).
    #[must_use]
    pub fn operator(&self) -> Actor {
        Actor::operator()
    }

    /// Who calls without a credential: in open mode the local operator; else, where [`Config::anonymous`] is
    /// set, someone who may make chats and use those whose id they know.
    ///
    /// # Errors
    /// `Unauthenticated` (`credential_missing`) where neither is.
    pub fn local_actor(&self) -> Result<Actor> {
        auth::local_actor(&self.0)
    }

    /// Who the bearer of a session's token or an API key is. What the scopes of a key leave out, every call
    /// refuses to its actor as `Forbidden` (`scope_missing`). With [`operator`](Kafka::operator) and
    /// [`local_actor`](Kafka::local_actor) the only ways to an actor.
    ///
    /// # Errors
    /// `Unauthenticated` (`token_invalid`) when the token is unknown, expired or revoked, and when the
    /// account is disabled.
    pub fn authenticate(&self, token: &Secret<String>) -> Result<Actor> {
        auth::authenticate(&self.0, token)
    }

    /// Whoever has the token of a link to a chat. They may read that chat with [`shared`](Kafka::shared); every other
    /// call refuses them.
    ///
    /// # Errors
    /// `NotFound` (`share_link_not_found`) when the token is unknown, expired or revoked, and when the account that the
    /// chat belongs to is disabled.
    pub fn open_share_link(&self, token: &Secret<String>) -> Result<Actor> {
        auth::open_share_link(&self.0, token)
    }

    /// The chat that a link leads to.
    ///
    /// # Errors
    /// `Forbidden` (`share_link_required`) for an actor whom [`open_share_link`](Kafka::open_share_link) did not make.
    pub fn shared(&self, actor: &Actor) -> Result<Shared<'_>> {
        Shared::new(&self.0, actor)
    }

    /// The events of a response for the bearer of its [ticket](Responses::ticket), from the one after
    /// number `after` (0 for all) on.
    ///
    /// # Errors
    /// `Unauthenticated` (`ticket_invalid`) when the ticket is unknown, expired or another response's;
    /// otherwise those of [`Responses::events`].
    pub fn events_by_ticket(
        &self,
        id: ResponseId,
        ticket: &Secret<String>,
        after: u64,
    ) -> Result<EventStream> {
        let actor = tickets::redeem(&self.0, id, ticket)?;
        self.responses(&actor).events(id, after)
    }

    /// Makes an account that can log in, and logs it in. Outside open mode the first account is an
    /// administrator's.
    ///
    /// # Errors
    /// `Forbidden` (`registration_closed`, `invite_required`) unless [`Config::registration`] allows it;
    /// `Invalid` for an address or name of the wrong form, and for a password under 8 characters or over 72
    /// bytes; `Conflict` when the address (`email_taken`) or username (`username_taken`) is in use; `Busy`
    /// while too many passwords wait to be hashed.
    pub fn register(&self, new: NewUser, password: Secret<String>) -> Result<Login> {
        registration::register(&self.0, None, new, &password, None)
    }

    /// The same with the code of an [invitation](Administration::invite), which is used up if it was needed.
    ///
    /// # Errors
    /// Those of [`register`](Kafka::register), and `Forbidden` (`invite_invalid`) when the code is unknown,
    /// used, expired or for another address.
    pub fn register_invited(
        &self,
        new: NewUser,
        password: Secret<String>,
        invite: &Secret<String>,
    ) -> Result<Login> {
        registration::register(&self.0, None, new, &password, Some(invite))
    }

    /// The same, with or without an invitation, for a caller at this address, who is slowed down after
    /// [`Limits::failed_logins_of_address`] accounts that were made, or refused, within
    /// [`Limits::failed_login_minutes`], and has a quarter of the places to wait for a hash at most. Others
    /// can register meanwhile.
    ///
    /// # Errors
    /// Those of [`register_invited`](Kafka::register_invited), and `RateLimited` (`registration_throttled`)
    /// with the time to wait.
    pub fn register_from(
        &self,
        address: IpAddr,
        new: NewUser,
        password: Secret<String>,
        invite: Option<&Secret<String>>,
    ) -> Result<Login> {
        registration::register(&self.0, Some(address), new, &password, invite)
    }

    /// Logs in by e-mail address or username, for 30 days. A wrong name costs as long as a wrong password.
    /// Failures are not counted; for callers from elsewhere see [`login_from`](Kafka::login_from).
    ///
    /// # Errors
    /// `Unauthenticated` (`login_failed`), whichever of the two is wrong, and for an account that is
    /// disabled; `Busy` while too many passwords wait to be checked.
    pub fn login(&self, name: &str, password: Secret<String>) -> Result<Login> {
        login::login(&self.0, None, name, &password)
    }

    /// The same for a caller at this address, who is slowed down after too many failures: beyond
    /// [`Limits::failed_logins_of_account`] for one name, and
    /// [`Limits::failed_logins_of_address`] for all. An account that was guessed at twice as often as a name
    /// may be, by both of its names, fails as if the password were wrong. Others can log in meanwhile.
    ///
    /// # Errors
    /// Those of [`login`](Kafka::login), and `RateLimited` (`login_throttled`) with the time to wait, whether
    /// or not there is such an account.
    pub fn login_from(&self, address: IpAddr, name: &str, password: Secret<String>) -> Result<Login> {
        login::login(&self.0, Some(address), name, &password)
    }

    /// Revokes this token: ends the session, or deletes the API key. An unknown token is fine: it is not in force either way.
    ///
    /// # Errors
    /// Those of writing.
    pub fn logout(&self, token: &Secret<String>) -> Result<()> {
        login::logout(&self.0, token)
    }

    /// Changes the actor's password and revokes all sessions and API keys of the account.
    ///
    /// # Errors
    /// `Unauthenticated` without an account; `Forbidden` (`password_wrong`) when the current password is
    /// wrong; `RateLimited` (`login_throttled`) after [`Limits::failed_logins_of_account`] wrong ones;
    /// `Invalid` for a new one under 8 characters or over 72 bytes; `Busy` while too many passwords wait.
    pub fn change_password(&self, actor: &Actor, current: Secret<String>, new: Secret<String>) -> Result<()> {
        login::change_password(&self.0, actor, &current, &new)
    }

    /// The account of an actor.
    ///
    /// # Errors
    /// `Unauthenticated` (`account_required`) for the local operator, who has none.
    pub fn account_of(&self, actor: &Actor) -> Result<UserId> {
        auth::account_of(actor)
    }

    /// An account with its workspaces, what lies in them, and its models, read at once.
    ///
    /// # Errors
    /// `NotFound` for an account that the actor may not see.
    pub fn overview(&self, actor: &Actor, user: UserId) -> Result<Overview> {
        overviews::read(&self.0, actor, user)
    }

    /// Accounts.
    #[must_use]
    pub fn users(&self, actor: &Actor) -> Users<'_> {
        Users::new(&self.0, actor)
    }

    /// API keys.
    #[must_use]
    pub fn tokens(&self, actor: &Actor) -> Tokens<'_> {
        Tokens::new(&self.0, actor)
    }

    /// Other people's accounts, for those who administer.
    #[must_use]
    pub fn administration(&self, actor: &Actor) -> Administration<'_> {
        Administration::new(&self.0, actor)
    }

    /// Groups of chats and files.
    #[must_use]
    pub fn workspaces(&self, actor: &Actor) -> Workspaces<'_> {
        Workspaces::new(&self.0, actor)
    }

    /// Conversations.
    #[must_use]
    pub fn chats(&self, actor: &Actor) -> Chats<'_> {
        Chats::new(&self.0, actor)
    }

    /// The branches of conversations, and forks.
    #[must_use]
    pub fn branches(&self, actor: &Actor) -> Branches<'_> {
        Branches::new(&self.0, actor)
    }

    /// Links by which one chat can be read without an account.
    #[must_use]
    pub fn share_links(&self, actor: &Actor) -> ShareLinks<'_> {
        ShareLinks::new(&self.0, actor)
    }

    /// Chats by their numbers, seen along their active branch, and lists as a whole.
    #[must_use]
    pub fn linear(&self, actor: &Actor) -> Linear<'_> {
        Linear::new(&self.0, actor)
    }

    /// Bytes under names, in workspaces.
    #[must_use]
    pub fn files(&self, actor: &Actor) -> Files<'_> {
        Files::new(&self.0, actor)
    }

    /// Files as they stand in conversations, and the versions of those that are written there.
    #[must_use]
    pub fn chat_files(&self, actor: &Actor) -> ChatFiles<'_> {
        ChatFiles::new(&self.0, actor)
    }

    /// What stands in conversations.
    #[must_use]
    pub fn messages(&self, actor: &Actor) -> Messages<'_> {
        Messages::new(&self.0, actor)
    }

    /// Configured model endpoints.
    #[must_use]
    pub fn models(&self, actor: &Actor) -> Models<'_> {
        Models::new(&self.0, actor)
    }

    /// The secret that seals the keys of models.
    #[must_use]
    pub fn secrets(&self, actor: &Actor) -> Secrets<'_> {
        Secrets::new(&self.0, actor)
    }

    /// Plans, and who has which.
    #[must_use]
    pub fn plans(&self, actor: &Actor) -> Plans<'_> {
        Plans::new(&self.0, actor)
    }

    /// What was used.
    #[must_use]
    pub fn usage(&self, actor: &Actor) -> Usage<'_> {
        Usage::new(&self.0, actor)
    }

    /// Documents: uploading them, and what became of them.
    #[must_use]
    pub fn documents(&self, actor: &Actor) -> Documents<'_> {
        Documents::new(&self.0, actor)
    }

    /// Asking models.
    #[must_use]
    pub fn completions(&self, actor: &Actor) -> Completions<'_> {
        Completions::new(&self.0, actor)
    }

    /// Having models write files.
    #[must_use]
    pub fn composer(&self, actor: &Actor) -> Composer<'_> {
        Composer::new(&self.0, actor)
    }

    /// Following, stopping and reading answers.
    #[must_use]
    pub fn responses(&self, actor: &Actor) -> Responses<'_> {
        Responses::new(&self.0, actor)
    }

    /// Searches over chats and messages.
    #[must_use]
    pub fn search(&self, actor: &Actor) -> Search<'_> {
        Search::new(&self.0, actor)
    }

    /// What changes, as it changes.
    #[must_use]
    pub fn events(&self, actor: &Actor) -> Events<'_> {
        Events::new(&self.0, actor)
    }

    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.0.limits()
    }

    /// Whether the installation serves the local operator without a credential.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }

    /// Whether models give titles to chats, as [`Config::titles`] says: who shows a chat may then look for one.
    #[must_use]
    pub fn gives_titles(&self) -> bool {
        self.0.titling().is_on()
    }

    /// Whether the database answers: what a readiness check asks.
    ///
    /// # Errors
    /// Those of reading.
    pub fn check(&self) -> Result<()> {
        self.0.check()
    }

    /// Waits at most `patience` until no answer runs. True when none does.
    #[must_use]
    pub fn wait_until_idle(&self, patience: Duration) -> bool {
        self.0.live().wait_until_idle(patience)
    }

    /// Stops running answers, keeping what came as interrupted, stores everything and closes the
    /// database. Later calls on any clone fail as `Busy`. Dropping the last clone closes it too, once the
    /// answers that run have ended.
    pub fn close(&self) {
        self.0.close();
    }
}

fn validator(url: &str) -> Result<Endpoint> {
    Endpoint::parse(url).map_err(|_| {
        let message = "write a URL such as https://checker.example.com/validate";
        Error::invalid("based_validator_invalid", "based_validator", message)
    })
}

/// Opens the database of a configuration, with its schema as it is.
pub(crate) fn open_storage(config: &Config) -> Result<Storage> {
    let place = match &config.database {
        Database::Memory => Place::Memory,
        Database::File(path) => Place::File(path.clone()),
        #[cfg(feature = "postgres")]
        Database::Postgres { address, blobs } => {
            Place::Server { address: address.clone(), blobs: blobs.clone() }
        }
    };
    let options = StorageOptions {
        limits: config.limits.clone(),
        clock: Arc::clone(&config.clock),
        random: Arc::clone(&config.random),
        synchronous: config.synchronous,
        #[cfg(feature = "postgres")]
        postgres: config.postgres.clone(),
        #[cfg(feature = "postgres")]
        on_warning: config.on_warning.clone(),
        ..StorageOptions::default()
    };
    Storage::open(place, options)
}
