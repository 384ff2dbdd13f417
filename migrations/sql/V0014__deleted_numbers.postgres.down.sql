DROP TRIGGER deleted_message_number ON messages;
DROP TRIGGER deleted_chat_number ON chats;
DROP FUNCTION deleted_message_number();
DROP FUNCTION deleted_chat_number();
DROP TABLE deleted_numbers;
