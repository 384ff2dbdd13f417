-- The highest numbers of chats and messages that are gone. Numbers are ids in some dialects, so none is given twice; but
-- SQLite counts on from the highest that is there, so statements that insert look here, too.
CREATE TABLE deleted_numbers (
    number              INTEGER PRIMARY KEY,
    chats               BIGINT NOT NULL,
    messages            BIGINT NOT NULL
);
INSERT INTO deleted_numbers (number, chats, messages) VALUES (1, 0, 0);
-- Only the end of a table is noted: what is below a row that is there is not given again anyway.
CREATE TRIGGER deleted_chat_number AFTER DELETE ON chats
WHEN NOT EXISTS (SELECT 1 FROM chats c WHERE c.number > OLD.number)
BEGIN
    UPDATE deleted_numbers SET chats = OLD.number WHERE number = 1 AND chats < OLD.number;
END;
CREATE TRIGGER deleted_message_number AFTER DELETE ON messages
WHEN NOT EXISTS (SELECT 1 FROM messages m WHERE m.number > OLD.number)
BEGIN
    UPDATE deleted_numbers SET messages = OLD.number WHERE number = 1 AND messages < OLD.number;
END;

-- Chats that nobody sees any more, and whose messages are removed in pieces.
ALTER TABLE chats ADD COLUMN deleted_at BIGINT;
CREATE INDEX chats_deleted ON chats (number) WHERE deleted_at IS NOT NULL;

-- What goes is taken out of the index of words in passing. Parts of it were merged whole as soon as a tenth of their rows had
-- gone, which held up everyone who writes for half a second; now when half have.
INSERT INTO search_messages (search_messages, rank) VALUES ('deletemerge', 50);
INSERT INTO search_chats (search_chats, rank) VALUES ('deletemerge', 50);
INSERT INTO search_chunks (search_chunks, rank) VALUES ('deletemerge', 50);
