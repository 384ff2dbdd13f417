-- Groups of chats and files, and who may see them.
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
