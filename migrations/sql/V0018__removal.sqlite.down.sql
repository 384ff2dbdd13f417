DROP INDEX messages_that_cite;
CREATE INDEX messages_that_cite ON messages (chat_number) WHERE context IS NOT NULL;
DROP TRIGGER deleted_user;
DROP TRIGGER deleted_document_replaces;
DROP TRIGGER deleted_file_documents;
DROP TRIGGER deleted_workspace_documents;
DROP TRIGGER deleted_chat_documents;
DELETE FROM embeddings WHERE chunk_number IN (SELECT k.number FROM deleted_documents x JOIN chunks k ON k.document_number = x.document_number);
DELETE FROM chunks WHERE document_number IN (SELECT x.document_number FROM deleted_documents x);
DELETE FROM document_texts WHERE document_number IN (SELECT x.document_number FROM deleted_documents x);
DELETE FROM documents WHERE number IN (SELECT x.document_number FROM deleted_documents x);
UPDATE messages SET user_id = NULL WHERE user_id IN (SELECT x.user_id FROM deleted_users x);
UPDATE documents SET user_id = NULL WHERE user_id IN (SELECT x.user_id FROM deleted_users x);
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = REPLACE(REPLACE(REPLACE(REPLACE(sql,
    'file_id             TEXT,', 'file_id             TEXT REFERENCES files (id) ON DELETE CASCADE,'),
    'chat_id             TEXT,', 'chat_id             TEXT REFERENCES chats (id) ON DELETE CASCADE,'),
    'workspace_id        TEXT,', 'workspace_id        TEXT REFERENCES workspaces (id) ON DELETE CASCADE,'),
    'user_id             TEXT,', 'user_id             TEXT REFERENCES users (id) ON DELETE SET NULL,')
    WHERE type = 'table' AND name = 'documents';
UPDATE sqlite_schema SET sql = REPLACE(sql, 'user_id             TEXT,',
    'user_id             TEXT REFERENCES users (id) ON DELETE SET NULL,') WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;
DROP TABLE deleted_users;
DROP TABLE deleted_documents;
