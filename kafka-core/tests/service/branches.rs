//! The tree of messages: whatever is done to it, the active branch is the path that a simple model of
//! the tree gives.

use std::collections::BTreeMap;

use kafka_core::{ChatPatch, MessageId, NewMessage, PageRequest, Role};
use proptest::prelude::*;

use crate::stage::{In, Stage};

#[derive(Clone, Debug)]
enum Step {
    Append,
    AppendUnder(prop::sample::Index),
    NewRoot,
    Delete(prop::sample::Index),
    Activate(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        4 => Just(Step::Append),
        3 => index().prop_map(Step::AppendUnder),
        1 => Just(Step::NewRoot),
        2 => index().prop_map(Step::Delete),
        2 => index().prop_map(Step::Activate),
    ];
    prop::collection::vec(step, 1..40)
}

/// A chat as it should be.
#[derive(Default)]
struct Tree {
    parents: BTreeMap<MessageId, Option<MessageId>>,
    leaf: Option<MessageId>,
}

impl Tree {
    fn pick(&self, index: &prop::sample::Index) -> Option<MessageId> {
        let ids: Vec<_> = self.parents.keys().copied().collect();
        if ids.is_empty() { None } else { Some(*index.get(&ids)) }
    }

    fn add(&mut self, id: MessageId, parent: Option<MessageId>) {
        self.parents.insert(id, parent);
        self.leaf = Some(id);
    }

    fn delete(&mut self, id: MessageId) {
        let parent = self.parents.remove(&id).unwrap();
        for other in self.parents.values_mut().filter(|other| **other == Some(id)) {
            *other = parent;
        }
        if self.leaf == Some(id) {
            self.leaf = parent;
        }
    }

    fn branch(&self) -> Vec<MessageId> {
        let mut path: Vec<_> = std::iter::successors(self.leaf, |id| self.parents[id]).collect();
        path.reverse();
        path
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_active_branch_is_the_path_to_the_active_leaf(steps in steps(), in_file in prop::bool::weighted(0.1)) {
        let stage = Stage::new(if in_file { In::File } else { In::Memory });
        let chat = stage.chat();
        let messages = stage.kafka.messages(&stage.operator);
        let chats = stage.kafka.chats(&stage.operator);
        let mut tree = Tree::default();
        let mut last_seq = 0;
        for step in &steps {
            let add = |tree: &mut Tree, last_seq: &mut i64, parent: Option<Option<MessageId>>| {
                let new = NewMessage { parent_id: parent, ..NewMessage::text(Role::User, "x") };
                let made = messages.create(chat.id, new).unwrap();
                let expected = parent.unwrap_or(tree.leaf);
                assert_eq!(made.parent_id, expected);
                assert!(made.seq > *last_seq, "a number was given twice");
                *last_seq = made.seq;
                tree.add(made.id, expected);
            };
            match step {
                Step::Append => add(&mut tree, &mut last_seq, None),
                Step::NewRoot => add(&mut tree, &mut last_seq, Some(None)),
                Step::AppendUnder(index) => {
                    if let Some(parent) = tree.pick(index) {
                        add(&mut tree, &mut last_seq, Some(Some(parent)));
                    }
                }
                Step::Delete(index) => {
                    if let Some(id) = tree.pick(index) {
                        messages.delete(id).unwrap();
                        tree.delete(id);
                    }
                }
                Step::Activate(index) => {
                    if let Some(id) = tree.pick(index) {
                        chats.update(chat.id, ChatPatch { active_leaf_id: Some(id), ..ChatPatch::default() }).unwrap();
                        tree.leaf = Some(id);
                    }
                }
            }
            let listed = messages.list(chat.id, &PageRequest::first(200)).unwrap().items;
            let ids: Vec<_> = listed.iter().map(|message| message.id).collect();
            prop_assert_eq!(&ids, &tree.branch(), "after {:?}", step);
            for message in &listed {
                prop_assert_eq!(message.parent_id, tree.parents[&message.id]);
            }
            let linear = stage.kafka.linear(&stage.operator);
            let walked = linear.messages(chat.id).unwrap().flat_map(Result::unwrap).collect::<Vec<_>>();
            prop_assert_eq!(&walked, &listed);
            prop_assert_eq!(linear.chat(chat.number).unwrap().message_count, listed.len() as u64);
            let now = chats.get(chat.id).unwrap();
            prop_assert_eq!((now.active_leaf_id, now.message_count), (tree.leaf, tree.parents.len() as u64));
        }
        if in_file {
            // The mark on each row, also of those that no list shows.
            let marked = stage.rows("SELECT id FROM messages WHERE on_branch = 1 ORDER BY seq", &[]);
            let marked: Vec<String> = marked.into_iter().flatten().flatten().collect();
            let path: Vec<String> = tree.branch().iter().map(MessageId::to_string).collect();
            prop_assert_eq!(marked, path);
        }
    }
}
