//! Routes × callers × ids: what each call must come to, written by hand for each class of route and
//! compared with what it comes to.

use kafka_core::{Error, ErrorKind, Kafka, Result};
use kafka_http::router::{ROUTES, Route};
use serde_json::{Value, json};

use super::{
    Report, Tried, beside,
    caller::Caller,
    cases::{CASES, Case, Class, Context},
    client::{Answer, Server},
    stage::{MARK, Stage, Things},
};

/// An id that nothing has.
pub(super) const NOTHING: &str = "01890000-0000-7000-8000-000000000000";

/// What callers without a credential may do where they may chat.
const OF_ANYONE: [&str; 4] =
    ["POST /api/v1/chats", "GET /api/v1/models", "POST /conversations", "GET /models"];

/// How the server treats callers without a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// They are its operator.
    Open,
    /// They may make chats of their own.
    Anonymous,
    /// They may do nothing.
    Password,
}

/// Whose thing the path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The owner's, or no single thing.
    Theirs,
    /// Nothing at all.
    Missing,
}

/// What a call must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Allowed,
    Refused(u16),
}

impl Case {
    /// What the call must come to: the table of who may do what.
    fn expected(&self, caller: Caller, target: Target, mode: Mode) -> Outcome {
        use Outcome::{Allowed, Refused};
        if matches!(self.class, Class::Public | Class::Door) {
            return Allowed;
        }
        if caller.is_stranger() {
            return Refused(401);
        }
        let is_account = matches!(self.class, Class::Account | Class::AccountEnds);
        if caller == Caller::Nobody {
            return match mode {
                Mode::Open if is_account => Refused(401),
                Mode::Open if target == Target::Missing => Refused(404),
                Mode::Open => Allowed,
                // It names an account, which nobody without one is.
                Mode::Anonymous if self.route == "POST /chat/new" => Refused(403),
                Mode::Anonymous if self.area == "chats" && self.has_id() && !self.names_numbers() => {
                    Refused(404)
                }
                Mode::Anonymous if OF_ANYONE.contains(&self.route) => Allowed,
                Mode::Anonymous if self.route == "GET /api/v1/models/{id}" => Refused(404),
                Mode::Anonymous | Mode::Password => Refused(401),
            };
        }
        if caller == Caller::WithoutScope || (caller == Caller::ReadOnly && self.writes()) {
            return Refused(403);
        }
        if self.class == Class::Admin {
            return match (caller, target) {
                (Caller::Admin, Target::Theirs) => Allowed,
                (Caller::Admin, Target::Missing) => Refused(404),
                _ => Refused(403),
            };
        }
        if target == Target::Missing {
            return Refused(404);
        }
        let is_let_in = match self.class {
            Class::Read => {
                matches!(caller, Caller::ReadOnly | Caller::Viewer | Caller::Editor | Caller::Owner)
            }
            Class::Write => matches!(caller, Caller::Editor | Caller::Owner),
            Class::Own => matches!(caller, Caller::ReadOnly | Caller::Owner),
            _ => true,
        };
        if is_let_in { Allowed } else { Refused(404) }
    }

    /// Whether anything of the owner's may stand in the answer.
    fn may_show(caller: Caller, mode: Mode) -> bool {
        match caller {
            Caller::Nobody => mode == Mode::Open,
            caller => {
                matches!(caller, Caller::ReadOnly | Caller::Viewer | Caller::Editor | Caller::Owner)
            }
        }
    }
}

/// Tries everything; and whether what was made for it could be deleted.
pub(super) fn walk(kafka: &Kafka, server: &Server) -> Result<(Report, Result<()>)> {
    let offered = offered_routes(server)?;
    let mode = mode(server)?;
    let mut stage = Stage::set(kafka, server)?;
    let report = walk_on(&mut stage, server, mode, &offered);
    let cleared = stage.clear();
    Ok((report?, cleared))
}

