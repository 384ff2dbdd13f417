//! The events of an answer: the same for everyone who reads them, whenever that is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use kafka_core::{
    Actor, AnswerRequest, ChatPatch, ErrorKind, Event, EventKind, EventStream, Kafka, MessagePatch,
    MessageStatus, Next, NodeKind, ResponseId, ResponseStatus, TurnEvent,
    testing::{Gate, ScriptedAnswer},
};

use crate::stage::{In, Stage, all_events, unheard_of};

/// Longer than any step of a test takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn text(text: &str) -> AnswerRequest {
    AnswerRequest::text(text)
}

/// A model that says "One", waits for the gate, and says " two".
fn held(place: In) -> (Stage, Gate) {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::with(
        place,
        move |_| ScriptedAnswer::new().text("One").wait_for(&script).text(" two").usage(3, 2).finish(),
        |_| {},
    );
    (stage, gate)
}

/// Reads until this text was seen.
fn until(kafka: &Kafka, actor: &Actor, id: ResponseId, text: &str) -> Vec<Event> {
    let mut seen = Vec::new();
    for event in kafka.responses(actor).events(id, 0).unwrap() {
        let event = event.unwrap();
        let is_it = event.kind == EventKind::Delta && event.data().contains(text);
        seen.push(event);
        if is_it {
            return seen;
        }
    }
    panic!("the answer ended without {text:?}: {seen:?}");
}

#[test]
fn live_after_the_end_and_after_opening_again_they_are_the_same() {
    let (stage, gate) = held(In::File);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    let id = turn.id();
    let first = until(&stage.kafka, &stage.operator, id, "One");
    let watchers: Vec<_> = (0..2)
        .map(|_| {
            let kafka = stage.kafka.clone();
            thread::spawn(move || all_events(&kafka, id))
        })
        .collect();
    let late = stage.kafka.responses(&stage.operator).events(id, 2).unwrap();
    gate.open();
    let live: Vec<Event> = turn.into_events().map(Result::unwrap).collect();
    let kinds: Vec<_> = live.iter().map(|event| event.kind).collect();
    let [started, delta, usage, completed] =
        [EventKind::Started, EventKind::Delta, EventKind::Usage, EventKind::Completed];
    assert_eq!(kinds, [started, delta, delta, usage, completed]);
    assert!(live.iter().map(|event| event.seq).eq(1..=5), "counted from 1 without a gap");
    assert!(live.iter().all(|event| !event.data().contains('\n')));
    assert_eq!(first, live[..2]);
    for watcher in watchers {
        assert_eq!(watcher.join().unwrap(), live);
    }
    assert_eq!(late.map(Result::unwrap).collect::<Vec<_>>(), live[2..]);

    let beside = stage.beside();
    assert_eq!(all_events(&beside, id), live, "another handle");
    beside.close();
    assert_eq!(stage.events(id), live, "after the end");
    stage.kafka.close();
    let again = stage.reopened(|_| {});
    assert_eq!(all_events(&again, id), live, "after opening again");
    for after in 0..=5 {
        let events = again.responses(&again.operator()).events(id, after).unwrap();
        assert_eq!(events.map(Result::unwrap).collect::<Vec<_>>(), live[after as usize..], "after {after}");
    }
}

/// While it runs, too, and over two handles, of which one only reads what is stored.
#[test]
fn another_handle_follows_an_answer_that_runs() {
    let (stage, gate) = held(In::File);
    let turn = stage.kafka.completions(&stage.operator).start(stage.chat().id, text("Hi")).unwrap();
    let id = turn.id();
    let beside = stage.reopened(|_| {});
    let seen = until(&beside, &beside.operator(), id, "One");
    assert_eq!(seen.len(), 2);
    let follower = {
        let beside = beside.clone();
        thread::spawn(move || all_events(&beside, id))
    };
    gate.open();
    let live: Vec<Event> = turn.into_events().map(Result::unwrap).collect();
    assert_eq!(follower.join().unwrap(), live);
}

