-- Answers of models: who runs them, what became of them, and their events.
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
);
CREATE INDEX responses_by_chat ON responses (chat_id);
CREATE INDEX responses_by_node ON responses (node_id);
CREATE INDEX responses_running ON responses (number) WHERE status = 'streaming';

-- Append-only while the answer runs; at its end the rows become one. A row of kind 'packed' holds several
-- events in order, the first of which has its number.
CREATE TABLE response_events (
    response_id         TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    seq                 BIGINT NOT NULL,           -- from 1
    kind                TEXT NOT NULL,
    data                TEXT NOT NULL,             -- JSON, or a line for each event
    PRIMARY KEY (response_id, seq)
);
