//! Several nodes on one PostgreSQL database: what one changes is told at the others. These tests need the server
//! that `tests/postgres.py` starts.

use std::{thread, time::Duration};

use kafka_core::{
    AnswerRequest, Change, Changes, ChatPatch, MemberRole, MessagePatch, ModelPatch, NewChat, NewMessage,
    NewModel, NewWorkspace, ResponseStatus, Role, Secret, WorkspacePatch,
};

use crate::{
    postgres::Server,
    stage::{PASSWORD, new_model, new_user},
};

/// Longer than any step of a test takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn next(changes: &mut Changes) -> Change {
    changes.next_within(PATIENCE).unwrap().expect("something changed")
}

#[test]
fn what_one_node_changes_is_told_at_another_as_it_is_told_at_home() {
    let server = Server::new();
    let [a, b] = [server.open(), server.open()];
    let operator = a.operator();
    let mut told = [&a, &b].map(|node| node.events(&operator).subscribe(None).unwrap());
    let mut same = |what: &str| {
        let [here, there] = [0, 1].map(|node| next(&mut told[node]));
        assert_eq!(here, there, "{what}");
        here
    };
    let login = a.register(new_user("owner"), Secret::new(PASSWORD.to_owned())).unwrap();
    let owner = a.authenticate(&login.token).unwrap();
    assert!(matches!(same("an account"), Change::User(_)));
    let space = a.workspaces(&owner).create(NewWorkspace { name: "w".into(), owner_id: None }).unwrap();
    same("a workspace");
    a.workspaces(&owner).update(space.id, WorkspacePatch { name: Some("v".into()) }).unwrap();
    same("its name");
    let chat =
        a.chats(&owner).create(NewChat { workspace_id: Some(space.id), ..NewChat::titled("t") }).unwrap();
    same("a chat");
    let patch = ChatPatch { title: Some(Some("renamed".into())), ..ChatPatch::default() };
    a.chats(&owner).update(chat.id, patch).unwrap();
    assert!(matches!(same("its title"), Change::Chat(chat) if chat.title.as_deref() == Some("renamed")));
    let message = a.messages(&owner).create(chat.id, NewMessage::text(Role::User, "one")).unwrap();
    same("a message");
    a.messages(&owner).update(message.id, MessagePatch { content: Some("two".into()), role: None }).unwrap();
    same("its text");
    a.messages(&owner).delete(message.id).unwrap();
    assert!(matches!(same("its end"), Change::MessageDeleted { .. }));
    let model =
        a.models(&owner).create(NewModel { provider: Some("echo".into()), ..new_model("m") }).unwrap();
    same("a model");
    a.models(&owner)
        .update(model.id, ModelPatch { is_default: Some(true), ..ModelPatch::default() })
        .unwrap();
    same("the default");
    a.models(&owner).delete(model.id).unwrap();
    same("the end of a model");
    let turn = a.completions(&owner).start(chat.id, AnswerRequest::text("Hi")).unwrap();
    turn.wait().unwrap();
    // Quick changes of one thing may be told as one, so only the last is compared.
    let last = told.each_mut().map(|told| {
        loop {
            if let Change::Response(response) = next(told)
                && response.status == ResponseStatus::Completed
            {
                break response;
            }
        }
    });
    assert_eq!(last[0], last[1]);
    a.chats(&owner).delete(chat.id).unwrap();
    a.workspaces(&owner).delete(space.id).unwrap();
    for told in &mut told {
        assert!(matches!(next(told), Change::ChatDeleted(_)));
        assert!(matches!(next(told), Change::WorkspaceDeleted(_)));
    }
}

#[test]
fn nothing_is_told_of_what_was_refused() {
    let server = Server::new();
    let [a, b] = [server.open(), server.open()];
    let operator = a.operator();
    let mut told = b.events(&operator).subscribe(None).unwrap();
    let login = a.register(new_user("member"), Secret::new(PASSWORD.to_owned())).unwrap();
    let member = a.account_of(&a.authenticate(&login.token).unwrap()).unwrap();
    let space = a.workspaces(&operator).create(NewWorkspace { name: "w".into(), owner_id: None }).unwrap();
    let chat = a.chats(&operator).create(NewChat::titled("first")).unwrap();
    // Sharing is announced, and then fails.
    server.database.run_inside(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON workspace_members FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let titled =
        |change: &Change, title| matches!(change, Change::Chat(chat) if chat.title.as_deref() == Some(title));
    while !titled(&next(&mut told), "first") {}
    thread::scope(|scope| {
        // Some of those that share a commit fail.
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..4 {
                    a.workspaces(&operator).share(space.id, member, Some(MemberRole::Viewer)).unwrap_err();
                    a.messages(&operator).create(chat.id, NewMessage::text(Role::User, "kept")).unwrap();
                }
            });
        }
    });
    a.chats(&operator).create(NewChat::titled("last")).unwrap();
    let mut seen = Vec::new();
    while !seen.last().is_some_and(|change| titled(change, "last")) {
        seen.push(next(&mut told));
    }
    let kept = seen.iter().filter(|change| matches!(change, Change::Message(_))).count();
    assert_eq!((seen.len(), kept), (33, 32), "{seen:?}");
}
