//! Guessing passwords, invitations, administration, and callers without a credential.

use std::{net::IpAddr, thread, time::Duration};

use kafka_core::{
    Actor, AnswerRequest, ChatFilter, ErrorKind, IdempotencyKey, Kafka, NewChat, NewMessage, NewToken,
    NewUser, NewWorkspace, PageRequest, Registration, Role, Secret, StandingPatch, UserPatch,
    testing::ScriptedAnswer,
};

use crate::stage::{In, MODEL, PASSWORD, Stage, new_user, unheard_of};

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const HERE: &str = "192.0.2.1";
const THERE: &str = "192.0.2.2";

/// What becomes of a login: its code, or `done`.
fn login(kafka: &Kafka, from: &str, name: &str, password: &str) -> String {
    match kafka.login_from(address(from), name, secret(password)) {
        Ok(_) => "done".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

#[test]
fn an_account_is_guessed_at_ten_times_from_one_address() {
    let stage = Stage::new(In::Memory);
    stage.user("klamm");
    let kafka = &stage.kafka;
    // Whether there is such an account makes no difference.
    for name in ["klamm", "nobody", "nobody@example.org"] {
        for _ in 0..10 {
            assert_eq!(login(kafka, HERE, name, "wrong horse"), "login_failed");
        }
        let refused = kafka.login_from(address(HERE), name, secret(PASSWORD)).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::RateLimited, "login_throttled"));
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(300)), "{name}");
    }
    // Written otherwise it is the same name; elsewhere nobody is locked out.
    assert_eq!(login(kafka, HERE, "KLAMM", PASSWORD), "login_throttled");
    assert_eq!(login(kafka, THERE, "klamm", PASSWORD), "done");
    stage.clock.advance(Duration::from_millis(299_999));
    assert_eq!(login(kafka, HERE, "klamm", PASSWORD), "login_throttled");
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(login(kafka, HERE, "klamm", PASSWORD), "done");
}

#[test]
fn the_count_does_not_tell_which_names_are_one_account() {
    let stage = Stage::new(In::Memory);
    let id = stage.user("klamm").user_id().unwrap();
    let kafka = &stage.kafka;
    for name in ["klamm", "klamm@example.org"] {
        for _ in 0..10 {
            assert_eq!(login(kafka, HERE, name, "wrong horse"), "login_failed", "{name}");
        }
        assert_eq!(login(kafka, HERE, name, PASSWORD), "login_throttled", "{name}");
    }
    // A further name gives no further guesses, without saying so.
    let username = Some(Some("sordini".to_owned()));
    kafka.users(&stage.operator).update(id, UserPatch { username, ..UserPatch::default() }).unwrap();
    assert_eq!(login(kafka, HERE, "sordini", PASSWORD), "login_failed");
    assert_eq!(login(kafka, THERE, "sordini", PASSWORD), "done");
    stage.clock.advance(Duration::from_secs(300));
    assert_eq!(login(kafka, HERE, "sordini", PASSWORD), "done");
}

#[test]
fn one_address_registers_a_hundred_times_whatever_comes_of_it() {
    let stage =
        Stage::with(In::Memory, |_| Default::default(), |config| config.limits.failed_logins_of_address = 4);
    stage.user("klamm");
    let register = |from: &str, name: &str, password: &str| {
        let made = stage.kafka.register_from(address(from), new_user(name), secret(password), None);
        made.err().map_or_else(|| "done".to_owned(), |error| error.code().to_owned())
    };
    for (name, password, outcome) in [
        ("klamm", PASSWORD, "email_taken"),
        // What is misspelt is free.
        ("frieda", "short", "password_too_short"),
        ("frieda", PASSWORD, "done"),
        ("klamm", PASSWORD, "email_taken"),
        // Seen before the password is looked at, let alone hashed.
        ("klamm", "short", "email_taken"),
        ("olga", PASSWORD, "registration_throttled"),
    ] {
        assert_eq!(register(HERE, name, password), outcome, "{name}");
    }
    assert_eq!(register(THERE, "olga", PASSWORD), "done");
    // Logging in is counted apart.
    assert_eq!(login(&stage.kafka, HERE, "klamm", PASSWORD), "done");
    stage.clock.advance(Duration::from_secs(300));
    assert_eq!(register(HERE, "amalia", PASSWORD), "done");
}

