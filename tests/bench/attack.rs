//! What strangers do to a server. Each attack is played by a process of its own until that is killed.

use std::{
    env,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

/// Connections of the attacks that hold many.
const MANY: usize = 1000;
/// From one byte of a slow one to the next.
const TRICKLE: Duration = Duration::from_millis(500);

/// What an attacker hands to the system at once. The system takes megabytes in one go, and the client on the
/// same processor would wait for that, which is not what an attacker elsewhere does to it.
const PIECE: usize = 64 << 10;
/// How often an attacker says on its standard output how many connections it has made.
const TELLING: Duration = Duration::from_millis(100);

static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// A way to be a nuisance.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    play: fn(Victim<'_>),
}

pub(crate) const ATTACKS: &[Attack] = &[
    Attack { name: "slow heads", play: |victim| victim.trickle("GET / HTTP/1.1\r\nX: ", "") },
    Attack { name: "slow bodies", play: |victim| victim.slow_bodies() },
    Attack { name: "slow readers", play: |victim| victim.slow_readers() },
    Attack { name: "idle connections", play: |victim| victim.trickle("", "") },
    Attack { name: "connection flood", play: |victim| victim.flood() },
    Attack { name: "bad heads", play: |victim| victim.bad_heads() },
    Attack {
        name: "long bodies",
        play: |victim| victim.post(&format!("{{\"title\": \"{}\"}}", "x".repeat(15 << 20))),
    },
    Attack { name: "deep JSON", play: |victim| victim.post(&format!("{{\"x\": {}", "[".repeat(1 << 20))) },
    Attack { name: "bad frames", play: |victim| victim.bad_frames() },
    Attack { name: "long lists", play: |victim| victim.get("/api/v1/chats?limit=200") },
    Attack { name: "deep pages", play: |victim| victim.get("/api/v1/chats?page=900&page_size=100") },
    Attack { name: "vain searches", play: |victim| victim.get("/api/v1/chats?q=nothing+is+called+so") },
];

/// Plays an attack if this process was started for that.
pub(crate) fn was_played() -> bool {
    let arguments: Vec<String> = env::args().collect();
    let [_, word, name, address, chat] = &arguments[..] else { return false };
    if word != "--attack" {
        return false;
    }
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let attack = ATTACKS.iter().find(|attack| attack.name == name).unwrap();
    thread::spawn(|| {
        loop {
            println!("{}", CONNECTIONS.load(Relaxed));
            thread::sleep(TELLING);
        }
    });
    let victim = Victim { address: address.parse().unwrap(), chat };
    loop {
        (attack.play)(victim);
    }
}

/// One of the attackers' addresses after the other. From the client's own address they would use up its free
/// ports, and it would look for one as long as a hundred requests take.
fn elsewhere() -> SocketAddr {
    static LAST: AtomicU8 = AtomicU8::new(0);
    SocketAddr::from(([127, 0, 1, LAST.fetch_add(1, Relaxed)], 0))
}

/// Who is attacked.
#[derive(Clone, Copy)]
struct Victim<'a> {
    address: SocketAddr,
    /// The path of a chat with megabytes of messages.
    chat: &'a str,
}

impl Victim<'_> {
    fn connect(self) -> TcpStream {
        loop {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&elsewhere().into()).unwrap();
            if socket.connect(&self.address.into()).is_ok() {
                socket.set_tcp_nodelay(true).unwrap();
                CONNECTIONS.fetch_add(1, Relaxed);
                return socket.into();
            }
        }
    }

    /// Many connections, each with a good beginning and then a byte now and then.
    fn trickle(self, beginning: &str, fields: &str) {
        let open = || {
            let mut stream = self.connect();
            let _ = stream.write_all(format!("{beginning}{fields}").as_bytes());
            stream
        };
        let mut streams: Vec<TcpStream> = (0..MANY).map(|_| open()).collect();
        loop {
            thread::sleep(TRICKLE);
            for stream in streams.iter_mut().filter(|_| !beginning.is_empty()) {
                if stream.write_all(b"x").is_err() {
                    *stream = open();
                }
            }
        }
    }

    fn slow_bodies(self) {
        let fields = format!(
            "Host: {}\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n",
            self.address
        );
        self.trickle("POST /api/v1/chats HTTP/1.1\r\n", &fields);
    }

    /// Asks for megabytes and takes none.
    fn slow_readers(self) {
        let request = self.request("GET", &format!("{}/messages", self.chat), "");
        let streams: Vec<TcpStream> = (0..MANY / 5)
            .map(|_| {
                let mut stream = self.connect();
                stream.write_all(request.as_bytes()).unwrap();
                stream
            })
            .collect();
        thread::sleep(Duration::from_secs(3600));
        drop(streams);
    }

    /// Opens connections as fast as one processor can.
    fn flood(self) {
        drop(self.connect());
    }

    fn bad_heads(self) {
        let fields = format!("X: {}\r\n", "y".repeat(400)).repeat(64);
        let mut stream = self.connect();
        let _ = stream.write_all(format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes());
        let _ = stream.read(&mut [0; 1024]);
    }

    fn bad_frames(self) {
        let mut stream = self.connect();
        let request = format!(
            "GET /ws/{} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\u{f}\u{7f}",
            "01900000-0000-7000-8000-000000000000", self.address
        );
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read(&mut [0; 1024]);
    }

    fn post(self, body: &str) {
        let request = self.request("POST", "/api/v1/chats", body);
        self.repeat(&request);
    }

    fn get(self, path: &str) {
        self.repeat(&self.request("GET", path, ""));
    }

    /// Four connections that ask the same again and again.
    fn repeat(self, request: &str) {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let mut stream = self.connect();
                        let _ =
                            request.as_bytes().chunks(PIECE).try_for_each(|chunk| stream.write_all(chunk));
                        let _ = stream.read_to_end(&mut Vec::new());
                    }
                });
            }
        });
    }

    fn request(self, method: &str, path: &str, body: &str) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
    }
}
