CREATE TABLE members (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    coach_id INTEGER REFERENCES members (id)
);
CREATE TABLE races (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    day TEXT NOT NULL,
    metres INTEGER NOT NULL
);
CREATE TABLE results (
    race_id INTEGER NOT NULL REFERENCES races (id),
    member_id INTEGER NOT NULL REFERENCES members (id),
    seconds INTEGER,
    PRIMARY KEY (race_id, member_id)
);
