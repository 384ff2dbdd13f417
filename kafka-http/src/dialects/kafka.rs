//! The Kafka system's own routes: forms without a prefix, for its front end as it stands. Where its two
//! generations differ, answers hold what either of them has.

use std::str::FromStr;

use kafka_core::{
    Actor, ChatOverview, DocumentPlace, Error, ErrorKind, File, FileId, FileKind, FilePatch, Model, NewChat,
    NewModel, NewUser, NewWorkspace, Overview, Secret, Upload, User, UserId, WorkspaceId, WorkspaceOverview,
    WorkspacePatch,
};
use serde_json::{Value, json};

use super::fastapi::{self, Fields, Mistake};
use crate::{download, error::Failure, reply, request::Call, server::Reply};

/// The workspace that an account starts with. The front end cannot do without one.
const DEFAULT_WORKSPACE: &str = "Default Workspace";
/// Top-level names that are no host's: mail to them arrives nowhere (RFC 6761, RFC 6762, RFC 7686).
const NO_HOSTS: [&str; 6] = ["test", "invalid", "local", "localhost", "onion", "arpa"];

/// Shows an account all that it has, and makes it, in open mode, when it comes for the first time.
pub(crate) fn login(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let object = fastapi::object(call)?;
    let email = fastapi::text(&object, "email")?;
    let password = object.contains_key("password").then(|| fastapi::text(&object, "password")).transpose()?;
    let kafka = call.kafka();
    let (actor, token) = match kafka.is_open() {
        true => (call.authenticate()?, None),
        false => {
            let missing = || {
                let sentence = "This server asks for a password; send it beside the email.";
                Error::new(ErrorKind::Unauthenticated, "password_missing", sentence)
            };
            let password = Secret::new(password.ok_or_else(missing)?);
            let login = kafka.login_from(call.request.client(), &email, password)?;
            (kafka.authenticate(&login.token)?, Some(login.token))
        }
    };
    let user = if token.is_some() { own_account(call, &actor)? } else { account(call, &actor, email)? };
    kafka.workspaces(&actor).ensure(user.id, DEFAULT_WORKSPACE)?;
    let mut shown = overview(kafka.overview(&actor, user.id)?);
    if let Some(token) = token {
        shown["token"] = token.expose().as_str().into();
    }
    reply::secret(200, &shown)
}

fn own_account(call: &Call<'_, '_>, actor: &Actor) -> Result<User, Failure> {
    Ok(call.kafka().users(actor).get(call.kafka().account_of(actor)?)?)
}

/// The account of this address; a new one if there is none.
fn account(call: &Call<'_, '_>, actor: &Actor, email: String) -> Result<User, Failure> {
    let users = call.kafka().users(actor);
    if let Some(user) = users.find_by_email(&email)? {
        return Ok(user);
    }
    let invalid =
        |reason: &str| fastapi::refused(vec![Mistake::value("email", reason, email.clone().into())]);
    if email.rsplit('.').next().is_some_and(|last| NO_HOSTS.contains(&&*last.to_ascii_lowercase())) {
        return Err(invalid("the part after the @-sign is a name that no host has"));
    }
    match users.create(NewUser { email: email.clone(), ..NewUser::default() }) {
        // Somebody else made it in the meantime.
        Err(error) if error.code() == "email_taken" => {
            Ok(users.find_by_email(&email)?.ok_or_else(|| Failure::from(error))?)
        }
        Err(error) if error.code() == "email_invalid" => Err(invalid(error.message())),
        user => Ok(user?),
    }
}

fn overview(overview: Overview) -> Value {
    let workspaces: Vec<Value> = overview.workspaces.into_iter().map(shown_workspace).collect();
    let models: Vec<Value> = overview.models.iter().map(shown_model).collect();
    json!({
        "user_id": overview.user.id,
        "email": overview.user.email,
        // What clients of Open Chat read of the same path.
        "id": overview.user.id,
        "name": overview.user.full_name.as_ref().or(overview.user.username.as_ref()),
        "is_active": overview.user.is_active,
        "workspaces": workspaces,
        "models": models,
    })
}

