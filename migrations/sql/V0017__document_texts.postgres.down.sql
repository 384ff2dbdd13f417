UPDATE documents SET content = t.content FROM (
    SELECT document_number, string_agg(content, '' ORDER BY start_byte) AS content FROM document_texts GROUP BY document_number) t
WHERE t.document_number = documents.number;
DROP TABLE document_texts;