#[test]
fn who_logs_in_is_not_counted() {
    let stage = Stage::new(In::Memory);
    stage.user("klamm");
    for _ in 0..9 {
        assert_eq!(login(&stage.kafka, HERE, "klamm", "wrong horse"), "login_failed");
    }
    for _ in 0..120 {
        assert_eq!(login(&stage.kafka, HERE, "klamm", PASSWORD), "done");
    }
    assert_eq!(login(&stage.kafka, HERE, "klamm", "wrong horse"), "login_failed");
    assert_eq!(login(&stage.kafka, HERE, "klamm", PASSWORD), "login_throttled");
    stage.clock.advance(Duration::from_secs(300));
    assert_eq!(login(&stage.kafka, HERE, "klamm", PASSWORD), "done");
}

#[test]
fn one_address_guesses_a_hundred_times_whatever_the_accounts() {
    let stage = Stage::new(In::Memory);
    stage.user("klamm");
    for number in 0..100 {
        assert_eq!(login(&stage.kafka, HERE, &format!("user{number}"), "wrong horse"), "login_failed");
    }
    assert_eq!(login(&stage.kafka, HERE, "klamm", PASSWORD), "login_throttled");
    assert_eq!(login(&stage.kafka, THERE, "klamm", PASSWORD), "done");
}

