//! Links by which one chat is read.

use std::time::Duration;

use kafka_core::{
    Actor, AnswerRequest, Chat, ChatFilter, ChatPatch, Delta, Error, ErrorKind, ExportFormat,
    IssuedShareLink, Kafka, NewChat, NewChatFile, NewMessage, NewModel, NewShareLink, NewToken, PageRequest,
    Period, Result, Role, SearchRequest, Secret, ShareLinkId, StandingPatch, testing::ScriptedAnswer,
};

use crate::stage::{In, Stage, new_model, unheard_of};

fn stage() -> Stage {
    let script = |_: &_| {
        ScriptedAnswer::new().say(Delta::Reasoning("secret thought".into())).text("Well, yes.").finish()
    };
    Stage::with(In::File, script, |config| config.open = false)
}

fn share(stage: &Stage, chat: &Chat) -> IssuedShareLink {
    stage.kafka.share_links(&stage.operator).create(chat.id, NewShareLink::default()).unwrap()
}

fn read(kafka: &Kafka, token: &Secret<String>) -> Result<Vec<(Role, String)>> {
    let actor = kafka.open_share_link(token)?;
    let shared = kafka.shared(&actor)?;
    shared.chat()?;
    let messages = shared.messages(&PageRequest::default())?.items;
    Ok(messages.into_iter().map(|message| (message.role, message.content)).collect())
}

/// What a link that leads nowhere is answered with.
fn nowhere(error: &Error) -> (ErrorKind, &'static str, String) {
    (error.kind(), error.code(), error.message().to_owned())
}

#[test]
fn a_link_shows_what_people_and_models_said_on_the_active_branch_and_nothing_else() {
    let stage = stage();
    let chat = stage.kafka.chats(&stage.operator).create(NewChat::titled("Plans")).unwrap();
    stage.say(&chat, Role::System, "secret instructions");
    let answer = stage.ask(&chat, AnswerRequest::text("Why?"));
    // Another branch, which is left again.
    let other = AnswerRequest { parent_id: Some(None), ..AnswerRequest::text("secret question") };
    stage.ask(&chat, other);
    let back = ChatPatch { active_leaf_id: Some(answer.message.id), ..ChatPatch::default() };
    stage.kafka.chats(&stage.operator).update(chat.id, back).unwrap();
    let text = NewChatFile { filename: "flow.based".into(), content: "loop:\n".into() };
    stage.kafka.chat_files(&stage.operator).create(chat.id, text).unwrap();
    for told in [
        r#"{"based_filename": "flow.based", "based_content": "secret text"}"#,
        // What is not of the known form may hold a file all the same.
        r#"{"based_filename": 1, "based_content": "secret text"}"#,
    ] {
        let told = NewMessage { kind: Some("file".into()), ..NewMessage::text(Role::User, told) };
        stage.kafka.messages(&stage.operator).create(chat.id, told).unwrap();
    }

    let made = share(&stage, &chat);
    assert!(
        made.token.expose().starts_with("share_") && made.path() == format!("/share#{}", made.token.expose())
    );
    let actor = stage.kafka.open_share_link(&made.token).unwrap();
    let shared = stage.kafka.shared(&actor).unwrap();
    let page = shared.messages(&PageRequest::default()).unwrap();
    let json = serde_json::json!({"chat": shared.chat().unwrap(), "messages": page.items}).to_string();
    assert!(!json.contains("secret"), "{json}");
    for id in [chat.id.to_string(), answer.message.id.to_string(), answer.response.id.to_string()] {
        assert!(!json.contains(&id), "{json}");
    }
    let said = read(&stage.kafka, &made.token).unwrap();
    assert_eq!(
        said,
        [
            (Role::User, "Why?".to_owned()),
            (Role::Assistant, "Well, yes.".to_owned()),
            (Role::User, "flow.based was written".to_owned()),
            (Role::User, "A file.".to_owned()),
        ]
    );
    // How much there is of what is not shown is not told either.
    let numbered = shared.messages(&PageRequest::Numbered { page: 1, page_size: 2 }).unwrap();
    assert_eq!((numbered.items.len(), numbered.numbers.unwrap().total), (2, 4));
    assert_eq!(shared.chat().unwrap().title.as_deref(), Some("Plans"));
    // What is said later is seen, too; page by page as elsewhere.
    stage.say(&chat, Role::User, "And?");
    let last = shared.messages(&PageRequest::first(1)).unwrap();
    assert_eq!(last.items[0].content, "And?");
    assert!(last.prev_cursor.is_some());
}

