//! Accounts, sessions and API keys.

use kafka_core::{IssuedToken, Login, NewToken, StandingPatch, Stats, Token, User, UserPatch};
use serde_json::json;

use crate::{
    openapi::{document::Operations, samples},
    routes::{
        auth::{Credentials, Registration},
        users::PasswordChange,
    },
};

pub(super) fn describe(on: &mut Operations) {
    on.on("POST", "/api/v1/auth/register")
        .about(
            "Who may register, the configuration decides (`--registration`). In password mode the first account is the \
             administrator. Passwords have 8 characters at least and 72 bytes at most. One address may register 100 times in \
             5 minutes.",
        )
        .takes::<Registration>(json!({
            "email": "k@example.org", "password": "the castle", "username": "k", "full_name": "Josef K.",
        }))
        .gives::<Login>(201, "The account, and a session of it.", samples::login())
        .refuses(&[
            "email_invalid", "username_invalid", "text_too_long", "nul_in_text", "password_too_short",
            "password_too_long", "email_taken", "username_taken", "registration_closed", "invite_required",
            "invite_invalid", "registration_throttled", "names_throttled", "idempotency_unsupported",
        ]);
    on.on("POST", "/api/v1/auth/login")
        .about(
            "Give `email` or `username`. After 10 failed logins for one account from one address, or 100 from one address, \
             within 5 minutes, more are refused. A session lasts 30 days.",
        )
        .takes::<Credentials>(json!({"email": "k@example.org", "password": "the castle"}))
        .gives::<Login>(200, "A session.", samples::login())
        .refuses(&["login_failed", "login_throttled"]);
    on.on("POST", "/api/v1/auth/logout")
        .about("The token stops working at once, streams and sockets that it opened included.")
        .gives_nothing(204, "The session ended.")
        .refuses(&["account_required"]);

    on.on("GET", "/api/v1/users/me")
        .about("401 for the local operator, who has no account.")
        .gives::<User>(200, "The account.", samples::user())
        .refuses(&["account_required"]);
    on.on("PATCH", "/api/v1/users/me")
        .about("What is absent stays; `null` removes a name. Takes a session, not an API key. Names have at most 255 characters, addresses 254.")
        .takes::<UserPatch>(json!({"full_name": "Josef K."}))
        .gives::<User>(200, "The account as it is now.", samples::user())
        .refuses(&[
            "account_required", "session_required", "email_invalid", "username_invalid", "text_too_long",
            "nul_in_text", "email_taken", "username_taken", "names_throttled",
        ]);
    on.on("DELETE", "/api/v1/users/me")
        .about("Its chats, messages, answers, workspaces, files, models and keys go with it. Takes a session, not an API key.")
        .gives_nothing(204, "The account and its data are gone.")
        .refuses(&["account_required", "session_required", "last_admin"]);
    on.on("POST", "/api/v1/users/me/password")
        .about("Passwords have 8 characters at least and 72 bytes at most. The token of this request is revoked, too. Takes a session, not an API key.")
        .takes::<PasswordChange>(json!({"current_password": "the castle", "new_password": "the trial"}))
        .gives_nothing(204, "The password is another; log in again.")
        .refuses(&[
            "account_required", "session_required", "password_wrong", "password_too_short", "password_too_long",
            "login_throttled",
        ]);

    on.on("GET", "/api/v1/tokens")
        .about("Without their secrets.")
        .pages::<Token>(samples::token())
        .refuses(&["account_required"]);
    on.on("POST", "/api/v1/tokens")
        .about(
            "Scopes are `chats`, `files`, `models`, `documents`, `usage`, `account` or `admin` with `:read` or `:write`, which \
             includes reading; without `scopes` the key may do what its maker may. An account has at most 100 keys.",
        )
        .takes::<NewToken>(json!({"name": "backup script", "scopes": ["chats:read"]}))
        .gives::<IssuedToken>(201, "The key with its secret, which is shown this once.", samples::issued_token())
        .refuses(&[
            "account_required", "name_empty", "text_too_long", "nul_in_text", "expiry_past", "expiry_beyond_own",
            "scopes_beyond_own", "scopes_empty", "too_many_tokens", "idempotency_unsupported",
        ]);
    on.on("DELETE", "/api/v1/tokens/{id}")
        .about("It stops working at once.")
        .gives_nothing(204, "The key is gone.")
        .refuses(&["account_required", "token_not_found"]);

    on.on("GET", "/api/v1/admin/users")
        .about("For administrators, and the local operator.")
        .pages::<User>(samples::user())
        .refuses(&["admin_required"]);
    on.on("PATCH", "/api/v1/admin/users/{id}")
        .about("For administrators, and the local operator. What is absent stays. There is always an administrator left who may log in.")
        .takes::<StandingPatch>(json!({"is_active": true}))
        .gives::<User>(200, "The account as it is now.", samples::user())
        .refuses(&["admin_required", "user_not_found", "last_admin", "plan_unknown"]);
    on.on("GET", "/api/v1/admin/stats")
        .about("For administrators, and the local operator.")
        .gives::<Stats>(
            200,
            "Counts of the whole installation.",
            json!({
                "users": 2, "active_users": 2, "admins": 1, "workspaces": 2, "chats": 12, "messages": 140,
                "total_tokens": 81000, "running_answers": 0,
            }),
        )
        .refuses(&["admin_required"]);
}
