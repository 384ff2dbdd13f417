//! Making, reading, changing and deleting each noun, and what is refused.

use std::sync::{Arc, Mutex};

use kafka_core::{
    ChatPatch, ErrorKind, Limits, MessagePatch, MessageStatus, ModelPatch, NewChat, NewMessage, NewModel,
    NewUser, NewWorkspace, Params, Random, Registration, Role, Secret, TimeoutSeconds, UserPatch,
    WorkspacePatch,
    testing::{ScriptedAnswer, SequentialRandom},
};
use serde_json::json;

use crate::stage::{In, PASSWORD, Stage, new_model, new_user};

const BOTH: [In; 2] = [In::Memory, In::File];

#[test]
fn a_chat_is_made_read_changed_and_deleted() {
    for place in BOTH {
        let stage = Stage::new(place);
        let chats = stage.kafka.chats(&stage.operator);
        let made = chats
            .create(NewChat {
                title: Some("The Trial".into()),
                description: Some("Someone must have been telling lies".into()),
                notebooks: vec!["one".into(), "two".into()],
                default_model: Some("later".into()),
                ..NewChat::default()
            })
            .unwrap();
        assert_eq!(chats.get(made.id).unwrap(), made);
        assert_eq!((made.message_count, made.active_leaf_id, made.archived_at), (0, None, None));

        stage.clock.advance(std::time::Duration::from_millis(5));
        let patch = ChatPatch {
            title: Some(None),
            notebooks: Some(vec![]),
            default_model: Some(Some(String::new())),
            archived: Some(true),
            pinned: Some(true),
            ..ChatPatch::default()
        };
        let changed = chats.update(made.id, patch).unwrap();
        assert_eq!(chats.get(made.id).unwrap(), changed);
        let now = made.created_at.plus_ms(5);
        assert_eq!((&changed.title, &changed.description), (&None, &made.description));
        assert_eq!((changed.notebooks.len(), &changed.default_model), (0, &None));
        assert_eq!((changed.archived_at, changed.pinned_at, changed.updated_at), (Some(now), Some(now), now));

        stage.clock.advance(std::time::Duration::from_millis(5));
        let again = ChatPatch { archived: Some(true), pinned: Some(false), ..ChatPatch::default() };
        let again = chats.update(made.id, again).unwrap();
        assert_eq!((again.archived_at, again.pinned_at), (Some(now), None), "archiving twice keeps the date");

        stage.clock.advance(std::time::Duration::from_millis(5));
        let same = ChatPatch { archived: Some(true), title: Some(None), ..ChatPatch::default() };
        for patch in [same, ChatPatch::default()] {
            assert_eq!(chats.update(made.id, patch).unwrap(), again, "nothing changed, so it does not move");
        }

        let message = stage.say(&made, Role::User, "Hi");
        chats.delete(made.id).unwrap();
        assert_eq!(chats.get(made.id).unwrap_err().code(), "chat_not_found");
        assert_eq!(chats.delete(made.id).unwrap_err().code(), "chat_not_found");
        let gone = stage.kafka.messages(&stage.operator).get(message.id).unwrap_err();
        assert_eq!(gone.code(), "message_not_found");
    }
}

#[test]
fn a_message_is_made_read_changed_and_deleted() {
    for place in BOTH {
        let stage = Stage::new(place);
        let messages = stage.kafka.messages(&stage.operator);
        let chat = stage.chat();
        let made = messages
            .create(
                chat.id,
                NewMessage {
                    kind: Some("note".into()),
                    model: Some("m".into()),
                    parts: Some(json!([{"type": "text", "text": "Hi"}])),
                    ..NewMessage::text(Role::System, "Hi")
                },
            )
            .unwrap();
        assert_eq!(messages.get(made.id).unwrap(), made);
        assert_eq!((made.seq, made.parent_id, made.status), (1, None, MessageStatus::Complete));
        assert_eq!((made.kind.as_str(), made.model.as_deref()), ("note", Some("m")));

        stage.clock.advance(std::time::Duration::from_millis(5));
        let unchanged = messages.update(made.id, MessagePatch::default()).unwrap();
        assert_eq!(unchanged, made, "an empty patch changes nothing");
        let changed = messages
            .update(made.id, MessagePatch { content: Some("Ho".into()), ..MessagePatch::default() })
            .unwrap();
        assert_eq!(messages.get(made.id).unwrap(), changed);
        assert_eq!((changed.content.as_str(), changed.updated_at), ("Ho", made.created_at.plus_ms(5)));
        let chat = stage.kafka.chats(&stage.operator).get(chat.id).unwrap();
        assert_eq!(chat.updated_at, changed.updated_at, "the chat moves with its messages");
        assert_eq!((chat.message_count, chat.active_leaf_id), (1, Some(made.id)));

        messages.delete(made.id).unwrap();
        assert_eq!(messages.get(made.id).unwrap_err().code(), "message_not_found");
        let patch = MessagePatch { content: Some("Hu".into()), ..MessagePatch::default() };
        assert_eq!(messages.update(made.id, patch).unwrap_err().code(), "message_not_found");
        assert_eq!(messages.delete(made.id).unwrap_err().code(), "message_not_found");
    }
}

