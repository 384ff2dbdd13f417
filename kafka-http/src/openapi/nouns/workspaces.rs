//! Workspaces.

use kafka_core::{NewWorkspace, Workspace, WorkspacePatch};
use serde_json::json;

use crate::openapi::{document::Operations, samples};

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/workspaces")
        .about("Those of the caller, and those shared with it.")
        .pages::<Workspace>(samples::workspace());
    on.on("POST", "/api/v1/workspaces")
        .about("The name has at most 255 characters. `owner_id` is for the local operator.")
        .once()
        .takes::<NewWorkspace>(json!({"name": "Castle"}))
        .gives::<Workspace>(201, "The workspace.", samples::workspace())
        .refuses(&["text_too_long", "nul_in_text", "owner_not_yours", "user_not_found"]);
    on.on("GET", "/api/v1/workspaces/{id}")
        .about("One that belongs to someone else is not found.")
        .gives::<Workspace>(200, "The workspace.", samples::workspace())
        .refuses(&["workspace_not_found"]);
    on.on("PATCH", "/api/v1/workspaces/{id}")
        .about("The name has at most 255 characters.")
        .takes::<WorkspacePatch>(json!({"name": "Castle"}))
        .gives::<Workspace>(200, "The workspace as it is now.", samples::workspace())
        .refuses(&["workspace_not_found", "text_too_long", "nul_in_text"]);
    on.on("DELETE", "/api/v1/workspaces/{id}")
        .about("Its chats and files go with it; what was used stays counted.")
        .gives_nothing(204, "The workspace is gone.")
        .refuses(&["workspace_not_found"]);
}
