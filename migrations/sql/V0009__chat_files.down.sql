DROP TABLE chat_file_versions;
DROP TABLE chat_files;

-- What lies in no workspace has no place there.
CREATE TABLE files_before (
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
INSERT INTO files_before (number, id, workspace_id, uploaded_by, filename, path, media_type, size_bytes, sha256,
    source_url, created_at, updated_at)
SELECT number, id, workspace_id, uploaded_by, filename, path, media_type, size_bytes, sha256, source_url, created_at,
    updated_at FROM files WHERE workspace_id IS NOT NULL;
DROP TABLE files;
ALTER TABLE files_before RENAME TO files;
CREATE INDEX files_by_workspace ON files (workspace_id, created_at, id);
CREATE INDEX files_by_uploader ON files (uploaded_by);
CREATE INDEX files_by_sha256 ON files (sha256);