#[test]
fn guesses_at_the_same_time_are_counted_too() {
    let stage = Stage::new(In::Memory);
    stage.user("klamm");
    let tried: Vec<String> = thread::scope(|threads| {
        let guesses: Vec<_> =
            (0..40).map(|_| threads.spawn(|| login(&stage.kafka, HERE, "klamm", "wrong horse"))).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    assert_eq!(tried.iter().filter(|code| *code == "login_failed").count(), 10);
    assert_eq!(tried.iter().filter(|code| *code == "login_throttled").count(), 30);
}

#[test]
fn who_is_logged_in_does_not_guess_the_password_either() {
    let stage = Stage::new(In::Memory);
    let [user, other] = ["klamm", "frieda"].map(|name| stage.user(name));
    let change = |actor: &Actor, current: &str| {
        stage
            .kafka
            .change_password(actor, secret(current), secret("new horse"))
            .err()
            .map(|e| e.code().to_owned())
    };
    for _ in 0..10 {
        assert_eq!(change(&user, "wrong horse").as_deref(), Some("password_wrong"));
    }
    assert_eq!(change(&user, PASSWORD).as_deref(), Some("login_throttled"));
    assert_eq!(change(&other, PASSWORD), None);
    // The account can be logged in to meanwhile.
    assert_eq!(login(&stage.kafka, HERE, "klamm", PASSWORD), "done");
    stage.clock.advance(Duration::from_secs(300));
    assert_eq!(change(&user, PASSWORD), None);
}

/// A stage in password mode, with its first account made.
fn stage_with(registration: Registration) -> (Stage, Actor) {
    let stage = Stage::with(In::File, |_| Default::default(), |config| config.registration = registration);
    let admin = stage.user("admin");
    assert!(admin.is_admin(), "the first is let in and administers, whatever {registration:?} says");
    (stage, admin)
}

fn register(stage: &Stage, name: &str, code: Option<&Secret<String>>) -> String {
    let registered = match code {
        Some(code) => stage.kafka.register_invited(new_user(name), secret(PASSWORD), code),
        None => stage.kafka.register(new_user(name), secret(PASSWORD)),
    };
    match registered {
        Ok(login) if login.user.is_admin => "admin".to_owned(),
        Ok(_) => "done".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

#[test]
fn who_may_register_is_decided_by_the_setting() {
    for (registration, without, with) in [
        (Registration::Open, "done", "done"),
        (Registration::First, "registration_closed", "registration_closed"),
        (Registration::Invite, "invite_required", "done"),
        (Registration::Closed, "registration_closed", "registration_closed"),
    ] {
        let (stage, admin) = stage_with(registration);
        assert_eq!(register(&stage, "uninvited", None), without, "{registration:?}");
        let code = stage.kafka.administration(&admin).invite(None, 7).unwrap().code;
        assert_eq!(register(&stage, "invited", Some(&code)), with, "{registration:?}");
    }
}

#[test]
fn only_one_is_the_first() {
    let stage = Stage::with(
        In::File,
        |_| Default::default(),
        |config| {
            config.registration = Registration::Invite;
        },
    );
    let made: Vec<String> = thread::scope(|threads| {
        let stage = &stage;
        let all: Vec<_> =
            (0..4).map(|n| threads.spawn(move || register(stage, &format!("user{n}"), None))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|outcome| *outcome == "admin").count(), 1, "{made:?}");
    assert_eq!(made.iter().filter(|outcome| *outcome == "invite_required").count(), 3, "{made:?}");
}

#[test]
fn an_invitation_is_good_once_for_a_while_and_for_whom_it_names() {
    let (stage, admin) = stage_with(Registration::Invite);
    let administration = stage.kafka.administration(&admin);
    let invite =
        |email: Option<&str>, days| administration.invite(email.map(str::to_owned), days).unwrap().code;
    let code = invite(None, 7);
    let stored = stage.value("SELECT code_hash FROM invitations", &[]).unwrap();
    assert!(code.expose().starts_with("invite_") && !stored.contains(&code.expose()[7..]));
    assert_eq!(register(&stage, "frieda", Some(&secret("invite_guessed"))), "invite_invalid");
    // A registration that fails uses nothing up.
    assert_eq!(register(&stage, "admin", Some(&code)), "email_taken");
    assert_eq!(register(&stage, "frieda", Some(&code)), "done");
    assert_eq!(register(&stage, "olga", Some(&code)), "invite_invalid");

    let named = invite(Some("Olga@Example.org"), 7);
    assert_eq!(register(&stage, "amalia", Some(&named)), "invite_invalid");
    assert_eq!(register(&stage, "olga", Some(&named)), "done");

    let short = invite(None, 1);
    stage.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(register(&stage, "amalia", Some(&short)), "invite_invalid");

    for (email, days, code) in [
        (Some("nobody"), 7, "email_invalid"),
        (None, 0, "days_out_of_range"),
        (None, 366, "days_out_of_range"),
    ] {
        let refused = administration.invite(email.map(str::to_owned), days).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, code));
    }
}

#[test]
fn an_invitation_is_listed_and_withdrawn() {
    let (stage, admin) = stage_with(Registration::Invite);
    let administration = stage.kafka.administration(&admin);
    let [kept, withdrawn, short] =
        [("frieda@example.org", 7), ("olga@example.org", 7), ("amalia@example.org", 1)]
            .map(|(email, days)| administration.invite(Some(email.to_owned()), days).unwrap());
    stage.clock.advance(Duration::from_secs(24 * 3600));
    let listed = administration.invitations().unwrap();
    assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [kept.id, withdrawn.id]);
    assert_eq!(listed[0].email.as_deref(), Some("frieda@example.org"));
    assert!(!listed.iter().any(|one| one.id == short.id));
    administration.withdraw(withdrawn.id).unwrap();
    assert_eq!(register(&stage, "olga", Some(&withdrawn.code)), "invite_invalid");
    let again = administration.withdraw(withdrawn.id).unwrap_err();
    assert_eq!((again.kind(), again.code()), (ErrorKind::NotFound, "invitation_not_found"));
    assert_eq!(register(&stage, "frieda", Some(&kept.code)), "done");
    assert!(administration.invitations().unwrap().is_empty());
}

#[test]
fn what_has_expired_is_forgotten_but_for_keys() {
    let (stage, admin) = stage_with(Registration::Open);
    let new = NewToken {
        name: "day".to_owned(),
        scopes: None,
        expires_at: Some("2026-01-02T00:00:00Z".parse().unwrap()),
    };
    stage.kafka.tokens(&admin).create(new).unwrap();
    stage.kafka.administration(&admin).invite(None, 1).unwrap();
    stage.clock.advance(Duration::from_secs(31 * 24 * 3600));
    stage.kafka.login("admin", secret(PASSWORD)).unwrap();
    let left = || {
        let counts = "SELECT (SELECT COUNT(*) FROM access_tokens WHERE kind = 'session'), \
            (SELECT COUNT(*) FROM access_tokens WHERE kind = 'api_key'), (SELECT COUNT(*) FROM invitations)";
        stage.rows(counts, &[]).remove(0).into_iter().flatten().collect::<Vec<String>>()
    };
    // One that opens sweeps soon.
    let _beside = stage.beside();
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while left() != ["1", "1", "0"] {
        assert!(std::time::Instant::now() < patience, "{:?}", left());
        thread::yield_now();
    }
}

#[test]
#[cfg_attr(feature = "postgres", ignore = "the write lock of SQLite")]
fn logging_out_with_what_is_no_token_writes_nothing() {
    let (stage, _) = stage_with(Registration::Open);
    let rows = rusqlite::Connection::open(stage.database()).unwrap();
    rows.execute_batch("BEGIN IMMEDIATE").unwrap();
    stage.kafka.logout(&secret("never heard of")).unwrap();
    rows.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn one_code_at_the_same_time_lets_one_in() {
    let (stage, admin) = stage_with(Registration::Invite);
    let code = stage.kafka.administration(&admin).invite(None, 7).unwrap().code;
    let made: Vec<String> = thread::scope(|threads| {
        let (stage, code) = (&stage, &code);
        let all: Vec<_> =
            (0..4).map(|n| threads.spawn(move || register(stage, &format!("user{n}"), Some(code)))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|outcome| *outcome == "done").count(), 1, "{made:?}");
}

#[test]
fn administrators_look_after_accounts() {
    let (stage, admin) = stage_with(Registration::Open);
    let user = stage.user("klamm");
    let id = user.user_id().unwrap();
    let kafka = &stage.kafka;
    let administration = kafka.administration(&admin);
    let all = administration.users(&PageRequest::Numbered { page: 1, page_size: 1 }).unwrap();
    assert_eq!((all.items.len(), all.numbers.unwrap().total), (1, 2));
    assert_eq!(administration.find_user("KLAMM").unwrap().unwrap().id, id);
    assert_eq!(administration.find_user("nobody").unwrap(), None);

    let patch = |is_active, is_admin, plan: Option<&str>| StandingPatch {
        is_active,
        is_admin,
        plan: plan.map(str::to_owned),
    };
    let session = kafka.login("klamm", secret(PASSWORD)).unwrap();
    let disabled = administration.update(id, patch(Some(false), None, None)).unwrap();
    assert!(!disabled.is_active && disabled.plan == "free");
    assert_eq!(kafka.authenticate(&session.token).unwrap_err().code(), "token_invalid");
    assert_eq!(kafka.login("klamm", secret(PASSWORD)).unwrap_err().code(), "login_failed");
    administration.update(id, patch(Some(true), Some(true), None)).unwrap();
    assert!(kafka.authenticate(&session.token).unwrap().is_admin());
    let refused = administration.update(id, patch(None, None, Some("gold"))).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "plan_unknown"));
    let refused = administration.update(unheard_of(), StandingPatch::default()).unwrap_err();
    assert_eq!(refused.code(), "user_not_found");

    administration.set_password(id, secret("new horse")).unwrap();
    assert_eq!(kafka.authenticate(&session.token).unwrap_err().code(), "token_invalid");
    let password = administration.reset_password(id).unwrap();
    assert_eq!(kafka.login("klamm", secret("new horse")).unwrap_err().code(), "login_failed");
    kafka.login("klamm", password).unwrap();

    let made = administration.create(
        NewUser { email: "olga@example.org".into(), ..NewUser::default() },
        secret(PASSWORD),
        true,
    );
    assert!(made.unwrap().is_admin);
    assert!(kafka.login("olga@example.org", secret(PASSWORD)).unwrap().user.is_admin);
    kafka.chats(&user).create(NewChat::default()).unwrap();
    let stats = administration.stats().unwrap();
    assert_eq!((stats.users, stats.active_users, stats.admins, stats.chats, stats.messages), (3, 3, 3, 1, 0));
    administration.delete(id).unwrap();
    assert_eq!(administration.delete(id).unwrap_err().code(), "user_not_found");
}

#[test]
fn the_only_administrator_stays() {
    let (stage, admin) = stage_with(Registration::Open);
    let user = stage.user("klamm");
    let (id, other) = (admin.user_id().unwrap(), user.user_id().unwrap());
    let administration = stage.kafka.administration(&stage.operator);
    let off = StandingPatch { is_active: Some(false), ..StandingPatch::default() };
    let demote = StandingPatch { is_admin: Some(false), ..StandingPatch::default() };
    let refused = [
        administration.update(id, off.clone()).unwrap_err(),
        administration.update(id, demote.clone()).unwrap_err(),
        administration.delete(id).unwrap_err(),
        stage.kafka.users(&admin).delete(id).unwrap_err(),
    ];
    for refused in refused {
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "last_admin"));
    }
    // One who cannot log in does not count.
    let promote = StandingPatch { is_admin: Some(true), ..StandingPatch::default() };
    administration.update(other, StandingPatch { is_active: Some(false), ..promote }).unwrap();
    assert_eq!(administration.delete(id).unwrap_err().code(), "last_admin");
    let nameless = NewUser { email: "bot@example.org".into(), ..NewUser::default() };
    administration.create(nameless, None, true).unwrap();
    assert_eq!(administration.delete(id).unwrap_err().code(), "last_admin");
    administration
        .update(other, StandingPatch { is_active: Some(true), ..StandingPatch::default() })
        .unwrap();
    administration.update(id, demote).unwrap();
    administration.update(id, off).unwrap();
    stage.kafka.users(&stage.operator).delete(id).unwrap();
}

