//! The chat page in a browser: what it shows, what it asks for, and that it outlives its server.

use crate::support::{
    api::{Api, Scenario},
    browser, model,
    process::{Binary, RunningServer},
};
use tempfile::TempDir;

#[test]
fn browsers_get_the_page_and_everyone_else_json() {
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&binary, data.path(), &[]);
        let api = Api::of(&server);
        let policy = "content-security-policy: default-src 'none'; ";
        let html = [("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")];
        api.run(&[
            Scenario {
                headers: &html,
                contains: &[
                    "content-type: text/html; charset=utf-8",
                    "vary: Accept",
                    policy,
                    "<!doctype html>",
                ],
                lacks: &["unsafe-", "'self' ", "https: ", "src=", "http://127"],
                ..Scenario::default()
            },
            Scenario {
                headers: &[("Accept", "*/*")],
                contains: &["content-type: application/json", "vary: Accept", "\"routes\""],
                lacks: &[policy],
                ..Scenario::default()
            },
            Scenario { contains: &["content-type: application/json"], ..Scenario::default() },
        ]);
        let got = api.send("GET", "/", &html, None);
        assert!(got.body.len() < 160_000, "{} bytes", got.body.len());
        let head = api.send("HEAD", "/", &html, None);
        assert_eq!(head.header("content-length"), Some(got.body.len().to_string().as_str()));
    }
}

