DROP TRIGGER search_chunk_added ON chunks;
DROP TRIGGER search_chunk_deleted ON chunks;
DROP FUNCTION search_note_chunk();
DROP FUNCTION search_note_added_chunk();
DELETE FROM search_changes WHERE chunk_number IS NOT NULL;
ALTER TABLE search_changes DROP COLUMN chunk_number;
ALTER TABLE search_state DROP COLUMN chunks_upto;
DROP TABLE search_chunks;
DROP INDEX messages_that_cite;
DROP TABLE jobs;
DROP TABLE embeddings;
DROP TABLE chunks;
-- What came as a document has no other place.
DELETE FROM files WHERE is_of_chats = 1 AND NOT EXISTS (SELECT 1 FROM chat_files cf WHERE cf.file_id = files.id);
DROP TABLE documents;
