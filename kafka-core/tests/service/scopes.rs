//! Who may do what: every actor against every noun and call.

use kafka_core::{
    Actor, AnswerRequest, Chat, ChatFile, ChatFilter, ChatId, ChatPatch, ComposeRequest, ErrorKind, File,
    FilePatch, Kafka, Message, MessageId, MessagePatch, Model, ModelPatch, NewChat, NewChatFile, NewFile,
    NewFork, NewMessage, NewModel, NewUser, NewVersion, NewWorkspace, PageRequest, Registration, Response,
    Result, Role, User, UserPatch, Workspace, WorkspacePatch, testing::ScriptedAnswer,
};

use crate::stage::{In, Stage, new_model, unheard_of};

/// What is done to what the owner has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Own,
}

/// What a call may come to. What someone may not see is not there for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    NotFound,
}

struct House {
    stage: Stage,
    owner: Actor,
    user: User,
    workspace: Workspace,
    chat: Chat,
    question: Message,
    response: Response,
    model: Model,
    shared_model: Model,
    file: File,
    text: ChatFile,
}

/// A workspace of one user, with a chat that was answered, a viewer and an editor beside a stranger.
fn house() -> (House, Vec<(&'static str, Actor)>) {
    let answer = |_: &_| ScriptedAnswer::of(&["Well, yes."]);
    let stage = Stage::with(In::File, answer, |config| {
        config.open = false;
        config.registration = Registration::Open;
    });
    let kafka = &stage.kafka;
    // Whoever comes first administers, which opens nobody's rooms.
    let admin = stage.user("admin");
    let owner = stage.user("owner");
    let workspace = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = kafka.workspaces(&owner).create(workspace).unwrap();
    let [viewer, editor, stranger] = ["viewer", "editor", "stranger"].map(|name| stage.user(name));
    for (member, role) in [(viewer, "viewer"), (editor, "editor")] {
        let ids = [workspace.id.to_string(), member.user_id().unwrap().to_string(), role.to_owned()];
        // Members have no call of their own yet.
        let sql = "INSERT INTO workspace_members (workspace_id, user_id, role, created_at, updated_at) \
            VALUES ($1, $2, $3, 0, 0)";
        stage.rows(sql, &ids.each_ref().map(String::as_str));
    }
    let chat = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled("Trial") };
    let chat = kafka.chats(&owner).create(chat).unwrap();
    let turn = kafka.completions(&owner).start(chat.id, AnswerRequest::text("Why?")).unwrap();
    let answer = turn.wait().unwrap();
    let model = kafka.models(&owner).create(new_model("own")).unwrap();
    let shared_model = kafka.models(&stage.operator).create(new_model("shared")).unwrap();
    let file = kafka.files(&owner).upload(workspace.id, NewFile::named("a.png"), &mut &b"png"[..]).unwrap();
    let text = NewChatFile { filename: "a.txt".into(), content: "one".into() };
    let text = kafka.chat_files(&owner).create(chat.id, text).unwrap();
    let user = kafka.users(&owner).get(owner.user_id().unwrap()).unwrap();
    let actors = vec![
        ("operator", stage.operator),
        ("owner", owner),
        ("editor", editor),
        ("viewer", viewer),
        ("stranger", stranger),
        ("admin", admin),
    ];
    let house = House {
        owner,
        user,
        workspace,
        chat,
        question: answer.user_message,
        response: answer.response,
        model,
        shared_model,
        file,
        text,
        stage,
    };
    (house, actors)
}

type Do = fn(&Kafka, &Actor, &House) -> Result<()>;

