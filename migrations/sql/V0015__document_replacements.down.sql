DROP TABLE document_replacements;
