-- Which unit a request became that is perhaps made once more.
CREATE TABLE request (
    rid INTEGER PRIMARY KEY,
    session TEXT NOT NULL,
    key TEXT NOT NULL,              -- the caller's own
    unit TEXT NOT NULL,
    digest TEXT NOT NULL,           -- of the whole request
    created REAL NOT NULL,
    UNIQUE (session, key)
) STRICT;

CREATE INDEX request_created ON request (created);