/// Memory keeps the last events only, and stored ones are read piece by piece.
#[test]
fn who_comes_late_to_a_long_answer_misses_nothing() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::with(
        In::File,
        move |_| {
            let long = (0..3000).fold(ScriptedAnswer::new(), |answer, n| answer.text(&format!(" {n}")));
            long.text("held").wait_for(&script).text(" end").finish()
        },
        |_| {},
    );
    let turn = stage.kafka.completions(&stage.operator).start(stage.chat().id, text("Hi")).unwrap();
    let id = turn.id();
    let watch = |after| stage.kafka.responses(&stage.operator).events(id, after).unwrap();
    let seen = until(&stage.kafka, &stage.operator, id, "held");
    assert_eq!(seen.len(), 3002);
    let mut readers = [watch(1), watch(1)];
    let pieces = readers.each_mut().map(|events| match events.next_piece_within(PATIENCE).unwrap() {
        Next::Event(piece) => piece,
        other => panic!("{other:?}"),
    });
    assert_eq!(pieces[0].as_str().as_ptr(), pieces[1].as_str().as_ptr(), "who is behind shares what is read");
    let slow = turn.into_events();
    let late = [1, 1500, 2999, 3002].map(|after| (after, watch(after)));
    gate.open();
    let all = stage.events(id);
    assert!(stage.kafka.wait_until_idle(PATIENCE));
    assert!(all.iter().map(|event| event.seq).eq(1..=3000 + 5));
    assert_eq!(all[..3002], seen);
    assert_eq!(slow.map(Result::unwrap).collect::<Vec<_>>(), all);
    for (after, events) in late.into_iter().chain([1, 1500, 2999, 3004, 3005].map(|at| (at, watch(at)))) {
        assert_eq!(events.map(Result::unwrap).collect::<Vec<_>>(), all[after as usize..], "after {after}");
    }
    let refused = stage.kafka.responses(&stage.operator).events(id, 3006).unwrap_err();
    assert_eq!(refused.code(), "after_out_of_range");
}

/// Pieces hold what single events do, once and in order, wherever one begins and however they were stored.
#[test]
fn pieces_are_the_events_encoded() {
    let long =
        |_: &_| (0..3000).fold(ScriptedAnswer::new(), |answer, n| answer.text(&format!(" {n}"))).finish();
    let stage = Stage::with(In::Memory, long, |_| {});
    let turn = stage.kafka.completions(&stage.operator).start(stage.chat().id, text("Hi")).unwrap();
    let id = turn.id();
    let encoded =
        |event: &Event| format!("id: {}\nevent: {}\ndata: {}\n\n", event.seq, event.kind, event.data());
    let pieces = |mut events: EventStream| {
        let mut pieces = Vec::new();
        loop {
            match events.next_piece_within(PATIENCE).unwrap() {
                Next::Event(piece) => pieces.push(piece.as_str().to_owned()),
                Next::Over => return pieces,
                Next::Nothing => panic!("nothing came"),
            }
        }
    };
    let live = pieces(turn.into_events());
    let all = stage.events(id);
    assert_eq!(live.concat(), all.iter().map(encoded).collect::<String>());
    for after in [0, 1, 700, 2999] {
        let stored = pieces(stage.kafka.responses(&stage.operator).events(id, after).unwrap());
        assert!(stored.iter().all(|piece| piece.len() <= 16 << 10), "a reader need not take all at once");
        assert_eq!(stored.concat(), all[after as usize..].iter().map(encoded).collect::<String>());
    }
}

