-- Files of chats and their versions. A chat that lies in no workspace has files, too, so `files` is made anew.
CREATE TABLE files_anew (
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
INSERT INTO files_anew (number, id, workspace_id, uploaded_by, filename, path, media_type, size_bytes, sha256,
    source_url, created_at, updated_at)
SELECT number, id, workspace_id, uploaded_by, filename, path, media_type, size_bytes, sha256, source_url, created_at,
    updated_at FROM files;
DROP TABLE files;
ALTER TABLE files_anew RENAME TO files;
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
-- Edits name a file by its name, so what has versions has a name of its own.
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
