//! The promise that no token is lost, put to the torture: a server is killed again and again in the
//! middle of many answers, and whatever a client has seen must be there afterwards.

use std::{
    env, fs,
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kafka_core::testing::{Script, ScriptedEndpoint, ScriptedRequest};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    api::{Api, text},
    http::Connection,
    process::{Binary, RunningServer, is_on_postgres},
    sse::Event,
};

/// Answers that stream at the same time.
const ANSWERS: usize = 16;
/// Kills of one database. Further ones are of a new one, or checking it would take most of the time.
const KILLS: usize = 50;
/// The latest that a server is killed after the last question.
const LIFE: Duration = Duration::from_millis(700);
/// Time from one token to the next.
const PACE: Duration = Duration::from_millis(5);

/// Random numbers that a seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((word ^ (word >> 31)) % limit as u64).unwrap()
    }
}

/// What a model says to a question `NAME TOKENS`: so many tokens, of which no two are alike and which
/// no other answer has, so that what is lost, doubled, swapped or mixed up shows.
fn tokens(question: &str) -> Vec<String> {
    let (name, count) = question.split_once(' ').unwrap();
    (0..count.parse().unwrap()).map(|number| format!("{name}.{number} ")).collect()
}

fn script(request: &ScriptedRequest) -> Script {
    let body = request.json();
    let question = body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
    let said =
        tokens(question).into_iter().fold(Script::events(), |script, token| script.token(&token).pause(PACE));
    said.finish("stop").done()
}

/// A question, and what its client saw of the answer.
struct Watched {
    chat: String,
    question: String,
    seen: Vec<Event>,
}

/// Asks all questions at the same time, kills the server after so long, and returns what was seen.
fn ask_and_kill(server: RunningServer, questions: Vec<(String, String)>, life: Duration) -> Vec<Watched> {
    let api = Api::of(&server);
    let ask = |(chat, question): (String, String)| {
        let body = json!({"content": question, "stream": true}).to_string();
        let connection = api.open("POST", &format!("/api/v1/chats/{chat}/responses"), &[], Some(&body));
        thread::spawn(move || Watched { seen: read_to_the_end(connection), chat, question })
    };
    let watching: Vec<_> = questions.into_iter().map(ask).collect();
    thread::sleep(life);
    server.kill9();
    watching.into_iter().map(|client| client.join().unwrap()).collect()
}

fn read_to_the_end(connection: Connection) -> Vec<Event> {
    match connection.try_events() {
        Ok((head, events)) => {
            assert_eq!(head.status, 200, "{head:?}");
            events.map_while(Result::ok).collect()
        }
        // It was killed before it answered.
        Err(_) => Vec::new(),
    }
}

/// Looks at the database as the killed server left it, which a copy keeps as it is. That of a server that
/// goes on is as sound as that server.
fn assert_sound(data: &Path) {
    if is_on_postgres() {
        return;
    }
    let copy = TempDir::new().unwrap();
    for name in ["kafka.db", "kafka.db-wal"] {
        fs::copy(data.join(name), copy.path().join(name)).unwrap();
    }
    let database = rusqlite::Connection::open(copy.path().join("kafka.db")).unwrap();
    let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    assert!(!database.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
}

#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    /// Answers that were begun, as storage has them.
    answers: usize,
    interrupted: usize,
    /// Deltas that a client saw before the kill, each of which was found again.
    deltas: usize,
}

