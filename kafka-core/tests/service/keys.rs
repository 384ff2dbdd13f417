//! Keys of model endpoints: they go in, and come out at the endpoint they were meant for.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use kafka_core::{
    AnswerRequest, Config, Error, ErrorKind, Kafka, KeyringReport, ModelPatch, NewModel, NewUser,
    PageRequest, Secret, SecretSource,
};

use crate::stage::{In, PASSWORD, SECRET, Stage, new_model, new_user};

const KEY: &str = "sk-very-secret-0123456789";

fn with_key(name: &str) -> NewModel {
    let base_url = "http://127.0.0.1:9/v1".to_owned();
    NewModel { api_key: Some(Secret::new(KEY.into())), base_url, ..new_model(name) }
}

/// Whether these bytes stand in any file of the installation.
fn is_on_disk(stage: &Stage, text: &str) -> bool {
    let files = fs::read_dir(stage.directory()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).any(|path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
#[cfg_attr(feature = "postgres", ignore = "a look into SQLite's files")]
fn a_key_is_shown_nowhere_and_reaches_the_endpoint() {
    let stage = Stage::new(In::File);
    let new = with_key("keyed");
    let patch = ModelPatch { api_key: Some(Some(Secret::new(KEY.into()))), ..ModelPatch::default() };
    assert!(!format!("{new:?}{patch:?}").contains("sk-"));
    let model = stage.model(&stage.operator, new);
    assert!(model.has_api_key);
    let json = serde_json::to_string(&model).unwrap();
    assert!(json.contains("\"has_api_key\":true"), "{json}");
    assert!(!format!("{model:?}{json}{:?}", stage.kafka).contains("sk-"));
    let request = AnswerRequest { model: Some("keyed".into()), ..AnswerRequest::text("Hi") };
    stage.ask(&stage.chat(), request);
    let call = stage.provider.calls().pop().unwrap();
    assert_eq!(call.options.api_key.as_ref().map(|key| key.expose().as_str()), Some(KEY));
    assert!(!format!("{call:?}").contains("sk-"), "{call:?}");

    let user = stage.kafka.register(new_user("josef"), Secret::new(PASSWORD.into())).unwrap();
    assert!(!format!("{user:?}").contains(user.token.expose().as_str()));
    assert!(is_on_disk(&stage, "josef@example.org"), "the look at the files finds what is there");
    for secret in [KEY, PASSWORD, user.token.expose()] {
        assert!(!is_on_disk(&stage, secret), "in the log");
    }
    stage.kafka.close();
    for secret in [KEY, PASSWORD, user.token.expose()] {
        assert!(!is_on_disk(&stage, secret), "in the database");
    }
}

#[test]
fn another_secret_cannot_read_a_key() {
    let stage = Stage::new(In::File);
    let model = stage.model(&stage.operator, with_key("keyed"));
    let chat = stage.chat();
    stage.kafka.close();
    let request = || AnswerRequest { model: Some("keyed".into()), ..AnswerRequest::text("Hi") };
    let other = stage.reopened(|config| config.secret = Some(Arc::new(Secret::new([8; 32]))));
    let refused = other.completions(&stage.operator).start(chat.id, request()).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Busy, "key_unreadable"));
    assert_eq!(other.models(&stage.operator).probe(model.id).unwrap_err().code(), "key_unreadable");
    assert_eq!(other.chats(&stage.operator).get(chat.id).unwrap().message_count, 0);
    assert!(!format!("{refused:?}").contains("sk-"));
    other.close();

    let none = stage.reopened(|config| config.secret = None);
    let refused = none.completions(&stage.operator).start(chat.id, request()).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Forbidden, "secret_missing"));
    let refused = none.models(&stage.operator).create(with_key("another")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Forbidden, "secret_missing"));
    none.models(&stage.operator).create(new_model("without a key")).unwrap();
    none.close();

    let same = stage.reopened(|config| config.secret = Some(Arc::new(Secret::new(SECRET))));
    same.completions(&stage.operator).start(chat.id, request()).unwrap().wait().unwrap();
}

