//! Behind a proxy: the configurations of nginx and Caddy that are delivered, in front of a server or of
//! several nodes, with users who come from different addresses.

mod slow {
    use std::{
        fs,
        net::{SocketAddr, TcpListener, TcpStream},
        path::{Path, PathBuf},
        process::{Child, Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
    use serde_json::json;
    use tempfile::TempDir;

    use crate::support::{
        api::{Api, id},
        http::{Connection, Reply},
        process::{Binary, RunningServer},
        sse::Event,
        websocket::Socket,
    };

    /// What is delivered.
    const NGINX: &str = include_str!("../../kafka-cli/dist/nginx.conf");
    const CADDY: &str = include_str!("../../kafka-cli/dist/Caddyfile");
    const HOST: &str = "chat.example.org";
    /// For a proxy to start on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// Two users, as a proxy of theirs in front of this one names them.
    const ALICE: &str = "203.0.113.7";
    const BOB: &str = "198.51.100.9";

    /// Method, path, and a body of JSON or nothing.
    type Request = (&'static str, &'static str, &'static str);

    /// nginx or Caddy in front of a server. Dropping it ends it.
    struct Proxy {
        process: Child,
        /// Where it speaks without TLS, so that tests can.
        plain: SocketAddr,
        /// Where nginx speaks TLS; Caddy would ask others for a certificate.
        tls: SocketAddr,
        directory: TempDir,
    }

    impl Proxy {
        fn nginx(server: SocketAddr) -> Proxy {
            Proxy::nginx_of(&[server])
        }

        fn nginx_of(nodes: &[SocketAddr]) -> Proxy {
            Proxy::start(|directory, plain, tls| {
                make_certificate(directory);
                fs::write(directory.join("nginx.conf"), nginx_conf(directory, nodes, plain, tls)).unwrap();
                let mut command = Command::new(program());
                command.arg("-p").arg(directory).args(["-e", "error.log", "-c", "nginx.conf"]);
                command
            })
        }

        fn caddy(server: SocketAddr) -> Proxy {
            Proxy::start(|directory, plain, _| {
                fs::write(directory.join("Caddyfile"), caddyfile(directory, server, plain)).unwrap();
                let mut command = Command::new("caddy");
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(directory.join("Caddyfile"));
                // What it keeps goes nowhere else.
                command.env("HOME", directory).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
                command.stderr(fs::File::create(directory.join("error.log")).unwrap());
                command
            })
        }

        fn start(command: impl FnOnce(&Path, SocketAddr, SocketAddr) -> Command) -> Proxy {
            let directory = TempDir::new().unwrap();
            let [plain, tls] = two_addresses();
            let mut command = command(directory.path(), plain, tls);
            let process = command.stdin(Stdio::null()).spawn().expect("nginx and caddy are installed");
            let mut proxy = Proxy { process, plain, tls, directory };
            let until = Instant::now() + PATIENCE;
            while TcpStream::connect(plain).is_err() {
                let ended = proxy.process.try_wait().unwrap();
                assert!(ended.is_none() && Instant::now() < until, "{ended:?}: {}", proxy.read("error.log"));
                thread::sleep(Duration::from_millis(10));
            }
            proxy
        }

        fn read(&self, file: &str) -> String {
            fs::read_to_string(self.directory.path().join(file)).unwrap_or_default()
        }

        /// A request of a user, whom a proxy in front of this one names.
        fn send(&self, user: &str, (method, path, body): Request) -> Reply {
            let mut connection = Connection::open(self.plain);
            let headers = [("X-Forwarded-For", user), ("Connection", "close")];
            let body = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap());
            connection.request(method, path, &headers, body.as_ref());
            connection.reply()
        }

        fn get(&self, user: &str, path: &'static str) -> Reply {
            self.send(user, ("GET", path, ""))
        }
    }

    impl Drop for Proxy {
        fn drop(&mut self) {
            // Both fail only when it has ended already.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    fn program() -> PathBuf {
        // Only root's search path has this directory.
        let usual = PathBuf::from("/usr/sbin/nginx");
        if usual.exists() { usual } else { "nginx".into() }
    }

    /// What is delivered, with what an administrator would change in it.
    fn changed<const N: usize>(delivered: &str, changes: [(&str, String); N]) -> String {
        let mut site = delivered.to_owned();
        for (delivered, here) in changes {
            assert_eq!(site.matches(delivered).count(), 1, "{delivered}");
            site = site.replace(delivered, &here);
        }
        site
    }

    /// With the frame that a system has around it.
    fn nginx_conf(directory: &Path, nodes: &[SocketAddr], plain: SocketAddr, tls: SocketAddr) -> String {
        let place = directory.display();
        let servers = nodes.iter().map(|node| format!("server {node};\n")).collect();
        let changes = [
            ("    listen 80;\n    listen [::]:80;\n", format!("    listen {};\n", redirecting(plain))),
            (
                "    listen 443 ssl;\n    listen [::]:443 ssl;\n",
                format!("    listen {plain};\n    listen {tls} ssl;\n"),
            ),
            ("server 127.0.0.1:8000;", servers),
            ("/etc/letsencrypt/live/chat.example.org/fullchain.pem", format!("{place}/certificate.pem")),
            ("/etc/letsencrypt/live/chat.example.org/privkey.pem", format!("{place}/key.pem")),
            ("/var/log/nginx/kafka.log", format!("{place}/access.log")),
        ];
        let site = changed(NGINX, changes);
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|what| format!("    {what}_temp_path {place}/{what};\n"))
            .collect();
        format!(
            "daemon off;\nmaster_process off;\npid {place}/nginx.pid;\nerror_log {place}/error.log;\n\
             events {{}}\nhttp {{\n{temporary}{site}}}\n"
        )
    }

    /// Without TLS, for which it would ask others for a certificate, and behind a proxy that it trusts.
    fn caddyfile(directory: &Path, server: SocketAddr, plain: SocketAddr) -> String {
        let site = changed(
            CADDY,
            [
                ("chat.example.org {", format!("http://:{} {{\n\tbind {}", plain.port(), plain.ip())),
                (
                    "reverse_proxy 127.0.0.1:8000 {",
                    format!("reverse_proxy {server} {{\n\t\ttrusted_proxies 127.0.0.0/8"),
                ),
            ],
        );
        let place = directory.display();
        format!("{{\n\tadmin off\n\tstorage file_system {place}\n}}\n{site}")
    }

    /// Where requests without TLS would be sent on.
    fn redirecting(plain: SocketAddr) -> String {
        format!("127.78.0.1:{}", plain.port())
    }

    /// Two that are free, of an address where nobody else looks for one.
    fn two_addresses() -> [SocketAddr; 2] {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.77.0.1:0").unwrap());
        listeners.map(|listener| listener.local_addr().unwrap())
    }

    fn make_certificate(directory: &Path) {
        let made = Command::new("openssl")
            .current_dir(directory)
            .args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem", "-days", "2"])
            .args(["-subj", &format!("/CN={HOST}"), "-addext", &format!("subjectAltName=DNS:{HOST}")])
            .output()
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn start(data: &TempDir, flags: &[&str]) -> (RunningServer, Proxy) {
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), flags);
        let nginx = Proxy::nginx(server.address());
        (server, nginx)
    }

    #[test]
    fn tls_is_spoken_and_no_token_logged() {
        let data = TempDir::new().unwrap();
        let (_server, nginx) = start(&data, &["--auth=password", "--trusted-proxy=127.0.0.1"]);
        let url = format!("https://{HOST}:{}/health?token=top-secret", nginx.tls.port());
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "60", "--include", "--cacert"])
            .arg(nginx.directory.path().join("certificate.pem"))
            .args(["--resolve", &format!("{HOST}:{}:{}", nginx.tls.port(), nginx.tls.ip()), &url])
            .output()
            .expect("curl is installed");
        let answer = String::from_utf8_lossy(&output.stdout).to_ascii_lowercase();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(
            answer.starts_with("http/1.1 200") && answer.contains("strict-transport-security"),
            "{answer}"
        );
        let until = Instant::now() + PATIENCE;
        while !nginx.read("access.log").contains("GET /health") {
            assert!(Instant::now() < until, "no line in the log: {}", nginx.read("error.log"));
            thread::sleep(Duration::from_millis(10));
        }
        assert!(!nginx.read("access.log").contains("top-secret"));
    }

    #[test]
    fn each_user_keeps_the_address_that_trusted_proxies_name() {
        let data = TempDir::new().unwrap();
        let flags = ["--auth=password", "--trusted-proxy=127.0.0.1", "--log=json"];
        let (server, nginx) = start(&data, &flags);
        for user in [ALICE, BOB, "2001:db8::7"] {
            assert_eq!(nginx.get(user, "/health").status, 200);
            // Of what the user says, only the end is a proxy's word.
            assert_eq!(nginx.get(&format!("10.9.9.9, {user}"), "/ready").status, 200);
            for path in ["/health", "/ready"] {
                server.wait_for_line(&[&format!("\"{path}\""), &format!("\"{user}\"")]);
            }
        }
        // nginx is believed, and says who this is: somebody who is not believed.
        let stranger =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None)
                .unwrap();
        rustix::net::bind(&stranger, &SocketAddr::from(([127, 0, 0, 9], 0))).unwrap();
        rustix::net::connect(&stranger, &nginx.plain).unwrap();
        let mut connection = Connection::of(TcpStream::from(stranger), nginx.plain);
        connection.request(
            "GET",
            "/livez",
            &[("X-Forwarded-For", "10.8.8.8"), ("Connection", "close")],
            None,
        );
        connection.reply();
        server.wait_for_line(&["\"/livez\"", "\"127.0.0.9\""]);
        assert!(!server.stderr().contains("10.9.9.9") && !server.stderr().contains("10.8.8.8"));
    }

    type Before = fn(SocketAddr) -> Proxy;

    const PROXIES: [(&str, Before); 2] = [("nginx", Proxy::nginx), ("Caddy", Proxy::caddy)];

    /// A limit that holds for one address. Further ones are further rows.
    struct PerAddress {
        flags: &'static [&'static str],
        /// What the one user does, until the limit is reached.
        provoke: fn(&Proxy),
        /// What both ask for then, and what the one and the other get: status, and a word of the answer.
        request: Request,
        alice: (u16, &'static str),
        bob: (u16, &'static str),
    }

    const LIMITS: &[PerAddress] = &[
        PerAddress {
            flags: &["--trusted-proxy=127.0.0.1", "--open-to=198.51.100.0/24"],
            provoke: |_| {},
            request: ("GET", "/api/v1/chats", ""),
            alice: (403, "address_not_allowed"),
            bob: (200, "items"),
        },
        PerAddress {
            flags: &["--trusted-proxy=127.0.0.1", "--auth=password"],
            provoke: |proxy| {
                for _ in 0..=10 {
                    proxy.send(ALICE, GUESS);
                }
            },
            request: GUESS,
            alice: (429, "retry-after"),
            bob: (401, "login_failed"),
        },
    ];

    const GUESS: Request =
        ("POST", "/api/v1/auth/login", r#"{"email": "k@example.org", "password": "a guess of it"}"#);

    #[test]
    fn what_is_limited_by_address_hits_one_user_only() {
        for (name, before) in PROXIES {
            for PerAddress { flags, provoke, request, alice, bob } in LIMITS {
                let data = TempDir::new().unwrap();
                let server = RunningServer::start(&Binary::kafka_http(), data.path(), flags);
                let proxy = before(server.address());
                provoke(&proxy);
                for (user, (status, word)) in [(ALICE, alice), (BOB, bob), (ALICE, alice)] {
                    let reply = proxy.send(user, *request);
                    let text = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.body));
                    assert!(
                        reply.status == *status && text.contains(word),
                        "{name} {flags:?} {user}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn tokens_pass_as_they_come() {
        let gates = [Gate::new(), Gate::new()];
        let script = gates.clone();
        let endpoint = ScriptedEndpoint::start(move |request| {
            let gate =
                &script[usize::from(String::from_utf8_lossy(&request.body).contains("over the socket"))];
            Script::events().token("first").wait_for(gate).token("last").finish("stop").done()
        });
        let data = TempDir::new().unwrap();
        let (_server, nginx) = start(&data, &["--trusted-proxy=127.0.0.1"]);
        let api = Api::at(nginx.plain);
        api.post(
            "/api/v1/models",
            &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}),
        );

        let mut events = api.ask(&api.chat(), &json!({"content": "over events"}));
        // The model says the rest only when the first token has arrived here.
        events.find(|event| event.data.contains("\"first\"")).expect("the first token");
        gates[0].open();
        assert_eq!(events.last().unwrap().name, "response.completed");

        let (mut socket, _) = Socket::open(nginx.plain, &api.chat());
        socket.stream("over the socket");
        while !socket.next_text().contains("first") {}
        gates[1].open();
        while socket.next_text() != "firstlast" {}
    }

    /// Asks for an answer, and returns its id and the events that follow its first token.
    fn ask(api: &Api, chat: &str) -> (String, impl Iterator<Item = Event> + use<>) {
        let mut events = api.ask(chat, &json!({"content": "Well?"}));
        let started = events.next().unwrap().json();
        events.find(|event| event.data.contains("\"first\"")).expect("the first token");
        (id(&started["response"]), events)
    }

    fn follow(api: &Api, response: &str) -> impl Iterator<Item = Event> + use<> {
        let path = format!("/api/v1/responses/{response}/events");
        let (head, events) = api.open("GET", &path, &[], None).events();
        assert_eq!(head.status, 200, "{head:?}");
        events.map(Result::unwrap)
    }

    #[test]
    fn two_nodes_are_one_server_and_one_that_dies_is_missed_by_nobody() {
        let gate = Gate::new();
        let script = gate.clone();
        let endpoint = ScriptedEndpoint::start(move |request| {
            if String::from_utf8_lossy(&request.body).contains("Forever?") {
                Script::events().token("first").until_hung_up()
            } else {
                Script::events().token("first").wait_for(&script).token("last").finish("stop").done()
            }
        });
        let data = TempDir::new().unwrap();
        let node =
            || RunningServer::start(&Binary::kafka_http(), data.path(), &["--trusted-proxy=127.0.0.1"]);
        let (doomed, other) = (node(), node());
        let nginx = Proxy::nginx_of(&[doomed.address(), other.address()]);
        let api = Api::at(nginx.plain);
        let model = json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true});
        api.post("/api/v1/models", &model);

        // One node answers; nginx takes the nodes in turn, so both are followed and asked over sockets.
        let chat = api.chat();
        let (response, asked) = ask(&api, &chat);
        let mut followers = [(); 2].map(|()| follow(&api, &response));
        for follower in &mut followers {
            follower.find(|event| event.data.contains("\"first\"")).expect("the first token");
        }
        gate.open();
        let rest: Vec<Event> = asked.collect();
        assert_eq!(rest.last().unwrap().name, "response.completed");
        for follower in followers {
            assert_eq!(follower.collect::<Vec<_>>(), rest);
        }
        for _ in 0..2 {
            let (mut socket, _) = Socket::open(nginx.plain, &chat);
            socket.stream("Over the socket?");
            while socket.next_text() != "firstlast" {}
        }

        // The answers of a node that dies end as interrupted, which their readers learn from the other one.
        let path = format!("/api/v1/chats/{}/responses", api.chat());
        let asked = json!({"content": "Forever?", "stream": true}).to_string();
        let through = [("X-Forwarded-For", "127.0.0.1")];
        let (_, mut left) = Api::of(&doomed).open("POST", &path, &through, Some(&asked)).events();
        let left = id(&left.next().unwrap().unwrap().json()["response"]);
        doomed.kill9();
        for _ in 0..8 {
            api.get("/api/v1/chats");
        }
        for _ in 0..4 {
            let chat = api.chat();
            assert_eq!(ask(&api, &chat).1.last().unwrap().name, "response.completed");
            let (mut socket, _) = Socket::open(nginx.plain, &chat);
            socket.stream("And over the socket?");
            while socket.next_text() != "firstlast" {}
        }
        assert_eq!(follow(&api, &left).last().unwrap().name, "response.interrupted");
    }
}
