//! The way of a request: who may call, which route it is, and what every answer carries.

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use kafka_core::{Kafka, Permission};
use tiny_http::Method;

use crate::{
    config::Settings,
    cors,
    dialects::{Dialect, fastapi},
    error::{Failure, Problem},
    guard::Guard,
    log::Logger,
    request::{Call, percent_decoded},
    routes::ALL,
    server::{Handler, Notice, Reply, Request},
    ws::{Audiences, Courier},
};

/// The longest silence of a stream of events.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The longest silence of a WebSocket's client until it is pinged.
const SILENCE: Duration = Duration::from_secs(30);

/// One thing that can be asked for.
#[derive(Debug)]
pub struct Route {
    /// GET, which is HEAD too, POST, PUT, PATCH or DELETE.
    pub method: &'static str,
    /// The path; `{…}` stands for one segment. A slash after it changes nothing.
    pub path: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Who may ask for it.
    pub access: Access,
    /// The wire format that it belongs to; none for what is this product's own.
    pub dialect: Option<Dialect>,
    pub(crate) handler: fn(&mut Call<'_, '_>) -> Result<Reply, Failure>,
}

/// Who may ask for something. Authentication enforces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone: no credential is looked at.
    Public,
    /// Whoever has a credential that is in force, whatever its scopes.
    Anyone,
    /// Whoever has a credential with this permission.
    Needs(Permission),
}

/// Every route there is, whatever is served. Routing, `Allow` and the list that `GET /` gives are made of it.
pub static ROUTES: &[Route] = ALL;

/// A route whose path is cut into segments once, not for every request.
#[derive(Debug)]
struct Pattern {
    route: &'static Route,
    segments: Vec<&'static str>,
}

/// Answers requests for an installation.
#[derive(Debug)]
pub struct Router {
    patterns: Vec<Pattern>,
    pub(crate) kafka: Kafka,
    pub(crate) guard: Guard,
    pub(crate) log: Logger,
    pub(crate) heartbeat: Duration,
    pub(crate) silence: Duration,
    pub(crate) courier: Courier,
    pub(crate) audiences: Audiences,
}

impl Router {
    /// Serves `kafka` to those whom the settings admit. `listen` is the address that was bound.
    #[must_use]
    pub fn new(kafka: Kafka, settings: &Settings, listen: SocketAddr) -> Router {
        let guard = Guard::new(settings, listen);
        let (log, courier) = (Logger(settings.log), Courier::start());
        Router {
            patterns: patterns(&settings.dialects),
            kafka,
            guard,
            log,
            heartbeat: HEARTBEAT,
            silence: SILENCE,
            courier,
            audiences: Audiences::default(),
        }
    }

    /// Changes the longest silence of a stream of events, after which a comment is sent. Default 15 s.
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: Duration) -> Router {
        self.heartbeat = heartbeat;
        self
    }

    /// Changes how long a WebSocket's client may be silent until it is pinged; the second ping in a row
    /// that stays unanswered ends the connection. Default 30 s.
    #[must_use]
    pub fn with_silence(mut self, silence: Duration) -> Router {
        self.silence = silence;
        self
    }

    /// What is served.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &'static Route> {
        self.patterns.iter().map(|pattern| pattern.route)
    }

    fn answer(&self, request: &mut Request<'_>) -> Result<Reply, Failure> {
        self.guard.check(request)?;
        if *request.method() == Method::Options {
            return Ok(cors::preflight(request, &allowed(&self.patterns, request.path())));
        }
        let (route, segments) = find(&self.patterns, request.method(), request.path())?;
        (route.handler)(&mut Call { router: self, access: route.access, request, segments })
    }

    fn explain(&self, failure: &Failure, request: &Request<'_>) -> Reply {
        let problem = failure.problem();
        if let Some(error) = failure.cause().filter(|_| problem.status == 500) {
            self.log.failure(request.id(), error);
        }
        match dialect_of(&self.patterns, request.path()) {
            Some(Dialect::Kafka | Dialect::ChatHistory | Dialect::OpenChat) => {
                fastapi::reply(&problem, request)
            }
            None => problem.reply(request.id()),
        }
    }
}

impl Handler for Router {
    fn handle(&self, request: &mut Request<'_>) -> Reply {
        request.set_client(self.guard.client(request));
        let reply = self.answer(request).unwrap_or_else(|failure| self.explain(&failure, request));
        let reply = reply.with_header("X-Content-Type-Options", "nosniff");
        cors::allow(reply, request, &self.guard)
    }

    fn notice(&self, notice: &Notice<'_>) {
        self.log.notice(notice);
    }
}

/// The routes of the product itself, and of these wire formats.
fn patterns(dialects: &[Dialect]) -> Vec<Pattern> {
    let served = |route: &&Route| route.dialect.is_none_or(|dialect| dialects.contains(&dialect));
    let routes = ROUTES.iter().filter(served);
    routes.map(|route| Pattern { route, segments: cut(route.path).collect() }).collect()
}

