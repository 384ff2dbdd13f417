//! Answers in chats with documents: what the model is given, what is cited, and what becomes of citations.

use std::time::Duration;

use kafka_core::{
    Actor, Answer, AnswerRequest, Chat, Document, DocumentPlace, MemberRole, MessagePatch, NewChat, NewFile,
    NewFork, NewToken, NewWorkspace, PageRequest, SourceText,
};

use crate::{
    stage::{In, Stage, sent},
    tokens::scopes,
};

const PATIENCE: Duration = Duration::from_secs(60);

fn stage() -> Stage {
    Stage::new(In::File)
}

pub(crate) fn add(stage: &Stage, place: DocumentPlace, name: &str, text: &str) -> Document {
    let documents = stage.kafka.documents(&stage.operator);
    let document = documents.upload(place, NewFile::named(name), &mut text.as_bytes()).unwrap();
    documents.wait(document.id, PATIENCE, |_| ()).unwrap()
}

fn ask(stage: &Stage, chat: &Chat, question: &str) -> Answer {
    stage.ask(chat, AnswerRequest::text(question))
}

/// What the model was told of documents for the last question; nothing where it was told nothing.
pub(crate) fn told(stage: &Stage) -> String {
    let calls = stage.provider.calls();
    let messages = sent(calls.last().unwrap());
    let told = messages.iter().find(|(role, text)| *role == "system" && text.starts_with("Passages from"));
    told.map(|(_, text)| (*text).to_owned()).unwrap_or_default()
}

pub(crate) fn filler(topic: &str) -> String {
    (0..40).map(|number| format!("Line {number} speaks of {topic} and of nothing besides.\n\n")).collect()
}

pub(crate) fn handbook() -> String {
    format!(
        "# Handbook\n\nThis handbook is for the keepers of the lighthouse.\n\n# Lamp\n\n{}# Horn\n\n{}The horn is sounded \
         every ninety seconds in fog.\n\n# Boats\n\n{}",
        filler("lamps"),
        filler("horns"),
        filler("boats")
    )
}

#[test]
fn an_answer_is_made_from_passages_and_cites_them() {
    let stage = stage();
    let chat = stage.chat();
    assert_eq!((ask(&stage, &chat, "How often in fog?").sources, told(&stage)), (vec![], String::new()));
    let text = handbook();
    let document = add(&stage, DocumentPlace::Chat(chat.id), "handbook.md", &text);
    let answer = ask(&stage, &chat, "How often must the horn be sounded in FOG?");
    let best = &answer.sources[0];
    assert_eq!((best.source.n, best.source.document_id, best.source.stale), (1, document.id, false));
    let passage = best.text.as_deref().unwrap();
    assert!(passage.contains("every ninety seconds"), "{passage}");
    assert_eq!(text.get(best.source.start as usize..best.source.end as usize), Some(passage));
    let told = told(&stage);
    assert!(told.contains("[1] handbook.md") && told.contains("every ninety seconds"), "{told}");
    assert!(!told.contains("lamps") && told.len() < text.len(), "{told}");
    // They are stored with the message, and read with it, without their text.
    let message = stage.kafka.messages(&stage.operator).get(answer.message.id).unwrap();
    let sources: Vec<_> = answer.sources.iter().map(|source| source.source.clone()).collect();
    assert_eq!((&message.sources, &answer.message.sources), (&Some(sources.clone()), &Some(sources)));
    assert_eq!(stage.kafka.messages(&stage.operator).sources(message.id).unwrap(), answer.sources);
    assert_eq!(answer.user_message.sources, None);
    // A follow-up that says little is understood with what was said before.
    assert!(
        ask(&stage, &chat, "And in fog?").sources.iter().any(|it| it
            .text
            .as_ref()
            .unwrap()
            .contains("ninety"))
    );
    // Another text is no answer from documents.
    let patch = MessagePatch { content: Some("Never.".into()), ..MessagePatch::default() };
    assert_eq!(stage.kafka.messages(&stage.operator).update(message.id, patch).unwrap().sources, None);
}

#[test]
fn a_question_about_the_whole_document_gets_its_beginning_and_headings() {
    let stage = stage();
    let chat = stage.chat();
    add(&stage, DocumentPlace::Chat(chat.id), "handbook.md", &handbook());
    for question in ["What is this document about?", "Summarize it, please", "Worum geht es?", "zzyzx qwfp"] {
        let answer = ask(&stage, &chat, question);
        let first = &answer.sources[0];
        assert_eq!((first.source.start, answer.sources.len()), (0, 1), "{question}");
        assert!(first.text.as_ref().unwrap().contains("keepers of the lighthouse"));
        assert!(told(&stage).contains("Handbook\nLamp\nHorn\nBoats"), "{}", told(&stage));
    }
}

