//! What uploads cost: the server's memory while many come at once, and their speed beside that of the disk.
//!
//! `cargo bench -p kafka --bench uploads`. The bare loop writes the same bytes from as many threads, one file
//! each, and forces each to the disk. The server does so, too, and hashes them. A megabyte is 10⁶ bytes.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

mod figures;
mod server;

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
    time::Instant,
};

use server::Server;

const UPLOADS: usize = 100;
const FILE_BYTES: usize = 20_000_000;
const PIECE_BYTES: usize = 64 << 10;
const GOAL_MB: f64 = 150.0;

fn main() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(server::serve(&server::binary(), data.path()));
    let path = format!("{}/files", server.new_chat());
    let megabytes = (UPLOADS * FILE_BYTES) as f64 / 1e6;

    let idle = memory_mb(&server, "VmRSS:");
    let uploading = seconds(|number| upload(server.address, &path, number));
    let peak = memory_mb(&server, "VmHWM:");
    server.end();
    let bare = tempfile::tempdir().unwrap();
    let writing = seconds(|number| write(bare.path(), number));

    println!("{UPLOADS} uploads of {} MB at once", FILE_BYTES / 1_000_000);
    println!("{:32} {idle:8.1} MB", "resident memory before");
    let verdict = if peak < GOAL_MB { "" } else { "  misses the goal" };
    println!("{:32} {peak:8.1} MB, {:5.2} of the goal {GOAL_MB} MB{verdict}", "at its peak", peak / GOAL_MB);
    println!("{:32} {:8.1} MB/s", "uploads", megabytes / uploading);
    println!("{:32} {:8.1} MB/s", "the bare loop", megabytes / writing);
    println!("{:32} {:8.2}", "time of uploads by the loop's", uploading / writing);
    println!("load of the machine over the last minute: {}", figures::machine_load());
}

/// How long it takes until all have done it at once.
fn seconds(work: impl Fn(usize) + Sync) -> f64 {
    let started = Instant::now();
    thread::scope(|scope| {
        for number in 0..UPLOADS {
            let work = &work;
            scope.spawn(move || work(number));
        }
    });
    started.elapsed().as_secs_f64()
}

/// Pieces that together are one file of its own.
fn pieces(number: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..FILE_BYTES).step_by(PIECE_BYTES).map(move |at| {
        let length = PIECE_BYTES.min(FILE_BYTES - at);
        let mut piece = vec![number as u8; length];
        piece[..8].copy_from_slice(&(at as u64).to_le_bytes());
        piece
    })
}

fn upload(server: SocketAddr, path: &str, number: usize) {
    let head = "--bench\r\nContent-Disposition: form-data; name=\"files\"; filename=\"f\"\r\n\r\n";
    let tail = "\r\n--bench--\r\n";
    let mut stream = TcpStream::connect(server).unwrap();
    let length = head.len() + FILE_BYTES + tail.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: multipart/form-data; boundary=bench\r\n\r\n{head}"
    )
    .unwrap();
    pieces(number).for_each(|piece| stream.write_all(&piece).unwrap());
    stream.write_all(tail.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

fn write(directory: &Path, number: usize) {
    let mut file = File::create(directory.join(number.to_string())).unwrap();
    pieces(number).for_each(|piece| file.write_all(&piece).unwrap());
    file.sync_all().unwrap();
}

/// What the system says of the server's memory.
fn memory_mb(server: &Server, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    let kibibytes: f64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes * 1024.0 / 1e6
}
