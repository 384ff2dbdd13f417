//! API keys: what they may be used for, and when they end.

use std::{thread, time::Duration};

use kafka_core::{
    Actor, AnswerRequest, Area, ErrorKind, Kafka, NewChat, NewMessage, NewModel, NewToken, NewWorkspace,
    PageRequest, Permission, Permissions, Result, Role, SearchRequest, UserPatch,
};

use crate::stage::{In, Stage, new_model};

pub(crate) fn scopes(text: &[&str]) -> Option<Permissions> {
    Some(text.iter().map(|text| text.parse::<Permission>().unwrap()).collect())
}

fn key(name: &str, scopes: Option<Permissions>) -> NewToken {
    NewToken { name: name.to_owned(), scopes, expires_at: None }
}

#[test]
fn a_key_is_made_used_listed_and_revoked() {
    let stage = Stage::new(In::File);
    let [_, owner, other] = ["admin", "owner", "other"].map(|name| stage.user(name));
    let kafka = &stage.kafka;
    let issued = kafka.tokens(&owner).create(key("backup", scopes(&["chats:read"]))).unwrap();
    assert!(issued.token.expose().starts_with("kafka_") && issued.token.expose().len() == 70);
    let actor = kafka.authenticate(&issued.token).unwrap();
    assert_eq!((actor.user_id(), actor.is_admin()), (owner.user_id(), false));

    // Nobody sees it again: not in a list, not in the file.
    assert_eq!(kafka.tokens(&owner).get(issued.key.id).unwrap(), issued.key);
    let listed = kafka.tokens(&owner).list(&PageRequest::default()).unwrap().items;
    assert_eq!(listed, std::slice::from_ref(&issued.key));
    let sql = "SELECT number FROM access_tokens WHERE token_hash = $1 OR name = $1";
    assert!(stage.rows(sql, &[issued.token.expose()]).is_empty());

    // It is its owner's alone, and the operator's.
    let tokens = kafka.tokens(&other);
    assert_eq!(tokens.get(issued.key.id).unwrap_err().code(), "token_not_found");
    assert_eq!(tokens.delete(issued.key.id).unwrap_err().code(), "token_not_found");
    assert_eq!(tokens.list(&PageRequest::default()).unwrap().items, []);
    let of_owner = kafka.tokens(&other).of(owner.user_id().unwrap());
    assert_eq!(of_owner.list(&PageRequest::default()).unwrap_err().code(), "owner_not_yours");
    let by_operator = kafka.tokens(&stage.operator);
    assert_eq!(by_operator.list(&PageRequest::default()).unwrap_err().code(), "account_required");
    assert_eq!(by_operator.get(issued.key.id).unwrap(), issued.key);
    let of_owner = kafka.tokens(&stage.operator).of(owner.user_id().unwrap());
    assert_eq!(of_owner.list(&PageRequest::Numbered { page: 1, page_size: 5 }).unwrap().items.len(), 1);

    kafka.tokens(&owner).delete(issued.key.id).unwrap();
    assert_eq!(kafka.authenticate(&issued.token).unwrap_err().code(), "token_invalid");
    assert_eq!(kafka.tokens(&owner).delete(issued.key.id).unwrap_err().code(), "token_not_found");
}

#[test]
fn keys_that_make_no_sense_are_refused() {
    let stage = Stage::with(In::Memory, |_| Default::default(), |config| config.limits.api_keys = 2);
    let user = stage.user("owner");
    let tokens = stage.kafka.tokens(&user);
    for (new, code) in [
        (key("", None), "name_empty"),
        (key(&"x".repeat(256), None), "text_too_long"),
        (key("a\0b", None), "nul_in_text"),
        (key("none", scopes(&[])), "scopes_empty"),
        (
            NewToken { expires_at: Some("2025-12-31T23:59:59Z".parse().unwrap()), ..key("old", None) },
            "expiry_past",
        ),
    ] {
        let refused = tokens.create(new).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, code));
    }
    for name in ["one", "two"] {
        tokens.create(key(name, None)).unwrap();
    }
    let refused = tokens.create(key("three", None)).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "too_many_tokens"));
}

