//! The change feed: who is told what, when, and what happens to those who do not listen.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use kafka_core::{
    Actor, AnswerRequest, Change, Changes, Chat, ChatId, ChatPatch, ErrorKind, MemberRole, MessagePatch,
    MessageStatus, ModelPatch, NewChat, NewMessage, NewWorkspace, ResponseStatus, Role, StandingPatch,
    UserPatch, WorkspacePatch,
    testing::{Gate, ScriptedAnswer},
};

use crate::stage::{In, Stage, new_model, unheard_of};

/// Longer than any step of a test takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn next(changes: &mut Changes) -> Change {
    changes.next_within(PATIENCE).unwrap().expect("something changed")
}

/// What there is to be told now, in few words.
fn told(changes: &mut Changes) -> Vec<String> {
    let now = || changes.next_within(Duration::ZERO).unwrap();
    std::iter::from_fn(now).map(in_words).collect()
}

/// What everything that was done so far is told as. A call may return a little before it is told, so that
/// something that all are told ends it: what is told keeps the order of the commits.
fn told_so_far<const N: usize>(stage: &Stage, readers: [&mut Changes; N]) -> [Vec<String>; N] {
    static ENDS: AtomicUsize = AtomicUsize::new(0);

    let models = stage.kafka.models(&stage.operator);
    let number = ENDS.fetch_add(1, Ordering::Relaxed);
    let end = models.create(new_model(&format!("end {number}"))).unwrap().id;
    readers.map(|changes| {
        let before_end = |change: &Change| !matches!(change, Change::Model(model) if model.id == end);
        std::iter::repeat_with(|| next(changes)).take_while(before_end).map(in_words).collect()
    })
}

fn in_words(change: Change) -> String {
    match change {
        Change::Chat(chat) => format!("chat {}", chat.title.unwrap_or_default()),
        Change::Branch { .. } => "another branch".to_owned(),
        Change::ChatDeleted(_) => "chat deleted".to_owned(),
        Change::Message(message) => format!("{} {}", message.role.as_str(), message.content),
        Change::MessageDeleted { .. } => "message deleted".to_owned(),
        Change::Response(response) => format!("response {}", response.status.as_str()),
        Change::Workspace(workspace) => format!("workspace {}", workspace.name),
        Change::WorkspaceDeleted(_) => "workspace deleted".to_owned(),
        Change::Model(model) => format!("model {}", model.name),
        Change::ModelDeleted(_) => "model deleted".to_owned(),
        Change::User(user) => format!("user {}", user.full_name.unwrap_or_default()),
        Change::UserDeleted(_) => "user deleted".to_owned(),
        Change::Lost(count) => format!("lost {count}"),
        _ => "something new".to_owned(),
    }
}

fn chat(stage: &Stage, actor: &Actor, title: &str) -> Chat {
    stage.kafka.chats(actor).create(NewChat::titled(title)).unwrap()
}

#[test]
fn everyone_is_told_of_what_they_may_see_and_of_nothing_else() {
    let stage = Stage::new(In::File);
    let kafka = &stage.kafka;
    let (owner, stranger) = (stage.user("owner"), stage.user("stranger"));
    let before = chat(&stage, &owner, "before");
    let refused = kafka.events(&stranger).subscribe(before.id).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::NotFound, "chat_not_found"));
    assert_eq!(kafka.events(&owner).subscribe(unheard_of::<ChatId>()).unwrap_err().code(), "chat_not_found");

    let mut all =
        [owner, stage.operator, stranger].map(|actor| kafka.events(&actor).subscribe(None).unwrap());
    let mut of_one = kafka.events(&owner).subscribe(before.id).unwrap();
    let made = chat(&stage, &owner, "made");
    let mut seen = vec![told(&mut all[0])];
    let message = kafka.messages(&owner).create(made.id, NewMessage::text(Role::User, "one")).unwrap();
    seen.push(told(&mut all[0]));
    kafka
        .messages(&owner)
        .update(message.id, MessagePatch { content: Some("two".into()), ..MessagePatch::default() })
        .unwrap();
    seen.push(told(&mut all[0]));
    kafka.messages(&owner).delete(message.id).unwrap();
    let patch = ChatPatch { title: Some(Some("renamed".into())), ..ChatPatch::default() };
    kafka.chats(&owner).update(made.id, patch).unwrap();
    seen.push(told(&mut all[0]));
    kafka.chats(&owner).delete(made.id).unwrap();
    seen.push(told(&mut all[0]));
    assert_eq!(
        seen,
        [
            vec!["chat made"],
            vec!["user one"],
            vec!["user two"],
            vec!["message deleted", "chat renamed"],
            vec!["chat deleted"]
        ]
    );
    // Who reads late finds what is left of it.
    assert_eq!(told(&mut all[1]), ["chat deleted"]);
    assert_eq!(told(&mut all[2]), [""; 0]);
    assert_eq!(told(&mut of_one), [""; 0]);
    kafka.messages(&owner).create(before.id, NewMessage::text(Role::User, "here")).unwrap();
    assert_eq!(told(&mut of_one), ["user here"]);
    kafka.chats(&owner).delete(before.id).unwrap();
    assert_eq!(told(&mut of_one), ["chat deleted"]);
}

