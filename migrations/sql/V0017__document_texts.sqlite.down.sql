UPDATE documents SET content = (SELECT COALESCE(group_concat(part, ''), '') FROM (
    SELECT t.content AS part FROM document_texts t WHERE t.document_number = documents.number ORDER BY t.start_byte));
DROP TABLE document_texts;
