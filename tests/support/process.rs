//! Starts the product's binaries and ends them, gently and otherwise.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A process that takes longer than this to start or to end has failed the test. Generous, because
/// a process that is well does either at once, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A line that takes longer than this to be written has failed the test.
const LINE_PATIENCE: Duration = Duration::from_secs(60);

/// A program of the product, built from the present sources.
#[derive(Clone, Debug)]
pub(crate) struct Binary {
    path: PathBuf,
    /// The arguments that make it serve.
    serve: &'static [&'static str],
}

impl Binary {
    /// The command line, which serves by its verb `serve`.
    pub(crate) fn kafka() -> Binary {
        Binary { path: executable("KAFKA_BIN", "kafka"), serve: &["serve"] }
    }

    /// The server alone.
    pub(crate) fn kafka_http() -> Binary {
        Binary { path: executable("KAFKA_HTTP_BIN", "kafka-http"), serve: &[] }
    }

    /// Both programs that serve: everything that is true of one is true of the other.
    pub(crate) fn both() -> [Binary; 2] {
        [Binary::kafka(), Binary::kafka_http()]
    }

    /// Serves with these arguments instead of running a verb.
    pub(crate) fn serve(&self, directory: &Path, args: &[&str]) -> Command {
        let mut command = self.command(directory);
        command.args(self.serve).args(args);
        command
    }

    /// Where the program lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A call of the program in `directory`. It sees no environment but the search path, so that no
    /// variable of the person who runs the tests decides how they end.
    pub(crate) fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(directory).env_clear().stdin(Stdio::null());
        command.envs(env::vars_os().filter(|(name, _)| name == "PATH" || name == "TMPDIR"));
        if is_on_postgres() {
            command.env("DATABASE_URL", database_of(directory));
        }
        command
    }
}

/// The URL of the PostgreSQL database that belongs to a directory. It is made when it is first asked for, on
/// the server that `tests/postgres.py` started.
pub(super) fn database_of(directory: &Path) -> String {
    static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    let known = made.iter().position(|of| of == directory);
    let index = known.unwrap_or(made.len());
    let name = format!("suite_{}_{index}", std::process::id());
    if known.is_none() {
        let created = Command::new("createdb").arg(&name).status().expect("createdb runs");
        assert!(created.success(), "no database is made");
        made.push(directory.to_owned());
    }
    let place = |name: &str| env::var(name).expect("tests/postgres.py runs this program");
    format!("postgresql:///{name}?host={}&user={}", place("PGHOST"), place("PGUSER"))
}

/// Runs SQL in the PostgreSQL database of a directory, past every server, and gives what it prints.
#[cfg(feature = "postgres")]
pub(crate) fn sql(directory: &Path, sql: &str) -> String {
    let arguments = ["--no-psqlrc", "-qtAc", sql];
    let output =
        Command::new("psql").args(arguments).arg(database_of(directory)).output().expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Where the bytes of files lie that belong to a server with its data in `data`.
pub(crate) fn blobs_of(data: &Path) -> PathBuf {
    data.join(if is_on_postgres() { "blobs" } else { "kafka.db.blobs" })
}

/// Whether the programs that tests start have their data on PostgreSQL.
pub(crate) fn is_on_postgres() -> bool {
    env::var("KAFKA_TEST_ENGINE").as_deref() == Ok("postgres")
}

/// The path that the variable gives, or else that of a program which is built now: one that lies in
/// the target directory may be older than the sources.
fn executable(variable: &str, name: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    let built = BUILT.get_or_init(build);
    let found = built.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
    found.unwrap_or_else(|| panic!("no program {name} among {built:?}")).clone()
}

fn build() -> Vec<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
    cargo.args(["build", "--locked", "--quiet", "-p", "kafka-cli", "-p", "kafka-http", "--bins"]);
    if cfg!(feature = "postgres") {
        cargo.args(["--features", "kafka-cli/postgres,kafka-http/postgres"]);
    }
    cargo.arg("--message-format=json-render-diagnostics");
    // Variables that describe this test's own package would make build scripts run again.
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "the programs do not build");
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>();
    messages.filter_map(|message| Some(message.ok()?["executable"].as_str()?.into())).collect()
}

/// A server that has said where it listens. Dropping it kills it.
pub(crate) struct RunningServer {
    child: Child,
    url: String,
    /// Ends when the process has closed its standard output, that is, when it ends.
    stdout: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    stderr_reader: Option<JoinHandle<()>>,
}

