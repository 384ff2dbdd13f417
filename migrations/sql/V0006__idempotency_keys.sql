-- Answers to repeated requests, written in the transaction of their effect.
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