fn shown_workspace(overview: WorkspaceOverview) -> Value {
    let files: Vec<Value> =
        overview.files.iter().map(|file| json!({"id": file.id, "filename": file.filename})).collect();
    let chat = |ChatOverview { chat, versions }: &ChatOverview| {
        let name = chat.title.as_deref().unwrap_or_default();
        json!({"id": chat.id, "name": name, "last_updated": chat.updated_at, "num_versions": versions})
    };
    let chats: Vec<Value> = overview.chats.iter().map(chat).collect();
    json!({"id": overview.workspace.id, "name": overview.workspace.name, "files": files, "chats": chats})
}

fn shown_model(model: &Model) -> Value {
    json!({"id": model.id, "name": model.name, "base_url": model.base_url, "user_id": model.user_id})
}

pub(crate) fn new_workspace(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let fields = Fields::read(call, &actor)?;
    let [owner, name] = fields.required(["owner_id", "name"])?;
    let owner: UserId = id(&owner, "user_not_found", "user")?;
    let kafka = call.kafka();
    let workspace = kafka.workspaces(&actor).create(NewWorkspace { name, owner_id: Some(owner) })?;
    // What is refused undoes all.
    let stored = kafka.files(&actor).uploads().put_all(DocumentPlace::Workspace(workspace.id), fields.files);
    let files: Vec<File> = match stored {
        Ok(uploads) => uploads.into_iter().map(|upload| upload.file).collect(),
        Err(error) => {
            kafka.workspaces(&actor).delete(workspace.id)?;
            return Err(error.into());
        }
    };
    let listed: Vec<Value> =
        files.iter().map(|file| json!({"file_id": file.id, "filename": file.filename})).collect();
    let whole = shown_workspace(WorkspaceOverview { workspace: workspace.clone(), files, chats: Vec::new() });
    reply::ok(&json!({"workspace_id": workspace.id, "files": listed, "workspace": whole}))
}

pub(crate) fn rename_workspace(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let [workspace, name] = Fields::read(call, &actor)?.required(["workspace_id", "new_name"])?;
    let id: WorkspaceId = id(&workspace, "workspace_not_found", "workspace")?;
    let renamed = call.kafka().workspaces(&actor).update(id, WorkspacePatch { name: Some(name) });
    let workspace = fastapi::of_field(renamed, "name", "new_name")?;
    reply::ok(&json!({"workspace_id": workspace.id, "new_name": workspace.name}))
}

pub(crate) fn delete_workspace(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().workspaces(&actor).delete(call.id()?)?;
    deleted("workspace, with its files and chats,")
}

pub(crate) fn new_chat(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let fields = Fields::read(call, &actor)?;
    let [user, workspace, name] = fields.required(["user_id", "workspace_id", "chat_name"])?;
    let workspace: WorkspaceId = id(&workspace, "workspace_not_found", "workspace")?;
    let kafka = call.kafka();
    // Looked at first, so that a chat is not made of half of what was asked; what comes up later undoes it.
    let mut chosen = Vec::new();
    for selected in fields.all("selected_file_ids").filter(|selected| !selected.is_empty()) {
        let file = kafka.files(&actor).get(id(selected, "file_not_found", "file")?)?;
        if file.workspace_id != Some(workspace) {
            return Err(Error::not_found("file_not_found", "file", selected).into());
        }
        chosen.push(file.id);
    }
    let made = kafka.chats(&actor).create(NewChat {
        workspace_id: Some(workspace),
        user_id: Some(id(&user, "user_not_found", "user")?),
        ..NewChat::titled(name)
    });
    let chat = fastapi::of_field(made, "title", "chat_name")?;
    for file in chosen {
        match kafka.chat_files(&actor).link(chat.id, file) {
            // It was named twice.
            Err(error) if error.code() == "file_in_chat" => {}
            Err(error) => {
                kafka.chats(&actor).delete(chat.id)?;
                return Err(error.into());
            }
            Ok(_) => {}
        }
    }
    reply::ok(&json!({"chat_id": chat.id, "name": chat.title, "last_updated": chat.updated_at}))
}

pub(crate) fn rename_chat(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let [chat, name] = Fields::read(call, &actor)?.required(["chat_id", "new_name"])?;
    let patch = kafka_core::ChatPatch { title: Some(Some(name)), ..kafka_core::ChatPatch::default() };
    let renamed = call.kafka().chats(&actor).update(id(&chat, "chat_not_found", "chat")?, patch);
    let chat = fastapi::of_field(renamed, "title", "new_name")?;
    reply::ok(&json!({"chat_id": chat.id, "name": chat.title, "last_updated": chat.updated_at}))
}

