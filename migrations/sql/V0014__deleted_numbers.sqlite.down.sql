DROP TRIGGER deleted_message_number;
DROP TRIGGER deleted_chat_number;
DROP TABLE deleted_numbers;
