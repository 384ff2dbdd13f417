-- Conversations and their messages.
CREATE TABLE chats (
    number              INTEGER PRIMARY KEY,       -- public in dialects with integer ids
    id                  TEXT NOT NULL UNIQUE,
    user_id             TEXT REFERENCES users (id) ON DELETE CASCADE,
    workspace_id        TEXT REFERENCES workspaces (id) ON DELETE CASCADE,
    title               TEXT,
    description         TEXT,
    notebooks           TEXT NOT NULL DEFAULT '[]', -- JSON array of texts
    default_model       TEXT,
    active_leaf_id      TEXT,                      -- a message of this chat; two tables cannot reference each other in portable DDL, so the writer keeps it true
    archived_at         BIGINT,
    pinned_at           BIGINT,
    expires_at          BIGINT,
    message_count       BIGINT NOT NULL DEFAULT 0,
    total_tokens        BIGINT NOT NULL DEFAULT 0,
    last_seq            BIGINT NOT NULL DEFAULT 0, -- the seq given last; never given twice
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE INDEX chats_by_updated ON chats (updated_at, id);
CREATE INDEX chats_by_user ON chats (user_id, updated_at, id);
CREATE INDEX chats_by_workspace ON chats (workspace_id, updated_at, id);

CREATE TABLE messages (
    number              INTEGER PRIMARY KEY,       -- public in dialects with integer ids
    id                  TEXT NOT NULL UNIQUE,
    chat_number         BIGINT NOT NULL REFERENCES chats (number) ON DELETE CASCADE, -- a number, because the index below is most of what a message costs
    seq                 BIGINT NOT NULL,           -- order inside the chat
    parent_id           TEXT REFERENCES messages (id) ON DELETE SET NULL,
    on_branch           BIGINT NOT NULL DEFAULT 1, -- whether it lies between a root and the active leaf
    user_id             TEXT REFERENCES users (id) ON DELETE SET NULL,
    role                TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    type                TEXT NOT NULL DEFAULT 'text',
    content             TEXT NOT NULL,
    parts               TEXT,                      -- JSON array; null: content is all
    provider_data       TEXT,                      -- opaque JSON, sent back to the same provider only
    tool_call_id        TEXT,
    model               TEXT,
    status              TEXT NOT NULL DEFAULT 'complete'
                        CHECK (status IN ('complete', 'streaming', 'interrupted', 'failed', 'cancelled')),
    token_count         BIGINT,
    context             TEXT,                      -- JSON: citations
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
-- Serves the active branch in order, and finds all messages of a chat that is deleted.
CREATE INDEX messages_by_chat ON messages (chat_number, on_branch, seq);
CREATE INDEX messages_by_parent ON messages (parent_id);
CREATE INDEX messages_by_user ON messages (user_id) WHERE user_id IS NOT NULL;
-- Instructions are looked up apart, so that a long history never trims them away.
CREATE INDEX messages_of_system ON messages (chat_number, seq) WHERE role = 'system';
