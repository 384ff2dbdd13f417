//! The tree of messages: whatever is done to it, the active branch is the path that a simple model of the tree gives,
//! the places where it branches are the model's, and what was said stays to be found.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kafka_core::{
    AnswerRequest, BranchPoint, Chat, ChatId, ChatPatch, ErrorKind, MessageId, NewFork, NewMessage,
    PageRequest, Place, Role,
};
use proptest::prelude::*;

use crate::stage::{In, Stage, texts, unheard_of};

#[derive(Clone, Debug)]
enum Step {
    Append,
    AppendUnder(prop::sample::Index),
    NewRoot,
    /// The old text stays beside the new one.
    Edit(prop::sample::Index),
    /// A question is answered again.
    Regenerate(prop::sample::Index),
    Delete(prop::sample::Index),
    /// The conversation is to end in this message.
    EndIn(prop::sample::Index),
    /// The conversation is to go through this message.
    Activate(prop::sample::Index),
    Fork(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        4 => Just(Step::Append),
        2 => index().prop_map(Step::AppendUnder),
        1 => Just(Step::NewRoot),
        3 => index().prop_map(Step::Edit),
        2 => index().prop_map(Step::Regenerate),
        2 => index().prop_map(Step::Delete),
        1 => index().prop_map(Step::EndIn),
        3 => index().prop_map(Step::Activate),
        1 => index().prop_map(Step::Fork),
    ];
    prop::collection::vec(step, 1..30)
}

/// What is known of a message: what it follows, its place, and what it says.
#[derive(Clone, Debug)]
struct Node {
    parent: Option<MessageId>,
    seq: i64,
    role: Role,
    text: String,
}

/// A chat as it should be.
#[derive(Default)]
struct Tree {
    nodes: BTreeMap<MessageId, Node>,
    leaf: Option<MessageId>,
}

impl Tree {
    fn pick(&self, index: &prop::sample::Index) -> Option<MessageId> {
        let ids: Vec<_> = self.nodes.keys().copied().collect();
        if ids.is_empty() { None } else { Some(*index.get(&ids)) }
    }

    fn add(&mut self, message: &kafka_core::Message) {
        let last = self.nodes.values().map(|node| node.seq).max();
        assert!(last.is_none_or(|last| message.seq > last), "a number was given twice");
        let node = Node {
            parent: message.parent_id,
            seq: message.seq,
            role: message.role,
            text: message.content.clone(),
        };
        self.nodes.insert(message.id, node);
        self.leaf = Some(message.id);
    }

    fn delete(&mut self, id: MessageId) {
        let parent = self.nodes.remove(&id).unwrap().parent;
        for other in self.nodes.values_mut().filter(|other| other.parent == Some(id)) {
            other.parent = parent;
        }
        if self.leaf == Some(id) {
            self.leaf = parent;
        }
    }

    fn path(&self, leaf: Option<MessageId>) -> Vec<MessageId> {
        let mut path: Vec<_> = std::iter::successors(leaf, |id| self.nodes[id].parent).collect();
        path.reverse();
        path
    }

    fn branch(&self) -> Vec<MessageId> {
        self.path(self.leaf)
    }

    /// All that follows a message, in order.
    fn after(&self, parent: Option<MessageId>) -> Vec<MessageId> {
        let mut after: Vec<_> = self.nodes.iter().filter(|(_, node)| node.parent == parent).collect();
        after.sort_by_key(|(_, node)| node.seq);
        after.into_iter().map(|(id, _)| *id).collect()
    }

    /// Where the active branch could go on otherwise.
    fn points(&self) -> Vec<(Option<MessageId>, Vec<MessageId>, Option<MessageId>)> {
        let branch = self.branch();
        let parents = std::iter::once(None).chain(branch.iter().copied().map(Some));
        parents
            .map(|parent| {
                let after = self.after(parent);
                let active = after.iter().copied().find(|id| branch.contains(id));
                (parent, after, active)
            })
            .filter(|(_, after, active)| after.len() > usize::from(active.is_some()))
            .collect()
    }

    fn activate(&mut self, id: MessageId) {
        if !self.branch().contains(&id) {
            let below = self.nodes.iter().filter(|(other, _)| self.path(Some(**other)).contains(&id));
            self.leaf = below.max_by_key(|(_, node)| node.seq).map(|(id, _)| *id);
        }
    }
}

fn points(stage: &Stage, chat: ChatId) -> Vec<BranchPoint> {
    stage.kafka.branches(&stage.operator).list(chat, &PageRequest::first(200)).unwrap().items
}

fn listed(stage: &Stage, chat: ChatId) -> Vec<kafka_core::Message> {
    stage.kafka.messages(&stage.operator).list(chat, &PageRequest::first(200)).unwrap().items
}

/// Everything that can be reached by looking where the chat branches, and choosing.
fn reached(stage: &Stage, chat: ChatId) -> BTreeMap<MessageId, String> {
    let mut found = BTreeMap::new();
    let (mut tried, mut to_try) = (BTreeSet::new(), BTreeSet::new());
    loop {
        found.extend(listed(stage, chat).into_iter().map(|message| (message.id, message.content)));
        to_try.extend(points(stage, chat).into_iter().flat_map(|point| point.message_ids));
        let Some(next) = to_try.iter().copied().find(|id| tried.insert(*id)) else { return found };
        stage.kafka.branches(&stage.operator).activate(next).unwrap();
    }
}