#[test]
fn numbers_that_are_not_there_yet_are_refused() {
    let (stage, gate) = held(In::Memory);
    let responses = stage.kafka.responses(&stage.operator);
    let turn = stage.kafka.completions(&stage.operator).start(stage.chat().id, text("Hi")).unwrap();
    let id = turn.id();
    until(&stage.kafka, &stage.operator, id, "One");
    let refused = |after| responses.events(id, after).err().map(|error| (error.kind(), error.code()));
    let out_of_range = Some((ErrorKind::Invalid, "after_out_of_range"));
    assert_eq!([2, 3, u64::MAX].map(refused), [None, out_of_range, out_of_range]);
    gate.open();
    turn.wait().unwrap();
    assert_eq!([5, 6, u64::MAX].map(refused), [None, out_of_range, out_of_range]);
    let other = unheard_of();
    assert_eq!(responses.events(other, 0).unwrap_err().code(), "response_not_found");
    assert_eq!(responses.get(other).unwrap_err().code(), "response_not_found");
    assert_eq!(responses.cancel(other).unwrap_err().code(), "response_not_found");
}

#[test]
fn waiting_for_the_next_event_has_an_end() {
    let (stage, gate) = held(In::Memory);
    let turn = stage.kafka.completions(&stage.operator).start(stage.chat().id, text("Hi")).unwrap();
    let id = turn.id();
    let mut events = turn.into_events();
    for seq in 1..=2 {
        assert!(matches!(events.next_within(PATIENCE).unwrap(), Next::Event(event) if event.seq == seq));
    }
    assert_eq!(events.next_within(Duration::ZERO).unwrap(), Next::Nothing);
    gate.open();
    let mut count = 2;
    while let Next::Event(_) = events.next_within(PATIENCE).unwrap() {
        count += 1;
    }
    assert_eq!(count, 5);
    assert_eq!(events.next_within(PATIENCE).unwrap(), Next::Over);
    assert!(events.next().is_none());
    assert_eq!(stage.events(id).len(), 5);
}

#[test]
fn who_leaves_cancels_nothing() {
    let (stage, gate) = held(In::Memory);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    let id = turn.id();
    drop(turn);
    gate.open();
    assert!(stage.kafka.wait_until_idle(PATIENCE));
    assert_eq!(stage.branch(&chat), ["Hi", "One two"]);
    let response = stage.kafka.responses(&stage.operator).get(id).unwrap();
    assert_eq!(response.status, ResponseStatus::Completed);
}

#[test]
fn cancelling_keeps_what_came() {
    let (stage, _gate) = held(In::Memory);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    let id = turn.id();
    until(&stage.kafka, &stage.operator, id, "One");
    let cancelled = stage.kafka.responses(&stage.operator).cancel(id).unwrap();
    assert_eq!((cancelled.status, &cancelled.error), (ResponseStatus::Cancelled, &None));
    assert!(cancelled.usage_estimated);
    let answer = turn.wait().unwrap();
    assert_eq!((answer.message.content.as_str(), answer.message.status), ("One", MessageStatus::Cancelled));
    assert_eq!(stage.events(id).pop().unwrap().kind, EventKind::Cancelled);
    let again = stage.kafka.responses(&stage.operator).cancel(id).unwrap();
    assert_eq!(again, cancelled, "cancelling what has ended changes nothing");
}

#[test]
fn cancelling_before_the_first_token() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::scripted(move |_| ScriptedAnswer::new().wait_for(&script).text("never").finish());
    let turn = stage.kafka.completions(&stage.operator).start(stage.chat().id, text("Hi")).unwrap();
    stage.provider.wait_for_calls(1);
    turn.cancel().unwrap();
    let answer = turn.wait().unwrap();
    assert_eq!((answer.response.status, answer.message.content.as_str()), (ResponseStatus::Cancelled, ""));
    // The endpoint has the question, and has its owner pay for it.
    assert!(answer.response.usage_estimated);
    assert_eq!((answer.response.tokens_prompt, answer.response.tokens_completion), (Some(5), Some(0)));
    assert_eq!(answer.response.first_token_ms, None);
}

