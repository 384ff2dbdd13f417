//! A process that is killed while its threads write, on either engine: what it had acknowledged is stored, once.

mod slow {
    use std::{
        collections::BTreeMap,
        env,
        io::{BufRead as _, BufReader, Write as _},
        process::{Command, Stdio},
        thread,
    };

    use kafka_core::{ChatFilter, Config, Kafka, NewChat, PageRequest, Place};

    use crate::{home::Home, stage::In};

    /// Set in the process that is killed: its number.
    const INSIDE: &str = "KAFKA_TEST_KILLED";
    /// The database on a server that it uses; else the file in its working directory.
    const URL: &str = "KAFKA_TEST_KILLED_URL";
    const ROUNDS: usize = 4;
    const WRITERS: usize = 8;
    /// Acknowledgements after which it is killed.
    const ENOUGH: usize = 150;

    #[test]
    fn what_a_killed_process_had_acknowledged_is_stored_once() {
        if let Ok(round) = env::var(INSIDE) {
            return write(&round);
        }
        let home = Home::new(In::File);
        let mut acknowledged = Vec::new();
        for round in 0..ROUNDS {
            let mut doomed = Command::new(env::current_exe().unwrap())
                .args(["--exact", "killed::slow::what_a_killed_process_had_acknowledged_is_stored_once"])
                .arg("--nocapture")
                .env(INSIDE, round.to_string())
                .envs(home.url().map(|url| (URL, url)))
                .current_dir(home.directory())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let said = BufReader::new(doomed.stdout.take().unwrap()).lines().map_while(Result::ok);
            let mut count = 0;
            for line in said {
                if let Some((_, title)) = line.split_once("stored ").filter(|(_, title)| title.ends_with('.'))
                {
                    acknowledged.push(title.to_owned());
                    count += 1;
                    if count == ENOUGH {
                        doomed.kill().unwrap();
                    }
                }
            }
            doomed.wait().unwrap();
            assert!(count >= ENOUGH, "it ended by itself after {count}");
        }

        let kafka = Kafka::open(home.config()).unwrap();
        let mut stored = BTreeMap::<String, usize>::new();
        let mut page = PageRequest::first(200);
        loop {
            let listed = kafka.chats(&kafka.operator()).list(&ChatFilter::default(), &page).unwrap();
            for chat in listed.items {
                *stored.entry(chat.title.unwrap()).or_default() += 1;
            }
            let Some(next) = listed.next_cursor else { break };
            page = PageRequest::Cursor { limit: Some(200), place: Place::After(next) };
        }
        for title in &acknowledged {
            assert_eq!(stored.get(title), Some(&1), "{title}");
        }
        // A write that was not answered may stand, one a thread at most.
        assert!(stored.len() <= acknowledged.len() + ROUNDS * WRITERS, "{} chats", stored.len());
    }

    /// Writes until it is killed.
    fn write(round: &str) {
        let kafka = Kafka::open(config()).unwrap();
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let kafka = &kafka;
                scope.spawn(move || {
                    for number in 0.. {
                        let title = format!("{round}/{writer}/{number}.");
                        let new = NewChat { title: Some(title.clone()), ..NewChat::default() };
                        kafka.chats(&kafka.operator()).create(new).unwrap();
                        // A line is one write.
                        std::io::stdout().write_all(format!("stored {title}\n").as_bytes()).unwrap();
                    }
                });
            }
        });
    }

    #[cfg(feature = "postgres")]
    fn config() -> Config {
        match env::var(URL) {
            Ok(url) => {
                Config::postgres(kafka_core::PostgresAddress::from_url(&url).unwrap(), "kafka.db.blobs")
            }
            Err(_) => Config::file("kafka.db"),
        }
    }

    #[cfg(not(feature = "postgres"))]
    fn config() -> Config {
        Config::file("kafka.db")
    }
}
