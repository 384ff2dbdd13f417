DROP TABLE chat_file_versions;
DROP TABLE chat_files;
DROP TABLE files;

CREATE TABLE files (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    workspace_id        TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    uploaded_by         TEXT REFERENCES users (id) ON DELETE SET NULL,
    filename            TEXT NOT NULL,
    path                TEXT NOT NULL,
    media_type          TEXT NOT NULL,
    size_bytes          BIGINT NOT NULL,
    sha256              TEXT NOT NULL,             -- names the blob that holds the bytes
    source_url          TEXT,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE INDEX files_by_workspace ON files (workspace_id, created_at, id);
CREATE INDEX files_by_uploader ON files (uploaded_by);
CREATE INDEX files_by_sha256 ON files (sha256);