#[test]
fn cancelling_one_that_waits_lets_the_others_keep_their_order() {
    let (stage, gate) = held(In::Memory);
    let chat = stage.chat();
    let completions = stage.kafka.completions(&stage.operator);
    let [first, second, third] = ["1", "2", "3"].map(|n| completions.start(chat.id, text(n)).unwrap());
    second.cancel().unwrap();
    let second = second.wait().unwrap();
    assert_eq!((second.response.status, second.message.content.as_str()), (ResponseStatus::Cancelled, ""));
    gate.open();
    assert_eq!(first.wait().unwrap().message.content, "One two");
    assert_eq!(third.wait().unwrap().message.content, "One two");
    let asked: Vec<_> =
        stage.provider.calls().iter().map(|call| call.prompt.last_user_text().to_owned()).collect();
    assert_eq!(asked, ["1", "3"], "the cancelled one never asked the model");
}

/// An answer that another process runs is ended in storage; its own thread then stops.
#[test]
fn cancelling_over_another_handle() {
    let (stage, _gate) = held(In::File);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    until(&stage.kafka, &stage.operator, turn.id(), "One");
    let beside = stage.beside();
    let cancelled = beside.responses(&beside.operator()).cancel(turn.id()).unwrap();
    assert_eq!(cancelled.status, ResponseStatus::Cancelled);
    let stored = all_events(&beside, turn.id());
    assert_eq!(stored.last().unwrap().kind, EventKind::Cancelled);
    // The watcher of the first handle comes to the same end.
    let id = turn.id();
    let live: Vec<Event> = turn.into_events().map(Result::unwrap).collect();
    assert_eq!(live, stored);
    assert!(stage.kafka.wait_until_idle(PATIENCE));
    assert_eq!(stage.branch(&chat), ["Hi", "One"]);
    assert_eq!(stage.events(id), stored);
}

/// What a commit holds of an answer is encoded once, however many watch.
#[test]
fn watchers_share_the_bytes_that_they_are_given() {
    let (stage, gate) = held(In::Memory);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    until(&stage.kafka, &stage.operator, turn.id(), "One");
    let responses = stage.kafka.responses(&stage.operator);
    let mut watchers = [(); 2].map(|()| responses.events(turn.id(), 0).unwrap());
    for what in ["response.started", "One"] {
        let pieces = watchers.each_mut().map(|watcher| match watcher.next_piece_within(PATIENCE).unwrap() {
            Next::Event(piece) => piece,
            other => panic!("{other:?}"),
        });
        let [one, other] = pieces.each_ref().map(|piece| piece.as_str());
        assert!(one.contains(what), "{one}");
        assert!(std::ptr::eq(one, other), "the same bytes, not equal ones");
    }
    gate.open();
}

/// A command keeps no house for others, but looks after its own answers.
#[test]
fn an_answer_of_a_command_ends_when_another_handle_cancels_it() {
    let (never, went_on) = (Gate::new(), Arc::new(AtomicBool::new(false)));
    let flag = Arc::clone(&went_on);
    let script = move |_: &_| {
        let flag = Arc::clone(&flag);
        ScriptedAnswer::new()
            .text("One")
            .wait_for(&never)
            .then(move || flag.store(true, Ordering::SeqCst))
            .finish()
    };
    let stage = Stage::with(In::File, script, |config| config.kind = NodeKind::Cli);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    until(&stage.kafka, &stage.operator, turn.id(), "One");
    let beside = stage.beside();
    beside.responses(&beside.operator()).cancel(turn.id()).unwrap();
    let stored = all_events(&beside, turn.id());
    let live: Vec<Event> = turn.into_events().map(Result::unwrap).collect();
    assert_eq!(live, stored);
    assert!(stage.kafka.wait_until_idle(PATIENCE));
    assert!(!went_on.load(Ordering::SeqCst), "nobody waited for the model to say something");
}

/// Whoever cancels what another process has ended already still stops the model that is silent here.
#[test]
fn cancelling_stops_the_model_also_when_the_answer_has_ended_elsewhere() {
    let (stage, _gate) = held(In::File);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    until(&stage.kafka, &stage.operator, turn.id(), "One");
    let beside = stage.beside();
    beside.responses(&beside.operator()).cancel(turn.id()).unwrap();
    turn.cancel().unwrap();
    assert!(stage.provider.calls()[0].options.cancel.is_cancelled(), "at once");
}

