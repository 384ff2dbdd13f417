//! The Kafka system's front end, for which `tests/old_frontend/index.html` stands in, in a browser against this
//! server: served from another origin, unchanged but for the two addresses it is built with.

mod slow {
    use std::net::TcpListener;

    use kafka_core::testing::{Script, ScriptedEndpoint, ScriptedRequest};
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use crate::support::{
        browser, model,
        process::{Binary, RunningServer},
    };

    const PAGE: &str = include_str!("../old_frontend/index.html");

    /// Serves the front end of a server.
    fn serve(listener: TcpListener, server: &str) {
        let page = PAGE.replace("{{http}}", server).replace("{{ws}}", &server.replace("http", "ws"));
        browser::serve_page(listener, page);
    }

    /// The file that comes of a first prompt.
    const HELLO: &str =
        "loop:\n\tr = talk(\"Say hello.\", True)\nuntil \"hello was said\":\n\tsay(\"Hello.\")\n";

    /// Repeats what it is asked, but for what begins like JSON, which it gives back as it is; writes a file where
    /// one is wanted. A count begins and goes on for as long as someone waits.
    fn scribe(request: &ScriptedRequest) -> Script {
        let question = question(&request.json());
        match (model::step_of(request), &*question) {
            (_, "Count") => (0..9).fold(Script::events().token("{"), |script, _| script.until_hung_up()),
            ("based", _) => Script::stream(&[&json!({"filename": "hello.based", "text": HELLO}).to_string()]),
            (_, text) if text.starts_with('{') => model::plain(text),
            (_, text) => model::plain(&format!("You say: {text}")),
        }
    }

    fn question(asked: &Value) -> String {
        let last = asked["messages"].as_array().and_then(|messages| messages.last());
        last.and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned()
    }

    /// Whether this stands in what a model was sent, its key included.
    fn holds(request: &ScriptedRequest, text: &str) -> bool {
        let messages = request.json()["messages"].as_array().cloned().unwrap_or_default();
        let mut contents = messages.iter().filter_map(|message| message["content"].as_str());
        contents.any(|content| content.contains(text))
            || request.header("authorization") == Some(&format!("Bearer {text}"))
    }

    #[test]
    fn the_old_front_end_works_unchanged() {
        let endpoint = ScriptedEndpoint::start(scribe);
        let [near, far] = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let [near_port, far_port] = [&near, &far].map(|listener| listener.local_addr().unwrap().port());
        let friend = format!("http://friend.example:{far_port}");

        let binary = Binary::kafka();
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&binary, data.path(), &[]);
        let address = server.address().to_string();
        serve(near, server.url());
        let far_data = TempDir::new().unwrap();
        let allowing = RunningServer::start(&binary, far_data.path(), &[&format!("--allow-origin={friend}")]);
        serve(far, allowing.url());

        let places = json!({
            "page": format!("http://127.0.0.1:{near_port}"), "server": server.url(), "model": endpoint.base_url(),
            "friend": friend, "stranger": format!("http://stranger.example:{far_port}"),
        });
        let mut server = Some(server);
        let was_sent = |text: &str| {
            let text: String = serde_json::from_str(text).unwrap();
            holds(endpoint.requests().last().expect("a model was asked"), &text)
        };
        let steps = browser::drive("old_frontend.mjs", &[&places.to_string()], |wish| {
            if let Some(text) = wish.strip_prefix("the model was sent ") {
                assert!(was_sent(text), "{wish}");
            } else if let Some(text) = wish.strip_prefix("the model was not sent ") {
                assert!(!was_sent(text), "{wish}");
            } else if wish == "kill" {
                drop(server.take().expect("a server is running").kill9());
            } else if wish == "start" {
                let mut command = binary.serve(data.path(), &["--listen", &address, "--data-dir"]);
                command.arg(data.path());
                server = Some(RunningServer::spawn(command));
            } else {
                return false;
            }
            true
        });
        assert_eq!(steps, 15, "every step was made");
    }
}