/// One whom nobody can log in as was made by the operator, for a key: they may take it back, and nobody else.
#[test]
fn the_operator_takes_back_an_administrator_who_cannot_log_in() {
    let stage = Stage::with(
        In::Memory,
        |_| ScriptedAnswer::new(),
        |config| config.registration = Registration::First,
    );
    let administration = stage.kafka.administration(&stage.operator);
    let bot = || {
        let new = NewUser { email: "bot@example.org".into(), ..NewUser::default() };
        administration.create(new, None, true).unwrap()
    };
    let id = bot().id;
    let new = NewToken { name: "key".into(), ..NewToken::default() };
    let key = stage.kafka.tokens(&stage.operator).of(id).create(new).unwrap().token;
    let by_key = stage.kafka.authenticate(&key).unwrap();
    let refused = stage.kafka.administration(&by_key).delete(id).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "last_admin"));
    administration.delete(id).unwrap();
    stage.kafka.users(&stage.operator).delete(bot().id).unwrap();
    // Whoever registers first administers, as before it was made.
    assert!(stage.kafka.register(new_user("k"), secret(PASSWORD)).unwrap().user.is_admin);
}

/// That an address is taken says who has an account, so it is said ten times.
#[test]
fn whoever_looks_for_the_addresses_of_others_has_to_wait() {
    let (stage, _) = stage_with(Registration::Open);
    let (user, other) = (stage.user("klamm"), stage.user("olga"));
    let change = |actor: &Actor, patch: UserPatch| {
        let users = stage.kafka.users(actor);
        users.update(actor.user_id().unwrap(), patch).map_or_else(|error| error.code(), |_| "done")
    };
    let email = |text: &str| UserPatch { email: Some(text.to_owned()), ..UserPatch::default() };
    let username = |text: &str| UserPatch { username: Some(Some(text.to_owned())), ..UserPatch::default() };
    for number in 0..20 {
        assert_eq!(
            change(&user, email(&format!("{number}@example.org"))),
            "done",
            "what is free costs nothing"
        );
    }
    for _ in 0..5 {
        assert_eq!(change(&user, email("admin@example.org")), "email_taken");
        assert_eq!(change(&user, username("admin")), "username_taken");
    }
    for patch in [email("admin@example.org"), email("free@example.org"), username("free")] {
        assert_eq!(change(&user, patch), "names_throttled");
    }
    let full_name = UserPatch { full_name: Some(Some("K.".to_owned())), ..UserPatch::default() };
    assert_eq!(change(&user, full_name), "done");
    assert_eq!(change(&other, email("admin@example.org")), "email_taken");
    let by_operator = stage.kafka.users(&stage.operator).update(user.user_id().unwrap(), username("admin"));
    assert_eq!(by_operator.unwrap_err().code(), "username_taken");
    stage.clock.advance(Duration::from_secs(300));
    assert_eq!(change(&user, email("admin@example.org")), "email_taken");
    assert_eq!(change(&user, email("free@example.org")), "done");
}

