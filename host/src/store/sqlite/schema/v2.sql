-- What can be forgotten is found by an index of its own: looking for it among
-- everything that waits to be delivered took longer the more that was.
ALTER TABLE unit ADD COLUMN settled INTEGER NOT NULL DEFAULT 0; -- ended, and every event acknowledged

UPDATE unit SET settled = 1
    WHERE state = 1 AND NOT EXISTS (SELECT 1 FROM event WHERE unit = unit.id AND state <> 2);

CREATE INDEX unit_settled ON unit (ended_at) WHERE settled = 1 AND parent IS NULL;

-- A repetition is one within its session: identities of two sessions have
-- nothing to do with each other. And a claim says when it was made, so that
-- a clock that was set back hides nothing.
CREATE TABLE event_2 (
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
    claimed_at REAL NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    last_error TEXT,
    created REAL NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (type, dedup, session)
) STRICT;

INSERT INTO event_2 (id, type, dedup, unit, session, owner, state, attempts, token, claimed_by,
        until, claimed_at, not_before, last_error, created, body)
    SELECT id, type, dedup, unit, session, owner, state, attempts, token, claimed_by,
        until, 0, not_before, last_error, created, body
    FROM event;

-- Places of events that were forgotten are not used again, either.
DELETE FROM sqlite_sequence WHERE name = 'event_2';
INSERT INTO sqlite_sequence (name, seq) SELECT 'event_2', seq FROM sqlite_sequence
    WHERE name = 'event';

DROP TABLE event;
ALTER TABLE event_2 RENAME TO event;

CREATE INDEX event_pending ON event (session, id) WHERE state = 0;
CREATE INDEX event_claimed ON event (until) WHERE state = 1;
CREATE INDEX event_leased ON event (claimed_at) WHERE state = 1;
CREATE INDEX event_dead ON event (id) WHERE state = 3;
CREATE INDEX event_unit ON event (unit) WHERE unit IS NOT NULL;
CREATE INDEX event_told ON event (id) WHERE state = 2 AND unit IS NULL;
CREATE INDEX event_local ON event (owner)
    WHERE session = '' AND owner IS NOT NULL AND state <> 2;

-- What one host asks another to stop.
CREATE TABLE interrupt (
    rid INTEGER PRIMARY KEY,
    unit TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,            -- who runs it
    reason TEXT
) STRICT;

CREATE INDEX interrupt_owner ON interrupt (owner);