#[test]
fn a_message_that_is_being_written_cannot_be_edited() {
    let (stage, gate) = held(In::Memory);
    let turn = stage.kafka.completions(&stage.operator).start(stage.chat().id, text("Hi")).unwrap();
    let edit = || MessagePatch { content: Some("Mine".into()), ..MessagePatch::default() };
    let messages = stage.kafka.messages(&stage.operator);
    let refused = messages.update(turn.message_id(), edit()).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "message_streaming"));
    messages.update(turn.user_message_id(), edit()).unwrap();
    gate.open();
    let answer = turn.wait().unwrap();
    assert_eq!(answer.message.content, "One two");
    assert_eq!(messages.update(answer.message.id, edit()).unwrap().content, "Mine");
}

#[test]
fn settings_changed_while_it_streams_stay_changed() {
    let (stage, gate) = held(In::Memory);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    let patch = ChatPatch { title: Some(Some("Renamed".into())), ..ChatPatch::default() };
    stage.kafka.chats(&stage.operator).update(chat.id, patch).unwrap();
    gate.open();
    turn.wait().unwrap();
    let chat = stage.kafka.chats(&stage.operator).get(chat.id).unwrap();
    assert_eq!((chat.title.as_deref(), chat.total_tokens), (Some("Renamed"), 5));
}

#[test]
fn deleting_what_streams_ends_the_answer() {
    for whole_chat in [true, false] {
        let (stage, _gate) = held(In::File);
        let chat = stage.chat();
        let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
        let id = turn.id();
        until(&stage.kafka, &stage.operator, id, "One");
        // One who was told all so far, and one who has yet to read from the start.
        let mut watchers = [0, 0].map(|_| stage.kafka.responses(&stage.operator).events(id, 0).unwrap());
        let told: Vec<_> = watchers[0].by_ref().take(2).map(Result::unwrap).collect();
        if whole_chat {
            stage.kafka.chats(&stage.operator).delete(chat.id).unwrap();
        } else {
            stage.kafka.messages(&stage.operator).delete(turn.message_id()).unwrap();
        }
        let [informed, late] = watchers.map(|watcher| watcher.map(Result::unwrap).collect::<Vec<_>>());
        assert_eq!([told, informed].concat(), late);
        let last = late.last().unwrap();
        assert_eq!((last.kind, last.seq), (EventKind::Cancelled, late.len() as u64));
        let gone = turn.wait().unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
        assert!(stage.kafka.wait_until_idle(PATIENCE), "its thread ends");
        let refused = stage.kafka.responses(&stage.operator).events(id, 0).unwrap_err();
        assert_eq!(refused.code(), "response_not_found");
        if !whole_chat {
            assert_eq!(stage.branch(&chat), ["Hi"]);
            let patch = ChatPatch { default_model: Some(Some("echo".into())), ..ChatPatch::default() };
            stage.kafka.chats(&stage.operator).update(chat.id, patch).unwrap();
            assert_eq!(stage.ask(&chat, text("Again")).message.content, "Echo: Again", "the chat goes on");
        }
    }
}

/// Deleting the question while its answer waits: there is nothing left to answer.
#[test]
fn deleting_a_question_that_waits_asks_no_model() {
    let (stage, gate) = held(In::Memory);
    let chat = stage.chat();
    let completions = stage.kafka.completions(&stage.operator);
    let first = completions.start(chat.id, text("1")).unwrap();
    let waiting = completions.start(chat.id, text("2")).unwrap();
    stage.kafka.messages(&stage.operator).delete(waiting.user_message_id()).unwrap();
    gate.open();
    first.wait().unwrap();
    let (id, refused) = (waiting.id(), waiting.wait().unwrap_err());
    assert_eq!(refused.code(), "message_not_found");
    let response = stage.kafka.responses(&stage.operator).get(id).unwrap();
    assert_eq!(response.status, ResponseStatus::Failed);
    assert_eq!(response.error.unwrap().code, "message_not_found");
    assert_eq!(stage.provider.calls().len(), 1);
}

