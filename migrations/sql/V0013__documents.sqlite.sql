-- Documents: files that are read, cut into passages and found again, in a chat or in a workspace.
CREATE TABLE documents (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    file_id             TEXT REFERENCES files (id) ON DELETE CASCADE,
    chat_id             TEXT REFERENCES chats (id) ON DELETE CASCADE,
    workspace_id        TEXT REFERENCES workspaces (id) ON DELETE CASCADE, -- either this or a chat
    user_id             TEXT REFERENCES users (id) ON DELETE SET NULL, -- who uploaded it
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

-- Passages of a text, in their order. They are found once their document is completed.
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

-- The vector of a passage, by the model in use.
CREATE TABLE embeddings (
    number              INTEGER PRIMARY KEY,
    chunk_number        BIGINT NOT NULL UNIQUE REFERENCES chunks (number) ON DELETE CASCADE,
    model               TEXT NOT NULL,
    dims                BIGINT NOT NULL,
    vector              BLOB NOT NULL            -- numbers of 32 bits, the lowest byte first
);

-- Work that waits, or runs where a node is named: when its process dies, its row goes, and the job is free.
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

-- Messages that cite are looked for when a document goes.
CREATE INDEX messages_that_cite ON messages (chat_number) WHERE context IS NOT NULL;

CREATE VIRTUAL TABLE search_chunks USING fts5 (words, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '='");
ALTER TABLE search_state ADD COLUMN chunks_upto BIGINT NOT NULL DEFAULT 0;
ALTER TABLE search_changes ADD COLUMN chunk_number BIGINT;
CREATE TRIGGER search_chunk_added AFTER INSERT ON chunks
WHEN NEW.number <= (SELECT chunks_upto FROM search_state WHERE number = 1)
BEGIN
    INSERT INTO search_changes (chunk_number) VALUES (NEW.number);
END;
CREATE TRIGGER search_chunk_deleted AFTER DELETE ON chunks
BEGIN
    INSERT INTO search_changes (chunk_number) VALUES (OLD.number);
END;
