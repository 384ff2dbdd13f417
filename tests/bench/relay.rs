//! The least that can stand between a client and an endpoint: it passes bytes on and keeps nothing.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Passes every connection on to `upstream`: one request there, then the answer back as it comes.
pub(crate) fn start(upstream: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let mut endpoint = TcpStream::connect(upstream).unwrap();
                client.set_nodelay(true).unwrap();
                endpoint.set_nodelay(true).unwrap();
                let mut buffer = [0; 16 << 10];
                // The requests of the benchmark come in one piece.
                let length = client.read(&mut buffer).unwrap();
                endpoint.write_all(&buffer[..length]).unwrap();
                while let Ok(length @ 1..) = endpoint.read(&mut buffer) {
                    if client.write_all(&buffer[..length]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