#[test]
fn a_key_makes_no_key_that_may_do_more() {
    let stage = Stage::new(In::Memory);
    let user = stage.user("owner");
    let few = stage.kafka.tokens(&user).create(key("few", scopes(&["account:write", "chats:read"]))).unwrap();
    let few = stage.kafka.authenticate(&few.token).unwrap();
    let tokens = stage.kafka.tokens(&few);
    let refused = tokens.create(key("more", scopes(&["chats:write", "models:read"]))).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Forbidden, "scopes_beyond_own"));
    assert!(refused.message().contains("chats:write, models:read"), "{refused}");
    assert_eq!(
        tokens.create(key("fewer", scopes(&["chats:read"]))).unwrap().key.scopes,
        scopes(&["chats:read"])
    );
    // What is not said is what the maker has, not everything.
    assert_eq!(
        tokens.create(key("same", None)).unwrap().key.scopes,
        scopes(&["account:write", "chats:read"])
    );
    assert_eq!(stage.kafka.tokens(&user).create(key("all", None)).unwrap().key.scopes, None);
}

#[test]
fn a_key_expires() {
    let stage = Stage::new(In::Memory);
    let user = stage.user("owner");
    let expires_at = Some("2026-01-01T01:00:00Z".parse().unwrap());
    let issued = stage.kafka.tokens(&user).create(NewToken { expires_at, ..key("hour", None) }).unwrap();
    stage.clock.advance(Duration::from_millis(3_599_999));
    stage.kafka.authenticate(&issued.token).unwrap();
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(stage.kafka.authenticate(&issued.token).unwrap_err().code(), "token_invalid");
}

#[test]
fn a_key_makes_none_that_outlives_it() {
    let stage = Stage::new(In::Memory);
    let user = stage.user("owner");
    let at = |text: &str| Some(text.parse().unwrap());
    let (hour, sooner, later) =
        (at("2026-01-01T01:00:00Z"), at("2026-01-01T00:30:00Z"), at("2026-01-01T01:00:00.001Z"));
    let make = |actor: &Actor, expires_at| {
        stage.kafka.tokens(actor).create(NewToken { expires_at, ..key("k", None) })
    };
    let parent = stage.kafka.authenticate(&make(&user, hour).unwrap().token).unwrap();
    let child = make(&parent, None).unwrap();
    assert_eq!(child.key.expires_at, hour);
    assert_eq!(make(&parent, sooner).unwrap().key.expires_at, sooner);
    let refused = make(&parent, later).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Forbidden, "expiry_beyond_own"));
    // Nor does a key of a key, while one of a session lasts.
    let of_key = stage.kafka.authenticate(&child.token).unwrap();
    assert_eq!(make(&of_key, later).unwrap_err().code(), "expiry_beyond_own");
    assert_eq!(make(&user, None).unwrap().key.expires_at, None);
    assert_eq!(make(&user, at("2030-01-01T00:00:00Z")).unwrap().key.expires_at, at("2030-01-01T00:00:00Z"));
}

#[test]
fn a_key_takes_no_account_away() {
    let stage = Stage::new(In::Memory);
    let [_, user] = ["admin", "owner"].map(|name| stage.user(name));
    let id = user.user_id().unwrap();
    let all = stage.kafka.tokens(&user).create(key("all", None)).unwrap();
    let by_key = stage.kafka.authenticate(&all.token).unwrap();
    let moved = || UserPatch { email: Some("new@example.org".to_owned()), ..UserPatch::default() };
    for refused in [
        stage.kafka.users(&by_key).delete(id).unwrap_err(),
        stage.kafka.users(&by_key).update(id, moved()).unwrap_err(),
    ] {
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Forbidden, "session_required"));
    }
    let renamed = UserPatch { full_name: Some(Some("O.".to_owned())), ..UserPatch::default() };
    let shown = stage.kafka.users(&by_key).update(id, renamed).unwrap();
    assert_eq!((shown.email.as_str(), shown.full_name.as_deref()), ("owner@example.org", Some("O.")));
    assert_eq!(stage.kafka.users(&user).update(id, moved()).unwrap().email, "new@example.org");
    stage.kafka.users(&user).delete(id).unwrap();
}

