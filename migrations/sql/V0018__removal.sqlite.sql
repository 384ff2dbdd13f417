-- Documents that nobody sees any more, and whose passages are removed in pieces. A column of documents would stand behind
-- their long texts.
CREATE TABLE deleted_documents (
    number              INTEGER PRIMARY KEY,
    document_number     BIGINT NOT NULL UNIQUE REFERENCES documents (number) ON DELETE CASCADE,
    seen_chat           BIGINT NOT NULL,           -- messages up to this seq of the chat of this number, in the order of both,
    seen_seq            BIGINT NOT NULL            -- say that it is gone where they cite it
);
-- Accounts that are gone, and whose name is taken from what they wrote and uploaded in pieces.
CREATE TABLE deleted_users (
    number              INTEGER PRIMARY KEY,
    user_id             TEXT NOT NULL UNIQUE
);

-- What a document is in goes at once, and the document behind it: it is marked in place of being taken along. Nothing but what
-- is declared changes, so the tables stay as they lie; rebuilding them would copy every text and message
-- (https://sqlite.org/lang_altertable.html#otheralter).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = REPLACE(REPLACE(REPLACE(REPLACE(sql,
    ' REFERENCES files (id) ON DELETE CASCADE', ''),
    ' REFERENCES chats (id) ON DELETE CASCADE', ''),
    ' REFERENCES workspaces (id) ON DELETE CASCADE', ''),
    ' REFERENCES users (id) ON DELETE SET NULL', '') WHERE type = 'table' AND name = 'documents';
UPDATE sqlite_schema SET sql = REPLACE(sql, ' REFERENCES users (id) ON DELETE SET NULL', '')
    WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;

-- A chat's documents are cited in it, whose messages go with it, and in its forks, which are younger.
CREATE TRIGGER deleted_chat_documents AFTER DELETE ON chats
BEGIN
    INSERT INTO deleted_documents (document_number, seen_chat, seen_seq)
    SELECT d.number, OLD.number, 9223372036854775807 FROM documents d
    WHERE d.chat_id = OLD.id AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x);
END;
CREATE TRIGGER deleted_workspace_documents AFTER DELETE ON workspaces
BEGIN
    INSERT INTO deleted_documents (document_number, seen_chat, seen_seq)
    SELECT d.number, 0, 0 FROM documents d
    WHERE d.workspace_id = OLD.id AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x);
END;
CREATE TRIGGER deleted_file_documents AFTER DELETE ON files
BEGIN
    INSERT INTO deleted_documents (document_number, seen_chat, seen_seq)
    SELECT d.number, COALESCE((SELECT c.number FROM chats c WHERE c.id = d.chat_id), 0), 0 FROM documents d
    WHERE d.file_id = OLD.id AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x);
END;
CREATE TRIGGER deleted_document_replaces AFTER INSERT ON deleted_documents
BEGIN
    DELETE FROM document_replacements WHERE document_id = (SELECT d.id FROM documents d WHERE d.number = NEW.document_number);
    DELETE FROM document_replacements WHERE replaces = (SELECT d.id FROM documents d WHERE d.number = NEW.document_number);
END;
CREATE TRIGGER deleted_user AFTER DELETE ON users
WHEN EXISTS (SELECT 1 FROM messages m WHERE m.user_id = OLD.id) OR EXISTS (SELECT 1 FROM documents d WHERE d.user_id = OLD.id)
BEGIN
    INSERT INTO deleted_users (user_id) VALUES (OLD.id);
END;

-- Messages that cite are looked through a page at a time.
DROP INDEX messages_that_cite;
CREATE INDEX messages_that_cite ON messages (chat_number, seq) WHERE context IS NOT NULL;
