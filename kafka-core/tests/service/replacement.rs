//! Documents that replace others: what answers meanwhile, what becomes of either, and what they count.

use std::time::Duration;

use kafka_core::{
    Actor, Answer, AnswerRequest, Chat, Document, DocumentId, DocumentPlace, ErrorKind, Kafka, NewFile,
    NodeKind, PageRequest, Period, ProcessingStatus, SearchArea, SearchRequest,
};

use crate::stage::{In, Stage, unheard_of};

const PATIENCE: Duration = Duration::from_secs(60);
const OLD: &str = "The tower is ninety metres tall.";
const NEW: &str = "The tower is a hundred metres tall.";

/// An installation that reads documents only while it is waited for them, with a chat of somebody's.
struct House {
    stage: Stage,
    owner: Actor,
    kafka: Kafka,
    chat: Chat,
}

impl House {
    fn new() -> House {
        House::with(|_| ())
    }

    fn with(change: impl Fn(&mut kafka_core::Config)) -> House {
        let stage = Stage::new(In::File);
        let owner = stage.user("ada");
        let chat = stage.chat_of(&owner);
        stage.kafka.close();
        let kafka = stage.reopened(|config| {
            config.kind = NodeKind::Cli;
            change(config);
        });
        House { stage, owner, kafka, chat }
    }

    fn upload(&self, name: &str, text: &str) -> kafka_core::Result<Document> {
        let documents = self.kafka.documents(&self.stage.operator);
        documents.upload(DocumentPlace::Chat(self.chat.id), NewFile::named(name), &mut text.as_bytes())
    }

    /// As [`upload`](House::upload), and waits until it is read.
    fn add(&self, name: &str, text: &str) -> Document {
        self.read(self.upload(name, text).unwrap().id)
    }

    fn replace(&self, id: DocumentId, name: &str, text: &str) -> Document {
        let documents = self.kafka.documents(&self.stage.operator);
        documents.replace(id, NewFile::named(name), &mut text.as_bytes()).unwrap()
    }

    fn read(&self, id: DocumentId) -> Document {
        self.kafka.documents(&self.stage.operator).wait(id, PATIENCE, |_| ()).unwrap()
    }

    fn listed(&self) -> Vec<Document> {
        let place = DocumentPlace::Chat(self.chat.id);
        let documents = self.kafka.documents(&self.stage.operator);
        documents.list(place, &PageRequest::default()).unwrap().items
    }

    fn delete(&self, id: DocumentId) {
        self.kafka.documents(&self.stage.operator).delete(id).unwrap();
    }

    fn ask(&self) -> Answer {
        let completions = self.kafka.completions(&self.stage.operator);
        let request = AnswerRequest::text("How tall is the tower?");
        completions.start(self.chat.id, request).unwrap().wait().unwrap()
    }

    /// What an answer of now is made from.
    fn cited(&self) -> Vec<(DocumentId, Option<String>)> {
        self.ask().sources.into_iter().map(|source| (source.source.document_id, source.text)).collect()
    }

    fn found(&self, query: &str) -> usize {
        let search = self.kafka.search(&self.stage.operator);
        let areas = Some(vec![SearchArea::Documents]);
        search.find(&SearchRequest { areas, ..SearchRequest::text(query) }).unwrap().items.len()
    }

    /// How many documents there are by the books, the owner's and all, and how many were uploaded.
    fn counted(&self) -> (u64, u64) {
        let [own, all] = [&self.owner, &self.stage.operator].map(|actor| {
            let usage = self.kafka.usage(actor).summary(Period::default()).unwrap();
            (usage.doc_count, usage.days.last().unwrap().documents_uploaded)
        });
        assert_eq!(own, all);
        own
    }

    /// Rows of documents, their files, passages and jobs, and of what replaces what.
    fn rows(&self) -> [String; 5] {
        ["documents", "files", "chunks", "jobs", "document_replacements"]
            .map(|table| self.stage.value(&format!("SELECT COUNT(*) FROM {table}"), &[]).unwrap())
    }
}

fn ids(documents: &[Document]) -> Vec<DocumentId> {
    documents.iter().map(|document| document.id).collect()
}

#[test]
fn the_old_document_answers_until_the_new_one_is_read_and_goes_then() {
    let mut house = House::new();
    let old = house.add("tower.txt", OLD);
    let before = house.ask();
    let new = house.replace(old.id, "a/new tower.txt", NEW);
    assert_ne!(new.id, old.id);
    assert_eq!((new.processing_status, new.replaces), (ProcessingStatus::Pending, Some(old.id)));
    assert_eq!((new.filename.as_str(), new.chat_id), ("new tower.txt", Some(house.chat.id)));
    // Another process goes on with it.
    house.kafka.close();
    house.kafka = house.stage.reopened(|config| config.kind = NodeKind::Cli);
    assert_eq!(house.listed(), [old.clone(), new.clone()]);
    assert_eq!(house.cited(), [(old.id, Some(OLD.to_owned()))]);
    assert_eq!((house.found("ninety"), house.found("hundred"), house.counted()), (1, 0, (1, 2)));

    let done = house.read(new.id);
    assert_eq!((done.processing_status, done.replaces), (ProcessingStatus::Completed, None));
    assert_eq!(house.listed(), [done]);
    assert_eq!(house.cited(), [(new.id, Some(NEW.to_owned()))]);
    house.kafka.search(&house.stage.operator).refresh().unwrap();
    assert_eq!((house.found("ninety"), house.found("hundred"), house.counted()), (0, 1, (1, 2)));
    let documents = house.kafka.documents(&house.stage.operator);
    assert_eq!(documents.get(old.id).unwrap_err().code(), "document_not_found");
    let stale = house.kafka.messages(&house.stage.operator).sources(before.message.id).unwrap();
    assert_eq!((stale.len(), stale[0].source.stale, &stale[0].text), (1, true, &None));
    assert_eq!(house.rows(), ["1", "1", "1", "0", "0"], "nothing of the old one is left");
}

