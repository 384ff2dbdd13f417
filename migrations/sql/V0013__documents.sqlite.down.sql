DROP TRIGGER search_chunk_added;
DROP TRIGGER search_chunk_deleted;
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
