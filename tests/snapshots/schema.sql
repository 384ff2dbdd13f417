CREATE TABLE plans (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    name                TEXT NOT NULL UNIQUE,
    token_limit_daily   BIGINT,                    -- null: unlimited, as with the other limits
    document_limit      BIGINT,
    chat_limit          BIGINT,
    price_monthly_micros BIGINT NOT NULL DEFAULT 0,
    is_active           BIGINT NOT NULL DEFAULT 1,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE TABLE users (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    email               TEXT NOT NULL,
    username            TEXT,
    full_name           TEXT,
    hashed_password     TEXT,
    is_active           BIGINT NOT NULL DEFAULT 1,
    is_admin            BIGINT NOT NULL DEFAULT 0,
    plan_id             TEXT NOT NULL REFERENCES plans (id) ON DELETE RESTRICT,
    total_tokens_used   BIGINT NOT NULL DEFAULT 0,
    last_login_at       BIGINT,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_by_email ON users (lower(email));
CREATE UNIQUE INDEX users_by_username ON users (lower(username));
CREATE INDEX users_by_plan ON users (plan_id);
CREATE INDEX users_by_created ON users (created_at, id);
CREATE TABLE access_tokens (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    user_id             TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind                TEXT NOT NULL CHECK (kind IN ('session', 'api_key')),
    name                TEXT,
    token_hash          TEXT NOT NULL UNIQUE,      -- SHA-256 of the whole token, hexadecimal
    scopes              TEXT,                      -- JSON array; null: all
    expires_at          BIGINT,
    last_used_at        BIGINT,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE INDEX access_tokens_by_user ON access_tokens (user_id, created_at);
CREATE TABLE workspaces (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    owner_id            TEXT REFERENCES users (id) ON DELETE CASCADE,
    name                TEXT NOT NULL,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE INDEX workspaces_by_owner ON workspaces (owner_id, created_at, id);
CREATE INDEX workspaces_by_created ON workspaces (created_at, id);
CREATE TABLE workspace_members (
    workspace_id        TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id             TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role                TEXT NOT NULL CHECK (role IN ('viewer', 'editor')),
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    PRIMARY KEY (user_id, workspace_id)
);
CREATE INDEX workspace_members_by_workspace ON workspace_members (workspace_id);
CREATE TABLE models (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    user_id             TEXT REFERENCES users (id) ON DELETE CASCADE,
    name                TEXT NOT NULL,
    upstream_model      TEXT,                      -- the name at the endpoint; null: the same name
    provider            TEXT NOT NULL DEFAULT 'openai',
    base_url            TEXT NOT NULL,
    ak_sealed           TEXT,                      -- the key, sealed; bound to owner and origin
    is_gateway          BIGINT NOT NULL DEFAULT 0,
    params              TEXT NOT NULL DEFAULT '{}', -- JSON object
    is_default          BIGINT NOT NULL DEFAULT 0,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE INDEX models_by_owner ON models (user_id, name);
CREATE INDEX models_by_created ON models (created_at, id);
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
, tags TEXT NOT NULL DEFAULT '[]', deleted_at BIGINT);
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
    user_id             TEXT,
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
CREATE INDEX messages_by_chat ON messages (chat_number, on_branch, seq);
CREATE INDEX messages_by_parent ON messages (parent_id);
CREATE INDEX messages_by_user ON messages (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX messages_of_system ON messages (chat_number, seq) WHERE role = 'system';
CREATE TABLE nodes (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    kind                TEXT NOT NULL CHECK (kind IN ('server', 'cli', 'embedded')),
    pid                 BIGINT NOT NULL,
    started_at          BIGINT NOT NULL,
    heartbeat_at        BIGINT NOT NULL
);
CREATE TABLE responses (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    message_id          TEXT NOT NULL UNIQUE REFERENCES messages (id) ON DELETE CASCADE,
    chat_id             TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    node_id             TEXT REFERENCES nodes (id) ON DELETE SET NULL,
    model_used          TEXT NOT NULL,
    provider            TEXT NOT NULL,
    status              TEXT NOT NULL DEFAULT 'streaming'
                        CHECK (status IN ('streaming', 'completed', 'interrupted', 'failed', 'cancelled')),
    finish_reason       TEXT,
    tokens_prompt       BIGINT,
    tokens_completion   BIGINT,
    tokens_total        BIGINT,
    usage_estimated     BIGINT NOT NULL DEFAULT 0,
    first_token_ms      BIGINT,
    completion_time_ms  BIGINT,
    error_code          TEXT,
    error_detail        TEXT,
    attempts            TEXT,                      -- JSON array
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
, reserved_tokens BIGINT NOT NULL DEFAULT 0);
CREATE INDEX responses_by_chat ON responses (chat_id);
CREATE INDEX responses_by_node ON responses (node_id);
CREATE INDEX responses_running ON responses (number) WHERE status = 'streaming';
CREATE TABLE response_events (
    response_id         TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    seq                 BIGINT NOT NULL,           -- from 1
    kind                TEXT NOT NULL,
    data                TEXT NOT NULL,             -- JSON, or a line for each event
    PRIMARY KEY (response_id, seq)
);
CREATE TABLE idempotency_keys (
    caller              TEXT NOT NULL,             -- the user's id, or 'operator'
    method              TEXT NOT NULL,
    path                TEXT NOT NULL,
    idempotency_key     TEXT NOT NULL,
    body_hash           TEXT NOT NULL,             -- SHA-256, hexadecimal
    status              BIGINT,                    -- of the stored answer
    answer              TEXT,                      -- the stored answer's body; null: see response_id
    response_id         TEXT REFERENCES responses (id) ON DELETE CASCADE,
    expires_at          BIGINT NOT NULL,
    PRIMARY KEY (caller, method, path, idempotency_key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
CREATE INDEX idempotency_keys_by_response ON idempotency_keys (response_id);
CREATE TABLE invitations (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    code_hash           TEXT NOT NULL UNIQUE,      -- SHA-256 of the whole code, hexadecimal
    email               TEXT,                      -- null: for whoever has the code
    invited_by          TEXT REFERENCES users (id) ON DELETE CASCADE, -- null: the operator
    expires_at          BIGINT NOT NULL,
    created_at          BIGINT NOT NULL
);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);
CREATE INDEX invitations_by_inviter ON invitations (invited_by) WHERE invited_by IS NOT NULL;
CREATE TABLE anonymous_chats (
    number              INTEGER PRIMARY KEY,
    chat_id             TEXT NOT NULL UNIQUE REFERENCES chats (id) ON DELETE CASCADE
);
CREATE TABLE usage_daily (
    number              INTEGER PRIMARY KEY,
    user_id             TEXT REFERENCES users (id) ON DELETE CASCADE, -- the chat's owner; null: nobody's
    day                 BIGINT NOT NULL,           -- UTC, in days since 1970-01-01
    model               TEXT NOT NULL,             -- the one that answered; '': what no model does
    responses           BIGINT NOT NULL DEFAULT 0,
    tokens_prompt       BIGINT NOT NULL DEFAULT 0,
    tokens_completion   BIGINT NOT NULL DEFAULT 0,
    tokens_total        BIGINT NOT NULL DEFAULT 0, -- as the endpoint states it, which may be more than both
    messages_sent       BIGINT NOT NULL DEFAULT 0,
    documents_uploaded  BIGINT NOT NULL DEFAULT 0,
    chats_created       BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX usage_daily_by_owner ON usage_daily (COALESCE(user_id, ''), day, model);
CREATE INDEX usage_daily_by_user ON usage_daily (user_id);
CREATE INDEX usage_daily_by_day ON usage_daily (day);
CREATE TABLE "files" (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    workspace_id        TEXT REFERENCES workspaces (id) ON DELETE CASCADE, -- null: of a chat that lies in none
    uploaded_by         TEXT REFERENCES users (id) ON DELETE SET NULL,
    filename            TEXT NOT NULL,
    path                TEXT NOT NULL,             -- a name, not a place
    media_type          TEXT NOT NULL,
    size_bytes          BIGINT NOT NULL,
    sha256              TEXT NOT NULL,             -- names the blob that holds the bytes
    source_url          TEXT,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    is_of_chats         BIGINT NOT NULL DEFAULT 0 -- came with a chat, and goes with the last one that has it
);
CREATE INDEX files_by_workspace ON files (workspace_id, created_at, id);
CREATE INDEX files_by_uploader ON files (uploaded_by);
CREATE INDEX files_by_sha256 ON files (sha256);
CREATE TABLE chat_files (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    chat_id             TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    file_id             TEXT REFERENCES files (id) ON DELETE CASCADE, -- null: written in the chat
    filename            TEXT NOT NULL,
    path                TEXT NOT NULL,
    kind                TEXT NOT NULL CHECK (kind IN ('based', 'text', 'upload')),
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE INDEX chat_files_by_chat ON chat_files (chat_id, created_at, id);
CREATE UNIQUE INDEX chat_files_by_file ON chat_files (file_id, chat_id);
CREATE UNIQUE INDEX chat_files_by_name ON chat_files (chat_id, filename) WHERE kind <> 'upload';
CREATE TABLE chat_file_versions (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    chat_file_id        TEXT NOT NULL REFERENCES chat_files (id) ON DELETE CASCADE,
    version             BIGINT NOT NULL,           -- from 1 without gaps
    timestamp           BIGINT NOT NULL,           -- at least a millisecond after the version before
    content             TEXT NOT NULL,
    content_sha256      TEXT NOT NULL,
    message_id          TEXT REFERENCES messages (id) ON DELETE SET NULL, -- the answer that wrote it
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE UNIQUE INDEX chat_file_versions_by_file ON chat_file_versions (chat_file_id, version);
CREATE INDEX chat_file_versions_by_message ON chat_file_versions (message_id) WHERE message_id IS NOT NULL;
CREATE VIEW chat_report AS
SELECT c.number AS chat_number, c.id AS chat_id, c.title, u.email AS owner_email, w.name AS workspace, c.default_model,
    c.message_count,
    (SELECT COUNT(*) FROM responses r WHERE r.chat_id = c.id) AS answers,
    (SELECT COUNT(*) FROM responses r WHERE r.chat_id = c.id AND r.status = 'failed') AS failed_answers,
    (SELECT COUNT(*) FROM chat_files f WHERE f.chat_id = c.id) AS files,
    c.total_tokens,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.updated_at / 1000.0, 'unixepoch') AS updated_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.archived_at / 1000.0, 'unixepoch') AS archived_at
FROM chats c LEFT JOIN users u ON u.id = c.user_id LEFT JOIN workspaces w ON w.id = c.workspace_id;
CREATE VIEW message_report AS
SELECT m.number AS message_number, m.id AS message_id, c.id AS chat_id, c.title AS chat_title, u.email AS owner_email,
    w.name AS workspace, m.seq, m.role, m.type, m.status, length(m.content) AS content_chars,
    COALESCE(r.model_used, m.model) AS model, r.provider, r.finish_reason, r.error_code, r.tokens_prompt,
    r.tokens_completion, r.tokens_total, r.usage_estimated, r.first_token_ms, r.completion_time_ms,
    strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', m.updated_at / 1000.0, 'unixepoch') AS updated_at
FROM messages m JOIN chats c ON c.number = m.chat_number LEFT JOIN responses r ON r.message_id = m.id
    LEFT JOIN users u ON u.id = c.user_id LEFT JOIN workspaces w ON w.id = c.workspace_id;
CREATE VIEW usage_report AS
SELECT date(d.day * 86400, 'unixepoch') AS day, u.email AS owner_email, p.name AS "plan",
    NULLIF(d.model, '') AS model, d.responses, d.tokens_prompt, d.tokens_completion, d.tokens_total, d.messages_sent,
    d.documents_uploaded, d.chats_created
FROM usage_daily d LEFT JOIN users u ON u.id = d.user_id LEFT JOIN plans p ON p.id = u.plan_id;
CREATE VIRTUAL TABLE search_messages USING fts5 (words, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '='");
CREATE TABLE 'search_messages_data'(id INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE 'search_messages_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
CREATE TABLE 'search_messages_docsize'(id INTEGER PRIMARY KEY, sz BLOB, origin INTEGER);
CREATE TABLE 'search_messages_config'(k PRIMARY KEY, v) WITHOUT ROWID;
CREATE VIRTUAL TABLE search_chats USING fts5 (words, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '='");
CREATE TABLE 'search_chats_data'(id INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE 'search_chats_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
CREATE TABLE 'search_chats_docsize'(id INTEGER PRIMARY KEY, sz BLOB, origin INTEGER);
CREATE TABLE 'search_chats_config'(k PRIMARY KEY, v) WITHOUT ROWID;
CREATE TABLE search_state (
    number              INTEGER PRIMARY KEY,
    generation          BIGINT NOT NULL,           -- counts the changes of the index
    messages_upto       BIGINT NOT NULL,
    chats_upto          BIGINT NOT NULL
, chunks_upto BIGINT NOT NULL DEFAULT 0);
CREATE TABLE search_changes (
    number              INTEGER PRIMARY KEY,
    message_number      BIGINT,
    chat_number         BIGINT
, chunk_number BIGINT);
CREATE TRIGGER search_message_added AFTER INSERT ON messages
WHEN NEW.number <= (SELECT messages_upto FROM search_state WHERE number = 1)
BEGIN
    INSERT INTO search_changes (message_number) VALUES (NEW.number);
END;
CREATE TRIGGER search_message_changed AFTER UPDATE OF content, model ON messages
BEGIN
    INSERT INTO search_changes (message_number) VALUES (OLD.number);
END;
CREATE TRIGGER search_message_deleted AFTER DELETE ON messages
BEGIN
    INSERT INTO search_changes (message_number) VALUES (OLD.number);
END;
CREATE TRIGGER search_chat_added AFTER INSERT ON chats
WHEN NEW.number <= (SELECT chats_upto FROM search_state WHERE number = 1)
BEGIN
    INSERT INTO search_changes (chat_number) VALUES (NEW.number);
END;
CREATE TRIGGER search_chat_changed AFTER UPDATE OF title, description ON chats
WHEN OLD.title IS NOT NEW.title OR OLD.description IS NOT NEW.description
BEGIN
    INSERT INTO search_changes (chat_number) VALUES (OLD.number);
END;
CREATE TRIGGER search_chat_deleted AFTER DELETE ON chats
BEGIN
    INSERT INTO search_changes (chat_number) VALUES (OLD.number);
END;
CREATE TABLE chat_tags (
    number              INTEGER PRIMARY KEY,
    chat_id             TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id             TEXT REFERENCES users (id) ON DELETE CASCADE,
    tag                 TEXT NOT NULL,
    folded              TEXT NOT NULL,             -- the tag as it is compared
    updated_at          BIGINT NOT NULL,
    UNIQUE (chat_id, folded)
);
CREATE INDEX chat_tags_by_user ON chat_tags (user_id, folded, updated_at, chat_id);
CREATE INDEX chat_tags_by_tag ON chat_tags (folded, updated_at, chat_id);
CREATE TRIGGER chat_tags_moved AFTER UPDATE OF updated_at ON chats
WHEN NEW.tags <> '[]'
BEGIN
    UPDATE chat_tags SET updated_at = NEW.updated_at WHERE chat_id = NEW.id;
END;
CREATE INDEX chats_pinned ON chats (updated_at, id) WHERE pinned_at IS NOT NULL;
CREATE INDEX chats_pinned_by_user ON chats (user_id, updated_at, id) WHERE pinned_at IS NOT NULL;
CREATE INDEX chats_archived ON chats (updated_at, id) WHERE archived_at IS NOT NULL;
CREATE INDEX chats_archived_by_user ON chats (user_id, updated_at, id) WHERE archived_at IS NOT NULL;
CREATE TABLE share_links (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    chat_id             TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    token_hash          TEXT NOT NULL UNIQUE,      -- SHA-256 of the whole token, hexadecimal
    expires_at          BIGINT,                    -- null: never
    revoked_at          BIGINT,
    created_at          BIGINT NOT NULL
);
CREATE INDEX share_links_by_chat ON share_links (chat_id, created_at, id);
CREATE TABLE documents (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    file_id             TEXT,
    chat_id             TEXT,
    workspace_id        TEXT, -- either this or a chat
    user_id             TEXT, -- who uploaded it
    filename            TEXT NOT NULL,
    processing_status   TEXT NOT NULL DEFAULT 'pending'
                        CHECK (processing_status IN ('pending', 'processing', 'completed', 'failed')),
    error_message       TEXT,
    embedding_model     TEXT,
    vector_id           TEXT,                      -- as another system called its vectors
    tokens_used         BIGINT NOT NULL DEFAULT 0,
    chunk_count         BIGINT NOT NULL DEFAULT 0,
    content_hash        TEXT,                      -- the SHA-256 of the text, hexadecimal
    outline             TEXT,                      -- its headings, a line each
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    content             TEXT NOT NULL DEFAULT '',  -- last, because it is long and seldom read
    CHECK ((chat_id IS NULL) <> (workspace_id IS NULL))
);
CREATE INDEX documents_by_place ON documents (COALESCE(chat_id, workspace_id), created_at, id);
CREATE INDEX documents_by_chat ON documents (chat_id);
CREATE INDEX documents_by_workspace ON documents (workspace_id);
CREATE INDEX documents_by_file ON documents (file_id);
CREATE INDEX documents_by_user ON documents (user_id);
CREATE TABLE chunks (
    number              INTEGER PRIMARY KEY,
    document_number     BIGINT NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
    idx                 BIGINT NOT NULL,           -- from 0
    start_byte          BIGINT NOT NULL,           -- in the document's content
    end_byte            BIGINT NOT NULL,
    token_count         BIGINT NOT NULL,
    heading             TEXT,                      -- what it stands under
    content             TEXT NOT NULL
);
CREATE UNIQUE INDEX chunks_by_document ON chunks (document_number, idx);
CREATE TABLE embeddings (
    number              INTEGER PRIMARY KEY,
    chunk_number        BIGINT NOT NULL UNIQUE REFERENCES chunks (number) ON DELETE CASCADE,
    model               TEXT NOT NULL,
    dims                BIGINT NOT NULL,
    vector              BLOB NOT NULL            -- numbers of 32 bits, the lowest byte first
);
CREATE TABLE jobs (
    number              INTEGER PRIMARY KEY,
    kind                TEXT NOT NULL,
    subject             TEXT NOT NULL,             -- the id of what it is about
    attempts            BIGINT NOT NULL DEFAULT 0,
    run_at              BIGINT NOT NULL,
    node_id             TEXT REFERENCES nodes (id) ON DELETE SET NULL,
    UNIQUE (kind, subject)
);
CREATE INDEX jobs_by_node ON jobs (node_id);
CREATE INDEX jobs_by_time ON jobs (run_at);
CREATE VIRTUAL TABLE search_chunks USING fts5 (words, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '='");
CREATE TABLE 'search_chunks_data'(id INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE 'search_chunks_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
CREATE TABLE 'search_chunks_docsize'(id INTEGER PRIMARY KEY, sz BLOB, origin INTEGER);
CREATE TABLE 'search_chunks_config'(k PRIMARY KEY, v) WITHOUT ROWID;
CREATE TRIGGER search_chunk_added AFTER INSERT ON chunks
WHEN NEW.number <= (SELECT chunks_upto FROM search_state WHERE number = 1)
BEGIN
    INSERT INTO search_changes (chunk_number) VALUES (NEW.number);
END;
CREATE TRIGGER search_chunk_deleted AFTER DELETE ON chunks
BEGIN
    INSERT INTO search_changes (chunk_number) VALUES (OLD.number);
END;
CREATE TABLE deleted_numbers (
    number              INTEGER PRIMARY KEY,
    chats               BIGINT NOT NULL,
    messages            BIGINT NOT NULL
);
CREATE TRIGGER deleted_chat_number AFTER DELETE ON chats
WHEN NOT EXISTS (SELECT 1 FROM chats c WHERE c.number > OLD.number)
BEGIN
    UPDATE deleted_numbers SET chats = OLD.number WHERE number = 1 AND chats < OLD.number;
END;
CREATE TRIGGER deleted_message_number AFTER DELETE ON messages
WHEN NOT EXISTS (SELECT 1 FROM messages m WHERE m.number > OLD.number)
BEGIN
    UPDATE deleted_numbers SET messages = OLD.number WHERE number = 1 AND messages < OLD.number;
END;
CREATE INDEX chats_deleted ON chats (number) WHERE deleted_at IS NOT NULL;
CREATE TABLE document_replacements (
    number              INTEGER PRIMARY KEY,
    document_id         TEXT NOT NULL UNIQUE REFERENCES documents (id) ON DELETE CASCADE, -- the new one
    replaces            TEXT NOT NULL UNIQUE REFERENCES documents (id) ON DELETE CASCADE
);
CREATE TABLE document_texts (
    number              INTEGER PRIMARY KEY,
    document_number     BIGINT NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
    start_byte          BIGINT NOT NULL,           -- in the whole text; the next part begins where this one ends
    content             TEXT NOT NULL
);
CREATE UNIQUE INDEX document_texts_by_place ON document_texts (document_number, start_byte);
CREATE TABLE deleted_documents (
    number              INTEGER PRIMARY KEY,
    document_number     BIGINT NOT NULL UNIQUE REFERENCES documents (number) ON DELETE CASCADE,
    seen_chat           BIGINT NOT NULL,           -- messages up to this seq of the chat of this number, in the order of both,
    seen_seq            BIGINT NOT NULL            -- say that it is gone where they cite it
);
CREATE TABLE deleted_users (
    number              INTEGER PRIMARY KEY,
    user_id             TEXT NOT NULL UNIQUE
);
CREATE TRIGGER deleted_chat_documents AFTER DELETE ON chats
BEGIN
    INSERT INTO deleted_documents (document_number, seen_chat, seen_seq)
    SELECT d.number, OLD.number, 9223372036854775807 FROM documents d
    WHERE d.chat_id = OLD.id AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x);
END;
CREATE TRIGGER deleted_workspace_documents AFTER DELETE ON workspaces
BEGIN
    INSERT INTO deleted_documents (document_number, seen_chat, seen_seq)
    SELECT d.number, 0, 0 FROM documents d
    WHERE d.workspace_id = OLD.id AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x);
END;
CREATE TRIGGER deleted_file_documents AFTER DELETE ON files
BEGIN
    INSERT INTO deleted_documents (document_number, seen_chat, seen_seq)
    SELECT d.number, COALESCE((SELECT c.number FROM chats c WHERE c.id = d.chat_id), 0), 0 FROM documents d
    WHERE d.file_id = OLD.id AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x);
END;
CREATE TRIGGER deleted_document_replaces AFTER INSERT ON deleted_documents
BEGIN
    DELETE FROM document_replacements WHERE document_id = (SELECT d.id FROM documents d WHERE d.number = NEW.document_number);
    DELETE FROM document_replacements WHERE replaces = (SELECT d.id FROM documents d WHERE d.number = NEW.document_number);
END;
CREATE TRIGGER deleted_user AFTER DELETE ON users
WHEN EXISTS (SELECT 1 FROM messages m WHERE m.user_id = OLD.id) OR EXISTS (SELECT 1 FROM documents d WHERE d.user_id = OLD.id)
BEGIN
    INSERT INTO deleted_users (user_id) VALUES (OLD.id);
END;
CREATE INDEX messages_that_cite ON messages (chat_number, seq) WHERE context IS NOT NULL;