#[test]
fn a_workspace_is_made_read_changed_and_deleted_with_its_chats() {
    for place in BOTH {
        let stage = Stage::new(place);
        let workspaces = stage.kafka.workspaces(&stage.operator);
        let made = workspaces.create(NewWorkspace { name: "Office".into(), owner_id: None }).unwrap();
        assert_eq!(workspaces.get(made.id).unwrap(), made);
        stage.clock.advance(std::time::Duration::from_millis(5));
        let changed = workspaces.update(made.id, WorkspacePatch { name: Some("Castle".into()) }).unwrap();
        assert_eq!(workspaces.get(made.id).unwrap(), changed);
        assert_eq!((changed.name.as_str(), changed.updated_at), ("Castle", made.created_at.plus_ms(5)));
        let new = NewChat { workspace_id: Some(made.id), ..NewChat::default() };
        let chat = stage.kafka.chats(&stage.operator).create(new.clone()).unwrap();
        workspaces.delete(made.id).unwrap();
        assert_eq!(workspaces.get(made.id).unwrap_err().code(), "workspace_not_found");
        assert_eq!(workspaces.delete(made.id).unwrap_err().code(), "workspace_not_found");
        let gone = stage.kafka.chats(&stage.operator).get(chat.id).unwrap_err();
        assert_eq!(gone.code(), "chat_not_found");
        let refused = stage.kafka.chats(&stage.operator).create(new).unwrap_err();
        assert_eq!(refused.code(), "workspace_not_found");
    }
}

#[test]
fn a_model_is_made_read_changed_and_deleted() {
    for place in BOTH {
        let stage = Stage::new(place);
        let models = stage.kafka.models(&stage.operator);
        let params = Params { temperature: Some(0.5), ..Params::default() };
        let made = models
            .create(NewModel {
                upstream_model: Some("up".into()),
                params: params.clone(),
                is_gateway: true,
                ..new_model("m")
            })
            .unwrap();
        assert_eq!(models.get(made.id).unwrap(), made);
        assert_eq!((made.params.clone(), made.is_gateway, made.has_api_key), (params, true, false));
        let patch = ModelPatch {
            name: Some("n".into()),
            upstream_model: Some(None),
            is_gateway: Some(false),
            params: Some(Params::default()),
            api_key: Some(Some(Secret::new("sk".into()))),
            is_default: Some(true),
            base_url: Some(" http://127.0.0.1:9/v2 ".into()),
        };
        let changed = models.update(made.id, patch).unwrap();
        assert_eq!(models.get(made.id).unwrap(), changed);
        assert_eq!((changed.name.as_str(), changed.base_url.as_str()), ("n", "http://127.0.0.1:9/v2"));
        assert_eq!((changed.upstream_model, changed.has_api_key, changed.is_default), (None, true, true));
        let defaults = models.list(&Default::default()).unwrap().items;
        let defaults: Vec<_> = defaults.iter().filter(|model| model.is_default).map(|m| m.id).collect();
        assert_eq!(defaults, [made.id], "an owner has one default");
        models.delete(made.id).unwrap();
        assert_eq!(models.get(made.id).unwrap_err().code(), "model_not_found");
        assert_eq!(models.delete(made.id).unwrap_err().code(), "model_not_found");
        assert_eq!(models.probe(made.id).unwrap_err().code(), "model_not_found");
    }
}