mod slow {
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex, mpsc},
        time::Duration,
    };

    use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
    use serde_json::json;

    use super::*;

    /// Model text that would do harm if it were anything but text.
    const HOSTILE: &str = concat!(
        "<img src=x onerror=\"hacked=1\"> <script>hacked=1</script>\n\n",
        "# <iframe src=\"javascript:hacked=1\"></iframe>\n\n",
        "- <svg onload=hacked=1>\n- [click](javascript:hacked=1)\n- [data](data:text/html,<script>hacked=1</script>)\n\n",
        "![picture](https://example.org/track.png)\n\n",
        "**<b onclick=hacked=1>bold</b>** [quoted](https://example.org/\"onmouseover=\"hacked=1) ",
        "[good](https://example.org/good) [vb](vbscript:hacked) [upper](JaVaScRiPt:hacked=1)\n\n",
        "```html\n<script>hacked=1</script>\n```\n",
    );

    /// Models: `slow` says a word whenever a gate is opened, the others answer at once.
    fn endpoint(gates: Arc<Mutex<VecDeque<Gate>>>) -> ScriptedEndpoint {
        let huge =
            format!("{HOSTILE}\n\n{}\n\n{}", "*a _b `c [d](".repeat(15_000), "    - x\n".repeat(5_000));
        ScriptedEndpoint::start(move |request| match request.json()["model"].as_str() {
            Some("slow") => {
                let words = [" two", " three"].map(|word| (word, Gate::new()));
                *gates.lock().unwrap() = words.iter().map(|(_, gate)| gate.clone()).collect();
                let script = words.iter().fold(Script::events().token("one"), |script, (word, gate)| {
                    script.wait_for(gate).token(word)
                });
                script.finish("stop").done()
            }
            Some("hostile") => Script::stream(&[HOSTILE]),
            Some("huge") => Script::stream(&[&huge]),
            Some("broken") => Script::json(401, &json!({"error": {"message": "no such key"}})),
            _ => Script::stream(&["Quick", " answer"]),
        })
    }

    /// A server with passwords, and an account.
    fn closed(data: &TempDir) -> RunningServer {
        let server = RunningServer::start(&Binary::kafka(), data.path(), &["--auth=password"]);
        let account = json!({"email": "k@example.org", "username": "k", "password": "the castle"});
        Api::of(&server).post("/api/v1/auth/register", &account);
        server
    }

    /// The browser's script does what a person does; what happens to server and model meanwhile it has
    /// done here, by a line each.
    #[test]
    fn the_page_does_what_a_person_expects_of_it() {
        let gates = Arc::new(Mutex::new(VecDeque::<Gate>::new()));
        let endpoint = endpoint(gates.clone());
        let binary = Binary::kafka();
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&binary, data.path(), &[]);
        let url = server.url().to_owned();
        let address = server.address();
        for name in ["slow", "hostile", "huge", "broken", "quick"] {
            let model = json!({"name": name, "base_url": endpoint.base_url()});
            Api::of(&server).post("/api/v1/models", &model);
        }
        let mut server = Some(server);

        let closed_data = TempDir::new().unwrap();
        let closed = closed(&closed_data);

        let journeys = browser::drive("page.mjs", &[&url, closed.url()], |wish| {
            match wish {
                "kill" => drop(server.take().expect("a server is running").kill9()),
                "start" => {
                    let listen = ["--listen", &address.to_string(), "--data-dir"];
                    let mut command = binary.serve(data.path(), &listen);
                    command.arg(data.path());
                    server = Some(RunningServer::spawn(command));
                }
                "next word" => gates.lock().unwrap().pop_front().expect("a word is left").open(),
                _ => return false,
            }
            true
        });
        assert_eq!(journeys, 18, "every journey was made");
    }

    #[test]
    fn the_page_keeps_the_files_of_a_chat_and_their_versions() {
        let data = [(); 2].map(|()| TempDir::new().unwrap());
        let server = RunningServer::start(&Binary::kafka(), data[0].path(), &[]);
        let closed = closed(&data[1]);
        let journeys = browser::drive("page_files.mjs", &[server.url(), closed.url()], |_| false);
        assert_eq!(journeys, 9, "every journey was made");
    }

    #[test]
    fn the_page_has_documents_read_opens_what_answers_cite_and_draws_what_was_used() {
        let endpoint = ScriptedEndpoint::start(|_| {
            let said = "In fog the horn is sounded [1], see also [2, 1]; not [7], nor `[1]`.";
            let usage = json!({"prompt_tokens": 300, "completion_tokens": 100, "total_tokens": 400});
            Script::events().token(said).finish("stop").data(&json!({"choices": [], "usage": usage})).done()
        });
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka(), data.path(), &[]);
        let model = json!({"name": "citing", "base_url": endpoint.base_url()});
        Api::of(&server).post("/api/v1/models", &model);
        let journeys = browser::drive("page_documents.mjs", &[server.url()], |_| false);
        assert_eq!(journeys, 7, "every journey was made");
    }

    #[test]
    fn the_page_keeps_what_was_said_before_an_edit_and_goes_back_to_it() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka(), data.path(), &[]);
        let journeys = browser::drive("page_branches.mjs", &[server.url()], |_| false);
        assert_eq!(journeys, 6, "every journey was made");
    }

    #[test]
    fn the_page_pins_tags_exports_and_shares_chats() {
        let data = [(); 3].map(|()| TempDir::new().unwrap());
        let server = RunningServer::start(&Binary::kafka(), data[0].path(), &[]);
        let closed = closed(&data[1]);
        let titled = RunningServer::start(&Binary::kafka(), data[2].path(), &["--titles=on"]);
        let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["Storks in winter"]));
        for url in [&server, &titled] {
            let model = json!({"name": "naming", "base_url": endpoint.base_url()});
            Api::of(url).post("/api/v1/models", &model);
        }
        let urls = [server.url(), closed.url(), titled.url()];
        let journeys = browser::drive("page_around.mjs", &urls, |_| false);
        assert_eq!(journeys, 8, "every journey was made");
    }

    #[test]
    fn the_page_has_texts_composed_and_shows_what_is_done() {
        // Each call hands out a gate, and waits for it.
        let (calls, gates) = mpsc::channel();
        let calls = Mutex::new(calls);
        let endpoint = model::start_with(move |answer| {
            let gate = Gate::new();
            calls.lock().unwrap().send(gate.clone()).unwrap();
            Script::new().wait_for(&gate).then(answer)
        });
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka(), data.path(), &[]);
        let model = json!({"name": "composing", "base_url": endpoint.base_url()});
        Api::of(&server).post("/api/v1/models", &model);
        let journeys = browser::drive("page_composer.mjs", &[server.url()], |wish| {
            let is_wish = wish == "go on";
            if is_wish {
                gates.recv_timeout(Duration::from_secs(60)).expect("the model is called").open();
            }
            is_wish
        });
        assert_eq!(journeys, 4, "every journey was made");
    }
}