/// Many answers share commits; each has its own events all the same.
#[test]
fn answers_that_stream_at_the_same_time_do_not_mix() {
    let tokens: Vec<String> = (0..40).map(|number| format!(" {number}")).collect();
    let script = Arc::new(tokens.clone());
    let stage = Stage::with(
        In::File,
        move |call| {
            let who = ScriptedAnswer::new().text(call.prompt.last_user_text());
            script.iter().fold(who, |answer, token| answer.text(token)).finish()
        },
        |_| {},
    );
    let turns: Vec<_> = (0..12)
        .map(|n| {
            let chat = stage.chat();
            stage.kafka.completions(&stage.operator).start(chat.id, text(&format!("chat {n}"))).unwrap()
        })
        .collect();
    for (n, turn) in turns.into_iter().enumerate() {
        let id = turn.id();
        assert_eq!(turn.wait().unwrap().message.content, format!("chat {n}{}", tokens.concat()));
        let events = stage.events(id);
        assert!(events.iter().map(|event| event.seq).eq(1..=43 + 1), "{}", events.len());
    }
}

/// A model that is silent for long writes nothing that would find out. Whoever watches sees the end, wherever
/// that is, and with what was told before.
#[test]
fn what_another_handle_deletes_ends_here_too() {
    let (stage, _gate) = held(In::File);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    until(&stage.kafka, &stage.operator, turn.id(), "One");
    let (stopped, was_stopped) = std::sync::mpsc::channel();
    let _hook = stage.provider.calls()[0].options.cancel.on_cancel(move || stopped.send(()).unwrap());
    let (beside, third) = (stage.beside(), stage.beside());
    let watchers = [&stage.kafka, &beside, &third].map(|kafka| {
        let mut watcher = kafka.responses(&kafka.operator()).events(turn.id(), 0).unwrap();
        let told: Vec<_> = watcher.by_ref().take(2).map(Result::unwrap).collect();
        (told, watcher)
    });
    beside.chats(&beside.operator()).delete(chat.id).unwrap();
    was_stopped.recv_timeout(PATIENCE).expect("the model is stopped");
    let [here, there, elsewhere] =
        watchers.map(|(told, watcher)| [told, watcher.map(Result::unwrap).collect()].concat());
    assert!(here.iter().map(|event| event.seq).eq(1..=3), "{here:?}");
    assert_eq!(here[2].kind, EventKind::Cancelled);
    let TurnEvent::Finished(response) = here[2].decode().unwrap() else { panic!("{here:?}") };
    assert_eq!((response.id, response.status), (turn.id(), ResponseStatus::Cancelled));
    assert_eq!([there, elsewhere], [here.clone(), here]);
    assert_eq!(turn.wait().unwrap_err().code(), "message_not_found");
}

/// The database refuses an end for a reason that no trying again mends: the answer is ended when it can be.
#[test]
#[cfg_attr(feature = "postgres", ignore = "a trigger of SQLite")]
fn an_answer_whose_end_cannot_be_stored_is_ended_later() {
    let (stage, gate) = held(In::File);
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    let id = turn.id();
    until(&stage.kafka, &stage.operator, id, "One");
    let rows = rusqlite::Connection::open(stage.database()).unwrap();
    rows.execute_batch(
        "CREATE TABLE taken (number INTEGER PRIMARY KEY);
         INSERT INTO taken VALUES (1);
         CREATE TRIGGER broken BEFORE UPDATE ON responses BEGIN INSERT INTO taken VALUES (1); END",
    )
    .unwrap();
    gate.open();
    assert!(stage.kafka.wait_until_idle(PATIENCE), "its thread ends");
    rows.execute_batch("DROP TRIGGER broken").unwrap();
    let answer = turn.wait().unwrap();
    assert_eq!(answer.response.status, ResponseStatus::Interrupted);
    // What came last may be stored with the end or before it.
    assert!(["One", "One two"].contains(&&*answer.message.content));
    assert_eq!(stage.events(id).last().unwrap().kind, EventKind::Interrupted);
}
