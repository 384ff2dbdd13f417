-- Invitations to make an account, and the chats of callers without a credential.
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

-- Whoever knows the id of such a chat may use it. Other chats of nobody are the operator's.
CREATE TABLE anonymous_chats (
    number              INTEGER PRIMARY KEY,
    chat_id             TEXT NOT NULL UNIQUE REFERENCES chats (id) ON DELETE CASCADE
);
