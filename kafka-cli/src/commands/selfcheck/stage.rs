//! Accounts, credentials and things to try routes on, made on the server's own database and deleted when the
//! stage is cleared.

use std::{
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    Actor, AnswerRequest, ChatId, Clock as _, Document, DocumentId, DocumentPlace, Error, ErrorKind, Kafka,
    MemberRole, NewChat, NewChatFile, NewFile, NewModel, NewShareLink, NewToken, NewUser, NewWorkspace,
    PageRequest, Params, Permission, Permissions, ProcessingStatus, Random as _, Result, Secret,
    StandingPatch, SystemClock, SystemRandom, TimeoutSeconds, UserId,
};
use serde_json::{Value, json};

use super::{caller::Caller, client::Server};

/// Stands in everything that is the owner's. Whoever is refused must not see it.
pub(super) const MARK: &str = "known-to-the-owner-alone";
/// How long keys of a stage work that nobody has deleted.
const KEY_MS: i64 = 30 * 60_000;
/// How long the server may take to see what another process has changed.
const PATIENCE: Duration = Duration::from_secs(20);
/// The areas of scopes.
const AREAS: [&str; 7] = ["chats", "files", "models", "documents", "usage", "account", "admin"];

/// Where the server tries models: an address that no machine may have.
const NOWHERE: &str = "http://192.0.2.1/v1";

pub(super) struct Stage<'k> {
    kafka: &'k Kafka,
    server: &'k Server,
    operator: Actor,
    /// Part of every name, so that two runs do not meet.
    run: String,
    accounts: Vec<UserId>,
    /// Whose tokens those are that are no stranger's and not the owner's.
    people: Vec<(Caller, UserId)>,
    tokens: Vec<(Caller, String)>,
    /// The owner's keys that lack an area.
    narrow: Vec<(&'static str, String)>,
    owner: (UserId, Actor),
    /// Who is let into the owner's workspaces.
    members: Vec<(UserId, MemberRole)>,
}

/// One of everything, the owner's.
pub(super) struct Things {
    pub(super) workspace: String,
    pub(super) file: String,
    pub(super) chat: String,
    pub(super) chat_number: String,
    pub(super) chat_file: String,
    pub(super) share_link: String,
    pub(super) document: String,
    pub(super) message: String,
    pub(super) message_number: String,
    pub(super) response: String,
    pub(super) model: String,
    pub(super) token: String,
    pub(super) account: String,
}

