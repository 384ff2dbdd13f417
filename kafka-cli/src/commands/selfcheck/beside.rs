//! What the matrix of routes does not vary: tickets, ids that stand in bodies, and sessions that have ended.

use std::{
    thread,
    time::{Duration, Instant},
};

use kafka_core::Result;
use serde_json::{Value, json};

use super::{
    Tried,
    caller::Caller,
    client::{Answer, Server},
    matrix::NOTHING,
    stage::{MARK, Stage, Things},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What was tried, and a sentence for each call that ended otherwise than it must.
pub(super) struct Found {
    pub(super) tried: Tried,
    pub(super) holes: Vec<String>,
}

impl Found {
    fn on(route: &str) -> Found {
        Found { tried: Tried { route: route.to_owned(), ..Tried::default() }, holes: Vec::new() }
    }

    fn judge(&mut self, how: &str, answer: &Answer, must: &[u16]) {
        self.tried.calls += 1;
        let is_in = (200..300).contains(&answer.status);
        self.tried.allowed += u32::from(is_in);
        self.tried.refused += u32::from(!is_in);
        if !must.contains(&answer.status) {
            self.hole(format!("{how}: {}, and must be one of {must:?}", answer.status));
        } else if !is_in && answer.text.contains(MARK) {
            self.hole(format!("{how}: shows what is the owner's"));
        }
    }

    fn hole(&mut self, what: String) {
        self.tried.holes += 1;
        self.holes.push(format!("{}: {what}", self.tried.route));
    }
}

/// A ticket opens the events of its own response, and nothing else.
pub(super) fn tickets(server: &Server, stage: &mut Stage<'_>) -> Result<Found> {
    let mut found = Found::on("GET /api/v1/responses/{id}/events?ticket=");
    let (one, other) = (stage.things()?, stage.things()?);
    let owner = stage.token(Caller::Owner, "chats").map(str::to_owned);
    let path = format!("/api/v1/responses/{}/ticket", one.response);
    let made = server.call("POST", &path, owner.as_deref(), None)?.json();
    let ticket = made["ticket"].as_str().unwrap_or_default();
    for (how, response, ticket, status) in [
        ("with its ticket", &one.response, ticket, 200),
        ("with the ticket of another", &other.response, ticket, 401),
        ("with no ticket that was issued", &one.response, "unknown", 401),
    ] {
        let path = format!("/api/v1/responses/{response}/events?ticket={ticket}");
        found.judge(how, &server.call("GET", &path, None, None)?, &[status]);
    }
    Ok(found)
}

/// A call in a chat of the caller's own that names in its body what may be another's.
struct Reference {
    method: &'static str,
    /// After the chat, or in place of it.
    path: fn(chat: &str) -> String,
    body: fn(&Things) -> Value,
    /// Whether the owner may do it with what is their own.
    is_the_owners: bool,
}

fn of_chat(chat: &str) -> String {
    format!("/api/v1/chats/{chat}")
}

const REFERENCES: &[Reference] = &[
    Reference {
        method: "POST",
        path: |_| "/api/v1/chats".to_owned(),
        body: |things| json!({"workspace_id": things.workspace}),
        is_the_owners: true,
    },
    Reference {
        method: "PATCH",
        path: of_chat,
        body: |things| json!({"active_leaf_id": things.message}),
        is_the_owners: true,
    },
    Reference {
        method: "POST",
        path: |chat| format!("{}/messages", of_chat(chat)),
        body: |things| json!({"role": "user", "content": "under", "parent_id": things.message}),
        is_the_owners: true,
    },
    Reference {
        method: "POST",
        path: |chat| format!("{}/responses", of_chat(chat)),
        body: |things| json!({"content": "under", "model": "echo", "parent_id": things.message}),
        is_the_owners: true,
    },
    Reference {
        method: "POST",
        path: |chat| format!("{}/responses", of_chat(chat)),
        body: |things| json!({"model": "echo", "parent_id": things.message}),
        is_the_owners: true,
    },
    Reference {
        method: "POST",
        path: |chat| format!("{}/files", of_chat(chat)),
        body: |things| json!({"file_id": things.file}),
        is_the_owners: true,
    },
    // Nobody but the operator gives anyone a model.
    Reference {
        method: "POST",
        path: |_| "/api/v1/models".to_owned(),
        body: |things| json!({"name": "given", "base_url": "http://192.0.2.1/v1", "user_id": things.account}),
        is_the_owners: false,
    },
];

/// The same by the routes of the Kafka system.
const REFERENCES_OF_DIALECT: &[Reference] = &[
    Reference {
        method: "POST",
        path: |_| "/file/upload".to_owned(),
        body: |things| json!([["target_id", things.chat], ["is_chat", "true"], ["files", "under"]]),
        is_the_owners: true,
    },
    Reference {
        method: "POST",
        path: |_| "/workspace/new".to_owned(),
        body: |things| json!([["owner_id", things.account], ["name", "given"]]),
        is_the_owners: false,
    },
    Reference {
        method: "POST",
        path: |_| "/models/new".to_owned(),
        body: |things| {
            let url = "http://192.0.2.1/v1";
            json!([["user_id", things.account], ["name", "given"], ["ak", "key"], ["base_url", url]])
        },
        is_the_owners: false,
    },
];

/// An id in a body opens no more than one in a path: someone else names in a chat of their own what is
/// the owner's.
pub(super) fn references(server: &Server, stage: &mut Stage<'_>, has_dialect: bool) -> Result<Found> {
    let more = if has_dialect { REFERENCES_OF_DIALECT } else { &[] };
    let references = || REFERENCES.iter().chain(more);
    let mut found = Found::on("ids in bodies");
    let things = stage.things()?;
    let nothing = Things {
        workspace: NOTHING.to_owned(),
        file: NOTHING.to_owned(),
        chat: NOTHING.to_owned(),
        message: NOTHING.to_owned(),
        account: NOTHING.to_owned(),
        ..stage.things()?
    };
    let token = |stage: &Stage<'_>, caller, area| stage.token(caller, area).map(str::to_owned);
    let (other, owner) = (token(stage, Caller::Other, "chats"), token(stage, Caller::Owner, "chats"));
    let chat = server.call("POST", "/api/v1/chats", other.as_deref(), Some(&json!({})))?.json();
    let chat = chat["id"].as_str().unwrap_or_default();
    let before = stage.owned()?;
    for Reference { method, path, body, .. } in references() {
        let (path, named) = (path(chat), body(&things));
        let answer = server.call(method, &path, other.as_deref(), Some(&named))?;
        let how = format!("{method} {path} {named} by {}", Caller::Other);
        found.judge(&how, &answer, &[403, 404, 422]);
        // What nobody has is refused in the same way, so that ids cannot be told apart.
        let missing = server.call(method, &path, other.as_deref(), Some(&body(&nothing)))?;
        found.judge(&format!("{how}, with ids that nothing has"), &missing, &[answer.status]);
        if missing.json()["code"] != answer.json()["code"] {
            found.hole(format!("{how}: tells the owner's from what nobody has"));
        }
    }
    if stage.owned()? != before {
        found.hole("a call that was refused has changed something".to_owned());
    }
    // The same calls work, so that they were refused for the ids alone.
    for Reference { method, path, body, .. } in references().filter(|call| call.is_the_owners) {
        let (path, body) = (path(&things.chat), body(&things));
        let answer = server.call(method, &path, owner.as_deref(), Some(&body))?;
        found.judge(&format!("{method} {path} {body} by {}", Caller::Owner), &answer, &[200, 201]);
    }
    Ok(found)
}

/// A search finds what the caller may read, and nothing else of the owner's.
pub(super) fn searches(server: &Server, stage: &mut Stage<'_>) -> Result<Found> {
    let mut found = Found::on("POST /api/v1/search, once everything is indexed");
    stage.things()?;
    let body = json!({"query": format!("\"{MARK}\""), "mode": "text"});
    let find = |stage: &Stage<'_>, caller| {
        let token = stage.token(caller, "chats").map(str::to_owned);
        server.call("POST", "/api/v1/search", token.as_deref(), Some(&body))
    };
    // What was stored is found within a second; a busy machine may take longer.
    let began = Instant::now();
    while !find(stage, Caller::Owner)?.text.contains(MARK) && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
    }
    for caller in
        [Caller::Owner, Caller::ReadOnly, Caller::Editor, Caller::Viewer, Caller::Other, Caller::Admin]
    {
        let answer = find(stage, caller)?;
        found.judge(&format!("{caller}"), &answer, &[200]);
        let may_see = !matches!(caller, Caller::Other | Caller::Admin);
        if answer.text.contains(MARK) != may_see {
            let what = if may_see { "does not find what it may read" } else { "finds what is the owner's" };
            found.hole(format!("{caller} {what}"));
        }
    }
    Ok(found)
}