fn new(role: Role, text: &str, parent_id: Option<Option<MessageId>>) -> NewMessage {
    NewMessage { parent_id, ..NewMessage::text(role, text) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_chat_is_as_a_model_of_the_tree_has_it_and_nothing_is_lost(
        steps in steps(),
        in_file in prop::bool::weighted(0.1),
    ) {
        let stage = Stage::new(if in_file { In::File } else { In::Memory });
        let chat = stage.chat();
        let messages = stage.kafka.messages(&stage.operator);
        let (chats, branches) = (stage.kafka.chats(&stage.operator), stage.kafka.branches(&stage.operator));
        let mut tree = Tree::default();
        for (at, step) in steps.iter().enumerate() {
            let text = format!("text {at}");
            let add = |tree: &mut Tree, role: Role, parent: Option<Option<MessageId>>| {
                let made = messages.create(chat.id, new(role, &text, parent)).unwrap();
                assert_eq!(made.parent_id, parent.unwrap_or(tree.leaf));
                tree.add(&made);
            };
            match step {
                Step::Append => add(&mut tree, Role::User, None),
                Step::NewRoot => add(&mut tree, Role::User, Some(None)),
                Step::AppendUnder(index) => {
                    if let Some(parent) = tree.pick(index) {
                        add(&mut tree, Role::User, Some(Some(parent)));
                    }
                }
                Step::Edit(index) => {
                    if let Some(old) = tree.pick(index) {
                        let Node { parent, role, .. } = tree.nodes[&old];
                        add(&mut tree, role, Some(parent));
                    }
                }
                Step::Regenerate(index) => {
                    if let Some(question) = tree.pick(index).filter(|id| tree.nodes[id].role == Role::User) {
                        let request = AnswerRequest { parent_id: Some(Some(question)), ..AnswerRequest::default() };
                        let answer = stage.ask(&chat, request);
                        assert_eq!(answer.message.parent_id, Some(question));
                        tree.add(&answer.message);
                    }
                }
                Step::Delete(index) => {
                    if let Some(id) = tree.pick(index) {
                        messages.delete(id).unwrap();
                        tree.delete(id);
                    }
                }
                Step::EndIn(index) => {
                    if let Some(id) = tree.pick(index) {
                        chats.update(chat.id, ChatPatch { active_leaf_id: Some(id), ..ChatPatch::default() }).unwrap();
                        tree.leaf = Some(id);
                    }
                }
                Step::Activate(index) => {
                    if let Some(id) = tree.pick(index) {
                        branches.activate(id).unwrap();
                        tree.activate(id);
                    }
                }
                Step::Fork(index) => {
                    let last = tree.pick(index);
                    let fork = branches.fork(chat.id, NewFork { message_id: last, ..NewFork::default() }).unwrap();
                    let copied = tree.path(last.or(tree.leaf)).iter().map(|id| tree.nodes[id].text.clone()).collect::<Vec<_>>();
                    prop_assert_eq!(fork.message_count, copied.len() as u64);
                    prop_assert_eq!(texts(&listed(&stage, fork.id)), copied);
                    prop_assert_eq!(points(&stage, fork.id), []);
                }
            }
            let now_listed = listed(&stage, chat.id);
            let ids: Vec<_> = now_listed.iter().map(|message| message.id).collect();
            prop_assert_eq!(&ids, &tree.branch(), "after {:?}", step);
            for message in &now_listed {
                prop_assert_eq!(message.parent_id, tree.nodes[&message.id].parent);
            }
            let branching: Vec<_> = points(&stage, chat.id)
                .into_iter()
                .map(|point| (point.parent_id, point.message_ids, point.active_id))
                .collect();
            prop_assert_eq!(branching, tree.points(), "after {:?}", step);
            let linear = stage.kafka.linear(&stage.operator);
            let walked = linear.messages(chat.id).unwrap().flat_map(Result::unwrap).collect::<Vec<_>>();
            prop_assert_eq!(&walked, &now_listed);
            prop_assert_eq!(linear.chat(chat.number).unwrap().message_count, now_listed.len() as u64);
            let now = chats.get(chat.id).unwrap();
            prop_assert_eq!((now.active_leaf_id, now.message_count), (tree.leaf, tree.nodes.len() as u64));
        }
        if in_file {
            // The mark on each row, also of those that no list shows.
            let marked = stage.rows("SELECT id FROM messages WHERE on_branch = 1 AND chat_number = \
                (SELECT number FROM chats WHERE id = $1) ORDER BY seq", &[&chat.id.to_string()]);
            let marked: Vec<String> = marked.into_iter().flatten().flatten().collect();
            let path: Vec<String> = tree.branch().iter().map(MessageId::to_string).collect();
            prop_assert_eq!(marked, path);
        }
        let said: BTreeMap<_, _> = tree.nodes.iter().map(|(id, node)| (*id, node.text.clone())).collect();
        prop_assert_eq!(reached(&stage, chat.id), said);
    }
}

/// A question with an answer, edited twice, the last time with an answer and a further question.
fn edited(stage: &Stage) -> (Chat, Vec<MessageId>) {
    let chat = stage.chat();
    let first = stage.ask(&chat, AnswerRequest::text("first"));
    let second = AnswerRequest { parent_id: Some(None), ..AnswerRequest::text("second") };
    let second = stage.ask(&chat, second);
    let third = stage.ask(&chat, AnswerRequest { parent_id: Some(None), ..AnswerRequest::text("third") });
    let later = stage.say(&chat, Role::User, "later");
    let ids = [first.user_message, second.user_message, third.user_message, later].map(|message| message.id);
    (chat, ids.to_vec())
}

#[test]
fn an_older_text_is_found_again_and_comes_with_what_followed_it() {
    let stage = Stage::new(In::Memory);
    let (chat, ids) = edited(&stage);
    let branches = stage.kafka.branches(&stage.operator);
    let all = points(&stage, chat.id);
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].parent_id, all[0].active_id), (None, Some(ids[2])));
    assert_eq!(all[0].message_ids, ids[..3]);
    stage.clock.advance(Duration::from_secs(1));
    let now = branches.activate(ids[0]).unwrap();
    assert!(now.updated_at > chat.updated_at);
    assert_eq!(stage.branch(&chat), ["first", "Well, yes."]);
    // What is on the branch already stays as it is, with the end that was chosen before.
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(branches.activate(ids[0]).unwrap(), now);
    branches.activate(ids[2]).unwrap();
    assert_eq!(stage.branch(&chat), ["third", "Well, yes.", "later"]);
}

