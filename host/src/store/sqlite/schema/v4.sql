-- What a unit was started with, and what its children were told by the host,
-- so that they can be run again.
CREATE TABLE head (
    rid INTEGER PRIMARY KEY,
    unit TEXT NOT NULL UNIQUE,
    resumed TEXT NOT NULL DEFAULT '[]',     -- JSON: when another host took it over
    body BLOB NOT NULL
) STRICT;

CREATE TABLE component (
    rid INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (unit, digest)
) STRICT;

CREATE INDEX component_digest ON component (digest);

CREATE TABLE line (
    unit TEXT NOT NULL,
    task INTEGER NOT NULL,
    place INTEGER NOT NULL,                 -- lines of the child before it
    digest BLOB,                            -- of a blob
    body BLOB NOT NULL,
    PRIMARY KEY (unit, task, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX line_digest ON line (digest) WHERE digest IS NOT NULL;

-- Shared by digest; one that nobody names is forgotten.
CREATE TABLE blob (
    digest BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;