/// A session lets in until its end, and no longer.
pub(super) fn sessions(server: &Server, stage: &mut Stage<'_>) -> Result<Found> {
    const ME: &str = "/api/v1/users/me";
    let mut found = Found::on("sessions that have ended");
    let (email, password) = stage.resident()?;
    let login = || {
        let body = json!({"email": email, "password": password});
        let answer = server.call("POST", "/api/v1/auth/login", None, Some(&body))?.json();
        Ok::<_, kafka_core::Error>(answer["token"].as_str().unwrap_or_default().to_owned())
    };
    let (ended, lasting) = (login()?, login()?);
    let try_both = |found: &mut Found, how: &str, statuses: [u16; 2]| {
        for (session, status) in [&ended, &lasting].into_iter().zip(statuses) {
            found.judge(how, &server.call("GET", ME, Some(session), None)?, &[status]);
        }
        Ok::<_, kafka_core::Error>(())
    };
    try_both(&mut found, "GET after logging in", [200, 200])?;
    server.call("POST", "/api/v1/auth/logout", Some(&ended), None)?;
    try_both(&mut found, "GET after one was logged out", [401, 200])?;
    let change = json!({"current_password": password, "new_password": "another-password"});
    let changed = server.call("POST", "/api/v1/users/me/password", Some(&lasting), Some(&change))?;
    found.judge("POST a new password", &changed, &[204]);
    try_both(&mut found, "GET after it", [401, 401])?;
    Ok(found)
}