#[test]
fn an_account_is_made_read_changed_and_deleted_with_what_it_owns() {
    let stage = Stage::new(In::File);
    let users = stage.kafka.users(&stage.operator);
    let made = users.create(new_user("josef")).unwrap();
    assert_eq!(users.get(made.id).unwrap(), made);
    assert_eq!(users.find_by_email("JOSEF@example.ORG").unwrap().map(|user| user.id), Some(made.id));
    assert_eq!((made.plan.as_str(), made.is_active, made.is_admin), ("free", true, false));
    let patch = UserPatch {
        email: Some("Josef@Example.org".into()),
        username: Some(None),
        full_name: Some(Some("Josef K.".into())),
    };
    let changed = users.update(made.id, patch).unwrap();
    assert_eq!(users.get(made.id).unwrap(), changed);
    assert_eq!((changed.email.as_str(), changed.username), ("Josef@Example.org", None));

    let new = NewChat { user_id: Some(made.id), ..NewChat::default() };
    let chat = stage.kafka.chats(&stage.operator).create(new.clone()).unwrap();
    users.delete(made.id).unwrap();
    assert_eq!(users.get(made.id).unwrap_err().code(), "user_not_found");
    assert_eq!(users.delete(made.id).unwrap_err().code(), "user_not_found");
    let orphaned = stage.kafka.chats(&stage.operator).get(chat.id).unwrap_err();
    assert_eq!(orphaned.code(), "chat_not_found");
    let refused = stage.kafka.chats(&stage.operator).create(new).unwrap_err();
    assert_eq!(refused.code(), "user_not_found");
}

#[test]
fn addresses_and_usernames_are_unique_without_regard_to_case() {
    let stage = Stage::new(In::Memory);
    let users = stage.kafka.users(&stage.operator);
    users.create(new_user("frieda")).unwrap();
    let nameless = |email: &str, username: &str| NewUser {
        email: email.into(),
        username: Some(username.into()),
        full_name: None,
    };
    let other = users.create(nameless("olga@example.org", "")).unwrap();
    assert_eq!(other.username, None, "an empty username is none");
    for (new, code) in [
        (nameless("FRIEDA@example.org", "x"), "email_taken"),
        (nameless("x@example.org", "Frieda"), "username_taken"),
        (nameless("nowhere", "x"), "email_invalid"),
    ] {
        assert_eq!(users.create(new.clone()).unwrap_err().code(), code);
        let patch = UserPatch { email: Some(new.email), username: Some(new.username), full_name: None };
        assert_eq!(users.update(other.id, patch).unwrap_err().code(), code);
    }
    // Any number of accounts may have no username, however that is said.
    users.create(nameless("amalia@example.org", "")).unwrap();
    let emptied = UserPatch { username: Some(Some(String::new())), ..UserPatch::default() };
    assert_eq!(users.update(other.id, emptied).unwrap().username, None);
}

#[test]
fn logging_in_and_out_and_changing_the_password() {
    let stage = Stage::new(In::Memory);
    let kafka = &stage.kafka;
    let secret = |text: &str| Secret::new(text.to_owned());
    let login = kafka.register(new_user("klamm"), secret(PASSWORD)).unwrap();
    let actor = kafka.authenticate(&login.token).unwrap();
    assert_eq!(actor.user_id(), Some(login.user.id));
    for name in ["klamm", "KLAMM", "klamm@example.org", "Klamm@Example.Org"] {
        assert_eq!(kafka.login(name, secret(PASSWORD)).unwrap().user.id, login.user.id, "{name}");
    }
    for (name, password) in [("klamm", "wrong horse"), ("nobody", PASSWORD), ("", ""), ("a@b.c", PASSWORD)] {
        let refused = kafka.login(name, secret(password)).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Unauthenticated, "login_failed"));
    }
    for (password, _why) in [("short", "under 8 characters"), (&"x".repeat(73), "over 72 bytes")] {
        let refused = kafka.register(new_user("barnabas"), secret(password)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
    }
    kafka.logout(&login.token).unwrap();
    kafka.logout(&secret("never heard of")).unwrap();
    assert_eq!(kafka.authenticate(&login.token).unwrap_err().code(), "token_invalid");

    let session = kafka.login("klamm", secret(PASSWORD)).unwrap();
    let refused = kafka.change_password(&actor, secret("wrong horse"), secret("new horse")).unwrap_err();
    assert_eq!(refused.code(), "password_wrong");
    kafka.change_password(&actor, secret(PASSWORD), secret("new horse")).unwrap();
    assert_eq!(kafka.authenticate(&session.token).unwrap_err().code(), "token_invalid");
    assert_eq!(kafka.login("klamm", secret(PASSWORD)).unwrap_err().code(), "login_failed");
    let session = kafka.login("klamm", secret("new horse")).unwrap();
    stage.clock.advance(std::time::Duration::from_secs(31 * 24 * 3600));
    assert_eq!(kafka.authenticate(&session.token).unwrap_err().code(), "token_invalid", "it has expired");
    let refused = kafka.change_password(&stage.operator, secret("a"), secret("b")).unwrap_err();
    assert_eq!(refused.code(), "account_required");
}

