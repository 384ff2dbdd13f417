-- Documents that take the place of others once they are read. A column of documents would stand behind their long texts.
CREATE TABLE document_replacements (
    number              INTEGER PRIMARY KEY,
    document_id         TEXT NOT NULL UNIQUE REFERENCES documents (id) ON DELETE CASCADE, -- the new one
    replaces            TEXT NOT NULL UNIQUE REFERENCES documents (id) ON DELETE CASCADE
);