pub(crate) fn delete_chat(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().chats(&actor).delete(call.id()?)?;
    deleted("chat")
}

/// Puts files into a chat, and the workspace around it, or into a workspace: all or none. Whoever names addresses for
/// them is of the second generation and gets objects, everyone else ids. Which of them are documents as well stands in a
/// list of its own.
pub(crate) fn upload(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let fields = Fields::read(call, &actor)?;
    let [target, is_chat] = fields.required(["target_id", "is_chat"])?;
    let is_chat = fastapi::boolean("is_chat", &is_chat)?;
    if fields.files.is_empty() {
        return Err(crate::error::Problem::new(400, "no_files", "No files were uploaded; add some.").into());
    }
    let urls: Vec<String> = fields.all("s3_urls").map(str::to_owned).collect();
    // All addresses are looked at before a file is stored.
    let mut files = Vec::new();
    for (at, staged) in fields.files.into_iter().enumerate() {
        files.push(match urls.get(at).filter(|url| is_chat && !url.is_empty()) {
            Some(url) => fastapi::of_field(staged.with_source_url(url.clone()), "source_url", "s3_urls")?,
            None => staged,
        });
    }
    let place = match is_chat {
        true => DocumentPlace::Chat(id(&target, "chat_not_found", "chat")?),
        false => DocumentPlace::Workspace(id(&target, "workspace_not_found", "workspace")?),
    };
    let (mut shown, mut document_ids) = (Vec::new(), Vec::new());
    for Upload { file, document, .. } in call.kafka().files(&actor).uploads().put_all(place, files)? {
        shown.push(match urls.is_empty() {
            true => file.id.to_string().into(),
            false => shown_file(call, &actor, &file)?,
        });
        document_ids.push(document.map(|document| document.id));
    }
    reply::ok(&json!({"files": shown, "document_ids": document_ids}))
}

fn shown_file(call: &Call<'_, '_>, actor: &Actor, file: &File) -> Result<Value, Failure> {
    let FileKind { kind, language, .. } = FileKind::of(&file.filename);
    let content = match kind {
        "code" | "csv" | "markdown" | "pdf" => call.kafka().files(actor).text(file.id)?.text,
        _ => None,
    };
    let url = file.source_url.clone().unwrap_or_else(|| download::address(&file.path));
    Ok(json!({
        "id": file.id, "name": file.filename, "content": content, "language": language, "type": kind, "url": url,
    }))
}

pub(crate) fn rename_file(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let [file, name] = Fields::read(call, &actor)?.required(["file_id", "new_name"])?;
    let id: FileId = id(&file, "file_not_found", "file")?;
    let file = call.kafka().files(&actor).update(id, FilePatch { filename: Some(name) })?;
    reply::ok(&json!({"file_id": file.id, "new_filename": file.filename, "new_path": file.path}))
}

pub(crate) fn delete_file(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().files(&actor).delete(call.id()?)?;
    deleted("file")
}

/// The bytes of `/uploads/files/<id>_<filename>`. The id alone says which.
pub(crate) fn uploaded(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let name = call.segments.first().map(String::as_str).unwrap_or_default();
    let file: FileId = id(name.split('_').next().unwrap_or_default(), "file_not_found", "file")?;
    download::reply(call.kafka().files(&actor).open(file)?, call.request)
}

pub(crate) fn new_model(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let fields = Fields::read(call, &actor)?;
    let [user, name, key, base_url] = fields.required(["user_id", "name", "ak", "base_url"])?;
    let user = id(&user, "user_not_found", "user")?;
    let model = call.kafka().models(&actor).create_newer(NewModel {
        api_key: Some(Secret::new(key)),
        user_id: Some(user),
        ..NewModel::new(name, base_url)
    })?;
    reply::ok(&shown_model(&model))
}

pub(crate) fn delete_model(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().models(&actor).delete(call.id()?)?;
    deleted("model")
}

/// Clients read a body of every answer.
fn deleted(what: &str) -> Result<Reply, Failure> {
    reply::ok(&json!({"detail": format!("The {what} was deleted.")}))
}

/// The id that a field holds. What is no id names nothing.
fn id<I: FromStr>(text: &str, code: &'static str, noun: &str) -> Result<I, Failure> {
    text.parse().map_err(|_| Error::not_found(code, noun, text).into())
}