impl<'k> Stage<'k> {
    pub(super) fn set(kafka: &'k Kafka, server: &'k Server) -> Result<Stage<'k>> {
        let mut random = [0; 6];
        SystemRandom.fill(&mut random);
        let run: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = new_account(kafka, &run, "owner")?;
        let mut stage = Stage {
            kafka,
            server,
            operator: kafka.operator(),
            run,
            accounts: vec![id],
            people: Vec::new(),
            tokens: Vec::new(),
            narrow: Vec::new(),
            owner: (id, kafka.operator()),
            members: Vec::new(),
        };
        match stage.people().and_then(|()| stage.wait_until_known()) {
            Ok(()) => Ok(stage),
            // What was made until then goes now; why it failed is what is worth telling.
            Err(error) => stage.clear().and(Err(error)),
        }
    }

    fn people(&mut self) -> Result<()> {
        let owner = self.owner.0;
        // First, because it has a second to wait for.
        let expired = self.key(owner, None, SystemClock.now().plus_ms(1000))?;
        self.tokens.push((Caller::Expired, expired));
        let key = self.lasting_key(owner, None)?;
        self.owner = (owner, self.kafka.authenticate(&Secret::new(key.clone()))?);
        self.tokens.push((Caller::Owner, key));
        for area in AREAS {
            let rest = AREAS.iter().filter(|other| **other != area).map(|area| format!("{area}:write"));
            let key = self.lasting_key(owner, Some(permissions(rest)?))?;
            self.narrow.push((area, key));
        }
        let reading = permissions(AREAS.iter().map(|area| format!("{area}:read")))?;
        let key = self.lasting_key(owner, Some(reading))?;
        self.tokens.push((Caller::ReadOnly, key));
        let revoked = self.kafka.tokens(&self.operator).of(owner).create(new_key(None, KEY_MS))?;
        self.kafka.tokens(&self.operator).delete(revoked.key.id)?;
        self.tokens.push((Caller::Revoked, revoked.token.expose().clone()));
        self.tokens.push((Caller::Unknown, format!("{}x", revoked.token.expose())));
        for (caller, name) in [
            (Caller::Other, "other"),
            (Caller::Viewer, "viewer"),
            (Caller::Editor, "editor"),
            (Caller::Admin, "admin"),
            (Caller::Disabled, "disabled"),
        ] {
            let account = self.account(name)?;
            let key = self.lasting_key(account, None)?;
            self.tokens.push((caller, key));
            self.people.push((caller, account));
            let standing = StandingPatch {
                is_active: (caller == Caller::Disabled).then_some(false),
                is_admin: (caller == Caller::Admin).then_some(true),
                ..StandingPatch::default()
            };
            match caller {
                Caller::Viewer => self.members.push((account, MemberRole::Viewer)),
                Caller::Editor => self.members.push((account, MemberRole::Editor)),
                Caller::Other => {}
                _ => drop(self.kafka.administration(&self.operator).update(account, standing)?),
            }
        }
        Ok(())
    }

    fn account(&mut self, name: &str) -> Result<UserId> {
        let id = new_account(self.kafka, &self.run, &format!("{name}-{}", self.accounts.len()))?;
        self.accounts.push(id);
        Ok(id)
    }

    /// An account that may be spent, the token of a session, because no API key may spend it, and its
    /// password.
    pub(super) fn spare(&mut self) -> Result<(String, &'static str)> {
        const PASSWORD: &str = "spare-password";
        let (account, password) = (self.account("spare")?, Secret::new(PASSWORD.to_owned()));
        let administration = self.kafka.administration(&self.operator);
        administration.set_password(account, password.clone())?;
        let login = self.kafka.login(&self.kafka.users(&self.operator).get(account)?.email, password)?;
        Ok((login.token.expose().clone(), PASSWORD))
    }

    /// An account that logs in: its address and its password.
    pub(super) fn resident(&mut self) -> Result<(String, &'static str)> {
        const PASSWORD: &str = "resident-password";
        let account = self.account("resident")?;
        self.kafka.administration(&self.operator).set_password(account, Secret::new(PASSWORD.to_owned()))?;
        Ok((self.kafka.users(&self.operator).get(account)?.email, PASSWORD))
    }

    fn lasting_key(&self, account: UserId, scopes: Option<Permissions>) -> Result<String> {
        self.key(account, scopes, SystemClock.now().plus_ms(KEY_MS))
    }

    fn key(
        &self,
        account: UserId,
        scopes: Option<Permissions>,
        expires_at: kafka_core::Timestamp,
    ) -> Result<String> {
        let new = NewToken { name: "selfcheck".to_owned(), scopes, expires_at: Some(expires_at) };
        let issued = self.kafka.tokens(&self.operator).of(account).create(new)?;
        Ok(issued.token.expose().clone())
    }

    /// Until the server knows the owner, and what was revoked, disabled and has expired is so there, too.
    fn wait_until_known(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        for (caller, token) in &self.tokens {
            let expected = if caller.is_stranger() { 401 } else { 200 };
            while self.server.call("GET", "/api/v1/users/me", Some(token), None)?.status != expected {
                if Instant::now() > end {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "server_of_another_database",
                        format!(
                            "The server does not see {caller} that was just made; does it use the database that \
                             --database and --data-dir name here?"
                        ),
                    ));
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    /// What a caller presents on a route that needs a scope of this area.
    pub(super) fn token(&self, caller: Caller, area: &str) -> Option<&str> {
        let narrow = || self.narrow.iter().find(|(lacks, _)| *lacks == area).map(|(_, token)| token);
        let own = || self.tokens.iter().find(|(whose, _)| *whose == caller).map(|(_, token)| token);
        match caller {
            Caller::WithoutScope => narrow().map(String::as_str),
            _ => own().map(String::as_str),
        }
    }

    /// Whose credential a caller presents; none for nobody's.
    pub(super) fn account_of(&self, caller: Caller) -> Option<String> {
        let of = self.people.iter().find(|(who, _)| *who == caller).map(|(_, account)| *account);
        let is_owner = matches!(caller, Caller::Owner | Caller::ReadOnly | Caller::WithoutScope);
        of.or(is_owner.then_some(self.owner.0)).map(|id| id.to_string())
    }

    /// One of everything, made by the owner in a workspace that viewer and editor share.
    pub(super) fn things(&mut self) -> Result<Things> {
        let actor = self.owner.1;
        let (kafka, account) = (self.kafka, self.account("managed")?);
        let workspace =
            kafka.workspaces(&actor).create(NewWorkspace { name: MARK.to_owned(), owner_id: None })?;
        for (member, role) in &self.members {
            kafka.workspaces(&actor).share(workspace.id, *member, Some(*role))?;
        }
        let file = kafka.files(&actor).upload(workspace.id, NewFile::named(MARK), &mut MARK.as_bytes())?;
        let chat = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled(MARK) };
        let chat = kafka.chats(&actor).create(chat)?;
        let text = NewChatFile { filename: MARK.to_owned(), content: MARK.to_owned() };
        let chat_file = kafka.chat_files(&actor).create(chat.id, text)?;
        let share_link = kafka.share_links(&actor).create(chat.id, NewShareLink::default())?;
        let document = self.document(chat.id)?;
        let request = AnswerRequest { model: Some("echo".to_owned()), ..AnswerRequest::text(MARK) };
        let answer = kafka.completions(&actor).start(chat.id, request)?.wait()?;
        let seconds = TimeoutSeconds { connect: Some(0.1), ..TimeoutSeconds::default() };
        let params = Params { timeouts: Some(seconds), ..Params::default() };
        let model = NewModel { params, ..NewModel::new(format!("{MARK}-{}", answer.response.id), NOWHERE) };
        let model = kafka.models(&actor).create(model)?;
        // By the operator, because it outlives the owner's key.
        let token = kafka.tokens(&self.operator).of(self.owner.0).create(new_key(Some(MARK), KEY_MS))?;
        Ok(Things {
            workspace: workspace.id.to_string(),
            file: file.id.to_string(),
            chat: chat.id.to_string(),
            chat_number: chat.number.to_string(),
            chat_file: chat_file.id.to_string(),
            share_link: share_link.link.id.to_string(),
            document: document.to_string(),
            message: answer.user_message.id.to_string(),
            message_number: answer.user_message.number.to_string(),
            response: answer.response.id.to_string(),
            model: model.id.to_string(),
            token: token.key.id.to_string(),
            account: account.to_string(),
        })
    }

    /// A document that was read. It is uploaded to the server, which then reads it at once; what another process has
    /// stored it finds a second later.
    fn document(&self, chat: ChatId) -> Result<DocumentId> {
        let path = format!("/api/v1/chats/{chat}/documents");
        let form = json!([["files", MARK, MARK]]);
        let answer = self.server.call("POST", &path, self.token(Caller::Owner, "documents"), Some(&form))?;
        let id =
            answer.json()["items"][0]["id"].as_str().and_then(|id| id.parse().ok()).ok_or_else(|| {
                let what = format!("The server answers POST {path} with {} and no document.", answer.status);
                Error::new(ErrorKind::Provider, "server_unexpected", what)
            })?;
        let document = self.kafka.documents(&self.owner.1).wait(id, PATIENCE, |_| ())?;
        match document.processing_status {
            ProcessingStatus::Completed => Ok(id),
            status => {
                let what =
                    format!("The server has taken the document {id}, which is still {status}; is it busy?");
                Err(Error::new(ErrorKind::Conflict, "document_not_ready", what))
            }
        }
    }

    /// Deletes the key among things that are not needed any more: an account may have a hundred.
    pub(super) fn forget_key(&self, things: &Things) {
        if let Ok(key) = things.token.parse() {
            // It may have been deleted by the call that it was made for.
            let _ = self.kafka.tokens(&self.operator).of(self.owner.0).delete(key);
        }
    }

    /// Deletes the accounts with all they own.
    ///
    /// # Errors
    /// The first failure; what comes after it is deleted all the same.
    pub(super) fn clear(self) -> Result<()> {
        let administration = self.kafka.administration(&self.operator);
        let mut outcome = Ok(());
        for account in self.accounts {
            match administration.delete(account) {
                // One that a route has deleted is gone already.
                Err(error) if error.kind() != ErrorKind::NotFound => outcome = outcome.and(Err(error)),
                _ => {}
            }
        }
        outcome
    }

    /// Everything that the owner has, as it is now.
    pub(super) fn owned(&self) -> Result<Value> {
        let (id, actor) = self.owner;
        let page = PageRequest::Numbered { page: 1, page_size: 100 };
        let chats = self.kafka.chats(&actor).list(&Default::default(), &page)?;
        let workspaces = self.kafka.workspaces(&actor).list(&page)?.items;
        let (mut messages, mut files, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let mut documents = Vec::new();
        for chat in &chats.items {
            // One that was just uploaded changes by itself until it is read, and takes then the place of another, whose
            // file goes.
            let list = || self.kafka.documents(&actor).list(DocumentPlace::Chat(chat.id), &page);
            for document in list()?.items.iter().filter(|document| is_unread(document)) {
                self.kafka.documents(&actor).wait(document.id, PATIENCE, |_| ())?;
            }
            documents.extend(list()?.items);
            messages.extend(self.kafka.messages(&actor).list(chat.id, &page)?.items);
            texts.extend(self.kafka.chat_files(&actor).list(chat.id, &page)?.items);
        }
        for workspace in &workspaces {
            files.extend(self.kafka.files(&actor).list(workspace.id, &page)?.items);
        }
        let tokens = self.kafka.tokens(&self.operator).of(id).list(&page)?;
        let names: Vec<_> = tokens.items.iter().map(|token| (token.id, &token.name)).collect();
        Ok(json!([
            self.kafka.users(&self.operator).get(id)?,
            workspaces,
            files,
            chats.items,
            messages,
            texts,
            documents,
            self.kafka.models(&actor).list(&page)?.items,
            names,
        ]))
    }
}

fn is_unread(document: &Document) -> bool {
    matches!(document.processing_status, ProcessingStatus::Pending | ProcessingStatus::Processing)
}

fn new_account(kafka: &Kafka, run: &str, name: &str) -> Result<UserId> {
    let email = format!("selfcheck-{run}-{name}@example.invalid");
    let new = NewUser { email, ..NewUser::default() };
    Ok(kafka.administration(&kafka.operator()).create(new, None, false)?.id)
}

fn new_key(name: Option<&str>, lasts_ms: i64) -> NewToken {
    let expires_at = Some(SystemClock.now().plus_ms(lasts_ms));
    NewToken { name: name.unwrap_or("selfcheck").to_owned(), scopes: None, expires_at }
}

fn permissions(scopes: impl Iterator<Item = String>) -> Result<Permissions> {
    let parsed: std::result::Result<Permissions, String> =
        scopes.map(|scope| scope.parse::<Permission>()).collect();
    parsed.map_err(|why| Error::new(ErrorKind::Internal, "scope_unknown", format!("A scope changed: {why}.")))
}