/// A long text, each passage of which says something of the castle.
fn castles() -> String {
    (0..120).map(|number| format!("Room {number} of the castle is cold, and its door is shut.\n\n")).collect()
}

#[test]
fn passages_side_by_side_are_told_as_one() {
    let stage = stage();
    let chat = stage.chat();
    let text = castles();
    let document = add(&stage, DocumentPlace::Chat(chat.id), "castle.txt", &text);
    assert!((2..=12).contains(&document.chunk_count), "{document:?}");
    let answer = ask(&stage, &chat, "Which rooms of the castle are cold?");
    assert_eq!(answer.sources.len(), 1, "{:?}", answer.sources);
    let SourceText { source, text: said } = &answer.sources[0];
    assert_eq!((source.start, said.as_deref()), (0, Some(text.trim_end())));
    assert!(told(&stage).contains(text.trim_end()));
}

#[test]
fn passages_and_beginnings_take_half_of_what_the_context_has_left() {
    let context = 2000;
    let script = |_: &kafka_core::testing::ScriptedCall| kafka_core::testing::ScriptedAnswer::of(&["Yes."]);
    let stage = Stage::with(In::File, script, |config| config.limits.context_tokens = context);
    let chat = stage.chat();
    let text = castles().repeat(4);
    let document = add(&stage, DocumentPlace::Chat(chat.id), "castle.txt", &text);
    assert!(document.tokens_used > 2 * u64::from(context), "{document:?}");
    for question in ["Which rooms of the castle are cold?", "What is this document about?"] {
        let answer = ask(&stage, &chat, question);
        // Less than a quarter of it is the instruction around them; four bytes are about a token.
        let (room, said) = (u64::from(context) / 4, told(&stage).len() as u64 / 4);
        assert!(
            !answer.sources.is_empty() && (room / 4..room * 5 / 4).contains(&said),
            "{question}: {said} of {room}"
        );
    }
}

#[test]
fn another_text_in_the_place_of_the_cited_one_is_not_shown_as_it() {
    let stage = stage();
    let chat = stage.chat();
    add(&stage, DocumentPlace::Chat(chat.id), "castle.txt", "The castle is closed.");
    let answer = ask(&stage, &chat, "Is the castle closed?");
    let sources = || stage.kafka.messages(&stage.operator).sources(answer.message.id).unwrap();
    assert_eq!(sources()[0].text.as_deref(), Some("The castle is closed."));
    stage.rows("UPDATE document_texts SET content = 'The castle is opened.'", &[]);
    assert_eq!((sources().len(), &sources()[0].text), (1, &None));
}

#[test]
fn citations_of_a_document_that_is_gone_say_so() {
    let stage = stage();
    let chat = stage.chat();
    let gone = add(&stage, DocumentPlace::Chat(chat.id), "gone.txt", "The tower is ninety metres tall.");
    let kept = add(&stage, DocumentPlace::Chat(chat.id), "kept.txt", "The tower was built in 1890.");
    let answer = ask(&stage, &chat, "How tall is the tower, and when was it built?");
    assert_eq!(answer.sources.len(), 2);
    stage.kafka.documents(&stage.operator).delete(gone.id).unwrap();
    let told: Vec<_> = stage.kafka.messages(&stage.operator).sources(answer.message.id).unwrap();
    for cited in &told {
        let is_gone = cited.source.document_id == gone.id;
        assert_eq!((cited.source.stale, cited.text.is_none()), (is_gone, is_gone), "{cited:?}");
    }
    stage.kafka.files(&stage.operator).delete(kept.file_id.unwrap()).unwrap();
    let message = stage.kafka.messages(&stage.operator).get(answer.message.id).unwrap();
    assert!(message.sources.unwrap().iter().all(|source| source.stale));
    assert_eq!((ask(&stage, &chat, "How tall is the tower?").sources, told.len()), (vec![], 2));
}

