-- What documents say, in parts, since a long text in one row holds up everyone who writes, and is read whole for any of its
-- passages.
CREATE TABLE document_texts (
    number              INTEGER PRIMARY KEY,
    document_number     BIGINT NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
    start_byte          BIGINT NOT NULL,           -- in the whole text; the next part begins where this one ends
    content             TEXT NOT NULL
);
CREATE UNIQUE INDEX document_texts_by_place ON document_texts (document_number, start_byte);
INSERT INTO document_texts (document_number, start_byte, content)
SELECT number, 0, content FROM documents WHERE content <> '';
-- The column stays, empty, for the release before this one names it.
UPDATE documents SET content = '' WHERE content <> '';
