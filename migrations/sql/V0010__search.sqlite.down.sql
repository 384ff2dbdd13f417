DROP TRIGGER search_message_changed;
DROP TRIGGER search_message_deleted;
DROP TRIGGER search_chat_changed;
DROP TRIGGER search_chat_deleted;
DROP TABLE search_changes;
DROP TABLE search_state;
DROP TABLE search_chats;
DROP TABLE search_messages;
