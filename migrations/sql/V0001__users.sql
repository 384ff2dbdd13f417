-- Accounts, what they may spend, and the credentials they come with.
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

INSERT INTO plans (id, name, created_at, updated_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'free', 0, 0);

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
-- Unique without regard to case; the text is kept as it was given.
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
