-- Views for people and reporting tools: what is stored, with instants as timestamps and days as dates, and without the
-- texts of conversations, keys and passwords. A migration that drops or rebuilds what they read drops them first and
-- makes them anew at its end.
CREATE VIEW chat_report AS
SELECT c.number AS chat_number, c.id AS chat_id, c.title, u.email AS owner_email, w.name AS workspace, c.default_model,
    c.message_count,
    (SELECT COUNT(*) FROM responses r WHERE r.chat_id = c.id) AS answers,
    (SELECT COUNT(*) FROM responses r WHERE r.chat_id = c.id AND r.status = 'failed') AS failed_answers,
    (SELECT COUNT(*) FROM chat_files f WHERE f.chat_id = c.id) AS files,
    c.total_tokens,
    to_timestamp(c.created_at / 1000.0) AS created_at,
    to_timestamp(c.updated_at / 1000.0) AS updated_at,
    to_timestamp(c.archived_at / 1000.0) AS archived_at
FROM chats c LEFT JOIN users u ON u.id = c.user_id LEFT JOIN workspaces w ON w.id = c.workspace_id;

CREATE VIEW message_report AS
SELECT m.number AS message_number, m.id AS message_id, c.id AS chat_id, c.title AS chat_title, u.email AS owner_email,
    w.name AS workspace, m.seq, m.role, m.type, m.status, length(m.content) AS content_chars,
    COALESCE(r.model_used, m.model) AS model, r.provider, r.finish_reason, r.error_code, r.tokens_prompt,
    r.tokens_completion, r.tokens_total, r.usage_estimated, r.first_token_ms, r.completion_time_ms,
    to_timestamp(m.created_at / 1000.0) AS created_at,
    to_timestamp(m.updated_at / 1000.0) AS updated_at
FROM messages m JOIN chats c ON c.number = m.chat_number LEFT JOIN responses r ON r.message_id = m.id
    LEFT JOIN users u ON u.id = c.user_id LEFT JOIN workspaces w ON w.id = c.workspace_id;

CREATE VIEW usage_report AS
SELECT DATE '1970-01-01' + CAST(d.day AS INTEGER) AS day, u.email AS owner_email, p.name AS "plan",
    NULLIF(d.model, '') AS model, d.responses, d.tokens_prompt, d.tokens_completion, d.tokens_total, d.messages_sent,
    d.documents_uploaded, d.chats_created
FROM usage_daily d LEFT JOIN users u ON u.id = d.user_id LEFT JOIN plans p ON p.id = u.plan_id;

-- When PostgreSQL tidies up the tables that change most. Its defaults wait until a fifth of a table is dead, which
-- suits none of these. An operator may set other values; nothing here depends on them.

-- Each answer adds rows while it runs and deletes them all at its end, so as much dies as lives: tidied up by number,
-- or the table grows to many times what it holds, and by much at once rather than in small bites.
ALTER TABLE response_events SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_limit = 2000, autovacuum_analyze_scale_factor = 0.05);
-- A few rows that each process updates every second, in one column that no index has. With room in their page the new
-- version lies beside the old one, which the next look clears away; tidied up each minute for nothing otherwise.
ALTER TABLE nodes SET (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2000);
-- Only grows, and is large: a fifth of it would be days of dead answers in streaming, and old rows would wait to be
-- frozen until all are at once. An answer's row is written again at its end, for which a page keeps some room.
ALTER TABLE messages SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
-- Each message moves its chat's updated_at, which three indexes have, so each leaves dead entries in all of them.
ALTER TABLE chats SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.05);
-- Each is written twice more after it was stored, and leaves the index of those that run.
ALTER TABLE responses SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.05);
-- Lives for a day, then is deleted by the thousand: the index by expiry must not keep what is gone, because its
-- beginning is asked every two seconds.
ALTER TABLE idempotency_keys SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
-- The row of the day, and the owner's, are written by each answer, in columns that no index has: room in the page lets
-- the versions lie beside each other.
ALTER TABLE usage_daily SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE users SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
