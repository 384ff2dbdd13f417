-- Views for people and reporting tools: what is stored, with instants as ISO 8601 text, and without the texts of
-- conversations, keys and passwords. A migration that drops or rebuilds what they read drops them first and makes
-- them anew at its end.
CREATE VIEW chat_report AS
SELECT c.number AS chat_number, c.id AS chat_id, c.title, u.email AS owner_email, w.name AS workspace, c.default_model,
    c.message_count,
    (SELECT COUNT(*) FROM responses r WHERE r.chat_id = c.id) AS answers,
    (SELECT COUNT(*) FROM responses r WHERE r.chat_id = c.id AND r.status = 'failed') AS failed_answers,
    (SELECT COUNT(*) FROM chat_files f WHERE f.chat_id = c.id) AS files,
    c.total_tokens,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.updated_at / 1000.0, 'unixepoch') AS updated_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.archived_at / 1000.0, 'unixepoch') AS archived_at
FROM chats c LEFT JOIN users u ON u.id = c.user_id LEFT JOIN workspaces w ON w.id = c.workspace_id;

CREATE VIEW message_report AS
SELECT m.number AS message_number, m.id AS message_id, c.id AS chat_id, c.title AS chat_title, u.email AS owner_email,
    w.name AS workspace, m.seq, m.role, m.type, m.status, length(m.content) AS content_chars,
    COALESCE(r.model_used, m.model) AS model, r.provider, r.finish_reason, r.error_code, r.tokens_prompt,
    r.tokens_completion, r.tokens_total, r.usage_estimated, r.first_token_ms, r.completion_time_ms,
    strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', m.updated_at / 1000.0, 'unixepoch') AS updated_at
FROM messages m JOIN chats c ON c.number = m.chat_number LEFT JOIN responses r ON r.message_id = m.id
    LEFT JOIN users u ON u.id = c.user_id LEFT JOIN workspaces w ON w.id = c.workspace_id;

CREATE VIEW usage_report AS
SELECT date(d.day * 86400, 'unixepoch') AS day, u.email AS owner_email, p.name AS "plan",
    NULLIF(d.model, '') AS model, d.responses, d.tokens_prompt, d.tokens_completion, d.tokens_total, d.messages_sent,
    d.documents_uploaded, d.chats_created
FROM usage_daily d LEFT JOIN users u ON u.id = d.user_id LEFT JOIN plans p ON p.id = u.plan_id;