fn walk_on(stage: &mut Stage<'_>, server: &Server, mode: Mode, offered: &[String]) -> Result<Report> {
    // What must not change; only calls that have found a hole change it.
    let victim = stage.things()?;
    let mut walk = Walk { server, mode, stage, calls: 0, holes: Vec::new() };
    let mut report = Report::default();
    for case in CASES.iter().filter(|case| offered.iter().any(|route| route == case.route)) {
        let tried = walk.route(case, &victim)?;
        report.routes.push(tried);
    }
    let has_dialect = offered.iter().any(|route| route == "POST /file/upload");
    for found in [
        beside::tickets(server, walk.stage)?,
        beside::references(server, walk.stage, has_dialect)?,
        beside::searches(server, walk.stage)?,
        beside::sessions(server, walk.stage)?,
    ] {
        walk.calls += found.tried.calls;
        walk.holes.extend(found.holes);
        report.routes.push(found.tried);
    }
    report.calls = walk.calls;
    report.holes = std::mem::take(&mut walk.holes);
    Ok(report)
}

/// What the server offers: nothing that this command does not know, and nothing less than it has by itself.
fn offered_routes(server: &Server) -> Result<Vec<String>> {
    let root = server.call("GET", "/", None, None)?.json();
    let offered = root["routes"].as_array().cloned().unwrap_or_default();
    let text = |route: &Value, member: &str| route[member].as_str().unwrap_or_default().to_owned();
    let offered: Vec<String> =
        offered.iter().map(|route| format!("{} {}", text(route, "method"), text(route, "path"))).collect();
    let unknown: Vec<&String> =
        offered.iter().filter(|route| CASES.iter().all(|case| case.route != **route)).collect();
    let own = ROUTES.iter().filter(|route| route.dialect.is_none()).map(name_of);
    let is_whole = own.into_iter().all(|name| offered.contains(&name));
    if unknown.is_empty() && is_whole {
        return Ok(offered);
    }
    Err(Error::new(
        ErrorKind::Incompatible,
        "server_of_another_release",
        format!(
            "The server has {} routes, {} of which this command does not know; use the `kafka` of its release.",
            offered.len(),
            unknown.len()
        ),
    ))
}

