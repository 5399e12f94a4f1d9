-- Times are epoch seconds, ids their text, bodies envelopes (codec.rs).
-- Tables keep their row ids: bodies in the leaves of another key would cost
-- several times as much.

CREATE TABLE unit (
    rid INTEGER PRIMARY KEY,        -- ascending in the order of dispatch
    id TEXT NOT NULL UNIQUE,
    parent TEXT,
    session TEXT NOT NULL,
    owner TEXT NOT NULL,
    state INTEGER NOT NULL,         -- 0 runs, 1 ended
    status TEXT,
    ended_at REAL,
    n_groups INTEGER NOT NULL,
    groups_left INTEGER NOT NULL,   -- without an event
    body BLOB NOT NULL
) STRICT;

CREATE INDEX unit_running ON unit (owner) WHERE state = 0;
CREATE INDEX unit_ended ON unit (ended_at) WHERE state = 1 AND parent IS NULL;
CREATE INDEX unit_below ON unit (parent) WHERE parent IS NOT NULL;

-- Results of tasks whose group has no event yet.
CREATE TABLE child (
    rid INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    task INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (unit, task)
) STRICT;

-- Summaries that were cut in their result.
CREATE TABLE summary (
    rid INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    task INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (unit, task)
) STRICT;

CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice
    type TEXT NOT NULL,
    dedup TEXT NOT NULL,
    unit TEXT,                              -- the unit that it tells of
    session TEXT NOT NULL,
    owner TEXT,                             -- NULL: anybody's
    state INTEGER NOT NULL,                 -- 0 pending, 1 claimed, 2 acknowledged, 3 dead
    attempts INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,       -- of the last claim; ascending
    claimed_by TEXT,
    until REAL,
    not_before REAL NOT NULL DEFAULT 0,
    last_error TEXT,
    created REAL NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (type, dedup)
) STRICT;

CREATE INDEX event_pending ON event (session, id) WHERE state = 0;
CREATE INDEX event_claimed ON event (until) WHERE state = 1;
CREATE INDEX event_dead ON event (id) WHERE state = 3;
CREATE INDEX event_unit ON event (unit) WHERE unit IS NOT NULL;
CREATE INDEX event_local ON event (owner)
    WHERE session = '' AND owner IS NOT NULL AND state <> 2;

-- Rows that can't be read, byte for byte, out of the way of the others.
CREATE TABLE set_aside (
    rid INTEGER PRIMARY KEY,
    place TEXT NOT NULL,            -- table and row, for people
    why TEXT NOT NULL,
    columns TEXT NOT NULL,          -- the other columns, as JSON
    body BLOB NOT NULL
) STRICT;
