DROP TABLE share_links;
DROP INDEX chats_archived_by_user;
DROP INDEX chats_archived;
DROP INDEX chats_pinned_by_user;
DROP INDEX chats_pinned;
DROP TRIGGER chat_tags_moved;
DROP TABLE chat_tags;
ALTER TABLE chats DROP COLUMN tags;