fn name_of(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

fn mode(server: &Server) -> Result<Mode> {
    if server.call("GET", "/api/v1/workspaces", None, None)?.status == 200 {
        return Ok(Mode::Open);
    }
    let made = server.call("POST", "/api/v1/chats", None, Some(&json!({})))?;
    match made.json()["id"].as_str() {
        Some(_) => server.clear_away("/api/v1/chats", &made).map(|()| Mode::Anonymous),
        None => Ok(Mode::Password),
    }
}

struct Walk<'w, 'k> {
    server: &'w Server,
    mode: Mode,
    stage: &'w mut Stage<'k>,
    calls: u32,
    holes: Vec<String>,
}

impl Walk<'_, '_> {
    fn route(&mut self, case: &Case, victim: &Things) -> Result<Tried> {
        let mut tried = Tried { route: case.route.to_owned(), ..Tried::default() };
        let holes = self.holes.len();
        let before = self.stage.owned()?;
        let mut was_changed = false;
        for caller in Caller::ALL {
            let targets: &[Target] =
                if case.has_id() { &[Target::Missing, Target::Theirs] } else { &[Target::Theirs] };
            for target in targets {
                if case.class.spares(caller) {
                    continue;
                }
                let expected = case.expected(caller, *target, self.mode);
                let is_change = expected == Outcome::Allowed && case.writes();
                if is_change && !was_changed {
                    was_changed = true;
                    self.check_unchanged(case, &before)?;
                }
                let own;
                let things = if is_change {
                    own = self.stage.things()?;
                    &own
                } else {
                    victim
                };
                self.attempt(case, caller, *target, things, expected, &mut tried)?;
                if is_change {
                    self.stage.forget_key(things);
                }
            }
        }
        if !was_changed {
            self.check_unchanged(case, &before)?;
        }
        if case.class != Class::Door && (tried.allowed == 0 || (case.has_id() && tried.refused == 0)) {
            self.holes.push(format!("{}: nobody was let in, or nobody was refused", case.route));
        }
        if case.belongs_to_someone() && tried.hidden == 0 {
            self.holes.push(format!("{}: nobody was told that there is no such thing", case.route));
        }
        tried.holes = (self.holes.len() - holes) as u32;
        Ok(tried)
    }

    fn check_unchanged(&mut self, case: &Case, before: &Value) -> Result<()> {
        if self.stage.owned()? != *before {
            self.holes.push(format!("{}: a call that was refused has changed something", case.route));
        }
        Ok(())
    }

    fn attempt(
        &mut self,
        case: &Case,
        caller: Caller,
        target: Target,
        things: &Things,
        expected: Outcome,
        tried: &mut Tried,
    ) -> Result<()> {
        let name = format!("selfcheck {}", self.calls);
        let spare = match case.class == Class::AccountEnds && caller == Caller::Owner {
            true => Some(self.stage.spare()?),
            false => None,
        };
        let password = spare.as_ref().map_or("unknown-password", |(_, password)| password);
        let id = if target == Target::Missing { case.nothing() } else { (case.id)(things) };
        let account = self.stage.account_of(caller).unwrap_or_else(|| things.account.clone());
        let body = (case.body)(&Context { name: &name, password, id, account: &account });
        let body = (!body.is_null()).then_some(&body);
        let path = case.path_of(id);
        let token = match &spare {
            Some((token, _)) => Some(token.clone()),
            None => self.stage.token(caller, case.area).map(str::to_owned),
        };
        let answer = self.server.call(case.method(), &path, token.as_deref(), body)?;
        self.judge(case, caller, target, expected, &answer, tried, case.method());
        let is_made = answer.status == 201 || case.route == "POST /conversations";
        if caller == Caller::Nobody && is_made && case.class == Class::Collection {
            self.server.clear_away(&path, &answer)?;
        }
        // The same by the other doors to it.
        if case.method() == "GET" && path != "/" && !path.starts_with("/ws/") {
            let (plain, query) = path.split_once('?').unwrap_or((&path, ""));
            for (method, path) in [("HEAD", path.clone()), ("GET", format!("{plain}/?{query}"))] {
                let answer = self.server.call(method, &path, token.as_deref(), None)?;
                self.judge(case, caller, target, expected, &answer, tried, method);
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "each is a coordinate of the matrix")]
    fn judge(
        &mut self,
        case: &Case,
        caller: Caller,
        target: Target,
        expected: Outcome,
        answer: &Answer,
        tried: &mut Tried,
        method: &str,
    ) {
        self.calls += 1;
        tried.calls += 1;
        let status = answer.status;
        // A change of protocols is the success of a WebSocket.
        let is_in = status == 101 || (200..300).contains(&status);
        let is_right = match expected {
            Outcome::Allowed if case.class == Class::Door => status < 500,
            Outcome::Allowed => is_in,
            Outcome::Refused(expected) => status == expected,
        };
        let is_refused = matches!(expected, Outcome::Refused(_));
        tried.allowed += u32::from(is_in);
        tried.refused += u32::from(is_refused && is_right);
        let is_hidden = caller == Caller::Other && target == Target::Theirs && status == 404;
        tried.hidden += u32::from(is_hidden);
        let of = match target {
            Target::Missing => " for an id that nothing has",
            Target::Theirs => "",
        };
        if !is_right {
            let must = match expected {
                Outcome::Allowed => "let in".to_owned(),
                Outcome::Refused(status) => format!("refused with {status}"),
            };
            self.holes
                .push(format!("{} by {method}, {caller}{of}: {status}, and must be {must}", case.route));
        } else if (is_refused || !Case::may_show(caller, self.mode)) && answer.text.contains(MARK) {
            self.holes.push(format!("{} by {method}, {caller}{of}: shows what is the owner's", case.route));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_exactly_one_case() {
        for route in ROUTES {
            let name = name_of(route);
            let cases = CASES.iter().filter(|case| case.route == name).count();
            assert_eq!(cases, 1, "{name}: say in CASES who may call it");
        }
        assert_eq!(CASES.len(), ROUTES.len(), "a case without its route");
    }
}
