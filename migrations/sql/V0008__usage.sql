-- What was used on each day, and what running answers may still use.
CREATE TABLE usage_daily (
    number              INTEGER PRIMARY KEY,
    user_id             TEXT REFERENCES users (id) ON DELETE CASCADE, -- the chat's owner; null: nobody's
    day                 BIGINT NOT NULL,           -- UTC, in days since 1970-01-01
    model               TEXT NOT NULL,             -- the one that answered; '': what no model does
    responses           BIGINT NOT NULL DEFAULT 0,
    tokens_prompt       BIGINT NOT NULL DEFAULT 0,
    tokens_completion   BIGINT NOT NULL DEFAULT 0,
    tokens_total        BIGINT NOT NULL DEFAULT 0, -- as the endpoint states it, which may be more than both
    messages_sent       BIGINT NOT NULL DEFAULT 0,
    documents_uploaded  BIGINT NOT NULL DEFAULT 0,
    chats_created       BIGINT NOT NULL DEFAULT 0
);
-- A unique column would take each null for another owner.
CREATE UNIQUE INDEX usage_daily_by_owner ON usage_daily (COALESCE(user_id, ''), day, model);
CREATE INDEX usage_daily_by_user ON usage_daily (user_id);
CREATE INDEX usage_daily_by_day ON usage_daily (day);

-- What was stored before is counted on the day it was stored.
INSERT INTO usage_daily (user_id, day, model, responses, tokens_prompt, tokens_completion, tokens_total)
SELECT c.user_id, r.updated_at / 86400000, r.model_used, COUNT(*), SUM(COALESCE(r.tokens_prompt, 0)),
    SUM(COALESCE(r.tokens_completion, 0)), SUM(COALESCE(r.tokens_total, 0))
FROM responses r JOIN chats c ON c.id = r.chat_id WHERE r.status <> 'streaming'
GROUP BY c.user_id, r.updated_at / 86400000, r.model_used;
INSERT INTO usage_daily (user_id, day, model, messages_sent, chats_created)
SELECT stored.user_id, stored.day, '', SUM(stored.messages), SUM(stored.chats) FROM (
    SELECT c.user_id, c.created_at / 86400000 AS day, 0 AS messages, 1 AS chats FROM chats c
    UNION ALL
    SELECT c.user_id, m.created_at / 86400000 AS day, 1 AS messages, 0 AS chats
    FROM chats c JOIN messages m ON m.chat_number = c.number
    WHERE NOT EXISTS (SELECT 1 FROM responses r WHERE r.message_id = m.id)
) stored GROUP BY stored.user_id, stored.day;

-- Tokens that the owner's plan keeps free for the answer while it runs. It counts only while the status is
-- 'streaming', so that what a process leaves behind when it dies cannot be wrong for longer than the answer.
ALTER TABLE responses ADD COLUMN reserved_tokens BIGINT NOT NULL DEFAULT 0;
