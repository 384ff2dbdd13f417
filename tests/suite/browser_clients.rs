//! A browser's own WebSocket and EventSource, used by pages of other origins.

mod slow {
    use std::{
        collections::VecDeque,
        net::TcpListener,
        sync::{Arc, Mutex},
    };

    use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
    use serde_json::json;
    use tempfile::TempDir;

    use crate::support::{
        api::Api,
        browser,
        process::{Binary, RunningServer},
    };

    /// A model that says a word whenever a gate is opened.
    fn slow(gates: Arc<Mutex<VecDeque<Gate>>>) -> ScriptedEndpoint {
        ScriptedEndpoint::start(move |_| {
            let words = [" two", " three"].map(|word| (word, Gate::new()));
            *gates.lock().unwrap() = words.iter().map(|(_, gate)| gate.clone()).collect();
            let begun = Script::events().token("one");
            let said = words.iter().fold(begun, |script, (word, gate)| script.wait_for(gate).token(word));
            said.finish("stop").done()
        })
    }

    #[test]
    fn a_browser_talks_and_watches_from_elsewhere() {
        let gates = Arc::new(Mutex::new(VecDeque::<Gate>::new()));
        let endpoint = slow(gates.clone());
        let model = json!({"name": "slow", "base_url": endpoint.base_url()});
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let elsewhere = listener.local_addr().unwrap();
        browser::serve_page(listener, "<!doctype html>".to_owned());
        let friend = format!("http://friend.example:{}", elsewhere.port());
        let binary = Binary::kafka_http();

        let open_data = TempDir::new().unwrap();
        let open = RunningServer::start(&binary, open_data.path(), &[]);
        let open_api = Api::of(&open);
        open_api.post("/api/v1/models", &model);
        let slow_chat = open_api.post("/api/v1/chats", &json!({"default_model": "slow"}));

        let ending_data = TempDir::new().unwrap();
        let ending = RunningServer::start(&binary, ending_data.path(), &[]);
        let last_chat = Api::of(&ending).chat();

        let closed_data = TempDir::new().unwrap();
        let flags = ["--auth=password", &format!("--allow-origin={friend}")];
        let closed = RunningServer::start(&binary, closed_data.path(), &flags);
        let closed_address = closed.address().to_string();
        let account = json!({"email": "k@example.org", "password": "the castle"});
        let token = Api::of(&closed).post("/api/v1/auth/register", &account)["token"].clone();
        let closed_api = Api::of(&closed).with_token(token.as_str().unwrap());
        closed_api.post("/api/v1/models", &model);

        let places = json!({
            "open": open.url(), "talk": open_api.chat(), "slow": slow_chat["id"],
            "ending": ending.url(), "last": last_chat,
            "closed": closed.url(), "own": closed_api.chat(), "token": token,
            "local": format!("http://{elsewhere}"), "friend": friend,
            "stranger": format!("http://stranger.example:{}", elsewhere.port()),
        });
        let (mut closed, mut ending) = (Some(closed), Some(ending));
        let journeys = browser::drive("browser_clients.mjs", &[&places.to_string()], |wish| {
            match wish {
                "next word" => gates.lock().unwrap().pop_front().expect("a word is left").open(),
                "end" => drop(ending.take().expect("it has not ended yet").terminate()),
                "kill" => drop(closed.take().expect("a server is running").kill9()),
                "start" => {
                    let listen = ["--listen", &closed_address, "--data-dir"];
                    let mut command = binary.serve(closed_data.path(), &listen);
                    command.arg(closed_data.path()).args(flags);
                    closed = Some(RunningServer::spawn(command));
                }
                _ => return false,
            }
            true
        });
        assert_eq!(journeys, 6, "every journey was made");
    }
}
