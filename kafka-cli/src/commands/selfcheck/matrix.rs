//! Routes × callers × ids: what each call must come to, written by hand for each class of route and
//! compared with what it comes to.

use kafka_core::{Error, ErrorKind, Kafka, Result};
use kafka_http::router::ROUTES;
use serde_json::{Value, json};

use super::{
    Report, Tried, beside,
    caller::Caller,
    client::{Answer, Server},
    stage::{MARK, Stage, Things},
};

/// An id that nothing has.
pub(super) const NOTHING: &str = "01890000-0000-7000-8000-000000000000";

/// What a route is about, which says who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Open to everyone, whatever they present.
    Public,
    /// Open to everyone and without effect for whoever has no credential.
    Door,
    /// The caller's own account.
    Account,
    /// The caller's own account, which does not survive it.
    AccountEnds,
    /// A list, or a new thing in it.
    Collection,
    /// Reading one thing.
    Read,
    /// Changing one thing, or what lies in it.
    Write,
    /// What only the owner may do with it.
    Own,
    /// Administration.
    Admin,
}

impl Class {
    /// Whoever is not tried, because the call would cost the account or its key.
    fn spares(self, caller: Caller) -> bool {
        match self {
            Class::Door => !matches!(caller, Caller::Nobody | Caller::Unknown),
            Class::AccountEnds => {
                matches!(caller, Caller::Other | Caller::Viewer | Caller::Editor | Caller::Admin)
            }
            _ => false,
        }
    }
}

/// One route.
struct Case {
    route: &'static str,
    class: Class,
    /// The area of the scope that a key needs.
    area: &'static str,
    /// What the id in the path stands for.
    id: fn(&Things) -> &str,
    body: fn(&Context<'_>) -> Value,
}

/// What a body may be made of.
struct Context<'a> {
    /// Differs from call to call.
    name: &'a str,
    password: &'a str,
}

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

const NONE: fn(&Context<'_>) -> Value = |_| Value::Null;

macro_rules! cases {
    ($($route:literal $class:ident $area:literal $id:ident $body:expr;)*) => {
        &[$(Case {
            route: $route,
            class: Class::$class,
            area: $area,
            id: |things| &things.$id,
            body: $body,
        }),*]
    };
}

/// Every route, with what it is about. The last id is what the path names, if it names anything.
static CASES: &[Case] = cases! {
    "GET /" Public "" chat NONE;
    "GET /health" Public "" chat NONE;
    "GET /ready" Public "" chat NONE;

    "POST /api/v1/auth/register" Door "" chat |_| json!({});
    "POST /api/v1/auth/login" Door "" chat |_| json!({});
    "POST /api/v1/auth/logout" Door "" chat NONE;
    "GET /api/v1/users/me" Account "account" account NONE;
    "PATCH /api/v1/users/me" Account "account" account |_| json!({"full_name": "K."});
    "DELETE /api/v1/users/me" AccountEnds "account" account NONE;
    "POST /api/v1/users/me/password" AccountEnds "account" account
        |context| json!({"current_password": context.password, "new_password": "another-password"});

    "GET /api/v1/tokens" Account "account" token NONE;
    "POST /api/v1/tokens" Account "account" token |_| json!({"name": "selfcheck"});
    "DELETE /api/v1/tokens/{id}" Own "account" token NONE;

    "GET /api/v1/admin/users" Admin "admin" account NONE;
    "PATCH /api/v1/admin/users/{id}" Admin "admin" account |_| json!({"is_active": true});
    "GET /api/v1/admin/stats" Admin "admin" account NONE;

    "GET /api/v1/usage" Collection "usage" account NONE;
    "GET /api/v1/plans" Collection "usage" account NONE;

    "GET /api/v1/workspaces" Collection "files" workspace NONE;
    "POST /api/v1/workspaces" Collection "files" workspace |context| json!({"name": context.name});
    "GET /api/v1/workspaces/{id}" Read "files" workspace NONE;
    "PATCH /api/v1/workspaces/{id}" Own "files" workspace |_| json!({"name": "changed"});
    "DELETE /api/v1/workspaces/{id}" Own "files" workspace NONE;

    "GET /api/v1/workspaces/{id}/files" Read "files" workspace NONE;
    "POST /api/v1/workspaces/{id}/files" Write "files" workspace |_| json!("uploaded");
    "GET /api/v1/files/{id}" Read "files" file NONE;
    "PATCH /api/v1/files/{id}" Write "files" file |_| json!({"filename": "changed"});
    "DELETE /api/v1/files/{id}" Write "files" file NONE;
    "GET /api/v1/files/{id}/content" Read "files" file NONE;

    "GET /api/v1/chats" Collection "chats" chat NONE;
    "POST /api/v1/chats" Collection "chats" chat |context| json!({"title": context.name});
    "GET /api/v1/chats/{id}" Read "chats" chat NONE;
    "PATCH /api/v1/chats/{id}" Write "chats" chat |_| json!({"title": "changed"});
    "DELETE /api/v1/chats/{id}" Write "chats" chat NONE;

    "GET /api/v1/chats/{id}/messages" Read "chats" chat NONE;
    "POST /api/v1/chats/{id}/messages" Write "chats" chat |_| json!({"role": "user", "content": "added"});
    "GET /api/v1/messages/{id}" Read "chats" message NONE;
    "PATCH /api/v1/messages/{id}" Write "chats" message |_| json!({"content": "changed"});
    "DELETE /api/v1/messages/{id}" Write "chats" message NONE;

    "GET /api/v1/chats/{id}/files" Read "chats" chat NONE;
    "POST /api/v1/chats/{id}/files" Write "chats" chat |_| json!("uploaded");
    "GET /api/v1/chat-files/{id}" Read "chats" chat_file NONE;
    "DELETE /api/v1/chat-files/{id}" Write "chats" chat_file NONE;
    "GET /api/v1/chat-files/{id}/versions" Read "chats" chat_file NONE;
    "POST /api/v1/chat-files/{id}/versions" Write "chats" chat_file |_| json!({"content": "changed"});
    "GET /api/v1/chat-files/{id}/versions/{n}" Read "chats" chat_file NONE;
    "POST /api/v1/chat-files/{id}/revert" Write "chats" chat_file |_| json!({"number": 1});
    "GET /api/v1/chat-files/{id}/diff" Read "chats" chat_file NONE;

    "POST /api/v1/chats/{id}/responses" Write "chats" chat |_| json!({"content": "asked", "model": "echo"});
    "GET /api/v1/responses/{id}" Read "chats" response NONE;
    "GET /api/v1/responses/{id}/events" Read "chats" response NONE;
    "POST /api/v1/responses/{id}/cancel" Write "chats" response NONE;
    "POST /api/v1/responses/{id}/ticket" Read "chats" response NONE;

    "GET /ws/{chat_id}" Read "chats" chat NONE;

    "GET /api/v1/models" Collection "models" model NONE;
    "POST /api/v1/models" Collection "models" model
        |context| json!({"name": context.name, "base_url": "http://192.0.2.1/v1"});
    "GET /api/v1/models/{id}" Own "models" model NONE;
    "PATCH /api/v1/models/{id}" Own "models" model |_| json!({"upstream_model": "changed"});
    "DELETE /api/v1/models/{id}" Own "models" model NONE;
    "POST /api/v1/models/{id}/probe" Own "models" model NONE;
};

impl Case {
    fn method(&self) -> &'static str {
        self.route.split(' ').next().unwrap_or_default()
    }

    fn path(&self) -> &'static str {
        self.route.split(' ').nth(1).unwrap_or_default()
    }

    fn has_id(&self) -> bool {
        self.path().contains('{')
    }

    /// Where its thing is asked for: the first version is the one that every text has.
    fn path_of(&self, id: &str) -> String {
        let path = self.path().replace("{id}", id).replace("{chat_id}", id).replace("{n}", "1");
        if path.ends_with("/diff") { path + "?from=1&to=1" } else { path }
    }

    /// Whether it names a thing of which others must not even know.
    fn belongs_to_someone(&self) -> bool {
        self.has_id() && matches!(self.class, Class::Read | Class::Write | Class::Own)
    }

    /// Whether a key that may only read is not enough. Making a ticket for what one may read is reading;
    /// over a WebSocket one writes.
    fn writes(&self) -> bool {
        !self.route.ends_with("/ticket") && (self.method() != "GET" || self.path().starts_with("/ws/"))
    }

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
                Mode::Anonymous if self.area == "chats" && self.has_id() => Refused(404),
                Mode::Anonymous if self.route == "POST /api/v1/chats" => Allowed,
                Mode::Anonymous if self.route == "GET /api/v1/models" => Allowed,
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
    check_routes(server)?;
    let mode = mode(server)?;
    let mut stage = Stage::set(kafka, server)?;
    let report = walk_on(&mut stage, server, mode);
    let cleared = stage.clear();
    Ok((report?, cleared))
}

