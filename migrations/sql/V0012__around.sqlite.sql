-- Tags of chats, links by which one is read, and what lists of tagged, pinned and archived chats walk.
ALTER TABLE chats ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';

-- What chats are found by; they show their own column. Whose a chat is and when it was changed stands here, too, so that
-- a list of those with a tag is one walk of an index.
CREATE TABLE chat_tags (
    number              INTEGER PRIMARY KEY,
    chat_id             TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id             TEXT REFERENCES users (id) ON DELETE CASCADE,
    tag                 TEXT NOT NULL,
    folded              TEXT NOT NULL,             -- the tag as it is compared
    updated_at          BIGINT NOT NULL,
    UNIQUE (chat_id, folded)
);
CREATE INDEX chat_tags_by_user ON chat_tags (user_id, folded, updated_at, chat_id);
CREATE INDEX chat_tags_by_tag ON chat_tags (folded, updated_at, chat_id);
CREATE TRIGGER chat_tags_moved AFTER UPDATE OF updated_at ON chats
WHEN NEW.tags <> '[]'
BEGIN
    UPDATE chat_tags SET updated_at = NEW.updated_at WHERE chat_id = NEW.id;
END;

CREATE INDEX chats_pinned ON chats (updated_at, id) WHERE pinned_at IS NOT NULL;
CREATE INDEX chats_pinned_by_user ON chats (user_id, updated_at, id) WHERE pinned_at IS NOT NULL;
CREATE INDEX chats_archived ON chats (updated_at, id) WHERE archived_at IS NOT NULL;
CREATE INDEX chats_archived_by_user ON chats (user_id, updated_at, id) WHERE archived_at IS NOT NULL;

CREATE TABLE share_links (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE,
    chat_id             TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    token_hash          TEXT NOT NULL UNIQUE,      -- SHA-256 of the whole token, hexadecimal
    expires_at          BIGINT,                    -- null: never
    revoked_at          BIGINT,
    created_at          BIGINT NOT NULL
);
CREATE INDEX share_links_by_chat ON share_links (chat_id, created_at, id);
