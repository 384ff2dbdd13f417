//! What is made of a prompt.

use super::{Triage, Wishes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    NewFile,
    Reply,
    Edit,
}

/// The order is that of the replaced Kafka system: a new file comes before all else, also for who only chats.
pub(super) fn decide(wishes: &Wishes, triage: &Triage) -> Decision {
    if wishes.is_first_prompt || triage.wants_new_file {
        Decision::NewFile
    } else if triage.is_plain_response || wishes.is_chat {
        Decision::Reply
    } else {
        Decision::Edit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_decides() {
        use Decision::{Edit, NewFile, Reply};
        // First prompt, chat; a new file, a plain response, by the model.
        for (first, chat, new, plain, decision) in [
            (false, false, false, false, Edit),
            (false, false, false, true, Reply),
            (false, false, true, false, NewFile),
            (false, false, true, true, NewFile),
            (false, true, false, false, Reply),
            (false, true, true, false, NewFile),
            (true, false, false, true, NewFile),
            (true, true, false, true, NewFile),
        ] {
            let wishes = Wishes { selected_file: None, is_first_prompt: first, is_chat: chat };
            let triage = Triage { wants_new_file: new, is_plain_response: plain, ..Triage::default() };
            assert_eq!(decide(&wishes, &triage), decision, "{first} {chat} {new} {plain}");
        }
    }
}
