//! The product as a process: the release binary, started, called and ended.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// The release binary `kafka`, built now from the present sources.
pub(crate) fn binary() -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
    cargo.args(["build", "--locked", "--quiet", "--release", "-p", "kafka-cli", "--bin", "kafka"]);
    cargo.arg("--message-format=json-render-diagnostics");
    // Variables that describe the benchmark's own package would make build scripts run again.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"].iter().any(|prefix| name.starts_with(prefix)) {
            cargo.env_remove(&*name);
        }
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "the program does not build");
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>();
    messages.filter_map(|message| Some(message.unwrap()["executable"].as_str()?.into())).next().unwrap()
}

/// `kafka serve` in open mode on a free port, its data in `data`, as it comes but for where its log goes.
pub(crate) fn serve(binary: &Path, data: &Path) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(data).env_clear();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    command
}

/// A program that said on its standard output that it listens. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    /// Kept open, lest a program that says more fails.
    _stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a program and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Server {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect(&line).parse().unwrap();
        Server { child, _stdout: stdout, address }
    }

    /// Calls it on a connection of its own, and returns the body of the answer, which must be good.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        assert!(head.starts_with("HTTP/1.1 2"), "{answer}");
        body.to_owned()
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes a chat and returns its path.
    pub(crate) fn new_chat(&self) -> String {
        let chat = self.call("POST", "/api/v1/chats", r#"{"title": "Before the law"}"#);
        let chat: serde_json::Value = serde_json::from_str(&chat).unwrap();
        format!("/api/v1/chats/{}", chat["id"].as_str().unwrap())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