fn walk_on(stage: &mut Stage<'_>, server: &Server, mode: Mode) -> Result<Report> {
    // What must not change; only calls that have found a hole change it.
    let victim = stage.things()?;
    let mut walk = Walk { server, mode, stage, calls: 0, holes: Vec::new() };
    let mut report = Report::default();
    for case in CASES {
        let tried = walk.route(case, &victim)?;
        report.routes.push(tried);
    }
    for found in [
        beside::tickets(server, walk.stage)?,
        beside::references(server, walk.stage)?,
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

/// Nothing that the server offers is left out, and nothing is tried that it does not have.
fn check_routes(server: &Server) -> Result<()> {
    let root = server.call("GET", "/", None, None)?.json();
    let offered = root["routes"].as_array().cloned().unwrap_or_default();
    let text = |route: &Value, member: &str| route[member].as_str().unwrap_or_default().to_owned();
    let offered: Vec<String> =
        offered.iter().map(|route| format!("{} {}", text(route, "method"), text(route, "path"))).collect();
    let unknown: Vec<&String> =
        offered.iter().filter(|route| CASES.iter().all(|case| case.route != **route)).collect();
    if offered.len() == CASES.len() && unknown.is_empty() && offered.len() == ROUTES.len() {
        return Ok(());
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
        let body = (case.body)(&Context { name: &name, password });
        let body = (!body.is_null()).then_some(&body);
        let id = if target == Target::Missing { NOTHING } else { (case.id)(things) };
        let path = case.path_of(id);
        let token = match &spare {
            Some((token, _)) => Some(token.clone()),
            None => self.stage.token(caller, case.area).map(str::to_owned),
        };
        let answer = self.server.call(case.method(), &path, token.as_deref(), body)?;
        self.judge(case, caller, target, expected, &answer, tried, case.method());
        if caller == Caller::Nobody && answer.status == 201 && case.class == Class::Collection {
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
            let name = format!("{} {}", route.method, route.path);
            let cases = CASES.iter().filter(|case| case.route == name).count();
            assert_eq!(cases, 1, "{name}: say in CASES who may call it");
        }
        assert_eq!(CASES.len(), ROUTES.len(), "a case without its route");
    }
}
