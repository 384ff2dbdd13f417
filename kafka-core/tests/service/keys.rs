//! Keys of model endpoints: they go in, and come out at the endpoint they were meant for.

use std::fs;

use kafka_core::{AnswerRequest, ErrorKind, ModelPatch, NewModel, NewUser, Secret};

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
    let other = stage.reopened(|config| config.secret = Some(Secret::new([8; 32])));
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

    let same = stage.reopened(|config| config.secret = Some(Secret::new(SECRET)));
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
    let change = |sql: &str, value: Option<String>| {
        assert_eq!(stage.rows().execute(sql, [value, Some(model.id.to_string())]).unwrap(), 1);
    };
    let elsewhere = Some("http://127.0.0.1:666/v1".to_owned());
    change("UPDATE models SET base_url = ?1 WHERE id = ?2", elsewhere);
    assert_eq!(ask().unwrap_err().code(), "key_unreadable");
    change("UPDATE models SET base_url = ?1 WHERE id = ?2", Some("http://127.0.0.1:9/v1".to_owned()));
    ask().unwrap().wait().unwrap();
    change("UPDATE models SET user_id = ?1 WHERE id = ?2", Some(user.id.to_string()));
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

#[test]
fn private_endpoints_are_for_those_who_run_the_installation() {
    let private = ["http://127.0.0.1:11434/v1", "http://10.0.0.7/v1", "http://[::1]:8080/v1"];
    for open in [true, false] {
        let stage = Stage::with(In::Memory, |_| Default::default(), |config| config.open = open);
        let (admin, user) = (stage.user("ada"), stage.user("bob"));
        for (number, url) in private.iter().enumerate() {
            for (who, actor, allowed) in
                [("operator", stage.operator, true), ("admin", admin, true), ("user", user, open)]
            {
                let made = stage.kafka.models(&actor).create(NewModel::new(format!("m{number}"), *url));
                let refused = made.err().map(|error| error.code());
                assert_eq!(refused, (!allowed).then_some("base_url_refused"), "{who}, open: {open}, {url}");
            }
        }
        // A name may lead anywhere, so it is checked again when it is called.
        let named =
            stage.kafka.models(&user).create(NewModel::new("named", "http://localhost:9/v1")).unwrap();
        let health = stage.kafka.models(&user).probe(named.id).unwrap();
        let detail = health.detail.unwrap();
        assert_eq!(detail.contains("may not"), !open, "{detail}");
    }
}