#[test]
fn unknown_expired_and_revoked_links_lead_nowhere_alike() {
    let stage = stage();
    let owner = stage.user("admin");
    let ada = stage.user("ada");
    let chat = stage.chat_of(&ada);
    let links = stage.kafka.share_links(&ada);
    let with = |new| links.create(chat.id, new).unwrap();
    let token = |issued: &IssuedShareLink| issued.token.clone();
    let revoked = with(NewShareLink::default());
    let expiring = with(NewShareLink { expires_in: Some(60), ..NewShareLink::default() });
    let at = expiring.link.expires_at.unwrap();
    let instant = with(NewShareLink { expires_at: Some(at), ..NewShareLink::default() });
    let staying = with(NewShareLink::default());
    for issued in [&revoked, &expiring, &instant, &staying] {
        assert_eq!(read(&stage.kafka, &issued.token).unwrap(), []);
    }
    assert_eq!(links.list(chat.id).unwrap().len(), 4);
    links.revoke(revoked.link.id).unwrap();
    assert!(read(&stage.kafka, &revoked.token).is_err(), "at once");
    stage.clock.advance(Duration::from_secs(60));
    let alike = nowhere(&read(&stage.kafka, &Secret::new("share_00".into())).unwrap_err());
    assert_eq!((alike.0, alike.1), (ErrorKind::NotFound, "share_link_not_found"));
    for gone in [token(&revoked), token(&expiring), token(&instant), Secret::new(String::new())] {
        assert_eq!(nowhere(&read(&stage.kafka, &gone).unwrap_err()), alike);
    }
    assert_eq!(links.list(chat.id).unwrap(), std::slice::from_ref(&staying.link));
    // Neither is the token of an account a link, nor a link's the token of an account.
    let key = NewToken { name: "k".into(), scopes: None, expires_at: None };
    let key = stage.kafka.tokens(&ada).create(key).unwrap();
    assert_eq!(nowhere(&read(&stage.kafka, &key.token).unwrap_err()), alike);
    assert_eq!(stage.kafka.authenticate(&staying.token).unwrap_err().code(), "token_invalid");
    // The links of a disabled account rest.
    let active = |is_active| {
        let patch = StandingPatch { is_active: Some(is_active), ..StandingPatch::default() };
        stage.kafka.administration(&owner).update(ada.user_id().unwrap(), patch).unwrap()
    };
    active(false);
    assert_eq!(nowhere(&read(&stage.kafka, &staying.token).unwrap_err()), alike);
    active(true);
    assert!(read(&stage.kafka, &staying.token).is_ok());
    let more = with(NewShareLink::default());
    links.revoke_all(chat.id).unwrap();
    assert_eq!(nowhere(&read(&stage.kafka, &more.token).unwrap_err()), alike);
    // A chat takes its links along.
    let last = with(NewShareLink::default());
    stage.kafka.chats(&ada).delete(chat.id).unwrap();
    assert_eq!(nowhere(&read(&stage.kafka, &last.token).unwrap_err()), alike);
    assert_eq!(stage.value("SELECT COUNT(*) FROM share_links", &[]).as_deref(), Some("0"));
}

#[test]
fn only_the_hash_of_a_token_is_stored_and_dead_links_are_forgotten() {
    let most = 3;
    let stage = Stage::with(In::File, |_| ScriptedAnswer::of(&[]), |config| config.limits.share_links = most);
    let chat = stage.chat();
    let links = stage.kafka.share_links(&stage.operator);
    let made: Vec<_> = (0..most).map(|_| share(&stage, &chat)).collect();
    let stored = stage.rows("SELECT * FROM share_links", &[]);
    assert!(!format!("{stored:?} {made:?}").contains(made[0].token.expose()));
    let error = links.create(chat.id, NewShareLink::default()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "too_many_share_links"));
    links.revoke(made[0].link.id).unwrap();
    assert_eq!(links.revoke(made[0].link.id).unwrap_err().code(), "share_link_not_found");
    share(&stage, &chat);
    assert_eq!(stage.value("SELECT COUNT(*) FROM share_links", &[]), Some(most.to_string()));
}