#[test]
fn administration_is_for_administrators() {
    let (stage, _) = stage_with(Registration::Open);
    let user = stage.user("klamm");
    let administration = stage.kafka.administration(&user);
    let id = user.user_id().unwrap();
    let refused = [
        administration.users(&PageRequest::default()).err(),
        administration.find_user("admin").err(),
        administration.create(new_user("made"), None, false).err(),
        administration.update(id, StandingPatch { is_admin: Some(true), ..StandingPatch::default() }).err(),
        administration.set_password(id, secret(PASSWORD)).err(),
        administration.reset_password(id).err(),
        administration.delete(id).err(),
        administration.invite(None, 7).err(),
        administration.invitations().err(),
        administration.withdraw(unheard_of()).err(),
        administration.stats().err(),
    ];
    for refused in refused {
        assert_eq!(refused.map(|error| error.code().to_owned()).as_deref(), Some("admin_required"));
    }
}

#[test]
fn callers_without_a_credential_have_what_they_know_the_id_of() {
    let stage = Stage::with(In::File, |_| Default::default(), |config| config.anonymous = true);
    let kafka = &stage.kafka;
    let admin = stage.user("admin");
    let user = stage.user("klamm");
    let nobody = kafka.local_actor().unwrap();
    assert!(nobody.is_anonymous() && !nobody.is_admin() && !nobody.is_operator());
    let chat = kafka.chats(&nobody).create(NewChat::titled("Mine")).unwrap();
    assert_eq!(chat.user_id, None);
    let message = kafka.messages(&nobody).create(chat.id, NewMessage::text(Role::User, "Hi")).unwrap();
    kafka.completions(&nobody).start(chat.id, AnswerRequest::text("Why?")).unwrap().wait().unwrap();
    assert_eq!(kafka.messages(&nobody).get(message.id).unwrap().content, "Hi");
    // Models by their names, not by where they are.
    let shared = kafka.models(&nobody).list(&PageRequest::default()).unwrap().items.remove(0);
    assert_eq!((shared.name.as_str(), shared.base_url.as_str()), (MODEL, ""));
    assert_eq!(kafka.models(&nobody).get(shared.id).unwrap(), shared);
    assert_ne!(kafka.models(&user).get(shared.id).unwrap().base_url, "");

    // What belongs to nobody, but was not made like this, stays the operator's; what is someone's, theirs.
    let operators = stage.chat();
    let users = stage.chat_of(&user);
    for id in [operators.id, users.id] {
        assert_eq!(kafka.chats(&nobody).get(id).unwrap_err().code(), "chat_not_found");
        let asked = kafka.completions(&nobody).start(id, AnswerRequest::text("Why?"));
        assert_eq!(asked.unwrap_err().code(), "chat_not_found");
    }
    // It is no one's but the operator's and the administrators'.
    assert_eq!(kafka.chats(&user).get(chat.id).unwrap_err().code(), "chat_not_found");
    assert_eq!(kafka.chats(&admin).get(chat.id).unwrap().title.as_deref(), Some("Mine"));

    // Nothing tells one caller of another, or of an account.
    let key = || IdempotencyKey::new("POST", "/chats", "k", b"").unwrap();
    let refused = [
        kafka.chats(&nobody).list(&ChatFilter::default(), &PageRequest::default()).err(),
        kafka.chats(&nobody).idempotent(key()).create(NewChat::default()).err(),
        // Numbers can be guessed, ids cannot.
        kafka.linear(&nobody).chat(chat.number).err(),
        kafka.linear(&nobody).chat_id(chat.number).err(),
        kafka.linear(&nobody).message(message.number).err(),
        kafka.linear(&nobody).message_id(message.number).err(),
        kafka.linear(&nobody).messages_of(chat.number).err(),
        kafka.linear(&nobody).page_of(chat.number, 1, 10).err(),
        kafka.linear(&nobody).chats().err(),
        kafka.events(&nobody).subscribe(None).err(),
        kafka.tokens(&nobody).list(&PageRequest::default()).err(),
        kafka.users(&nobody).list(&PageRequest::default()).err(),
        kafka.workspaces(&nobody).create(NewWorkspace { name: "w".into(), owner_id: None }).err(),
        kafka.administration(&nobody).stats().err(),
        kafka.change_password(&nobody, secret("a"), secret("b")).err(),
    ];
    for refused in refused {
        assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::Unauthenticated));
    }
    kafka.chats(&nobody).delete(chat.id).unwrap();
}