/// Between the look at a password and the session that it earns, something else may happen: here when
/// the session's token is drawn.
#[test]
fn a_login_with_a_password_that_is_changed_meanwhile_is_refused() {
    let random = Arc::new(Interrupted::default());
    let stage = Stage::with(In::File, |_| Default::default(), |config| config.random = random.clone());
    let secret = |text: &str| Secret::new(text.to_owned());
    // The only administrator could not go.
    stage.user("admin");
    let actor = stage.user("klamm");
    let kafka = stage.kafka.clone();
    random.once(move || kafka.change_password(&actor, secret(PASSWORD), secret("new horse")).unwrap());
    assert_eq!(stage.kafka.login("klamm", secret(PASSWORD)).unwrap_err().code(), "login_failed");
    let kafka = stage.kafka.clone();
    random.once(move || kafka.users(&actor).delete(actor.user_id().unwrap()).unwrap());
    assert_eq!(stage.kafka.login("klamm", secret("new horse")).unwrap_err().code(), "login_failed");
}

/// Randomness that does something else first, once.
#[derive(Default)]
struct Interrupted {
    bytes: SequentialRandom,
    first: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Interrupted {
    fn once(&self, first: impl FnOnce() + Send + 'static) {
        *self.first.lock().unwrap() = Some(Box::new(first));
    }
}

impl std::fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interrupted")
    }
}

impl Random for Interrupted {
    fn fill(&self, buffer: &mut [u8]) {
        let first = self.first.lock().unwrap().take();
        first.into_iter().for_each(|first| first());
        self.bytes.fill(buffer);
    }
}

#[test]
fn the_local_actor_exists_in_open_mode_only() {
    for (open, code) in [(true, None), (false, Some("credential_missing"))] {
        let stage = Stage::with(In::Memory, |_| Default::default(), |config| config.open = open);
        assert_eq!(stage.kafka.is_open(), open);
        assert_eq!(stage.kafka.local_actor().err().map(|error| error.code()), code);
    }
}