/// Every call by the id of something that is the owner's, gentle ones first.
const CALLS: &[(&str, Call, Do)] = &[
    ("get chat", Call::Read, |k, a, h| k.chats(a).get(h.chat.id).map(drop)),
    ("list messages", Call::Read, |k, a, h| k.messages(a).list(h.chat.id, &PageRequest::default()).map(drop)),
    ("number messages", Call::Read, |k, a, h| {
        k.messages(a).list(h.chat.id, &PageRequest::Numbered { page: 1, page_size: 5 }).map(drop)
    }),
    ("list branches", Call::Read, |k, a, h| k.branches(a).list(h.chat.id, &PageRequest::default()).map(drop)),
    ("number branches", Call::Read, |k, a, h| {
        k.branches(a).list(h.chat.id, &PageRequest::Numbered { page: 1, page_size: 5 }).map(drop)
    }),
    // Whoever reads a chat may begin one of their own with it.
    ("fork chat", Call::Read, |k, a, h| k.branches(a).fork(h.chat.id, NewFork::default()).map(drop)),
    ("get chat by number", Call::Read, |k, a, h| k.linear(a).chat(h.chat.number).map(drop)),
    ("find chat by number", Call::Read, |k, a, h| k.linear(a).chat_id(h.chat.number).map(drop)),
    ("walk messages", Call::Read, |k, a, h| k.linear(a).messages(h.chat.id).map(drop)),
    ("walk messages by number", Call::Read, |k, a, h| k.linear(a).messages_of(h.chat.number).map(drop)),
    ("page messages by number", Call::Read, |k, a, h| k.linear(a).page_of(h.chat.number, 1, 5).map(drop)),
    ("get message by number", Call::Read, |k, a, h| k.linear(a).message(h.question.number).map(drop)),
    ("find message by number", Call::Read, |k, a, h| k.linear(a).message_id(h.question.number).map(drop)),
    ("get message", Call::Read, |k, a, h| k.messages(a).get(h.question.id).map(drop)),
    ("get response", Call::Read, |k, a, h| k.responses(a).get(h.response.id).map(drop)),
    ("follow response", Call::Read, |k, a, h| k.responses(a).events(h.response.id, 0).map(drop)),
    ("get workspace", Call::Read, |k, a, h| k.workspaces(a).get(h.workspace.id).map(drop)),
    ("list files", Call::Read, |k, a, h| k.files(a).list(h.workspace.id, &PageRequest::default()).map(drop)),
    ("get file", Call::Read, |k, a, h| k.files(a).get(h.file.id).map(drop)),
    ("read file", Call::Read, |k, a, h| k.files(a).open(h.file.id).map(drop)),
    ("list files of chat", Call::Read, |k, a, h| {
        k.chat_files(a).list(h.chat.id, &PageRequest::default()).map(drop)
    }),
    ("get file of chat", Call::Read, |k, a, h| k.chat_files(a).get(h.text.id).map(drop)),
    ("list versions", Call::Read, |k, a, h| {
        k.chat_files(a).versions(h.text.id, &PageRequest::default()).map(drop)
    }),
    ("get version", Call::Read, |k, a, h| k.chat_files(a).version(h.text.id, 1).map(drop)),
    ("get newest version", Call::Read, |k, a, h| k.chat_files(a).newest_version(h.text.id).map(drop)),
    ("compare versions", Call::Read, |k, a, h| k.chat_files(a).diff(h.text.id, 1, 1).map(drop)),
    ("rename file", Call::Write, |k, a, h| {
        k.files(a).update(h.file.id, FilePatch { filename: Some("b.png".into()) }).map(drop)
    }),
    ("upload file", Call::Write, |k, a, h| {
        k.files(a).upload(h.workspace.id, NewFile::named("c.png"), &mut &b"c"[..]).map(drop)
    }),
    ("upload into chat", Call::Write, |k, a, h| {
        k.chat_files(a).upload(h.chat.id, NewFile::named("d.png"), &mut &b"d"[..]).map(drop)
    }),
    ("write into chat", Call::Write, |k, a, h| {
        let name = a.user_id().map_or("operator".to_owned(), |id| id.to_string());
        let new = NewChatFile { filename: name, content: "x".into() };
        k.chat_files(a).create(h.chat.id, new).map(drop)
    }),
    ("add version", Call::Write, |k, a, h| {
        k.chat_files(a).add_version(h.text.id, NewVersion::text("two")).map(drop)
    }),
    ("revert", Call::Write, |k, a, h| k.chat_files(a).revert(h.text.id, 1).map(drop)),
    ("rename chat", Call::Write, |k, a, h| {
        k.chats(a).update(h.chat.id, ChatPatch { pinned: Some(true), ..ChatPatch::default() }).map(drop)
    }),
    ("add message", Call::Write, |k, a, h| {
        k.messages(a).create(h.chat.id, NewMessage::text(Role::User, "Hm")).map(drop)
    }),
    ("change message", Call::Write, |k, a, h| {
        k.messages(a)
            .update(
                h.question.id,
                MessagePatch { content: Some("Why not?".into()), ..MessagePatch::default() },
            )
            .map(drop)
    }),
    ("choose branch", Call::Write, |k, a, h| k.branches(a).activate(h.question.id).map(drop)),
    ("ask", Call::Write, |k, a, h| {
        k.completions(a).start(h.chat.id, AnswerRequest::text("And?")).map(|turn| drop(turn.wait()))
    }),
    ("compose", Call::Write, |k, a, h| {
        k.composer(a).start(h.chat.id, ComposeRequest::text("And?")).map(|turn| drop(turn.wait()))
    }),
    ("cancel response", Call::Write, |k, a, h| k.responses(a).cancel(h.response.id).map(drop)),
    ("add chat to workspace", Call::Write, |k, a, h| {
        let new = NewChat { workspace_id: Some(h.workspace.id), ..NewChat::default() };
        k.chats(a).create(new).map(drop)
    }),
    ("rename workspace", Call::Own, |k, a, h| {
        k.workspaces(a).update(h.workspace.id, WorkspacePatch { name: Some("Castle".into()) }).map(drop)
    }),
    ("get model", Call::Own, |k, a, h| k.models(a).get(h.model.id).map(drop)),
    ("change model", Call::Own, |k, a, h| {
        k.models(a)
            .update(h.model.id, ModelPatch { is_default: Some(false), ..ModelPatch::default() })
            .map(drop)
    }),
    ("get user", Call::Own, |k, a, h| k.users(a).get(h.user.id).map(drop)),
    ("change user", Call::Own, |k, a, h| {
        k.users(a).update(h.user.id, UserPatch { full_name: Some(None), ..UserPatch::default() }).map(drop)
    }),
];

