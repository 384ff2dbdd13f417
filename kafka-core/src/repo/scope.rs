//! Who may see and change which rows: one constant predicate a table. It stands in every statement on
//! user data, with `$1` the acting user (null for the operator and for callers without a
//! credential; the one chat of whoever has a link to it) and `$2` the reach.

use crate::{base::actor::Scope, storage::Value};

impl Scope {
    /// `$1`.
    pub(crate) fn user(self) -> Value<'static> {
        match self {
            Scope::User(id) | Scope::Admin(id) => id.into(),
            Scope::Share(id) => id.into(),
            Scope::Operator | Scope::Anonymous => Value::Null,
        }
    }

    /// `$2`: 0 for the user's own, 1 for everything, 2 for the user's own and nobody's, 3 for what callers
    /// without a credential made, 4 for the one chat that a link leads to.
    pub(crate) fn reach(self) -> Value<'static> {
        Value::Int(match self {
            Scope::User(_) => 0,
            Scope::Operator => 1,
            Scope::Admin(_) => 2,
            Scope::Anonymous => 3,
            Scope::Share(_) => 4,
        })
    }
}

/// On `users u`: oneself.
pub(crate) const USER: &str = "($2 = 1 OR u.id = $1)";

/// On `access_tokens t`: one's own.
pub(crate) const TOKEN: &str = "($2 = 1 OR t.user_id = $1)";

/// On `workspaces w`: the owner's and the members'.
pub(crate) const WORKSPACE_READ: &str = "($2 = 1 OR w.owner_id = $1 OR ($2 = 2 AND w.owner_id IS NULL) OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = w.id))";

/// On `workspaces w`: the owner's alone; members change what is in it, not the workspace itself.
pub(crate) const WORKSPACE_WRITE: &str = "($2 = 1 OR w.owner_id = $1 OR ($2 = 2 AND w.owner_id IS NULL))";

/// On `workspaces w`: where one may put chats and files.
pub(crate) const WORKSPACE_FILL: &str = "($2 = 1 OR w.owner_id = $1 OR ($2 = 2 AND w.owner_id IS NULL) OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = w.id AND wm.role = 'editor'))";

/// On `chats c`: the owner's, those in workspaces of the owner or a member, and the one that a link leads to.
/// Nobody's are those without an owner that lie in no one's workspace. What is deleted and not yet removed is no one's.
pub(crate) const CHAT_READ: &str = "c.deleted_at IS NULL AND ($2 = 1 OR c.user_id = $1 OR ($2 = 4 AND c.id = $1) \
     OR ($2 = 3 AND EXISTS (SELECT 1 FROM anonymous_chats a WHERE a.chat_id = c.id)) \
     OR ($2 = 2 AND c.user_id IS NULL AND (c.workspace_id IS NULL \
         OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL))) \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id = $1) \
     OR EXISTS (SELECT 1 FROM workspace_members wm WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id))";

/// On `chats c`: as for reading, but members must be editors.
pub(crate) const CHAT_WRITE: &str = "c.deleted_at IS NULL AND ($2 = 1 OR c.user_id = $1 \
     OR ($2 = 3 AND EXISTS (SELECT 1 FROM anonymous_chats a WHERE a.chat_id = c.id)) \
     OR ($2 = 2 AND c.user_id IS NULL AND (c.workspace_id IS NULL \
         OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL))) \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id = $1) \
     OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id AND wm.role = 'editor'))";

/// On `files f`: whoever sees the workspace it lies in, or a chat that has it, also as a document.
pub(crate) const FILE_READ: &str = "($2 = 1 \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = f.workspace_id AND ($2 = 1 OR w.owner_id = $1 OR ($2 = 2 AND w.owner_id IS NULL) OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = w.id))) \
     OR EXISTS (SELECT 1 FROM chats c WHERE c.id IN (SELECT cf.chat_id FROM chat_files cf WHERE cf.file_id = f.id \
     UNION ALL SELECT d.chat_id FROM documents d WHERE d.file_id = f.id AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x)) AND ($2 = 1 OR c.user_id = $1 \
     OR ($2 = 3 AND EXISTS (SELECT 1 FROM anonymous_chats a WHERE a.chat_id = c.id)) \
     OR ($2 = 2 AND c.user_id IS NULL AND (c.workspace_id IS NULL \
         OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL))) \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id = $1) \
     OR EXISTS (SELECT 1 FROM workspace_members wm WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id))))";

