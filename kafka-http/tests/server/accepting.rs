//! Getting in, also when it is hard.

use kafka_http::server::ServerLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{Client, Running, in_own_process};

/// Connections opened in one burst are all answered while all of them stay open.
fn burst(count: usize) {
    let server = Running::echo(ServerLimits::default());
    let mut clients: Vec<Client> = (0..count).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn a_burst_of_50_connections_is_answered() {
    burst(50);
}

#[test]
fn a_burst_of_500_connections_is_answered() {
    burst(500);
}

/// Each that was given a thread would hold the only place until that had noticed.
#[test]
fn clients_that_left_before_they_were_let_in_take_no_place() {
    for leaves_at_once in [false, true] {
        let mut last = None;
        let left = |address| {
            for _ in 0..100 {
                let stream = socket2::SockRef::from(&std::net::TcpStream::connect(address).unwrap())
                    .set_linger(leaves_at_once.then_some(std::time::Duration::ZERO));
                stream.unwrap();
            }
            last = Some(Client::connect(address));
        };
        let limits = ServerLimits { connections: 1, ..Default::default() };
        let server = Running::start_after(left, limits, crate::support::echo);
        assert_eq!(last.unwrap().get("/a").status, 200, "{:?}", server.log.lines());
    }
}

#[test]
fn requests_of_other_versions_leave_nothing_behind() {
    let server = Running::echo(ServerLimits { connections: 8, ..Default::default() });
    for _ in 0..100 {
        let mut client = server.connect();
        client.send("GET / HTTP/2.0\r\nHost: a\r\n\r\n");
        // 503 would mean that the eight places are still taken by earlier ones, which are closed.
        let answer = client.answer();
        assert!(answer.status == 505 || answer.status == 503, "{}", answer.head);
        client.expect_end();
    }
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while server.connect().get("/").status != 200 {
        assert!(std::time::Instant::now() < deadline, "places leaked");
    }
}

#[test]
fn running_out_of_descriptors_is_survived() {
    in_own_process("accepting::running_out_of_descriptors_is_survived", run_out_of_descriptors);
}

fn run_out_of_descriptors() {
    let server = Running::echo(ServerLimits::default());
    assert_eq!(server.connect().get("/before").status, 200);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Room for the clients' own descriptors, two each, but not for the server's side of them all.
    let narrow = Rlimit { current: Some(open + 21), maximum };
    setrlimit(Resource::Nofile, narrow).unwrap();
    let mut clients = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect(server.address) {
        clients.push(stream);
    }
    server.log.wait_for("AcceptFailed");
    drop(clients);
    assert_eq!(server.connect().get("/after").status, 200);
}

#[test]
fn the_open_file_limit_is_raised_and_the_connection_cap_fits_it() {
    in_own_process("accepting::the_open_file_limit_is_raised_and_the_connection_cap_fits_it", || {
        let narrow = Rlimit { current: Some(300), maximum: Some(1000) };
        setrlimit(Resource::Nofile, narrow).unwrap();
        let modest = Running::echo(ServerLimits { connections: 100, ..Default::default() });
        assert_eq!(modest.limits.connections, 100);
        assert_eq!(getrlimit(Resource::Nofile).current, Some(456));
        let greedy = Running::echo(ServerLimits::default());
        assert_eq!(greedy.limits.connections, (1000 - 256) / 2);
        assert_eq!(getrlimit(Resource::Nofile).current, Some(1000));
    });
}
