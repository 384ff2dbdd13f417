-- What batches of passages leave in the index is merged after each batch, a little at a time, and not by the engine itself,
-- which puts it off and then does some hundred pages within one insertion.
INSERT INTO search_chunks (search_chunks, rank) VALUES ('automerge', 0);