#[test]
fn the_last_use_is_noted_to_the_minute_and_later() {
    let stage = Stage::new(In::File);
    let user = stage.user("owner");
    let issued = stage.kafka.tokens(&user).create(key("used", None)).unwrap();
    let last_used = || stage.kafka.tokens(&user).get(issued.key.id).unwrap().last_used_at;
    let wait_for = |text: &str| {
        let wanted = Some(text.parse().unwrap());
        let patience = std::time::Instant::now() + Duration::from_secs(60);
        while last_used() != wanted {
            assert!(std::time::Instant::now() < patience, "{:?} instead of {text}", last_used());
            thread::yield_now();
        }
    };
    assert_eq!(last_used(), None);
    stage.kafka.authenticate(&issued.token).unwrap();
    wait_for("2026-01-01T00:00:00Z");
    stage.clock.advance(Duration::from_secs(59));
    stage.kafka.authenticate(&issued.token).unwrap();
    stage.clock.advance(Duration::from_secs(1));
    stage.kafka.authenticate(&issued.token).unwrap();
    // The one a second before left nothing.
    wait_for("2026-01-01T00:01:00Z");
}

/// What a call needs, and the call.
type Need = (&'static str, fn(&Kafka, &Actor) -> Result<()>);

/// One call of each sort. What does not exist is not found, once it may be looked for.
const NEEDS: &[Need] = &[
    ("chats:read", |k, a| k.search(a).find(&SearchRequest::text("x")).map(drop)),
    ("chats:read", |k, a| k.search(a).refresh()),
    ("chats:read", |k, a| k.chats(a).list(&Default::default(), &PageRequest::default()).map(drop)),
    ("chats:write", |k, a| k.chats(a).create(NewChat::default()).map(drop)),
    ("chats:read", |k, a| k.chats(a).get(crate::stage::unheard_of()).map(drop)),
    ("chats:write", |k, a| k.chats(a).update(crate::stage::unheard_of(), Default::default()).map(drop)),
    ("chats:write", |k, a| k.chats(a).delete(crate::stage::unheard_of())),
    ("chats:read", |k, a| k.messages(a).list(crate::stage::unheard_of(), &PageRequest::default()).map(drop)),
    ("chats:read", |k, a| k.messages(a).get(crate::stage::unheard_of()).map(drop)),
    ("chats:write", |k, a| {
        k.messages(a).create(crate::stage::unheard_of(), NewMessage::text(Role::User, "x")).map(drop)
    }),
    ("chats:write", |k, a| k.messages(a).update(crate::stage::unheard_of(), Default::default()).map(drop)),
    ("chats:write", |k, a| k.messages(a).delete(crate::stage::unheard_of())),
    ("chats:write", |k, a| {
        k.completions(a).start(crate::stage::unheard_of(), AnswerRequest::text("x")).map(drop)
    }),
    ("chats:read", |k, a| k.responses(a).get(crate::stage::unheard_of()).map(drop)),
    ("chats:read", |k, a| k.responses(a).events(crate::stage::unheard_of(), 0).map(drop)),
    ("chats:read", |k, a| k.responses(a).ticket(crate::stage::unheard_of()).map(drop)),
    ("chats:read", |k, a| k.responses(a).running(crate::stage::unheard_of()).map(drop)),
    ("chats:write", |k, a| k.responses(a).cancel(crate::stage::unheard_of()).map(drop)),
    ("chats:read", |k, a| k.events(a).subscribe(None).map(drop)),
    ("chats:read", |k, a| k.events(a).subscribe(Some(crate::stage::unheard_of())).map(drop)),
    ("files:read", |k, a| k.workspaces(a).list(&PageRequest::default()).map(drop)),
    ("files:read", |k, a| k.workspaces(a).get(crate::stage::unheard_of()).map(drop)),
    ("files:write", |k, a| {
        k.workspaces(a).create(NewWorkspace { name: "w".into(), owner_id: None }).map(drop)
    }),
    ("files:write", |k, a| k.workspaces(a).update(crate::stage::unheard_of(), Default::default()).map(drop)),
    ("files:write", |k, a| k.workspaces(a).delete(crate::stage::unheard_of())),
    ("models:read", |k, a| k.models(a).list(&PageRequest::default()).map(drop)),
    ("models:read", |k, a| k.models(a).get(crate::stage::unheard_of()).map(drop)),
    ("models:write", |k, a| k.models(a).create(NewModel { is_default: false, ..new_model("m") }).map(drop)),
    ("models:write", |k, a| k.models(a).update(crate::stage::unheard_of(), Default::default()).map(drop)),
    ("models:write", |k, a| k.models(a).delete(crate::stage::unheard_of())),
    ("account:read", |k, a| k.users(a).get(a.user_id().unwrap()).map(drop)),
    ("account:read", |k, a| k.users(a).list(&PageRequest::default()).map(drop)),
    ("account:read", |k, a| k.users(a).find_by_email("x@example.org").map(drop)),
    ("account:write", |k, a| k.users(a).update(a.user_id().unwrap(), UserPatch::default()).map(drop)),
    ("account:write", |k, a| k.users(a).delete(crate::stage::unheard_of())),
    ("account:write", |k, a| {
        let wrong = || String::from("wrong horse").into();
        k.change_password(a, wrong(), wrong())
    }),
    ("account:read", |k, a| k.tokens(a).list(&PageRequest::default()).map(drop)),
    ("account:read", |k, a| k.tokens(a).get(crate::stage::unheard_of()).map(drop)),
    ("account:write", |k, a| k.tokens(a).create(key("k", None)).map(drop)),
    ("account:write", |k, a| k.tokens(a).delete(crate::stage::unheard_of())),
    ("admin:read", |k, a| k.administration(a).users(&PageRequest::default()).map(drop)),
    ("admin:read", |k, a| k.administration(a).find_user("x").map(drop)),
    ("admin:read", |k, a| k.administration(a).stats().map(drop)),
    ("admin:write", |k, a| {
        k.administration(a).update(crate::stage::unheard_of(), Default::default()).map(drop)
    }),
    ("admin:write", |k, a| k.administration(a).delete(crate::stage::unheard_of())),
    ("admin:write", |k, a| k.administration(a).reset_password(crate::stage::unheard_of()).map(drop)),
    ("admin:write", |k, a| k.administration(a).invite(None, 1).map(drop)),
    ("admin:read", |k, a| k.administration(a).invitations().map(drop)),
    ("admin:write", |k, a| k.administration(a).withdraw(crate::stage::unheard_of())),
    ("admin:write", |k, a| k.users(a).create(crate::stage::new_user("made")).map(drop)),
];

#[test]
fn every_call_asks_for_its_scope() {
    let stage = Stage::with(In::Memory, |_| Default::default(), |config| config.limits.api_keys = 1000);
    let admin = stage.user("admin");
    let actor_with = |permissions: Permissions| {
        let issued = stage.kafka.tokens(&admin).create(key("k", Some(permissions))).unwrap();
        stage.kafka.authenticate(&issued.token).unwrap()
    };
    let areas =
        [Area::Chats, Area::Files, Area::Models, Area::Documents, Area::Usage, Area::Account, Area::Admin];
    let all: Vec<Permission> =
        areas.into_iter().flat_map(|area| [Permission::read(area), Permission::write(area)]).collect();
    for (at, (needed, call)) in NEEDS.iter().enumerate() {
        let needed: Permission = needed.parse().unwrap();
        let with = actor_with([needed].into_iter().collect());
        let code = call(&stage.kafka, &with).err().map(|error| error.code().to_owned());
        assert_ne!(code.as_deref(), Some("scope_missing"), "call {at} with {needed}");
        // Everything else together is not enough, nor is reading where writing is asked for.
        let others = all.iter().filter(|other| {
            let covers: Permissions = [**other].into_iter().collect();
            !covers.allow(needed)
        });
        let without = actor_with(others.copied().collect());
        let refused = call(&stage.kafka, &without).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Forbidden, "scope_missing"), "call {at}");
        assert!(refused.message().contains(&needed.to_string()), "{refused}");
    }
}

#[test]
fn a_key_that_reads_for_administrators_seals_nothing_anew() {
    let stage = Stage::with(In::Memory, |_| Default::default(), |_| {});
    let admin = stage.user("admin");
    let reading = stage.kafka.tokens(&admin).create(key("k", scopes(&["admin:read"]))).unwrap();
    let reading = stage.kafka.authenticate(&reading.token).unwrap();
    stage.kafka.secrets(&reading).report().unwrap();
    let refused = stage.kafka.secrets(&reading).reseal().unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Forbidden, "scope_missing"));
    stage.kafka.secrets(&admin).reseal().unwrap();
}
