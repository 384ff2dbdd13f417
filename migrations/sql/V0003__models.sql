-- Configured model endpoints. A row of nobody is shared by all.
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
