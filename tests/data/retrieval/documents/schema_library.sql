-- The catalogue of a town library.

CREATE TABLE books (
    isbn       TEXT PRIMARY KEY CHECK (length(isbn) = 13),
    title      TEXT NOT NULL,
    year       INTEGER CHECK (year BETWEEN 1450 AND 2100),
    shelf      TEXT NOT NULL
);

CREATE TABLE readers (
    card       INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    born       DATE NOT NULL,
    blocked    BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE TABLE loans (
    card       INTEGER NOT NULL REFERENCES readers ON DELETE RESTRICT,
    isbn       TEXT NOT NULL REFERENCES books,
    due        DATE NOT NULL,
    returned   DATE,
    renewals   INTEGER NOT NULL DEFAULT 0 CHECK (renewals <= 2)
);

-- A book can be with one reader only.
CREATE UNIQUE INDEX one_open_loan ON loans (isbn) WHERE returned IS NULL;

-- Twenty cents for each day, capped at ten euros a book.
CREATE VIEW fines AS
SELECT card, isbn, min(1000, 20 * (coalesce(returned, CURRENT_DATE) - due)) AS cents
FROM loans WHERE coalesce(returned, CURRENT_DATE) > due;

-- Names of readers are taken out of old loans after two years; statistics need none.
UPDATE loans SET card = 0 WHERE returned < CURRENT_DATE - 730;
