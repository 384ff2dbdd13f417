//! Every route with what it is about, which says who may call it.

use serde_json::{Value, json};

use super::{
    caller::Caller,
    matrix::NOTHING,
    stage::{MARK, Things},
};

/// What a route is about, which says who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
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
    pub(super) fn spares(self, caller: Caller) -> bool {
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
pub(super) struct Case {
    pub(super) route: &'static str,
    pub(super) class: Class,
    /// The area of the scope that a key needs.
    pub(super) area: &'static str,
    /// What the id in the path, or the body, stands for.
    pub(super) id: fn(&Things) -> &str,
    pub(super) body: fn(&Context<'_>) -> Value,
}

/// What a body may be made of.
pub(super) struct Context<'a> {
    /// Differs from call to call.
    pub(super) name: &'a str,
    pub(super) password: &'a str,
    /// What the call is about, for routes that have it in the body.
    pub(super) id: &'a str,
    /// The account that calls, or one of the owner's own where nobody does.
    pub(super) account: &'a str,
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

/// Every route, with what it is about. The last id is what the call names, if it names anything.
pub(super) static CASES: &[Case] = cases! {
    "GET /" Public "" chat NONE;
    "GET /health" Public "" chat NONE;
    "GET /ready" Public "" chat NONE;
    "GET /openapi.json" Public "" chat NONE;
    "GET /docs" Public "" chat NONE;
    "GET /docs/{file}" Door "" chat NONE;

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
    "GET /api/v1/admin/usage" Admin "admin" account NONE;

    "GET /api/v1/usage" Collection "usage" account NONE;
    "GET /api/v1/plans" Collection "usage" account NONE;

    "GET /api/v1/workspaces" Collection "files" workspace NONE;
    "POST /api/v1/workspaces" Collection "files" workspace |context| json!({"name": context.name});
    "GET /api/v1/workspaces/{id}" Read "files" workspace NONE;
    "PATCH /api/v1/workspaces/{id}" Own "files" workspace |_| json!({"name": "changed"});
    "DELETE /api/v1/workspaces/{id}" Own "files" workspace NONE;

    "GET /api/v1/workspaces/{id}/files" Read "files" workspace NONE;
    "POST /api/v1/workspaces/{id}/files" Write "files" workspace |_| json!([["files", "uploaded"]]);
    "GET /api/v1/files/{id}" Read "files" file NONE;
    "PATCH /api/v1/files/{id}" Write "files" file |_| json!({"filename": "changed"});
    "DELETE /api/v1/files/{id}" Write "files" file NONE;
    "GET /api/v1/files/{id}/content" Read "files" file NONE;
    "GET /api/v1/files/{id}/text" Read "files" file NONE;

    "GET /api/v1/chats" Collection "chats" chat NONE;
    "POST /api/v1/chats" Collection "chats" chat |context| json!({"title": context.name});
    "GET /api/v1/chats/{id}" Read "chats" chat NONE;
    "PATCH /api/v1/chats/{id}" Write "chats" chat |_| json!({"title": "changed"});
    "DELETE /api/v1/chats/{id}" Write "chats" chat NONE;

    "GET /api/v1/chats/{id}/export" Read "chats" chat NONE;
    "GET /api/v1/tags" Collection "chats" chat NONE;
    "GET /api/v1/chats/{id}/share" Read "chats" chat NONE;
    "POST /api/v1/chats/{id}/share" Write "chats" chat |_| json!({"expires_in": 60});
    "DELETE /api/v1/chats/{id}/share" Write "chats" chat NONE;
    "DELETE /api/v1/share-links/{id}" Write "chats" share_link NONE;
    "GET /share" Public "" chat NONE;
    "GET /api/v1/shared" Door "" chat NONE;
    "GET /api/v1/shared/messages" Door "" chat NONE;

    "GET /api/v1/chats/{id}/messages" Read "chats" chat NONE;
    "POST /api/v1/chats/{id}/messages" Write "chats" chat |_| json!({"role": "user", "content": "added"});
    "GET /api/v1/chats/{id}/branches" Read "chats" chat NONE;
    "POST /api/v1/messages/{id}/activate" Write "chats" message NONE;
    "POST /api/v1/chats/{id}/fork" Read "chats" chat |_| json!({});
    "GET /api/v1/messages/{id}" Read "chats" message NONE;
    "PATCH /api/v1/messages/{id}" Write "chats" message |_| json!({"content": "changed"});
    "DELETE /api/v1/messages/{id}" Write "chats" message NONE;

    "GET /api/v1/chats/{id}/files" Read "chats" chat NONE;
    "POST /api/v1/chats/{id}/files" Write "chats" chat |_| json!([["files", "uploaded"]]);
    "GET /api/v1/chat-files/{id}" Read "chats" chat_file NONE;
    "DELETE /api/v1/chat-files/{id}" Write "chats" chat_file NONE;
    "GET /api/v1/chat-files/{id}/versions" Read "chats" chat_file NONE;
    "POST /api/v1/chat-files/{id}/versions" Write "chats" chat_file |_| json!({"content": "changed"});
    "GET /api/v1/chat-files/{id}/versions/{n}" Read "chats" chat_file NONE;
    "POST /api/v1/chat-files/{id}/revert" Write "chats" chat_file |_| json!({"number": 1});
    "GET /api/v1/chat-files/{id}/diff" Read "chats" chat_file NONE;

    "GET /api/v1/chats/{id}/documents" Read "documents" chat NONE;
    "POST /api/v1/chats/{id}/documents" Write "documents" chat |_| json!([["files", "uploaded"]]);
    "GET /api/v1/workspaces/{id}/documents" Read "documents" workspace NONE;
    "POST /api/v1/workspaces/{id}/documents" Write "documents" workspace |_| json!([["files", "uploaded"]]);
    "GET /api/v1/documents/{id}" Read "documents" document NONE;
    "PUT /api/v1/documents/{id}" Write "documents" document |_| json!([["files", "uploaded"]]);
    "DELETE /api/v1/documents/{id}" Write "documents" document NONE;
    "GET /api/v1/documents/{id}/passages" Read "documents" document NONE;

    "POST /api/v1/chats/{id}/responses" Write "chats" chat |_| json!({"content": "asked", "model": "echo"});
    "GET /api/v1/responses/{id}" Read "chats" response NONE;
    "GET /api/v1/responses/{id}/events" Read "chats" response NONE;
    "POST /api/v1/responses/{id}/cancel" Write "chats" response NONE;
    "POST /api/v1/responses/{id}/ticket" Read "chats" response NONE;

    "POST /api/v1/search" Collection "chats" chat |_| json!({"query": MARK});

    "GET /ws/{chat_id}" Read "chats" chat NONE;

    "GET /api/v1/models" Collection "models" model NONE;
    "POST /api/v1/models" Collection "models" model
        |context| json!({"name": context.name, "base_url": "http://192.0.2.1/v1"});
    "GET /api/v1/models/{id}" Own "models" model NONE;
    "PATCH /api/v1/models/{id}" Own "models" model |_| json!({"upstream_model": "changed"});
    "DELETE /api/v1/models/{id}" Own "models" model NONE;
    "POST /api/v1/models/{id}/probe" Own "models" model NONE;

    "POST /auth" Door "" chat |_| json!({});
    "POST /auth/login" Door "" chat |_| json!({});
    "POST /workspace/new" Collection "files" workspace
        |context| json!([["owner_id", context.account], ["name", context.name], ["files", "uploaded"]]);
    "PATCH /workspace/rename" Own "files" workspace
        |context| json!([["workspace_id", context.id], ["new_name", "changed"]]);
    "DELETE /workspace/delete/{id}" Own "files" workspace NONE;
    "POST /chat/new" Write "chats" workspace |context| json!([
        ["user_id", context.account], ["workspace_id", context.id], ["chat_name", context.name]
    ]);
    "PATCH /chat/rename" Write "chats" chat
        |context| json!([["chat_id", context.id], ["new_name", "changed"]]);
    "DELETE /chat/{id}" Write "chats" chat NONE;
    "POST /file/upload" Write "files" workspace |context| json!([
        ["target_id", context.id], ["is_chat", "false"], ["files", "uploaded"]
    ]);
    "PATCH /file/rename" Write "files" file
        |context| json!([["file_id", context.id], ["new_name", "changed"]]);
    "DELETE /file/delete/{id}" Write "files" file NONE;
    "GET /uploads/files/{path}" Read "files" file NONE;
    "POST /models/new" Collection "models" model |context| json!([
        ["user_id", context.account], ["name", context.name], ["ak", "key"],
        ["base_url", "http://192.0.2.1/v1"]
    ]);
    "DELETE /models/delete/{id}" Own "models" model NONE;

    "GET /api/chats" Collection "chats" chat NONE;
    "POST /api/chats" Collection "chats" chat |context| json!({"name": context.name});
    "GET /api/chats/{id}" Read "chats" chat_number NONE;
    "PUT /api/chats/{id}" Write "chats" chat_number |_| json!({"name": "changed"});
    "DELETE /api/chats/{id}" Write "chats" chat_number NONE;
    "POST /api/messages" Write "chats" chat_number
        |context| json!({"chat_id": context.id, "role": "user", "content": "added"});
    "GET /api/messages/chat/{id}" Read "chats" chat_number NONE;
    "GET /api/messages/{id}" Read "chats" message_number NONE;
    "PUT /api/messages/{id}" Write "chats" message_number |_| json!({"content": "changed"});
    "DELETE /api/messages/{id}" Write "chats" message_number NONE;

    "GET /models" Collection "models" model NONE;
    "GET /conversations" Collection "chats" chat NONE;
    "POST /conversations" Collection "chats" chat |_| json!({"default_model": "echo"});
    "GET /conversations/{id}" Read "chats" chat NONE;
    "PATCH /conversations/{id}" Write "chats" chat |_| json!({"default_model": "changed"});
    "DELETE /conversations/{id}" Write "chats" chat NONE;
    "GET /conversations/{id}/messages" Read "chats" chat NONE;
    "POST /conversations/{id}/messages" Write "chats" chat |_| json!({"message": "added"});
    "GET /conversations/{id}/stream" Read "chats" chat NONE;
};

impl Case {
    pub(super) fn method(&self) -> &'static str {
        self.route.split(' ').next().unwrap_or_default()
    }

    pub(super) fn path(&self) -> &'static str {
        self.route.split(' ').nth(1).unwrap_or_default()
    }

    /// Whether it names one thing, in its path or its body.
    pub(super) fn has_id(&self) -> bool {
        self.path().contains('{') || self.belongs_to_someone()
    }

    /// Where its thing is asked for: the first version is the one that every text has.
    pub(super) fn path_of(&self, id: &str) -> String {
        let path = self.path().replace("{id}", id).replace("{chat_id}", id).replace("{n}", "1");
        let path = path.replace("{path}", &format!("{id}_x"));
        if path.ends_with("/diff") { path + "?from=1&to=1" } else { path }
    }

    /// Whether it names a thing of which others must not even know.
    pub(super) fn belongs_to_someone(&self) -> bool {
        matches!(self.class, Class::Read | Class::Write | Class::Own)
    }

    /// Whether a key that may only read is not enough. Searching, and making a ticket for what one may read, is
    /// reading; over a WebSocket, and by asking for a stream, one writes.
    pub(super) fn writes(&self) -> bool {
        let reads = self.route.ends_with("/ticket") || self.route.ends_with("/search");
        let asks = self.path().starts_with("/ws/") || self.path().ends_with("/stream");
        !reads && (self.method() != "GET" || asks)
    }

    /// Whether its ids are whole numbers, which can be guessed.
    pub(super) fn names_numbers(&self) -> bool {
        self.path().starts_with("/api/chats") || self.path().starts_with("/api/messages")
    }

    /// An id of its sort that nothing has.
    pub(super) fn nothing(&self) -> &'static str {
        if self.names_numbers() { "9007199254740991" } else { NOTHING }
    }
}