/// Compares what a client saw with what a server has of it now.
fn check(api: &Api, watched: &Watched, tally: &mut Tally) {
    let Watched { chat, question, seen } = watched;
    let messages = api.get(&format!("/api/v1/chats/{chat}/messages"))["items"].clone();
    let [asked, message] = &messages.as_array().unwrap()[..] else {
        assert_eq!((&messages, &seen[..]), (&json!([]), &[][..]), "{question}: seen, but not stored");
        return;
    };
    assert_eq!(asked["content"], *question);
    // They end when the answer does: on PostgreSQL a dead server is told by its silence of five seconds.
    let replay = api.events(message["response"]["id"].as_str().unwrap(), 0);
    let message = api.get(&format!("/api/v1/messages/{}", message["id"].as_str().unwrap()));
    assert!(replay.starts_with(seen), "{question}: what was seen is not in {replay:#?}");
    let numbers = replay.iter().map(|event| event.id.clone());
    assert!(numbers.eq((1..=replay.len()).map(|number| number.to_string())), "{question}: {replay:#?}");

    let said = text(&replay);
    assert!(tokens(question).concat().starts_with(&said), "{question}: {said}");
    assert_eq!(message["content"], said);
    let (status, last) = (message["status"].as_str().unwrap(), replay.last().unwrap());
    match status {
        "interrupted" => {
            assert_eq!(last.name, "response.interrupted", "{question}");
            // Whatever a client did not see yet is text: the end follows what was said at once.
            let between = &replay[seen.len().min(replay.len() - 1)..replay.len() - 1];
            let is_said = |event: &Event| ["response.started", "message.delta"].contains(&&*event.name);
            assert!(between.iter().all(is_said), "{question}: {between:#?}");
            tally.interrupted += 1;
        }
        "complete" => {
            assert_eq!(last.name, "response.completed", "{question}");
            assert_eq!(said, tokens(question).concat());
        }
        other => panic!("{question}: {other}"),
    }
    let ends =
        replay.iter().filter(|event| event.name.starts_with("response.") && event.name != "response.started");
    assert_eq!(ends.count(), 1, "{question}: {replay:#?}");
    tally.answers += 1;
    tally.deltas += seen.iter().filter(|event| event.name == "message.delta").count();
}

/// Kills a server again and again.
fn torture(binary: &Binary, dice: &mut Dice, tally: &mut Tally) {
    let endpoint = ScriptedEndpoint::start(script);
    let data = TempDir::new().unwrap();
    let mut server = RunningServer::start(binary, data.path(), &[]);
    let model = json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true});
    Api::of(&server).post("/api/v1/models", &model);
    let mut all: Vec<Watched> = Vec::new();
    // There a server comes to its first answers later, and each of its tokens takes a round trip.
    let (kills, longest) = if is_on_postgres() { (KILLS / 2, 3 * LIFE) } else { (KILLS, LIFE) };
    for kill in 0..kills {
        let api = Api::of(&server);
        let questions = (0..ANSWERS).map(|answer| {
            // Some end before the kill, some while it comes, most would go on.
            let tokens = if answer % 4 == 0 { 1 + dice.below(80) } else { 1000 };
            (api.chat(), format!("{kill}/{answer} {tokens}"))
        });
        let questions = questions.collect();
        let life = Duration::from_micros(dice.below(longest.as_micros() as usize) as u64);
        let watched = ask_and_kill(server, questions, life);
        assert_sound(data.path());
        server = RunningServer::start(binary, data.path(), &[]);
        tally.kills += 1;
        // To be told from the living takes five seconds on PostgreSQL: there the last server ends all at once.
        if !is_on_postgres() {
            let api = Api::of(&server);
            watched.iter().for_each(|watched| check(&api, watched, &mut Tally::default()));
        }
        all.extend(watched);
    }
    // What was kept once stays.
    let api = Api::of(&server);
    for watched in &all {
        check(&api, watched, tally);
    }
}

fn rounds(count: usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let seed = env::var("KAFKA_TORTURE_SEED").map_or(now, |seed| seed.parse().unwrap());
    eprintln!("KAFKA_TORTURE_SEED={seed} chooses the same moments again");
    let mut dice = Dice(seed);
    let mut tally = Tally::default();
    for round in 0..count {
        torture(&Binary::both()[round % 2], &mut dice, &mut tally);
        let Tally { kills, answers, interrupted, deltas } = tally;
        // Whoever stops this early knows what was tried.
        eprintln!(
            "{kills} kills, {answers} answers, {interrupted} interrupted, {deltas} deltas checked, 0 losses"
        );
    }
    let Tally { kills, answers, interrupted, deltas } = tally;
    assert!(deltas >= 20 * kills, "too little was seen for this to prove anything");
    assert!(2 * interrupted >= answers, "too few answers were hit");
}

mod slow {
    #[test]
    #[cfg(not(feature = "long"))]
    fn what_was_seen_outlives_fifty_kills() {
        super::rounds(1);
    }

    #[test]
    #[cfg(feature = "long")]
    fn what_was_seen_outlives_a_thousand_kills() {
        super::rounds(1000 / super::KILLS);
    }
}