/// Those that destroy, each on a house of its own.
const DELETIONS: &[(&str, Call, Do)] = &[
    ("delete file of chat", Call::Write, |k, a, h| k.chat_files(a).delete(h.text.id)),
    ("delete file", Call::Write, |k, a, h| k.files(a).delete(h.file.id)),
    ("delete message", Call::Write, |k, a, h| k.messages(a).delete(h.question.id)),
    ("delete chat", Call::Write, |k, a, h| k.chats(a).delete(h.chat.id)),
    ("delete model", Call::Own, |k, a, h| k.models(a).delete(h.model.id)),
    ("delete workspace", Call::Own, |k, a, h| k.workspaces(a).delete(h.workspace.id)),
    ("delete user", Call::Own, |k, a, h| k.users(a).delete(h.user.id)),
];

fn expected(actor: &str, call: Call) -> Outcome {
    match (actor, call) {
        ("operator" | "owner", _) | ("editor", Call::Read | Call::Write) | ("viewer", Call::Read) => {
            Outcome::Done
        }
        _ => Outcome::NotFound,
    }
}

fn check(house: &House, name: &str, actor: &Actor, (what, call, act): &(&str, Call, Do)) {
    let outcome = match act(&house.stage.kafka, actor, house) {
        Ok(()) => Outcome::Done,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{name}, {what}: {error}");
            Outcome::NotFound
        }
    };
    assert_eq!(outcome, expected(name, *call), "{name}: {what}");
}

#[test]
fn every_actor_against_every_call() {
    let (house, actors) = house();
    for (name, actor) in &actors {
        for call in CALLS {
            check(&house, name, actor, call);
        }
    }
    // First those who must not: what they try to delete has to be there for the next.
    for (name, actor) in actors.iter().rev() {
        for deletion in DELETIONS.iter().filter(|(_, call, _)| expected(name, *call) == Outcome::NotFound) {
            check(&house, name, actor, deletion);
        }
    }
    for deletion in DELETIONS {
        check(&house, "owner", &house.owner, deletion);
    }
}

#[test]
fn an_editor_may_delete_what_is_in_the_workspace() {
    let (house, actors) = house();
    let (name, editor) = actors[2];
    for deletion in DELETIONS.iter().filter(|(_, call, _)| *call == Call::Write) {
        check(&house, name, &editor, deletion);
    }
}

#[test]
fn a_foreign_thing_and_none_are_told_in_the_same_words() {
    let (house, actors) = house();
    let (_, stranger) = actors[4];
    let kafka = &house.stage.kafka;
    let (no_chat, no_message): (ChatId, MessageId) = (unheard_of(), unheard_of());
    let same = |foreign: kafka_core::Error, missing: kafka_core::Error, ids: [String; 2]| {
        assert_eq!(foreign.code(), missing.code());
        assert_eq!(foreign.message().replace(&ids[0], "ID"), missing.message().replace(&ids[1], "ID"));
    };
    same(
        kafka.chats(&stranger).get(house.chat.id).unwrap_err(),
        kafka.chats(&stranger).get(no_chat).unwrap_err(),
        [house.chat.id.to_string(), no_chat.to_string()],
    );
    same(
        kafka.messages(&stranger).get(house.question.id).unwrap_err(),
        kafka.messages(&stranger).get(no_message).unwrap_err(),
        [house.question.id.to_string(), no_message.to_string()],
    );
}