/// On `files f`: whoever may put files into its workspace; where it lies in none, who may write to a chat
/// that has it.
pub(crate) const FILE_WRITE: &str = "($2 = 1 \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = f.workspace_id AND ($2 = 1 OR w.owner_id = $1 OR ($2 = 2 AND w.owner_id IS NULL) OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = w.id AND wm.role = 'editor'))) \
     OR (f.workspace_id IS NULL AND EXISTS (SELECT 1 FROM chats c WHERE c.id IN (SELECT cf.chat_id FROM chat_files cf WHERE cf.file_id = f.id \
     UNION ALL SELECT d.chat_id FROM documents d WHERE d.file_id = f.id AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x)) AND ($2 = 1 OR c.user_id = $1 \
     OR ($2 = 3 AND EXISTS (SELECT 1 FROM anonymous_chats a WHERE a.chat_id = c.id)) \
     OR ($2 = 2 AND c.user_id IS NULL AND (c.workspace_id IS NULL \
         OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL))) \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id = $1) \
     OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id AND wm.role = 'editor')))))";

/// On `documents d LEFT JOIN chats c ON c.id = d.chat_id`: whoever sees the chat, or the workspace that shares it.
/// What is deleted and not yet removed is no one's.
pub(crate) const DOCUMENT_READ: &str = "d.number NOT IN (SELECT x.document_number FROM deleted_documents x) AND ($2 = 1 \
     OR (d.workspace_id IS NULL AND (c.user_id = $1 \
     OR ($2 = 3 AND EXISTS (SELECT 1 FROM anonymous_chats a WHERE a.chat_id = c.id)) \
     OR ($2 = 2 AND c.user_id IS NULL AND (c.workspace_id IS NULL \
         OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL))))) \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = COALESCE(d.workspace_id, c.workspace_id) AND (w.owner_id = $1 \
     OR ($2 = 2 AND w.owner_id IS NULL AND d.workspace_id IS NOT NULL))) \
     OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = COALESCE(d.workspace_id, c.workspace_id)))";

/// The same for changing: whoever may write to the chat, or put files into the workspace.
pub(crate) const DOCUMENT_WRITE: &str = "d.number NOT IN (SELECT x.document_number FROM deleted_documents x) AND ($2 = 1 \
     OR (d.workspace_id IS NULL AND (c.user_id = $1 \
     OR ($2 = 3 AND EXISTS (SELECT 1 FROM anonymous_chats a WHERE a.chat_id = c.id)) \
     OR ($2 = 2 AND c.user_id IS NULL AND (c.workspace_id IS NULL \
         OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL))))) \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = COALESCE(d.workspace_id, c.workspace_id) AND (w.owner_id = $1 \
     OR ($2 = 2 AND w.owner_id IS NULL AND d.workspace_id IS NOT NULL))) \
     OR EXISTS (SELECT 1 FROM workspace_members wm \
     WHERE wm.user_id = $1 AND wm.workspace_id = COALESCE(d.workspace_id, c.workspace_id) AND wm.role = 'editor'))";

/// On `models m`: one's own and the shared ones.
pub(crate) const MODEL_READ: &str = "($2 = 1 OR m.user_id = $1 OR m.user_id IS NULL)";

/// On `models m`: one's own; administrators look after the shared ones, too.
pub(crate) const MODEL_WRITE: &str = "($2 = 1 OR m.user_id = $1 OR ($2 = 2 AND m.user_id IS NULL))";