/// What a text may be: short enough, and without U+0000.
#[test]
fn texts_that_cannot_be_stored_are_refused_before_anything_is() {
    let limits = Limits {
        name_chars: 4,
        description_bytes: 4,
        message_bytes: 4,
        notebooks: 1,
        email_chars: 20,
        ..Limits::default()
    };
    let stage = LimitedStage::open(limits);
    let (kafka, operator) = (&stage.0, &stage.0.operator());
    let chat = kafka.chats(operator).create(NewChat::default()).unwrap();
    let message = kafka.messages(operator).create(chat.id, NewMessage::text(Role::User, "Hi")).unwrap();
    let workspace = NewWorkspace { name: "w".into(), owner_id: None };
    let workspace = kafka.workspaces(operator).create(workspace).unwrap();
    let model = kafka.models(operator).create(NewModel::new("m", "http://127.0.0.1:9")).unwrap();
    let user = NewUser { email: "a@b.co".into(), ..NewUser::default() };
    let user = kafka.users(operator).create(user).unwrap();

    let (long, nul) = (String::from("12345"), String::from("a\0"));
    let chats = kafka.chats(operator);
    let messages = kafka.messages(operator);
    let models = kafka.models(operator);
    let users = kafka.users(operator);
    for (text, is_nul) in [(&long, false), (&nul, true)] {
        let name = if is_nul { "nul_in_text" } else { "text_too_long" };
        let some = || Some(text.clone());
        let new_chat = NewChat::default;
        let new_message = || NewMessage::text(Role::User, "Hi");
        let new_model = || NewModel::new("n", "http://127.0.0.1:9");
        let codes = [
            chats.create(NewChat { title: some(), ..new_chat() }).unwrap_err(),
            chats.create(NewChat { description: some(), ..new_chat() }).unwrap_err(),
            chats.create(NewChat { default_model: some(), ..new_chat() }).unwrap_err(),
            chats.create(NewChat { notebooks: vec![text.clone()], ..new_chat() }).unwrap_err(),
            chats.update(chat.id, ChatPatch { title: Some(some()), ..ChatPatch::default() }).unwrap_err(),
            chats
                .update(chat.id, ChatPatch { description: Some(some()), ..ChatPatch::default() })
                .unwrap_err(),
            chats
                .update(chat.id, ChatPatch { default_model: Some(some()), ..ChatPatch::default() })
                .unwrap_err(),
            chats
                .update(chat.id, ChatPatch { notebooks: Some(vec![text.clone()]), ..ChatPatch::default() })
                .unwrap_err(),
            messages.create(chat.id, NewMessage::text(Role::User, text.clone())).unwrap_err(),
            messages.create(chat.id, NewMessage { kind: some(), ..new_message() }).unwrap_err(),
            messages.create(chat.id, NewMessage { model: some(), ..new_message() }).unwrap_err(),
            messages
                .update(message.id, MessagePatch { content: some(), ..MessagePatch::default() })
                .unwrap_err(),
            kafka
                .workspaces(operator)
                .create(NewWorkspace { name: text.clone(), owner_id: None })
                .unwrap_err(),
            kafka.workspaces(operator).update(workspace.id, WorkspacePatch { name: some() }).unwrap_err(),
            models.create(NewModel { name: text.clone(), ..new_model() }).unwrap_err(),
            models.create(NewModel { upstream_model: some(), ..new_model() }).unwrap_err(),
            models.update(model.id, ModelPatch { name: some(), ..ModelPatch::default() }).unwrap_err(),
            models
                .update(model.id, ModelPatch { upstream_model: Some(some()), ..ModelPatch::default() })
                .unwrap_err(),
            users.update(user.id, UserPatch { username: Some(some()), ..UserPatch::default() }).unwrap_err(),
            users.update(user.id, UserPatch { full_name: Some(some()), ..UserPatch::default() }).unwrap_err(),
            users.create(NewUser { email: "c@d.co".into(), username: some(), full_name: None }).unwrap_err(),
            users.create(NewUser { email: "c@d.co".into(), username: None, full_name: some() }).unwrap_err(),
            kafka
                .completions(operator)
                .start(chat.id, kafka_core::AnswerRequest::text(text.clone()))
                .unwrap_err(),
            kafka
                .completions(operator)
                .start(
                    chat.id,
                    kafka_core::AnswerRequest { model: some(), ..kafka_core::AnswerRequest::text("Hi") },
                )
                .unwrap_err(),
        ];
        for (index, error) in codes.iter().enumerate() {
            assert_eq!(error.code(), name, "call {index}: {error}");
            assert!(
                matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge),
                "call {index}: {error}"
            );
        }
    }
    let email = format!("{}@example.org", "a".repeat(20));
    assert_eq!(users.create(NewUser { email, ..NewUser::default() }).unwrap_err().code(), "text_too_long");
    let notebooks = vec![String::new(), String::new()];
    let two = chats.create(NewChat { notebooks, ..NewChat::default() }).unwrap_err();
    assert_eq!((two.kind(), two.code()), (ErrorKind::Invalid, "too_many_notebooks"));
    let empty = messages.create(chat.id, NewMessage::text(Role::User, "")).unwrap_err();
    assert_eq!(empty.code(), "content_empty");
    let parts = NewMessage { parts: Some(json!({})), ..NewMessage::text(Role::User, "Hi") };
    assert_eq!(messages.create(chat.id, parts).unwrap_err().code(), "parts_invalid");
    assert_eq!(kafka.chats(operator).get(chat.id).unwrap().message_count, 1, "nothing was stored");
}

/// An installation with small limits.
struct LimitedStage(kafka_core::Kafka);

impl LimitedStage {
    fn open(limits: Limits) -> LimitedStage {
        let mut config = kafka_core::Config::memory();
        config.limits = limits;
        LimitedStage(kafka_core::Kafka::open(config).unwrap())
    }
}