#[test]
fn callers_without_a_credential_are_refused_unless_wanted() {
    let stage = Stage::new(In::Memory);
    let refused = stage.kafka.local_actor().unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Unauthenticated, "credential_missing"));
}

#[test]
fn administrators_see_what_belongs_to_nobody_where_there_are_passwords() {
    for (is_open, seen) in [(false, true), (true, false)] {
        let stage = Stage::with(In::File, |_| Default::default(), |config| config.open = is_open);
        let kafka = &stage.kafka;
        let [admin, user] = ["admin", "klamm"].map(|name| {
            let actor = stage.user(name);
            let patch = StandingPatch { is_admin: Some(name == "admin"), ..StandingPatch::default() };
            kafka.administration(&stage.operator).update(actor.user_id().unwrap(), patch).unwrap();
            kafka.login(name, secret(PASSWORD)).and_then(|login| kafka.authenticate(&login.token)).unwrap()
        });
        let nobodys = kafka
            .workspaces(&stage.operator)
            .create(NewWorkspace { name: "Office".into(), owner_id: None })
            .unwrap();
        let users =
            kafka.workspaces(&user).create(NewWorkspace { name: "Castle".into(), owner_id: None }).unwrap();
        let chat_in = |workspace| NewChat { workspace_id: Some(workspace), ..NewChat::default() };
        let free = stage.chat();
        let inside = kafka.chats(&stage.operator).create(chat_in(nobodys.id)).unwrap();
        // Nobody's by its owner, but it lies in someone's workspace.
        let guest = kafka.chats(&stage.operator).create(chat_in(users.id)).unwrap();
        for chat in [&free, &inside] {
            assert_eq!(kafka.chats(&admin).get(chat.id).is_ok(), seen, "{is_open}");
            assert_eq!(
                kafka.messages(&admin).create(chat.id, NewMessage::text(Role::User, "x")).is_ok(),
                seen
            );
        }
        assert_eq!(kafka.workspaces(&admin).get(nobodys.id).is_ok(), seen);
        assert_eq!(kafka.chats(&admin).get(guest.id).unwrap_err().code(), "chat_not_found");
        assert_eq!(kafka.workspaces(&admin).get(users.id).unwrap_err().code(), "workspace_not_found");
        for request in [PageRequest::default(), PageRequest::Numbered { page: 1, page_size: 9 }] {
            let page = kafka.chats(&admin).list(&ChatFilter::default(), &request).unwrap();
            let expected = if seen { 2 } else { 0 };
            assert_eq!(page.items.len(), expected);
            assert_eq!(page.numbers.map_or(expected as u64, |numbers| numbers.total), expected as u64);
        }
        assert_eq!(
            kafka.chats(&user).list(&ChatFilter::default(), &PageRequest::default()).unwrap().items.len(),
            1
        );
    }
}
