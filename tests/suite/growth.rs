//! An hour of use, or `KAFKA_GROWTH_SECONDS`: what is stored of a message does not get more with time. Events of
//! answers are packed, keys of repeated requests forgotten, and what was changed or deleted leaves no room unused.

mod slow {
    use std::{
        env,
        path::Path,
        sync::atomic::{AtomicBool, AtomicU64, Ordering},
        thread,
        time::{Duration, Instant},
    };

    use serde_json::json;
    use tempfile::TempDir;

    use crate::support::{
        api::Api,
        process::{Binary, RunningServer, is_on_postgres},
        rows::{number, run_sql},
    };

    const WINDOWS: u32 = 12;
    const CLIENTS: u64 = 6;
    /// From one turn of a client to its next.
    const PACE: Duration = Duration::from_millis(30);
    /// Turns after which a client goes on in another chat.
    const TURNS: u64 = 40;
    /// Of the chats of every second client so many are kept; of the others, all.
    const KEPT: usize = 5;
    /// How much more a message may take towards the end than in the middle.
    const TOLERANCE: f64 = 1.3;

    /// What is stored at one moment.
    #[derive(Clone, Copy)]
    struct Stored {
        said: u64,
        bytes: i64,
        events: i64,
        answers: i64,
        keys: i64,
        dead: i64,
    }

    fn look(data: &Path, said: &AtomicU64) -> Stored {
        let (bytes, dead) = if is_on_postgres() {
            (
                "SELECT pg_database_size(current_database())",
                "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables",
            )
        } else {
            ("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", "SELECT 0")
        };
        Stored {
            said: said.load(Ordering::Relaxed),
            bytes: number(data, bytes),
            events: number(data, "SELECT count(*) FROM response_events"),
            answers: number(data, "SELECT count(*) FROM responses"),
            keys: number(data, "SELECT count(*) FROM idempotency_keys"),
            dead: number(data, dead),
        }
    }

    /// Stores messages, has them answered and changes chats, until it is over.
    fn use_it(api: &Api, client: u64, said: &AtomicU64, is_over: &AtomicBool) {
        let mut chats = Vec::new();
        for turn in 0.. {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            if turn % TURNS == 0 {
                chats.push(api.chat());
                if client.is_multiple_of(2) && chats.len() > KEPT {
                    api.delete(&format!("/api/v1/chats/{}", chats.remove(0)));
                }
            }
            let chat = chats.last().unwrap();
            let key = format!("{client}-{turn}");
            let message = json!({"role": "system", "content": format!("Turn {turn} of client {client}.")});
            let path = format!("/api/v1/chats/{chat}/messages");
            let reply = api.send("POST", &path, &[("Idempotency-Key", &key)], Some(&message.to_string()));
            assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
            let question = "What is the way to the castle, and who may go there at this hour? ".repeat(3);
            let answer = api.ask(chat, &json!({"content": question, "model": "echo"}));
            assert_eq!(answer.last().unwrap().name, "response.completed");
            api.patch(&format!("/api/v1/chats/{chat}"), &json!({"title": format!("At turn {turn}")}));
            said.fetch_add(3, Ordering::Relaxed);
            thread::sleep(PACE);
        }
    }

    /// A day passes for the keys of repeated requests.
    fn let_keys_expire(data: &Path) {
        run_sql(data, "UPDATE idempotency_keys SET expires_at = 1 WHERE expires_at > 1", &[]);
    }

    #[test]
    fn what_is_stored_of_a_message_does_not_get_more_with_time() {
        let seconds = env::var("KAFKA_GROWTH_SECONDS").map_or(3600, |seconds| seconds.parse().unwrap());
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--log", "text:warn"]);
        let (api, said, is_over) = (Api::of(&server), AtomicU64::new(0), AtomicBool::new(false));
        let mut looks = vec![look(data.path(), &said)];
        eprintln!("window messages       MB  bytes/message  events/answer     keys     dead");
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (api, said, is_over) = (&api, &said, &is_over);
                scope.spawn(move || use_it(api, client, said, is_over));
            }
            let began = Instant::now();
            for window in 1..=WINDOWS {
                let end = began + Duration::from_secs(seconds) * window / WINDOWS;
                thread::sleep(end.saturating_duration_since(Instant::now()));
                let now = look(data.path(), &said);
                let_keys_expire(data.path());
                eprintln!(
                    "{window:6} {:8} {:8.1}  {:13.0}  {:13.2} {:8} {:8}",
                    now.said,
                    now.bytes as f64 / 1e6,
                    growth(looks[window as usize - 1], now),
                    now.events as f64 / now.answers.max(1) as f64,
                    now.keys,
                    now.dead,
                );
                looks.push(now);
            }
            is_over.store(true, Ordering::Relaxed);
        });
        let third = looks.len() / 3;
        let (middle, end) =
            (growth(looks[third], looks[2 * third]), growth(looks[2 * third], looks[3 * third]));
        eprintln!("bytes a message in the middle third {middle:.0}, in the last {end:.0}");
        assert!(end <= middle * TOLERANCE, "{end:.0} bytes a message after {middle:.0}");
        let last = looks.last().unwrap();
        // One row an answer, besides those that run.
        assert!(last.events <= last.answers + 20 * CLIENTS as i64, "{} of {}", last.events, last.answers);
        // Those of the last two windows at most.
        let of_two_windows = (last.said - looks[looks.len() - 3].said) / 3;
        assert!(last.keys <= of_two_windows as i64, "{} keys are kept of {of_two_windows}", last.keys);
    }

    /// Bytes a message.
    fn growth(from: Stored, to: Stored) -> f64 {
        (to.bytes - from.bytes) as f64 / (to.said - from.said).max(1) as f64
    }
}