#[test]
fn a_replacement_that_cannot_be_read_leaves_the_old_document_and_says_why() {
    let house = House::new();
    let old = house.add("tower.txt", OLD);
    let before = house.ask();
    let failed = house.read(house.replace(old.id, "tower.txt", "\0\u{1}").id);
    assert_eq!((failed.processing_status, failed.replaces), (ProcessingStatus::Failed, Some(old.id)));
    assert!(failed.error_message.as_ref().is_some_and(|why| why.contains("no text")), "{failed:?}");
    assert_eq!(house.listed(), [old.clone(), failed.clone()]);
    assert_eq!((house.cited(), house.counted().0), (vec![(old.id, Some(OLD.to_owned()))], 1));
    let kept = house.kafka.messages(&house.stage.operator).sources(before.message.id).unwrap();
    assert_eq!((kept[0].source.stale, kept[0].text.as_deref()), (false, Some(OLD)));
    // The next attempt, at whichever of both, takes the place of the failed one.
    let again = house.replace(failed.id, "tower.txt", "\0\u{1}");
    assert_eq!((again.replaces, again.id == failed.id), (Some(old.id), false), "not the same: it failed");
    let done = house.read(house.replace(old.id, "tower.txt", NEW).id);
    assert_eq!((done.processing_status, house.listed()), (ProcessingStatus::Completed, vec![done]));
    assert_eq!(house.rows(), ["1", "1", "1", "0", "0"]);
}

#[test]
fn the_same_bytes_under_the_same_name_replace_nothing() {
    let house = House::new();
    let old = house.add("tower.txt", OLD);
    let before = (house.rows(), house.counted());
    assert_eq!(house.replace(old.id, "tower.txt", OLD), old);
    assert_eq!((house.rows(), house.counted()), before);
    // The name says how it is read.
    let renamed = house.replace(old.id, "tower.md", OLD);
    assert_eq!((renamed.replaces, house.listed().len()), (Some(old.id), 2));
    for named in [old.id, renamed.id] {
        assert_eq!(house.replace(named, "tower.md", OLD), renamed, "it is on its way");
    }
    // Who takes it back has the old one.
    assert_eq!(house.replace(renamed.id, "tower.txt", OLD), old);
    assert_eq!(house.listed(), std::slice::from_ref(&old));
    assert_eq!(house.add("another.txt", NEW).processing_status, ProcessingStatus::Completed);
    assert_eq!(ids(&house.listed())[0], old.id);
}

#[test]
fn of_several_replacements_the_last_one_counts() {
    let house = House::new();
    // Whatever has become of the old one, too.
    for text in [OLD, "\0\u{1}"] {
        let old = house.add("tower.txt", text);
        let first = house.replace(old.id, "first.txt", "The first tower.");
        let second = house.replace(first.id, "second.txt", "The second tower.");
        assert_eq!((second.replaces, ids(&house.listed())), (Some(old.id), vec![old.id, second.id]));
        let last = house.read(house.replace(old.id, "last.txt", "The last tower.").id);
        assert_eq!(
            (last.processing_status, house.listed()),
            (ProcessingStatus::Completed, vec![last.clone()])
        );
        house.delete(last.id);
    }
    assert_eq!(house.rows(), ["0", "0", "0", "0", "0"]);
}

#[test]
fn either_may_be_deleted_and_both_go_with_their_chat() {
    let house = House::new();
    let old = house.add("tower.txt", OLD);
    house.delete(house.replace(old.id, "new.txt", NEW).id);
    assert_eq!(house.cited(), [(old.id, Some(OLD.to_owned()))]);
    let new = house.replace(old.id, "new.txt", NEW);
    house.delete(old.id);
    assert_eq!((house.listed()[0].replaces, house.counted().0), (None, 1));
    assert_eq!(house.read(new.id).processing_status, ProcessingStatus::Completed);
    house.replace(new.id, "newer.txt", OLD);
    house.kafka.chats(&house.stage.operator).delete(house.chat.id).unwrap();
    assert_eq!(house.rows()[..3], ["0", "0", "0"]);
    assert_eq!(house.rows()[4], "0");
    let documents = house.kafka.documents(&house.stage.operator);
    let error = documents.replace(unheard_of(), NewFile::named("x"), &mut &b"x"[..]).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "document_not_found"));
}

#[test]
fn a_full_chat_takes_replacements_and_nothing_else() {
    let house = House::with(|config| config.limits.documents_per_chat = 2);
    let old = house.add("tower.txt", OLD);
    let new = house.replace(old.id, "tower.txt", NEW);
    let is_full =
        || house.upload("more.txt", "More.").is_err_and(|error| error.code() == "too_many_documents");
    // There is room for another, since the two count as one.
    house.upload("other.txt", "Other.").unwrap();
    assert!(is_full());
    // It counts in the place of the old one, however that went.
    house.delete(old.id);
    assert!(is_full());
    house.read(new.id);
    assert!(is_full());
    house.delete(new.id);
    house.upload("more.txt", "More.").unwrap();
}