#[test]
fn expiries_that_make_no_sense_are_refused() {
    let stage = stage();
    let chat = stage.chat();
    let now = chat.created_at;
    let table = [
        (Some(now), None, "expiry_past"),
        (None, Some(0), "expiry_out_of_range"),
        (None, Some(u64::MAX), "expiry_out_of_range"),
        (Some(now), Some(1), "expiry_twice"),
    ];
    for (expires_at, expires_in, code) in table {
        let new = NewShareLink { expires_at, expires_in };
        let error = stage.kafka.share_links(&stage.operator).create(chat.id, new).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, code));
    }
}

#[test]
fn links_are_the_owners_to_make_and_revoke() {
    let stage = stage();
    stage.user("admin");
    let [ada, bob] = ["ada", "bob"].map(|name| stage.user(name));
    let chat = stage.chat_of(&ada);
    let link = stage.kafka.share_links(&ada).create(chat.id, NewShareLink::default()).unwrap();
    let links = stage.kafka.share_links(&bob);
    let refused = [
        links.create(chat.id, NewShareLink::default()).map(drop),
        links.list(chat.id).map(drop),
        links.revoke(link.link.id),
        links.revoke_all(chat.id),
    ];
    for (refused, code) in refused.into_iter().zip([
        "chat_not_found",
        "chat_not_found",
        "share_link_not_found",
        "chat_not_found",
    ]) {
        assert_eq!(refused.unwrap_err().code(), code);
    }
    let unknown = stage.kafka.share_links(&ada).revoke(unheard_of::<ShareLinkId>());
    assert_eq!(unknown.unwrap_err().code(), "share_link_not_found");
    assert!(read(&stage.kafka, &link.token).is_ok());
}

#[test]
fn whoever_has_a_link_is_refused_everything_else() {
    let stage = stage();
    let chat = stage.chat();
    let answer = stage.ask(&chat, AnswerRequest::text("Why?"));
    let visitor: Actor = stage.kafka.open_share_link(&share(&stage, &chat).token).unwrap();
    let (kafka, page) = (&stage.kafka, PageRequest::default());
    let (id, message, response) = (chat.id, answer.message.id, answer.response.id);
    let refused: Vec<(&str, Result<()>)> = vec![
        ("chat", kafka.chats(&visitor).get(id).map(drop)),
        ("chats", kafka.chats(&visitor).list(&ChatFilter::default(), &page).map(drop)),
        ("tags", kafka.chats(&visitor).tags().map(drop)),
        ("export", kafka.chats(&visitor).export(id, ExportFormat::Json).map(drop)),
        ("rename", kafka.chats(&visitor).update(id, ChatPatch::default()).map(drop)),
        ("delete", kafka.chats(&visitor).delete(id)),
        ("new chat", kafka.chats(&visitor).create(NewChat::default()).map(drop)),
        ("messages", kafka.messages(&visitor).list(id, &page).map(drop)),
        ("message", kafka.messages(&visitor).get(message).map(drop)),
        ("say", kafka.messages(&visitor).create(id, NewMessage::text(Role::User, "Hi")).map(drop)),
        ("walk", kafka.linear(&visitor).messages(id).map(drop)),
        ("ask", kafka.completions(&visitor).start(id, AnswerRequest::text("Hi")).map(drop)),
        ("response", kafka.responses(&visitor).get(response).map(drop)),
        ("events", kafka.responses(&visitor).events(response, 0).map(drop)),
        ("files", kafka.chat_files(&visitor).list(id, &page).map(drop)),
        ("links", kafka.share_links(&visitor).list(id).map(drop)),
        ("new link", kafka.share_links(&visitor).create(id, NewShareLink::default()).map(drop)),
        ("models", kafka.models(&visitor).list(&page).map(drop)),
        ("new model", kafka.models(&visitor).create(NewModel { ..new_model("m") }).map(drop)),
        ("workspaces", kafka.workspaces(&visitor).list(&page).map(drop)),
        ("usage", kafka.usage(&visitor).summary(Period::default()).map(drop)),
        ("search", kafka.search(&visitor).find(&SearchRequest::plain("why")).map(drop)),
        ("users", kafka.users(&visitor).list(&page).map(drop)),
        ("tokens", kafka.tokens(&visitor).list(&page).map(drop)),
        ("everything", kafka.events(&visitor).subscribe(None).map(drop)),
        ("changes", kafka.events(&visitor).subscribe(id).map(drop)),
    ];
    for (what, result) in refused {
        let error = result.expect_err(what);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Forbidden, "scope_missing"), "{what}: {error}");
    }
    // And whoever has more rights than that has no link.
    assert_eq!(kafka.shared(&stage.operator).unwrap_err().code(), "share_link_required");
}