#[test]
fn branch_points_are_read_forth_and_back_and_by_number() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let messages = stage.kafka.messages(&stage.operator);
    for text in ["a", "b", "c", "d", "e"] {
        let old = stage.say(&chat, Role::User, text);
        messages.create(chat.id, new(Role::User, &text.to_uppercase(), Some(old.parent_id))).unwrap();
    }
    let all = points(&stage, chat.id);
    assert_eq!(all.len(), 5);
    let list = |request: PageRequest| stage.kafka.branches(&stage.operator).list(chat.id, &request).unwrap();
    let by_cursor = |place| list(PageRequest::Cursor { limit: Some(2), place });
    let last = by_cursor(Place::Start);
    assert_eq!((&last.items[..], last.next_cursor), (&all[3..], None));
    let middle = by_cursor(Place::Before(last.prev_cursor.unwrap()));
    assert_eq!(middle.items, all[1..3]);
    let first = by_cursor(Place::Before(middle.prev_cursor.unwrap()));
    assert_eq!((&first.items[..], first.prev_cursor), (&all[..1], None));
    assert_eq!(by_cursor(Place::After(first.next_cursor.unwrap())).items, all[1..3]);
    let numbered = list(PageRequest::Numbered { page: 2, page_size: 2 });
    assert_eq!((&numbered.items[..], numbered.numbers.unwrap().total), (&all[2..4], 5));
    let unknown =
        stage.kafka.branches(&stage.operator).list(unheard_of(), &PageRequest::default()).unwrap_err();
    assert_eq!((unknown.kind(), unknown.code()), (ErrorKind::NotFound, "chat_not_found"));
}

mod slow {
    use super::*;

    #[test]
    fn what_would_hold_up_everyone_is_refused_and_changes_nothing() {
        let stage = Stage::new(In::Memory);
        let chat = stage.chat();
        let root = stage.say(&chat, Role::User, "root");
        let mut last = root.clone();
        for number in 0..10_000 {
            last = stage.say(&chat, Role::User, &number.to_string());
        }
        let too_long = |refused: Result<(), kafka_core::Error>| {
            let refused = refused.unwrap_err();
            assert_eq!((refused.kind(), refused.code()), (ErrorKind::TooLarge, "branch_too_long"));
            let chat = stage.kafka.chats(&stage.operator).get(chat.id).unwrap();
            assert_eq!((chat.active_leaf_id, chat.message_count), (Some(last.id), 10_001));
        };
        let messages = stage.kafka.messages(&stage.operator);
        let branches = stage.kafka.branches(&stage.operator);
        // One more than may leave.
        too_long(messages.create(chat.id, new(Role::User, "beside", Some(None))).map(drop));
        too_long(branches.fork(chat.id, NewFork::default()).map(drop));
        // As many as may, there and back; and the fork of one less.
        let before_last = NewFork { message_id: last.parent_id, ..NewFork::default() };
        assert_eq!(branches.fork(chat.id, before_last).unwrap().message_count, 10_000);
        messages.create(chat.id, new(Role::User, "under", Some(Some(root.id)))).unwrap();
        assert_eq!(stage.branch(&chat), ["root", "under"]);
        let further = messages.create(chat.id, new(Role::User, "further", Some(Some(last.id)))).unwrap_err();
        assert_eq!(further.code(), "branch_too_long", "10,000 join, and one leaves");
        assert_eq!(stage.branch(&chat), ["root", "under"]);
    }
}
