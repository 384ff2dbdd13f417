//! Who may see and change which rows: one constant predicate a table. It stands in every statement on
//! user data, with `$1` the acting user (null for the operator) and `$2` the reach.

use crate::{base::actor::Scope, storage::Value};

impl Scope {
    /// `$1`.
    pub(crate) fn user(self) -> Value<'static> {
        match self {
            Scope::User(id) => id.into(),
            Scope::Operator => Value::Null,
        }
    }

    /// `$2`: 1 for everything, 0 for the user's own.
    pub(crate) fn reach(self) -> Value<'static> {
        Value::Int(i64::from(self == Scope::Operator))
    }
}

/// On `users u`: oneself.
pub(crate) const USER: &str = "($2 = 1 OR u.id = $1)";

/// On `workspaces w`: the owner's and the members'.
pub(crate) const WORKSPACE_READ: &str = "($2 = 1 OR w.owner_id = $1 OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = w.id))";

/// On `workspaces w`: the owner's alone; members change what is in it, not the workspace itself.
pub(crate) const WORKSPACE_WRITE: &str = "($2 = 1 OR w.owner_id = $1)";

/// On `workspaces w`: where one may put chats and files.
pub(crate) const WORKSPACE_FILL: &str = "($2 = 1 OR w.owner_id = $1 OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = w.id AND wm.role = 'editor'))";

/// On `chats c`: the owner's, and those in workspaces of the owner or a member.
pub(crate) const CHAT_READ: &str = "($2 = 1 OR c.user_id = $1 \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id = $1) \
     OR EXISTS (SELECT 1 FROM workspace_members wm WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id))";

/// On `chats c`: as for reading, but members must be editors.
pub(crate) const CHAT_WRITE: &str = "($2 = 1 OR c.user_id = $1 \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id = $1) \
     OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id AND wm.role = 'editor'))";

/// On `models m`: one's own and the shared ones.
pub(crate) const MODEL_READ: &str = "($2 = 1 OR m.user_id = $1 OR m.user_id IS NULL)";

/// On `models m`: one's own.
pub(crate) const MODEL_WRITE: &str = "($2 = 1 OR m.user_id = $1)";