#[test]
fn models_that_cannot_be_called_are_refused() {
    let stage = Stage::new(In::Memory);
    let models = stage.kafka.models(&stage.operator);
    let made = models.create(new_model("m")).unwrap();
    let params = |params: Params| NewModel { params, ..new_model("n") };
    let timeouts = |total| TimeoutSeconds { total: Some(total), ..TimeoutSeconds::default() };
    let none = Params::default;
    for (new, code) in [
        (new_model("echo"), "name_reserved"),
        (new_model(" "), "name_empty"),
        (new_model("m"), "model_exists"),
        (NewModel { provider: Some("nobody".into()), ..new_model("n") }, "provider_unknown"),
        (params(Params { temperature: Some(2.1), ..none() }), "params_out_of_range"),
        (params(Params { temperature: Some(f64::NAN), ..none() }), "params_out_of_range"),
        (params(Params { top_p: Some(-0.1), ..none() }), "params_out_of_range"),
        (params(Params { max_tokens: Some(0), ..none() }), "params_out_of_range"),
        (params(Params { context_tokens: Some(15), ..none() }), "params_out_of_range"),
        (params(Params { timeouts: Some(timeouts(0.0)), ..none() }), "params_out_of_range"),
        (params(Params { timeouts: Some(timeouts(f64::INFINITY)), ..none() }), "params_out_of_range"),
    ] {
        assert_eq!(models.create(new).unwrap_err().code(), code);
    }
    for base_url in
        ["", "ftp://x", "http://", "no url", "http://a\0b", "http://user:pass@host/v1", &"h".repeat(3000)]
    {
        let refused = models.create(NewModel { base_url: base_url.into(), ..new_model("n") }).unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::Invalid | ErrorKind::TooLarge), "{base_url}: {refused}");
    }
    for (patch, code) in [
        (ModelPatch { name: Some("echo".into()), ..ModelPatch::default() }, "name_reserved"),
        (ModelPatch { name: Some("scripted".into()), ..ModelPatch::default() }, "model_exists"),
        (
            ModelPatch { params: Some(Params { top_p: Some(2.0), ..none() }), ..ModelPatch::default() },
            "params_out_of_range",
        ),
    ] {
        assert_eq!(models.update(made.id, patch).unwrap_err().code(), code);
    }
    assert_eq!(models.get(made.id).unwrap(), made);
}

#[test]
fn who_may_register_is_configured_and_the_first_account_administers() {
    // Open mode? Who may register? Then for three accounts in turn: is it made, and does it administer?
    let closed = None;
    let table = [
        (true, Registration::Open, [Some(false), Some(false), Some(false)]),
        (true, Registration::First, [Some(false), Some(false), Some(false)]),
        (true, Registration::Closed, [closed, closed, closed]),
        (false, Registration::Open, [Some(true), Some(false), Some(false)]),
        (false, Registration::First, [Some(true), closed, closed]),
        (false, Registration::Closed, [Some(true), closed, closed]),
    ];
    for (open, registration, expected) in table {
        let stage = Stage::with(
            In::Memory,
            |_| Default::default(),
            |config| {
                config.open = open;
                config.registration = registration;
            },
        );
        let made = ["ada", "bob", "cyd"].map(|name| {
            let password = Secret::new("correct horse".to_owned());
            match stage.kafka.register(new_user(name), password) {
                Ok(login) => Some(login.user.is_admin),
                Err(error) => {
                    assert_eq!((error.kind(), error.code()), (ErrorKind::Forbidden, "registration_closed"));
                    None
                }
            }
        });
        assert_eq!(made, expected, "open: {open}, {registration:?}");
    }
}

#[test]
fn a_changed_text_takes_with_it_what_was_said_about_the_old_one() {
    let stage = Stage::with(
        In::Memory,
        |_| {
            let thought = kafka_core::Delta::Reasoning("hm".into());
            ScriptedAnswer::new().say(thought).text("Well.").usage(3, 2).finish()
        },
        |_| {},
    );
    let chat = stage.chat();
    let answer = stage.ask(&chat, kafka_core::AnswerRequest::text("And?")).message;
    assert!(answer.parts.is_some() && answer.token_count == Some(2));
    let messages = stage.kafka.messages(&stage.operator);
    let patch = MessagePatch { content: Some("Better.".into()), ..MessagePatch::default() };
    let changed = messages.update(answer.id, patch).unwrap();
    assert_eq!((changed.content.as_str(), &changed.parts, changed.token_count), ("Better.", &None, None));
    assert_eq!(messages.get(answer.id).unwrap(), changed);
}

#[test]
fn a_username_is_not_an_address() {
    let stage = Stage::new(In::Memory);
    let named = kafka_core::NewUser { username: Some("ada@home".into()), ..new_user("ada") };
    let refused = stage.kafka.users(&stage.operator).create(named).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "username_invalid"));
}