#[test]
fn that_a_conversation_goes_on_elsewhere_is_told_before_what_is_said_there() {
    let stage = Stage::new(In::Memory);
    let (kafka, me) = (&stage.kafka, &stage.operator);
    let chat = chat(&stage, me, "chat");
    let old = stage.say(&chat, Role::User, "old");
    // Whoever comes first administers, and looks after what is nobody's.
    stage.user("admin");
    let stranger = stage.user("stranger");
    let [mut of_everything, mut of_stranger] =
        [me, &stranger].map(|actor| kafka.events(actor).subscribe(None).unwrap());
    let mut of_chat = kafka.events(me).subscribe(chat.id).unwrap();
    let under = |parent| NewMessage { parent_id: Some(parent), ..NewMessage::text(Role::User, "new") };
    kafka.messages(me).create(chat.id, under(Some(old.id))).unwrap();
    assert_eq!(in_words(next(&mut of_chat)), "user new", "the end of the branch is no other branch");
    kafka.messages(me).create(chat.id, under(None)).unwrap();
    let Change::Branch { chat_id, active_leaf_id } = next(&mut of_chat) else { panic!("another branch") };
    assert_eq!((chat_id, active_leaf_id), (chat.id, None));
    assert_eq!(in_words(next(&mut of_chat)), "user new");
    // Choosing what is chosen already tells nothing.
    for chosen in [old.id, old.id] {
        kafka.branches(me).activate(chosen).unwrap();
    }
    let end_in = ChatPatch { active_leaf_id: Some(old.id), ..ChatPatch::default() };
    kafka.chats(me).update(chat.id, end_in).unwrap();
    let question = stage.ask(&chat, AnswerRequest::default()).user_message;
    stage.ask(&chat, AnswerRequest::default());
    let leaves = std::iter::repeat_with(|| next(&mut of_chat)).filter_map(|change| match change {
        Change::Branch { active_leaf_id, .. } => active_leaf_id,
        _ => None,
    });
    assert_eq!(leaves.take(3).last(), Some(question.id), "a question is answered anew");
    let [of_everything, of_stranger] = told_so_far(&stage, [&mut of_everything, &mut of_stranger]);
    let expected =
        ["user new", "another branch", "user new", "another branch", "chat chat", "another branch"];
    assert_eq!(of_everything[..6], expected);
    assert_eq!(of_everything.iter().filter(|words| *words == "another branch").count(), 4);
    assert_eq!(of_stranger, [""; 0]);
}