/// Forks have copies of what was said, and of what it cites.
#[test]
fn citations_in_forks_of_forks_say_that_their_document_is_gone() {
    let stage = stage();
    let new = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = stage.kafka.workspaces(&stage.operator).create(new).unwrap();
    let new = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled("office") };
    let chat = stage.kafka.chats(&stage.operator).create(new).unwrap();
    let places = [DocumentPlace::Chat(chat.id), DocumentPlace::Workspace(workspace.id)];
    let documents = places.map(|place| add(&stage, place, "tower.txt", "The tower is ninety metres tall."));
    assert_eq!(ask(&stage, &chat, "How tall is the tower?").sources.len(), 2);
    let fork = |of: &Chat| stage.kafka.branches(&stage.operator).fork(of.id, NewFork::default()).unwrap();
    let first = fork(&chat);
    let chats = [&chat, &first, &fork(&first)];
    for (gone, document) in documents.iter().enumerate() {
        stage.kafka.documents(&stage.operator).delete(document.id).unwrap();
        for chat in chats {
            let messages =
                stage.kafka.messages(&stage.operator).list(chat.id, &PageRequest::first(9)).unwrap();
            let cited = messages.items.last().unwrap().sources.clone().unwrap();
            let stale = cited.iter().filter(|source| source.stale);
            assert!(stale.count() == gone + 1 && cited.len() == 2, "{cited:?}");
        }
    }
}

#[test]
fn a_chat_is_answered_from_its_own_documents_and_those_of_its_workspace() {
    let stage = stage();
    let new = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = stage.kafka.workspaces(&stage.operator).create(new).unwrap();
    let new = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled("office") };
    let office = stage.kafka.chats(&stage.operator).create(new.clone()).unwrap();
    let next_door = stage.kafka.chats(&stage.operator).create(new).unwrap();
    let home = stage.chat();
    add(&stage, DocumentPlace::Workspace(workspace.id), "shared.txt", "The shared castle rule.");
    add(&stage, DocumentPlace::Chat(office.id), "office.txt", "The castle rule of the office.");
    add(&stage, DocumentPlace::Chat(next_door.id), "next.txt", "The castle rule of next door.");
    for (chat, expected) in [
        (&office, &["office.txt", "shared.txt"][..]),
        (&next_door, &["next.txt", "shared.txt"]),
        (&home, &[]),
    ] {
        let answer = ask(&stage, chat, "What is the castle rule?");
        let mut names: Vec<_> = answer.sources.iter().map(|it| it.source.filename.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, expected);
    }
}

#[test]
fn who_may_no_longer_see_a_workspace_is_not_answered_from_it() {
    let stage = stage();
    let (kafka, owner, member) = (&stage.kafka, stage.user("ada"), stage.user("bob"));
    let bob = member.user_id().unwrap();
    let new = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = kafka.workspaces(&owner).create(new).unwrap();
    kafka.workspaces(&owner).share(workspace.id, bob, Some(MemberRole::Editor)).unwrap();
    let new = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled("bob's") };
    let chat = kafka.chats(&member).create(new).unwrap();
    add(&stage, DocumentPlace::Workspace(workspace.id), "shared.txt", "The castle is closed on Mondays.");
    add(&stage, DocumentPlace::Chat(chat.id), "own.txt", "The castle is closed, says Bob.");
    let sources = || {
        let request = AnswerRequest::text("When is the castle closed?");
        let answer = kafka.completions(&member).start(chat.id, request).unwrap().wait().unwrap();
        let mut names: Vec<_> = answer.sources.into_iter().map(|it| it.source.filename).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(sources(), ["own.txt", "shared.txt"]);
    kafka.workspaces(&owner).share(workspace.id, bob, None).unwrap();
    assert_eq!(sources(), ["own.txt"]);
}

/// A file of the chat that is a pipe holds up the reading of what the model is sent, between what it has seen of the
/// document and what is stored of that.
#[cfg(unix)]
#[test]
fn a_document_that_goes_while_it_is_read_is_cited_as_gone() {
    use std::{fs, io::Write as _, process::Command};

    let stage = stage();
    let (kafka, chat) = (&stage.kafka, stage.chat());
    let document =
        add(&stage, DocumentPlace::Chat(chat.id), "castle.txt", "The castle is closed on Mondays.");
    let notes = NewFile::named("notes.txt");
    kafka.chat_files(&stage.operator).upload(chat.id, notes, &mut &b"Some notes."[..]).unwrap();
    let sha256 = stage.value("SELECT sha256 FROM files WHERE filename = $1", &["notes.txt"]).unwrap();
    let bytes = stage.blobs().join(&sha256[..2]).join(&sha256);
    fs::remove_file(&bytes).unwrap();
    assert!(Command::new("mkfifo").arg(&bytes).status().unwrap().success());

    let question = AnswerRequest::text("When is the castle closed?");
    let turn = kafka.completions(&stage.operator).start(chat.id, question).unwrap();
    // This waits until the other end is opened.
    let mut pipe = fs::OpenOptions::new().write(true).open(&bytes).unwrap();
    kafka.documents(&stage.operator).delete(document.id).unwrap();
    pipe.write_all(b"Some notes.").unwrap();
    drop(pipe);
    let sources = turn.wait().unwrap().sources;
    assert_eq!(sources.len(), 1);
    assert!(sources[0].source.stale && sources[0].text.is_none(), "{sources:?}");
}

