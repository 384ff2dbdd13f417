INSERT INTO search_chunks (search_chunks, rank) VALUES ('automerge', 4);