#[test]
fn lists_and_counts_show_each_actor_their_own() {
    let (house, actors) = house();
    let kafka = &house.stage.kafka;
    let anonymous = house.stage.chat();
    let aside = house.stage.chat_of(&actors[4].1);
    let in_workspace = ChatFilter { workspace_id: Some(house.workspace.id), ..ChatFilter::default() };
    for (name, actor) in &actors {
        let chats = match *name {
            "operator" => vec![aside.id, anonymous.id, house.chat.id],
            "stranger" => vec![aside.id],
            // What belongs to nobody is looked after by administrators, too.
            "admin" => vec![anonymous.id],
            _ => vec![house.chat.id],
        };
        let mut chats = chats;
        chats.sort();
        for request in [PageRequest::default(), PageRequest::Numbered { page: 1, page_size: 9 }] {
            let page = kafka.chats(actor).list(&ChatFilter::default(), &request).unwrap();
            let mut found: Vec<_> = page.items.iter().map(|chat| chat.id).collect();
            found.sort();
            assert_eq!(found, chats, "{name}");
            assert_eq!(page.numbers.map_or(chats.len() as u64, |n| n.total), chats.len() as u64, "{name}");
            let walk = kafka.linear(actor).chats().unwrap().flat_map(Result::unwrap);
            let walked: Vec<_> = walk.map(|found| found.chat).collect();
            assert_eq!(walked, page.items, "{name}");
            let page = kafka.chats(actor).list(&in_workspace, &request).unwrap();
            let seen = usize::from(!["stranger", "admin"].contains(name));
            assert_eq!(page.items.len(), seen, "{name}");
            assert_eq!(page.numbers.map_or(seen as u64, |n| n.total), seen as u64, "{name}");

            let workspaces = kafka.workspaces(actor).list(&request).unwrap();
            assert_eq!(workspaces.items.len(), seen, "{name}");
            let models: Vec<_> =
                kafka.models(actor).list(&request).unwrap().items.into_iter().map(|m| m.name).collect();
            assert_eq!(models.contains(&"own".to_owned()), ["operator", "owner"].contains(name), "{name}");
            assert!(models.contains(&"shared".to_owned()), "{name}");
            let users = kafka.users(actor).list(&request).unwrap();
            assert_eq!(users.items.len(), if *name == "operator" { 5 } else { 1 }, "{name}");
            assert!(users.items.iter().all(|user| actor.user_id().is_none_or(|id| id == user.id)), "{name}");
        }
        let seen = kafka.users(actor).find_by_email("owner@example.org").unwrap();
        assert_eq!(seen.is_some(), ["operator", "owner"].contains(name), "{name}");
    }
}

#[test]
fn shared_models_are_read_by_all_and_changed_by_those_who_administer() {
    let (house, actors) = house();
    for (name, actor) in &actors {
        let models = house.stage.kafka.models(actor);
        assert_eq!(models.get(house.shared_model.id).unwrap().name, "shared", "{name}");
        let changed = models.update(house.shared_model.id, ModelPatch::default());
        assert_eq!(changed.is_ok(), ["operator", "admin"].contains(name), "{name}");
    }
    for (name, actor) in actors.iter().filter(|(name, _)| *name != "operator") {
        let deleted = house.stage.kafka.models(actor).delete(house.shared_model.id);
        assert_eq!(deleted.is_ok(), *name == "admin", "{name}");
    }
}

#[test]
fn only_the_operator_names_someone_else_as_owner() {
    let (house, actors) = house();
    let kafka = &house.stage.kafka;
    let owner = house.owner.user_id();
    for (name, actor) in &actors {
        let chat = kafka.chats(actor).create(NewChat { user_id: owner, ..NewChat::default() });
        let workspace = kafka.workspaces(actor).create(NewWorkspace { name: "w".into(), owner_id: owner });
        let model = NewModel { user_id: owner, ..new_model(&format!("of {name}")) };
        let model = kafka.models(actor).create(model);
        if ["operator", "owner"].contains(name) {
            assert_eq!(chat.unwrap().user_id, owner);
            assert_eq!(workspace.unwrap().owner_id, owner);
            assert_eq!(model.unwrap().user_id, owner);
        } else {
            for refused in [chat.err(), workspace.err(), model.err()] {
                let refused = refused.unwrap();
                assert_eq!(
                    (refused.kind(), refused.code()),
                    (ErrorKind::Forbidden, "owner_not_yours"),
                    "{name}"
                );
            }
        }
        // Without a name it is whoever acts, or nobody.
        assert_eq!(kafka.chats(actor).create(NewChat::default()).unwrap().user_id, actor.user_id());
        let made =
            kafka.users(actor).create(NewUser { email: format!("{name}@x.org"), ..NewUser::default() });
        assert_eq!(
            made.err().map(|e| e.code()),
            (!["operator", "admin"].contains(name)).then_some("admin_required"),
            "{name}"
        );
    }
}

#[test]
fn a_disabled_account_neither_logs_in_nor_acts() {
    let (house, _) = house();
    let kafka = &house.stage.kafka;
    let password = || kafka_core::Secret::new(crate::stage::PASSWORD.to_owned());
    let login = kafka.login("owner", password()).unwrap();
    house.stage.rows("UPDATE users SET is_active = 0 WHERE username = 'owner'", &[]);
    assert_eq!(kafka.login("owner", password()).unwrap_err().code(), "login_failed");
    assert_eq!(kafka.authenticate(&login.token).unwrap_err().code(), "token_invalid");
}