/// A key for chats alone gets nothing of documents, neither by asking nor by reading what was answered before.
#[test]
fn a_key_that_may_not_read_documents_is_answered_without_them() {
    let stage = stage();
    let (kafka, owner) = (&stage.kafka, stage.user("ada"));
    let chat = stage.chat_of(&owner);
    add(&stage, DocumentPlace::Chat(chat.id), "castle.txt", "The castle is closed on Mondays.");
    let key = |text: &[&str]| {
        let new = NewToken { name: text.join(" "), scopes: scopes(text), expires_at: None };
        kafka.authenticate(&kafka.tokens(&owner).create(new).unwrap().token).unwrap()
    };
    let ask = |actor: &Actor| {
        let request = AnswerRequest::text("When is the castle closed?");
        let answer = kafka.completions(actor).start(chat.id, request).unwrap().wait().unwrap();
        (answer, told(&stage))
    };
    let chats = key(&["chats:read", "chats:write"]);
    let (answer, told) = ask(&chats);
    assert_eq!((answer.sources, answer.message.sources, told), (vec![], None, String::new()));
    for actor in [&key(&["chats:read", "chats:write", "documents:read"]), &owner] {
        let (answer, told) = ask(actor);
        assert!(answer.sources[0].text.is_some() && told.contains("Mondays"), "{told}");
        let texts = |actor| kafka.messages(actor).sources(answer.message.id).unwrap()[0].text.is_some();
        assert!(texts(&owner) && !texts(&chats));
    }
}

mod slow {
    use std::{fmt::Write as _, fs, path::Path};

    use serde_json::Value;

    use super::*;

    /// Many newer passages hold one of the words, and this one holds two.
    #[test]
    fn the_best_passage_of_a_long_document_is_found_however_many_hold_a_word() {
        let stage = stage();
        let chat = stage.chat();
        let mut text = "# Best\n\nThe lantern of the harbour is green.\n\n".to_owned();
        for number in 0..1100 {
            let word = ["lantern", "harbour"][number % 2];
            let _ = write!(
                text,
                "# Section {number}\n\nA {word}. {}\n\n",
                "Nothing else is told here. ".repeat(22)
            );
        }
        let document = add(&stage, DocumentPlace::Chat(chat.id), "long.md", &text);
        assert!(document.chunk_count > 1000, "{document:?}");
        let answer = ask(&stage, &chat, "Which colour has the harbour lantern?");
        assert!(answer.sources[0].text.as_ref().unwrap().contains("is green"), "{:?}", answer.sources[0]);
    }

    /// Questions that name their subject, over all kinds of files in one chat: words alone put the right passage before
    /// the model for nine of ten at least.
    #[test]
    fn most_questions_of_the_set_are_answered_from_the_right_passage() {
        let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/retrieval");
        let stage = stage();
        let chat = stage.chat();
        for file in fs::read_dir(set.join("documents")).unwrap() {
            let file = file.unwrap();
            let documents = stage.kafka.documents(&stage.operator);
            let new = NewFile::named(file.file_name().into_string().unwrap());
            let place = DocumentPlace::Chat(chat.id);
            let document = documents.upload(place, new, &mut fs::File::open(file.path()).unwrap()).unwrap();
            let document = documents.wait(document.id, PATIENCE, |_| ()).unwrap();
            assert_eq!(document.error_message, None, "{document:?}");
        }
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (mut asked, mut answered) = (0, 0);
        for line in fs::read_to_string(set.join("named_questions.jsonl")).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| line[name].as_str().unwrap().to_owned();
            // A chat of its own for each, so that no question is understood with the one before.
            let answer = stage.ask(
                &chat,
                AnswerRequest { parent_id: Some(None), ..AnswerRequest::text(field("question")) },
            );
            asked += 1;
            let passage = squeezed(&field("passage"));
            let holds = |text: &String| squeezed(text).contains(&passage);
            answered +=
                usize::from(answer.sources.iter().any(|source| source.text.as_ref().is_some_and(holds)));
        }
        assert!(answered * 100 >= asked * 90, "{answered} of {asked}");
    }
}