/// What was done, and who is told it in which words.
type Told = (&'static str, Vec<String>, Vec<String>, Vec<String>);

#[test]
fn every_noun_is_told_to_those_who_may_see_it() {
    let stage = Stage::with(In::File, |_| ScriptedAnswer::of(&["Yes"]), |config| config.open = false);
    let kafka = &stage.kafka;
    let [admin, owner, stranger] = ["admin", "owner", "stranger"].map(|name| stage.user(name));
    let id = owner.user_id().unwrap();
    let mut readers =
        [owner, stage.operator, stranger, admin].map(|actor| kafka.events(&actor).subscribe(None).unwrap());
    let mut seen: Vec<Told> = Vec::new();
    let mut done = |what| {
        let [owner, operator, stranger, admin] = told_so_far(&stage, readers.each_mut());
        assert_eq!(owner, operator, "{what}");
        seen.push((what, owner, stranger, admin));
    };

    let new = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = kafka.workspaces(&owner).create(new).unwrap().id;
    done("workspace made");
    let name = |name: &str| WorkspacePatch { name: Some(name.into()) };
    kafka.workspaces(&owner).update(workspace, name("Study")).unwrap();
    done("workspace renamed");
    let member = stranger.user_id().unwrap();
    kafka.workspaces(&owner).share(workspace, member, Some(MemberRole::Viewer)).unwrap();
    done("workspace shared");
    kafka.workspaces(&owner).delete(workspace).unwrap();
    done("workspace deleted");

    let own = kafka.models(&owner).create(new_model("own")).unwrap().id;
    done("model made");
    let renamed = ModelPatch { name: Some("mine".into()), ..ModelPatch::default() };
    kafka.models(&owner).update(own, renamed).unwrap();
    done("model renamed");
    kafka.models(&owner).delete(own).unwrap();
    done("model deleted");
    let shared = kafka.models(&stage.operator).create(new_model("shared")).unwrap().id;
    done("shared model made");
    kafka.models(&stage.operator).delete(shared).unwrap();
    done("shared model deleted");

    let patch = UserPatch { full_name: Some(Some("Ada".into())), ..UserPatch::default() };
    kafka.users(&owner).update(id, patch).unwrap();
    done("account changed");
    let standing = StandingPatch { is_admin: Some(false), ..StandingPatch::default() };
    kafka.administration(&stage.operator).update(id, standing).unwrap();
    done("standing changed");

    let words = |words: &str| words.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let expected = [
        ("workspace made", "workspace Office", "", ""),
        ("workspace renamed", "workspace Study", "", ""),
        ("workspace shared", "workspace Study", "workspace Study", ""),
        ("workspace deleted", "workspace deleted", "workspace deleted", ""),
        ("model made", "model own", "", ""),
        ("model renamed", "model mine", "", ""),
        ("model deleted", "model deleted", "", ""),
        ("shared model made", "model shared", "model shared", "model shared"),
        ("shared model deleted", "model deleted", "model deleted", "model deleted"),
        ("account changed", "user Ada", "", "user Ada"),
        ("standing changed", "user Ada", "", "user Ada"),
    ];
    let expected =
        expected.map(|(what, owner, stranger, admin)| (what, words(owner), words(stranger), words(admin)));
    assert_eq!(seen, expected);
}

#[test]
fn accounts_are_told_to_administrators_and_go_with_their_workspaces() {
    let stage = Stage::with(In::File, |_| Default::default(), |config| config.open = false);
    let kafka = &stage.kafka;
    let [admin, stranger] = ["admin", "stranger"].map(|name| stage.user(name));
    let mut readers = [admin, stranger].map(|actor| kafka.events(&actor).subscribe(None).unwrap());
    let owner = stage.user("owner");
    assert_eq!(told_so_far(&stage, readers.each_mut()).map(|words| words.len()), [1, 0]);
    let new = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = kafka.workspaces(&owner).create(new).unwrap().id;
    let member = stranger.user_id().unwrap();
    kafka.workspaces(&owner).share(workspace, member, Some(MemberRole::Viewer)).unwrap();
    let [_, of_stranger] = told_so_far(&stage, readers.each_mut());
    assert_eq!(of_stranger, ["workspace Office"]);
    kafka.users(&owner).delete(owner.user_id().unwrap()).unwrap();
    assert_eq!(told_so_far(&stage, readers.each_mut()), [["user deleted"], ["workspace deleted"]]);
}

/// Followers of one chat learn it from the message, which carries the answer's record.
#[test]
fn answers_are_told_when_they_begin_and_end() {
    let gate = Gate::new();
    let held = gate.clone();
    let script = move |_: &_| ScriptedAnswer::new().text("Because").wait_for(&held).finish();
    let stage = Stage::with(In::File, move |call| script(call), |_| {});
    let kafka = &stage.kafka;
    let (owner, stranger) = (stage.user("owner"), stage.user("stranger"));
    let chat = chat(&stage, &owner, "Trial");
    let mut readers = [owner, stranger].map(|actor| kafka.events(&actor).subscribe(None).unwrap());
    let mut of_chat = kafka.events(&owner).subscribe(chat.id).unwrap();
    let turn = kafka.completions(&owner).start(chat.id, AnswerRequest::text("Why?")).unwrap();
    let mut response = || loop {
        if let Change::Response(response) = next(&mut readers[0]) {
            return *response;
        }
    };
    let begun = response();
    assert_eq!((begun.id, begun.status), (turn.id(), ResponseStatus::Streaming));
    gate.open();
    let ended = response();
    assert_eq!(ended, kafka.responses(&owner).get(turn.id()).unwrap());
    assert_eq!(ended.status, ResponseStatus::Completed);
    assert!(kafka.wait_until_idle(PATIENCE));
    assert_eq!(told(&mut readers[1]), [""; 0]);
    assert!(told(&mut of_chat).iter().all(|words| !words.starts_with("response")));
}

#[test]
fn an_answer_is_told_when_it_begins_and_when_it_ends() {
    let gate = Gate::new();
    let held = gate.clone();
    let script = move |_: &_| ScriptedAnswer::new().text("Because").wait_for(&held).finish();
    let stage = Stage::with(In::File, move |call| script(call), |_| {});
    let kafka = &stage.kafka;
    let chat = chat(&stage, &stage.operator, "Trial");
    let mut changes = kafka.events(&stage.operator).subscribe(chat.id).unwrap();
    let turn = kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("Why?")).unwrap();
    let message = |change| match change {
        Change::Message(message) => *message,
        other => panic!("{other:?}"),
    };
    assert_eq!(message(next(&mut changes)).content, "Why?");
    let begun = message(next(&mut changes));
    assert_eq!((begun.id, begun.status), (turn.message_id(), MessageStatus::Streaming));
    assert_eq!(begun.response.unwrap().id, turn.id());
    gate.open();
    let ended = message(next(&mut changes));
    assert_eq!((ended.status, ended.content.as_str()), (MessageStatus::Complete, "Because"));
    // What is told is stored.
    assert_eq!(kafka.messages(&stage.operator).get(ended.id).unwrap(), ended);
}

