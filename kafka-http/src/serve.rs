//! The server from its start to its end.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use kafka_core::{Error, ErrorKind, Kafka, NodeKind, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    config::{Auth, Database, LogFormat, LogLevel, Settings},
    log::Logger,
    router::Router,
    server::{Server, ServerLimits, Shutdown},
};

/// How long running requests and answers may take to end by themselves once the server is asked to.
const GRACE: Duration = Duration::from_secs(10);
/// How long streams get to tell that their answer was interrupted.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What wakes the thread that ends the server.
enum Wake {
    /// SIGTERM or SIGINT.
    Signal,
    /// Every connection is closed, or serving failed.
    Ended(io::Result<usize>),
}

/// Serves an installation until SIGTERM or SIGINT, and then lets running requests and answers end
/// for up to 10 seconds; a second signal ends them at once. What a model has not finished by then is
/// kept as interrupted.
///
/// Prints `listening on http://ADDRESS:PORT` to standard output once it can be called, and its log to
/// standard error.
///
/// # Errors
/// Those of [`Settings::check_server`], [`Settings::core_config`] and [`Kafka::open`]; when the address
/// cannot be listened on, `Conflict` (`address_in_use`), `Forbidden` (`address_not_permitted`) or
/// `Invalid` (`address_not_available`); `Internal` when the system fails to serve or to signal.
pub fn serve(settings: &Settings) -> Result<()> {
    settings.check_server()?;
    let (wake, woken) = mpsc::channel();
    listen_to_signals(&wake)?;
    let server = Server::bind_behind(settings.listen, server_limits(), settings.trusted_proxy.clone())
        .map_err(|error| refused(settings.listen, error))?;
    let address = server.local_addr();
    let kafka = Kafka::open(settings.core_config(NodeKind::Server)?)?;
    let log = Logger(settings.log);
    greet(settings, address, log)?;
    if let Some(warning) = settings.warning() {
        log.warn(&warning);
    }

    let shutdown = server.shutdown();
    let router = Arc::new(Router::new(kafka.clone(), settings, address));
    thread::spawn(move || wake.send(Wake::Ended(server.run(router))));
    supervise(&kafka, &woken, &shutdown, log)
}

/// The bounds of the server that [`serve`] runs.
#[must_use]
pub fn server_limits() -> ServerLimits {
    // Connections may outlast the answers that they watch.
    ServerLimits { drain_ms: 2 * GRACE.as_millis() as u64, ..ServerLimits::default() }
}

/// Waits for the end of the server, and brings it about in good order.
fn supervise(kafka: &Kafka, woken: &Receiver<Wake>, shutdown: &Shutdown, log: Logger) -> Result<()> {
    // The sender lives as long as the process waits for signals.
    if let Ok(Wake::Ended(result)) = woken.recv() {
        kafka.close();
        return result.map(|_| ()).map_err(internal);
    }
    log.tell("ending: running requests and answers have 10 seconds; a second signal ends them at once");
    shutdown.start();
    let until = Instant::now() + GRACE;
    let mut ended = match woken.recv_timeout(GRACE) {
        Ok(Wake::Ended(result)) => Some(result),
        Ok(Wake::Signal) => {
            log.tell("a second signal: ending at once");
            None
        }
        Err(_) => None,
    };
    // Answers go on when nobody watches them, so they may outlive the last connection.
    while ended.is_some() && Instant::now() < until && !kafka.wait_until_idle(Duration::from_millis(50)) {
        if !matches!(woken.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            log.tell("a second signal: ending at once");
            break;
        }
    }
    kafka.close();
    if ended.is_none() {
        ended = match woken.recv_timeout(LAST_WORDS) {
            Ok(Wake::Ended(result)) => Some(result),
            Ok(Wake::Signal) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        };
    }
    log.tell("ended");
    ended.map_or(Ok(()), |result| result.map(|_| ()).map_err(internal))
}

fn listen_to_signals(wake: &Sender<Wake>) -> Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(internal)?;
    let wake = wake.clone();
    thread::spawn(move || {
        for _ in signals.forever() {
            if wake.send(Wake::Signal).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Says that the server can be called: one line for programs, a few for people.
fn greet(settings: &Settings, address: SocketAddr, log: Logger) -> Result<()> {
    let url = format!("http://{address}");
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {url}").and_then(|()| stdout.flush()).map_err(internal)?;
    let data = match &settings.database {
        Database::Memory => "memory only, gone when it ends".to_owned(),
        Database::File(path) => path.display().to_string(),
        #[cfg(feature = "postgres")]
        server @ Database::Postgres(_) => server.to_string(),
    };
    let who = match settings.auth {
        Auth::Open => "open mode, no password needed",
        Auth::Password => "password mode",
    };
    if settings.log.format == LogFormat::Json || settings.log.level < LogLevel::Info {
        log.tell(format!("serving {url} ({who}), data in {data}"));
        return Ok(());
    }
    let (what, call) = match settings.auth {
        Auth::Open => ("Try it, in another terminal (the built-in model echo answers)", first_call(&url)),
        Auth::Password => ("Make an account, in another terminal", first_account(&url)),
    };
    let version = env!("CARGO_PKG_VERSION");
    let lines = format!("Kafka {version} is up at {url} ({who}).\nData: {data}\n{what}:\n\n  {call}\n\n");
    // Whoever closed standard error does not want to read it.
    let _ = io::stderr().lock().write_all(lines.as_bytes());
    Ok(())
}

/// A line for a shell that makes a chat and shows an answer arriving.
fn first_call(url: &str) -> String {
    let chats = format!("{url}/api/v1/chats");
    format!(
        "curl -sN {chats}/$(curl -sX POST {chats} | cut -d'\"' -f4)/responses \
         --json '{{\"content\": \"Hello there!\", \"model\": \"echo\", \"stream\": true}}'"
    )
}

/// A line for a shell that makes an account; its answer holds the token for everything else.
fn first_account(url: &str) -> String {
    format!(
        "curl -s {url}/api/v1/auth/register \
         --json '{{\"email\": \"you@example.org\", \"password\": \"choose a long one\"}}'"
    )
}

fn refused(address: SocketAddr, error: io::Error) -> Error {
    let (kind, code, sentence) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            ErrorKind::Conflict,
            "address_in_use",
            format!(
                "Another program listens on {address}; stop it, or choose another address with --listen \
                 (port 0 picks a free one)."
            ),
        ),
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Forbidden,
            "address_not_permitted",
            format!("Listening on {address} is not permitted; choose a port from 1024 on with --listen."),
        ),
        _ => (
            ErrorKind::Invalid,
            "address_not_available",
            format!(
                "It is not possible to listen on {address}; choose an address of this machine with --listen."
            ),
        ),
    };
    Error::new(kind, code, sentence).with_source(error)
}

fn internal(error: io::Error) -> Error {
    Error::new(ErrorKind::Internal, "server_failed", "The operating system does not let the server work.")
        .with_source(error)
}