/// The segments of a path. A slash after it changes nothing.
fn cut(path: &str) -> impl Iterator<Item = &str> {
    path.strip_suffix('/').unwrap_or(path).split('/')
}

/// The route for a method and a path, and the segments of the path that stand for its `{…}`.
fn find(patterns: &[Pattern], method: &Method, path: &str) -> Result<(&'static Route, Vec<String>), Failure> {
    let method = if *method == Method::Head { "GET" } else { method.as_str() };
    // A segment that cannot be decoded names nothing.
    let asked: Vec<Cow<'_, str>> = cut(path).map(percent_decoded).collect::<Option<_>>().unwrap_or_default();
    let found = patterns.iter().filter(|pattern| pattern.route.method == method);
    let found = found.filter_map(|pattern| Some((pattern.route, matched(&pattern.segments, &asked)?))).next();
    if let Some(found) = found {
        return Ok(found);
    }
    let allow = allowed(patterns, path);
    if allow.is_empty() {
        let detail = format!("There is nothing at {path}; GET / lists what there is.");
        return Err(Problem::new(404, "route_not_found", detail).into());
    }
    let detail = format!("{method} is not possible at {path}; {allow} are.");
    Err(Problem::new(405, "method_not_allowed", detail).with_member("allow", allow).into())
}

/// What can be done at a path, as `Allow` has it; nothing where there is nothing.
fn allowed(patterns: &[Pattern], path: &str) -> String {
    let asked: Vec<Cow<'_, str>> = cut(path).map(percent_decoded).collect::<Option<_>>().unwrap_or_default();
    let found = patterns.iter().filter(|pattern| matched(&pattern.segments, &asked).is_some());
    let mut allowed: Vec<&str> = found.map(|pattern| pattern.route.method).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    if !allowed.is_empty() {
        allowed.push("OPTIONS");
    }
    allowed.join(", ")
}

/// The wire format that a path belongs to, whatever the method.
fn dialect_of(patterns: &[Pattern], path: &str) -> Option<Dialect> {
    let asked: Vec<Cow<'_, str>> = cut(path).map(percent_decoded).collect::<Option<_>>()?;
    let found = patterns.iter().find(|Pattern { segments, .. }| matched(segments, &asked).is_some());
    found?.route.dialect
}

/// What stands for each `{…}` if the path is of this pattern.
fn matched(pattern: &[&str], path: &[Cow<'_, str>]) -> Option<Vec<String>> {
    let is_open = |part: &str| part.starts_with('{');
    let mut pairs = pattern.iter().zip(path);
    let fits = pattern.len() == path.len()
        && pairs.all(|(part, segment)| if is_open(part) { !segment.is_empty() } else { part == segment });
    let open = pattern.iter().zip(path).filter(|(part, _)| is_open(part));
    fits.then(|| open.map(|(_, segment)| segment.clone().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_by_segment() {
        let table: [(&str, &str, Option<&[&str]>); 13] = [
            ("/", "/", Some(&[])),
            ("/", "", Some(&[])),
            ("/health", "/health", Some(&[])),
            ("/health", "/health/", Some(&[])),
            ("/health", "/he%61lth", Some(&[])),
            ("/health", "/health//", None),
            ("/health", "//health", None),
            ("/chats/{id}", "/chats/7", Some(&["7"])),
            ("/chats/{id}", "/chats/a%2Fb/", Some(&["a/b"])),
            ("/chats/{id}", "/chats/", None),
            ("/chats/{id}", "/chats/7/messages", None),
            ("/chats/{id}/messages", "/chats/7", None),
            ("/a/{x}/b/{y}", "/a/1/b/2", Some(&["1", "2"])),
        ];
        for (pattern, path, expected) in table {
            let pattern_segments: Vec<&str> = cut(pattern).collect();
            let segments: Vec<_> = cut(path).map(|segment| percent_decoded(segment).unwrap()).collect();
            let expected = expected.map(|expected| expected.iter().copied().map(str::to_owned).collect());
            assert_eq!(matched(&pattern_segments, &segments), expected, "{path} by {pattern}");
        }
    }

    #[test]
    fn a_path_that_cannot_be_decoded_names_nothing() {
        for path in ["/%zz", "/health%", "/api/v1/chats/%ff"] {
            assert_eq!(
                find(&patterns(&Dialect::ALL), &Method::Get, path).unwrap_err().problem().status,
                404,
                "{path}"
            );
        }
    }

    #[test]
    fn a_method_and_a_path_name_one_route() {
        for (at, route) in ROUTES.iter().enumerate() {
            let twin =
                ROUTES[..at].iter().any(|other| other.method == route.method && other.path == route.path);
            assert!(!twin, "{} {} stands twice", route.method, route.path);
        }
    }
}