#[test]
fn what_is_not_read_is_bounded_and_its_loss_told() {
    let stage = Stage::with(
        In::Memory,
        |_| ScriptedAnswer::new().finish(),
        |config| {
            config.limits.pending_changes = 2;
        },
    );
    let mut changes = stage.kafka.events(&stage.operator).subscribe(None).unwrap();
    for title in ["a", "b", "c", "d", "e"] {
        chat(&stage, &stage.operator, title);
    }
    assert_eq!(told(&mut changes), ["chat a", "chat b", "lost 3"]);
    chat(&stage, &stage.operator, "f");
    assert_eq!(told(&mut changes), ["chat f"]);
}

#[test]
fn a_reader_is_woken_once_for_what_comes_together() {
    let stage = Stage::new(In::Memory);
    let mut changes = stage.kafka.events(&stage.operator).subscribe(None).unwrap();
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    changes.on_news(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    chat(&stage, &stage.operator, "a");
    chat(&stage, &stage.operator, "b");
    assert_eq!((woken.load(Ordering::SeqCst), told(&mut changes).len()), (1, 2));
    chat(&stage, &stage.operator, "c");
    assert_eq!(woken.load(Ordering::SeqCst), 2);
}

#[test]
fn the_feed_ends_with_the_installation_and_a_refused_write_tells_nothing() {
    let stage = Stage::new(In::Memory);
    let changes = stage.kafka.events(&stage.operator).subscribe(None).unwrap();
    let reading = thread::spawn(move || changes.map(Result::unwrap).collect::<Vec<_>>());
    let nobody = NewChat { user_id: Some(unheard_of()), ..NewChat::titled("refused") };
    stage.kafka.chats(&stage.operator).create(nobody).unwrap_err();
    stage.kafka.close();
    assert_eq!(reading.join().unwrap(), []);
}

/// Who holds a chat takes it along: followers are told, and the model is stopped.
#[test]
fn chats_that_are_deleted_with_what_holds_them_are_told_and_their_answers_end() {
    for account in [false, true] {
        let gate = Gate::new();
        let held = gate.clone();
        let script = move |_: &_| ScriptedAnswer::new().text("One").wait_for(&held).finish();
        let stage = Stage::with(In::File, script, |_| {});
        let kafka = &stage.kafka;
        // Whoever comes first administers, and could not go.
        stage.user("admin");
        let [owner, member, stranger] = ["owner", "member", "stranger"].map(|name| stage.user(name));
        let workspace =
            kafka.workspaces(&owner).create(NewWorkspace { name: "Castle".into(), owner_id: None });
        let workspace = workspace.unwrap().id;
        stage.rows(
            "INSERT INTO workspace_members (workspace_id, user_id, role, created_at, updated_at) \
             VALUES ($1, $2, 'editor', 0, 0)",
            &[&workspace.to_string(), &member.user_id().unwrap().to_string()],
        );
        // A member's chat goes with the owner's workspace.
        let new = NewChat { workspace_id: Some(workspace), ..NewChat::default() };
        let inside = kafka.chats(&member).create(new).unwrap();
        let apart = chat(&stage, &member, "apart");
        let turn = kafka.completions(&member).start(inside.id, AnswerRequest::text("Go on.")).unwrap();
        let mut of_one = kafka.events(&member).subscribe(inside.id).unwrap();
        let mut all =
            [owner, member, stage.operator].map(|actor| kafka.events(&actor).subscribe(None).unwrap());
        let mut unconcerned = kafka.events(&stranger).subscribe(None).unwrap();
        let mut of_another = kafka.events(&member).subscribe(apart.id).unwrap();

        // Whoever may not delete it disturbs nothing by trying.
        for actor in [member, stranger] {
            match account {
                true => kafka.users(&actor).delete(owner.user_id().unwrap()).unwrap_err(),
                false => kafka.workspaces(&actor).delete(workspace).unwrap_err(),
            };
        }
        assert_eq!(kafka.responses(&member).running(inside.id).unwrap(), [turn.id()]);
        assert_eq!(all.each_mut().map(|changes| told(changes).len()), [0; 3]);

        match account {
            true => kafka.users(&owner).delete(owner.user_id().unwrap()).unwrap(),
            false => kafka.workspaces(&owner).delete(workspace).unwrap(),
        }
        assert!(turn.wait().is_err());
        assert!(kafka.wait_until_idle(PATIENCE), "the model is stopped");
        assert_eq!(told(&mut of_one).last().unwrap(), "chat deleted");
        let [of_owner, others @ ..] = &mut all;
        match account {
            // Who has no account any more is told nothing any more.
            true => {
                let refused =
                    std::iter::from_fn(|| of_owner.next_within(PATIENCE).transpose()).find_map(Result::err);
                assert_eq!(refused.unwrap().code(), "credential_revoked");
            }
            false => assert_eq!(told_so_far(&stage, [of_owner]), [["chat deleted", "workspace deleted"]]),
        }
        let expected = ["chat deleted", "workspace deleted", "user deleted"];
        let of_operator = if account { &expected[..] } else { &expected[..2] };
        for (changes, expected) in others.iter_mut().zip([&expected[..2], of_operator]) {
            let told = told_so_far(&stage, [changes]);
            let told = told[0].iter().filter(|words| !words.starts_with("model end"));
            assert_eq!(told.collect::<Vec<_>>(), expected);
        }
        let of_stranger = told(&mut unconcerned);
        assert!(of_stranger.iter().all(|words| words.starts_with("model end")), "{of_stranger:?}");
        assert_eq!(told(&mut of_another), [""; 0]);
    }
}