/// A key given for one place is not sent to another because someone edits the row.
#[test]
fn a_moved_origin_needs_the_key_again() {
    let stage = Stage::new(In::File);
    let model = stage.model(&stage.operator, with_key("keyed"));
    let models = stage.kafka.models(&stage.operator);
    let to = |base_url: &str| ModelPatch { base_url: Some(base_url.into()), ..ModelPatch::default() };
    for elsewhere in ["http://127.0.0.1:10/v1", "https://127.0.0.1:9/v1", "http://localhost:9/v1"] {
        let refused = models.update(model.id, to(elsewhere)).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "api_key_required"), "{elsewhere}");
    }
    assert_eq!(models.get(model.id).unwrap(), model);
    let deeper = models.update(model.id, to("http://127.0.0.1:9/other/v1")).unwrap();
    assert!(deeper.has_api_key, "another path of the same origin keeps it");
    let ask = || {
        let request = AnswerRequest { model: Some("keyed".into()), ..AnswerRequest::text("Hi") };
        stage.kafka.completions(&stage.operator).start(stage.chat().id, request)
    };
    ask().unwrap().wait().unwrap();

    let with = |key: Option<&str>, base_url: &str| ModelPatch {
        api_key: Some(key.map(|key| Secret::new(key.into()))),
        ..to(base_url)
    };
    assert!(models.update(model.id, with(Some("sk-2"), "http://127.0.0.1:10/v1")).unwrap().has_api_key);
    ask().unwrap().wait().unwrap();
    let calls = stage.provider.calls();
    assert_eq!(calls[1].options.api_key.as_ref().map(|key| key.expose().as_str()), Some("sk-2"));
    assert!(!models.update(model.id, with(None, "http://127.0.0.1:11/v1")).unwrap().has_api_key);
    models.update(model.id, to("http://127.0.0.1:12/v1")).unwrap();

    // Behind the rules' back: the seal itself is bound to the origin and to the owner.
    models.update(model.id, with(Some("sk-3"), "http://127.0.0.1:9/v1")).unwrap();
    let user = stage.kafka.users(&stage.operator).create(new_user("thief")).unwrap();
    let change = |column: &str, value: &str| {
        let sql = format!("UPDATE models SET {column} = $1 WHERE id = $2 RETURNING id");
        assert_eq!(stage.rows(&sql, &[value, &model.id.to_string()]).len(), 1);
    };
    change("base_url", "http://127.0.0.1:666/v1");
    assert_eq!(ask().unwrap_err().code(), "key_unreadable");
    change("base_url", "http://127.0.0.1:9/v1");
    ask().unwrap().wait().unwrap();
    change("user_id", &user.id.to_string());
    assert_eq!(models.probe(model.id).unwrap_err().code(), "key_unreadable");
}

#[test]
fn passwords_are_in_no_debug_text() {
    let secret = Secret::new(String::from("hunter2"));
    assert_eq!(format!("{secret:?} {secret}"), "*** ***");
    let stage = Stage::new(In::Memory);
    let refused = stage.kafka.register(NewUser::default(), secret).unwrap_err();
    assert!(!format!("{refused:?}").contains("hunter2"));
}

/// A secret that changes, as a file does under running processes.
#[derive(Clone, Debug, Default)]
struct Changing(Arc<Mutex<Vec<[u8; 32]>>>);

impl SecretSource for Changing {
    fn secrets(&self) -> Result<Vec<Secret<[u8; 32]>>, Error> {
        Ok(self.0.lock().unwrap().iter().copied().map(Secret::new).collect())
    }
}

#[test]
fn a_secret_is_replaced_under_a_running_installation() {
    let source = Changing::default();
    *source.0.lock().unwrap() = vec![[1; 32]];
    let with = |config: &mut Config| config.secret = Some(Arc::new(source.clone()));
    let stage = Stage::with(In::File, |_| Default::default(), with);
    let beside = stage.reopened(with);
    let _admin = stage.user("ada");
    let (ours, theirs) = (stage.kafka.secrets(&stage.operator), beside.secrets(&stage.operator));
    stage.model(&stage.operator, with_key("first"));
    let user = stage.user("bob");
    stage.model(&user, NewModel { base_url: "http://1.1.1.1/v1".into(), ..with_key("of bob") });
    let counts = |report: KeyringReport| (report.newest, report.older, report.unreadable.join(" "));
    let before = ours.report().unwrap();
    assert_eq!(counts(before.clone()), (2, 0, String::new()));

    // Another process replaces it; this one has not looked yet.
    *source.0.lock().unwrap() = vec![[2; 32], [1; 32]];
    assert_eq!(counts(theirs.report().unwrap()), (0, 2, String::new()));
    let readable = |kafka: &Kafka, name: &str| {
        let models = kafka.models(&stage.operator);
        let all = models.list(&PageRequest::default()).unwrap().items;
        let model = all.into_iter().find(|model| model.name == name).unwrap();
        models.check(model.id).is_ok()
    };
    assert!(readable(&stage.kafka, "first"));
    stage.model(&stage.operator, with_key("second"));
    assert_eq!(counts(ours.report().unwrap()), (1, 2, String::new()), "new keys take the newest secret");

    let after = theirs.reseal().unwrap();
    assert_eq!(counts(after.clone()), (3, 0, String::new()));
    assert_ne!(after.secret_id, before.secret_id);
    *source.0.lock().unwrap() = vec![[2; 32]];
    for kafka in [&stage.kafka, &beside] {
        assert!(["first", "of bob", "second"].iter().all(|name| readable(kafka, name)));
    }

    // A secret that is gone for good costs its keys, by name, and nothing else.
    *source.0.lock().unwrap() = vec![[3; 32]];
    let lost = theirs.reseal().unwrap();
    assert_eq!(counts(lost), (0, 0, "first of bob second".to_owned()));
    *source.0.lock().unwrap() = vec![[3; 32], [2; 32]];
    assert_eq!(counts(theirs.reseal().unwrap()), (3, 0, String::new()));
    assert!(readable(&stage.kafka, "first"), "who has not looked since looks when it cannot open");
    let refused = stage.kafka.secrets(&user).report().unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Forbidden, "admin_required"));
    *source.0.lock().unwrap() = Vec::new();
    let refused = stage.kafka.models(&stage.operator).create(with_key("third")).unwrap_err();
    assert_eq!(refused.code(), "secret_missing");
}
