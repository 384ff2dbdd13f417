//! Scripts that drive headless Chromium.

use std::{
    env,
    io::{BufRead, BufReader, Read as _, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use tempfile::TempDir;

/// Where `tests/run` puts what it installs.
fn tools() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cache")));
    cache.unwrap().join("kafka-tests/tools")
}

/// Serves a page under every name and at every path, until the tests end.
pub(crate) fn serve_page(listener: TcpListener, html: String) {
    let length = html.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let answer: Arc<str> = (head + &html).into();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            // A browser opens connections that it may never use.
            thread::spawn(move || {
                if stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
    });
}

/// Runs `tests/NAME`, which does in a browser what a person does, and returns how many journeys it
/// made. What happens outside the browser meanwhile it asks for, by a line each: `grant` does it, or
/// says that the line is none of its wishes. Such lines are shown.
pub(crate) fn drive(name: &str, args: &[&str], mut grant: impl FnMut(&str) -> bool) -> usize {
    // What the browser writes besides its profile goes with the test.
    let home = TempDir::new().unwrap();
    let mut script = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name))
        .arg(tools().join("page/node_modules/playwright-core"))
        .args(args)
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is installed; `tests/run` installs it");
    let mut answers = script.stdin.take().unwrap();
    let mut journeys = 0;
    for line in BufReader::new(script.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if grant(&line) {
            writeln!(answers, "done").unwrap();
        } else {
            eprintln!("{line}");
            journeys += usize::from(line.starts_with("ok "));
        }
    }
    assert!(script.wait().unwrap().success(), "the browser's script says above what is wrong");
    journeys
}
