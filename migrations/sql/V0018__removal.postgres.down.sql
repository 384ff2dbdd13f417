DROP INDEX messages_that_cite;
CREATE INDEX messages_that_cite ON messages (chat_number) WHERE context IS NOT NULL;
DROP TRIGGER deleted_user ON users;
DROP TRIGGER deleted_document_replaces ON deleted_documents;
DROP TRIGGER deleted_file_documents ON files;
DROP TRIGGER deleted_workspace_documents ON workspaces;
DROP TRIGGER deleted_chat_documents ON chats;
DROP FUNCTION deleted_user();
DROP FUNCTION deleted_document_replaces();
DROP FUNCTION deleted_file_documents();
DROP FUNCTION deleted_workspace_documents();
DROP FUNCTION deleted_chat_documents();
DELETE FROM documents WHERE number IN (SELECT x.document_number FROM deleted_documents x);
UPDATE messages SET user_id = NULL WHERE user_id IN (SELECT x.user_id FROM deleted_users x);
UPDATE documents SET user_id = NULL WHERE user_id IN (SELECT x.user_id FROM deleted_users x);
DROP TABLE deleted_users;
DROP TABLE deleted_documents;
ALTER TABLE documents ADD FOREIGN KEY (file_id) REFERENCES files (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (chat_id) REFERENCES chats (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE messages ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;
