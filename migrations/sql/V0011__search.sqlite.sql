-- What searches read: derived from chats and messages, made anew by `kafka doctor --reindex`, and left out when data moves.
-- The words of a text come folded and cut by the library, so the tokenizer cuts at blanks only. The row's number is its key.
CREATE VIRTUAL TABLE search_messages USING fts5 (words, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '='");
CREATE VIRTUAL TABLE search_chats USING fts5 (words, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '='");

-- How far the index has come: rows up to these numbers are in it.
CREATE TABLE search_state (
    number              INTEGER PRIMARY KEY,
    generation          BIGINT NOT NULL,           -- counts the changes of the index
    messages_upto       BIGINT NOT NULL,
    chats_upto          BIGINT NOT NULL
);
INSERT INTO search_state (number, generation, messages_upto, chats_upto) VALUES (1, 0, 0, 0);

-- Rows that changed or went since they were indexed. New ones need no note where their numbers are higher than the mark;
-- others were imported, or have the number of a row that went.
CREATE TABLE search_changes (
    number              INTEGER PRIMARY KEY,
    message_number      BIGINT,
    chat_number         BIGINT
);
CREATE TRIGGER search_message_added AFTER INSERT ON messages
WHEN NEW.number <= (SELECT messages_upto FROM search_state WHERE number = 1)
BEGIN
    INSERT INTO search_changes (message_number) VALUES (NEW.number);
END;
CREATE TRIGGER search_message_changed AFTER UPDATE OF content, model ON messages
BEGIN
    INSERT INTO search_changes (message_number) VALUES (OLD.number);
END;
CREATE TRIGGER search_message_deleted AFTER DELETE ON messages
BEGIN
    INSERT INTO search_changes (message_number) VALUES (OLD.number);
END;
CREATE TRIGGER search_chat_added AFTER INSERT ON chats
WHEN NEW.number <= (SELECT chats_upto FROM search_state WHERE number = 1)
BEGIN
    INSERT INTO search_changes (chat_number) VALUES (NEW.number);
END;
CREATE TRIGGER search_chat_changed AFTER UPDATE OF title, description ON chats
WHEN OLD.title IS NOT NEW.title OR OLD.description IS NOT NEW.description
BEGIN
    INSERT INTO search_changes (chat_number) VALUES (OLD.number);
END;
CREATE TRIGGER search_chat_deleted AFTER DELETE ON chats
BEGIN
    INSERT INTO search_changes (chat_number) VALUES (OLD.number);
END;