/// How a server ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl RunningServer {
    /// Starts `binary` with its data in `data`, on a free port.
    pub(crate) fn start(binary: &Binary, data: &Path, args: &[&str]) -> RunningServer {
        let mut command = binary.command(data);
        command.args(binary.serve).args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data).args(args);
        RunningServer::spawn(command)
    }

    /// Starts any program whose first line on standard output is `listening on URL`.
    pub(crate) fn spawn(command: Command) -> RunningServer {
        let mut server = RunningServer::begin(command);
        match server.stdout.recv_timeout(PATIENCE) {
            Ok(line) => match line.strip_prefix("listening on ") {
                Some(url) => url.clone_into(&mut server.url),
                None => panic!("not a ready line: {line:?}"),
            },
            Err(RecvTimeoutError::Timeout) => {
                panic!("no ready line after {PATIENCE:?}; standard error: {}", server.stderr())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let ended = server.wait();
                panic!("ended before its ready line ({}); standard error: {}", ended.status, ended.stderr)
            }
        }
        server
    }

    /// Starts one that shall end instead of serving, and waits until it has.
    pub(crate) fn refused(command: Command) -> Ended {
        let mut server = RunningServer::begin(command);
        match server.stdout.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Disconnected) => server.wait(),
            said => panic!("it does not refuse to serve ({said:?}); standard error: {}", server.stderr()),
        }
    }

    fn begin(mut command: Command) -> RunningServer {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = Arc::new(Mutex::new(String::new()));
        let stderr_reader = Some(collect(child.stderr.take().unwrap(), Arc::clone(&stderr)));
        RunningServer { child, url: String::new(), stdout, stderr, stderr_reader }
    }

    /// What stands in the ready line.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The address in the ready line.
    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.url().strip_prefix("http://").and_then(|rest| rest.split('/').next());
        address.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no address in {:?}", self.url))
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until it has written a line to standard error that holds all of `words`.
    pub(crate) fn wait_for_line(&self, words: &[&str]) -> String {
        let until = Instant::now() + LINE_PATIENCE;
        loop {
            let stderr = self.stderr();
            if let Some(line) = stderr.lines().find(|line| words.iter().all(|word| line.contains(word))) {
                return line.to_owned();
            }
            assert!(Instant::now() < until, "no line with {words:?} in {stderr}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill9(mut self) -> Ended {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Asks it to end, and goes on.
    pub(crate) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(mut self) -> Ended {
        self.wait()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    fn wait(&mut self) -> Ended {
        loop {
            match self.stdout.recv_timeout(PATIENCE) {
                Ok(_line) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("still running after {PATIENCE:?}; standard error: {}", self.stderr())
                }
            }
        }
        let status = self.child.wait().expect("the process ends");
        if let Some(reader) = self.stderr_reader.take() {
            reader.join().expect("standard error is read");
        }
        Ended { status, stderr: self.stderr() }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            // What the test itself says must not drown in a log of each request.
            let stderr = self.stderr();
            let lines: Vec<&str> = stderr.lines().collect();
            let last = lines.len().saturating_sub(40);
            eprintln!("standard error of the server, but {last} lines:\n{}", lines[last..].join("\n"));
        }
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Nobody listens any more when the server was dropped; the pipe is emptied all the same.
            let _ = sender.send(line);
        }
    });
    receiver
}

fn collect(stream: impl Read + Send + 'static, text: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            text.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_is_running_once_it_says_where() {
        let server =
            RunningServer::spawn(shell("echo 'listening on http://127.0.0.1:81/v1'; exec sleep 600"));
        assert_eq!(server.address(), "127.0.0.1:81".parse().unwrap());
    }

    #[test]
    #[should_panic(expected = "it does not refuse to serve")]
    fn a_server_that_serves_all_the_same_is_told_at_once() {
        RunningServer::refused(shell("echo 'listening on http://127.0.0.1:81'; exec sleep 600"));
    }

    #[test]
    fn the_way_a_server_ends_is_told() {
        let gentle =
            "trap 'echo bye >&2; exit 3' TERM; echo 'listening on http://127.0.0.1:1'; while :; do :; done";
        let ended = RunningServer::spawn(shell(gentle)).terminate();
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(3), "bye\n"));
        let ended = RunningServer::spawn(shell(gentle)).kill9();
        assert_eq!((ended.status.signal(), ended.stderr.as_str()), (Some(9), ""));
    }

    #[test]
    #[should_panic(expected = "(exit status: 2); standard error: no such database")]
    fn a_server_that_does_not_start_fails_the_test_with_its_words() {
        RunningServer::spawn(shell("echo 'no such database' >&2; exit 2"));
    }

    #[test]
    #[should_panic(expected = "not a ready line: \"hello\"")]
    fn the_first_line_is_the_ready_line() {
        RunningServer::spawn(shell("echo hello; exec sleep 600"));
    }

    #[test]
    fn a_dropped_server_is_gone() {
        let server = RunningServer::spawn(shell("echo 'listening on http://127.0.0.1:1'; exec sleep 600"));
        let pid = Pid::from_child(&server.child);
        drop(server);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
