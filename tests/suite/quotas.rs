//! What plans allow, at every door, and what was used.

mod slow {
    use std::{
        panic,
        path::Path,
        process::{Command, Output},
        thread,
    };

    use kafka_core::{
        Clock as _, Day, SystemClock,
        testing::{Gate, Script, ScriptedEndpoint},
    };
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use crate::support::{
        api::{Api, id},
        http::Reply,
        process::{Binary, RunningServer},
        websocket::Socket,
    };

    const FLAGS: [&str; 3] = ["--auth=password", "--registration=open", "--quotas=on"];

    /// A verb of the command line on this data, with the server's settings.
    fn verb(data: &Path, args: &[&str]) -> Command {
        let mut command = Binary::kafka().command(data);
        command.args(args).arg("--data-dir").arg(data);
        command.env("KAFKA_AUTH", "password").env("KAFKA_QUOTAS", "on");
        command
    }

    fn kafka(data: &Path, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = verb(data, args).output().unwrap();
        assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// The token of a new account.
    fn register(api: &Api, email: &str) -> String {
        let account = json!({"email": email, "password": "a long password"});
        api.post("/api/v1/auth/register", &account)["token"].as_str().unwrap().to_owned()
    }

    /// Says that an answer is the refusal of a plan, and gives the seconds after which to try again.
    fn must_be_refused(reply: &Reply) -> u64 {
        assert_eq!(reply.status, 429, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        let problem = reply.json();
        assert_eq!(problem["code"], "quota_exceeded");
        assert!(problem["detail"].as_str().unwrap().contains("ask for a plan with at least "), "{problem}");
        reply.header("retry-after").unwrap().parse().unwrap()
    }

    #[test]
    fn every_door_refuses_what_a_plan_does_not_allow() {
        within_a_day(every_door_refuses);
    }

    fn every_door_refuses() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &FLAGS);
        let api = Api::of(&server);
        for path in ["/api/v1/usage", "/api/v1/plans"] {
            api.expect(401, "GET", path, None);
        }
        let admin = api.with_token(&register(&api, "admin@example.org"));
        let token = register(&api, "k@example.org");
        let k = api.with_token(&token);
        kafka(data.path(), &["plan", "set", "free", "--tokens-daily", "40", "--chats", "2"]);
        let plans = k.get("/api/v1/plans")["items"].clone();
        assert_eq!((&plans[0]["name"], &plans[0]["token_limit_daily"]), (&json!("free"), &json!(40)));

        let (chat, other) = (k.chat(), k.chat());
        let reply = k.send("POST", "/api/v1/chats", &[], Some("{}"));
        assert_eq!(must_be_refused(&reply), 3600);

        let responses = format!("/api/v1/chats/{chat}/responses");
        let answer = k.post(&responses, &json!({"content": "Hello"}));
        let spent = answer["response"]["tokens_total"].as_u64().unwrap();
        for stream in [false, true] {
            let asked =
                json!({"content": "Hello", "stream": stream, "params": {"max_tokens": 100}}).to_string();
            let wait = must_be_refused(&k.send("POST", &responses, &[], Some(&asked)));
            assert!((1..=86_400).contains(&wait), "{wait}");
        }
        let messages = |chat: &str| k.get(&format!("/api/v1/chats/{chat}/messages"))["items"].clone();
        assert_eq!(messages(&chat).as_array().unwrap().len(), 2, "of what is refused nothing is stored");

        // A socket says why, keeps what was said, and stays open.
        kafka(data.path(), &["plan", "set", "free", "--tokens-daily", "10"]);
        let path = format!("/ws/{other}");
        let credential = format!("Bearer {token}");
        let mut socket =
            Socket::connect(server.address(), &path, &[("Authorization", credential.as_str())]).unwrap();
        assert_eq!(socket.json()["initial"], true);
        for _ in 0..2 {
            socket.text("Does this work?");
            let refused = socket.next_text();
            assert!(refused.contains("The plan free allows 10 tokens a day"), "{refused}");
        }
        let kept = messages(&other);
        assert_eq!(kept.as_array().unwrap().len(), 2, "{kept}");

        // The command line acts for the chat's owner, who pays.
        let Output { status, stderr, stdout } =
            verb(data.path(), &["chat", "--chat", &chat, "Hello"]).output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert_eq!((status.code(), stdout.len()), (Some(6), 0), "{said}");
        assert!(said.contains("The plan free allows 10 tokens a day"), "{said}");

        // Administrators may.
        for _ in 0..3 {
            let chat = admin.chat();
            admin.post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "Hello"}));
        }

        let usage = k.get("/api/v1/usage");
        assert_eq!((&usage["daily_token_count"], &usage["session_count"]), (&json!(spent), &json!(2)));
        assert_eq!(usage["total_tokens_used"], spent);
        let limits = json!({
            "plan": "free", "token_limit_daily": 10, "document_limit": null, "chat_limit": 2, "enforced": true,
        });
        assert_eq!(usage["limits"], limits);
        let today = usage["days"].as_array().unwrap().last().unwrap();
        assert_eq!((&today["messages_sent"], &today["chats_created"]), (&json!(3), &json!(2)));
        assert_eq!(
            (&usage["models"][0]["model"], &usage["models"][0]["responses"]),
            (&json!("echo"), &json!(1))
        );
        let day = today["day"].as_str().unwrap();
        let of_day = k.get(&format!("/api/v1/usage?from={day}&to={day}"));
        assert_eq!(of_day["days"], json!([today]));
        for (query, code) in
            [("from=yesterday", "query_invalid"), ("from=2026-01-02&to=2026-01-01", "period_invalid")]
        {
            assert_eq!(k.expect(422, "GET", &format!("/api/v1/usage?{query}"), None)["code"], code);
        }
        // Administrators see that of others, and what each used; others do not.
        let own = k.get("/api/v1/users/me");
        let of_k = format!("/api/v1/usage?user_id={}", id(&own));
        assert_eq!(own["total_tokens_used"], spent);
        assert_eq!((admin.get(&of_k), k.get(&of_k)), (usage.clone(), usage.clone()));
        let each = admin.get("/api/v1/admin/usage")["items"].clone();
        let counted = each.as_array().unwrap().iter().find(|of| of["user_id"] == own["id"]).unwrap();
        assert_eq!((&counted["email"], &counted["tokens_total"]), (&json!("k@example.org"), &json!(spent)));
        assert_eq!(k.expect(403, "GET", "/api/v1/admin/usage", None)["code"], "admin_required");
        let of_admin = format!("/api/v1/usage?user_id={}", id(&admin.get("/api/v1/users/me")));
        assert_eq!(k.expect(404, "GET", &of_admin, None)["code"], "user_not_found");
        for (by, list) in [("day", &usage["days"]), ("model", &usage["models"])] {
            let args = ["usage", "--by", by, "--user", "k@example.org", "--json"];
            let printed: Value = serde_json::from_str(&kafka(data.path(), &args)).unwrap();
            assert_eq!(&printed["items"], list, "{by}");
        }
        let printed: Value =
            serde_json::from_str(&kafka(data.path(), &["usage", "--by", "user", "--json"])).unwrap();
        assert_eq!(printed["items"], each);
        let table = kafka(data.path(), &["usage", "--by", "user"]);
        assert!(table.contains("k@example.org") && !table.contains('█'), "no terminal, no chart: {table}");
        let printed: Value =
            serde_json::from_str(&kafka(data.path(), &["usage", "--user", "k@example.org", "--json"]))
                .unwrap();
        assert_eq!(printed["days"], usage["days"]);
        let whole: Value = serde_json::from_str(&kafka(data.path(), &["usage", "--json"])).unwrap();
        assert_eq!((&whole["session_count"], &whole["limits"]), (&json!(5), &Value::Null));
    }

    /// A refusal that comes after the question was stored is the same refusal, and says what was stored.
    #[test]
    fn what_a_plan_refuses_while_it_is_answered_is_told_as_that() {
        within_a_day(refuses_late);
    }

    fn refuses_late() {
        let endpoint = ScriptedEndpoint::start(|request| match request.path.ends_with("/models") {
            true => Script::json(200, &json!({"data": [{"id": "m"}]})),
            false => Script::json(500, &json!({})),
        });
        let data = TempDir::new().unwrap();
        kafka(data.path(), &["model", "add", "m", "--url", &endpoint.base_url(), "--default"]);
        kafka(data.path(), &["plan", "set", "free", "--tokens-daily", "100"]);
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &FLAGS);
        let api = Api::of(&server);
        register(&api, "admin@example.org");
        let k = api.with_token(&register(&api, "k@example.org"));
        // Two words have room; what a composer says around them has not.
        let chat = k.chat();
        let asked = json!({"content": "A letter", "mode": "composer", "params": {"max_tokens": 10}});
        let path = format!("/api/v1/chats/{chat}/responses");
        let reply = k.send("POST", &path, &[], Some(&asked.to_string()));
        let wait = must_be_refused(&reply);
        assert!((1..=86_400).contains(&wait), "{wait}");
        let stored = k.get(&format!("/api/v1/chats/{chat}/messages"))["items"].clone();
        assert_eq!(reply.json()["user_message_id"], stored[0]["id"]);
        let Output { status, stderr, .. } =
            verb(data.path(), &["compose", "--chat", &chat, "A letter"]).output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(6), "{said}");
        assert!(
            said.contains("The plan free allows 100 tokens a day") && said.contains("kafka usage"),
            "{said}"
        );
    }

    /// A server that is killed in the middle leaves no tokens kept free, and what it had said is counted.
    #[test]
    fn many_askers_cannot_overdraw_also_when_the_server_is_killed_in_between() {
        within_a_day(many_askers_cannot_overdraw);
    }

    fn many_askers_cannot_overdraw() {
        let gate = Gate::new();
        let held = gate.clone();
        let endpoint = ScriptedEndpoint::start(move |request| match request.path.ends_with("/models") {
            true => Script::json(200, &json!({"data": [{"id": "m"}]})),
            false => {
                let usage = json!({"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 15});
                Script::events()
                    .token("Half")
                    .wait_for(&held)
                    .finish("stop")
                    .data(&json!({"choices": [], "usage": usage}))
                    .done()
            }
        });
        let data = TempDir::new().unwrap();
        kafka(data.path(), &["model", "add", "m", "--url", &endpoint.base_url(), "--default"]);
        kafka(data.path(), &["plan", "set", "free", "--tokens-daily", "100"]);
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &FLAGS);
        let api = Api::of(&server);
        register(&api, "admin@example.org");
        let token = register(&api, "k@example.org");

        // Each may cost 15: 5 for "Hi", and 10. "Half" are 5 by estimate.
        let (accepted, left) = ask_at_once(&api.with_token(&token));
        assert_eq!(accepted.len(), 6);
        server.kill9();

        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &FLAGS);
        let k = Api::of(&server).with_token(&token);
        // On PostgreSQL a dead server is told by its silence of five seconds.
        for response in left {
            assert_eq!(k.events(&response, 0).pop().unwrap().name, "response.interrupted");
        }
        assert_eq!(k.get("/api/v1/usage")["daily_token_count"], 60);
        let (accepted, running) = ask_at_once(&k);
        assert_eq!(accepted.len(), 2, "40 are left, and nothing is kept");
        gate.open();
        for response in running {
            let last = k.events(&response, 0).pop().unwrap();
            assert_eq!(last.name, "response.completed");
        }
        let usage = k.get("/api/v1/usage");
        assert_eq!((&usage["daily_token_count"], &usage["total_tokens_used"]), (&json!(90), &json!(90)));
        let models = usage["models"].as_array().unwrap();
        let answers: u64 = models.iter().map(|model| model["responses"].as_u64().unwrap()).sum();
        assert_eq!(answers, 8);
    }

    /// Days are those of the real clock here: what failed while one ended says nothing, and is done again.
    fn within_a_day(test: fn()) {
        let today = || Day::of(SystemClock.now());
        let day = today();
        if let Err(failure) = panic::catch_unwind(test) {
            if today() == day {
                panic::resume_unwind(failure);
            }
            test();
        }
    }

    /// Asks in twelve chats at once. The chats in which an answer began, and the answers.
    fn ask_at_once(api: &Api) -> (Vec<String>, Vec<String>) {
        let asked = json!({"content": "Hi", "params": {"max_tokens": 10}, "stream": true}).to_string();
        let ask = |chat: String| {
            let path = format!("/api/v1/chats/{chat}/responses");
            let (head, mut events) = api.open("POST", &path, &[], Some(&asked)).events();
            if head.status != 200 {
                assert_eq!(head.status, 429, "{head:?}");
                return None;
            }
            let started = events.next().unwrap().unwrap();
            // What is seen is on disk.
            assert_eq!(events.next().unwrap().unwrap().json()["text"], "Half");
            Some((chat, id(&started.json()["response"])))
        };
        let chats: Vec<String> = (0..12).map(|_| api.chat()).collect();
        thread::scope(|scope| {
            let asking: Vec<_> = chats.into_iter().map(|chat| scope.spawn(|| ask(chat))).collect();
            asking.into_iter().filter_map(|asking| asking.join().unwrap()).unzip()
        })
    }
}
