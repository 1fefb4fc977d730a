-- The population register: people, where they live, their families, their status.

CREATE TABLE person (
    fin         TEXT PRIMARY KEY CHECK (length(fin) = 7 AND fin NOT GLOB '*[^0-9A-HJ-NP-Z]*'),
    last_name   TEXT NOT NULL,
    first_name  TEXT NOT NULL,
    patronymic  TEXT NOT NULL,
    sex         TEXT NOT NULL CHECK (sex IN ('male', 'female')),
    birth_date  TEXT NOT NULL CHECK (birth_date = date(birth_date)),
    birth_place TEXT NOT NULL,
    citizenship TEXT NOT NULL CHECK (length(citizenship) = 3)
) STRICT, WITHOUT ROWID;

CREATE TABLE address (
    id        INTEGER PRIMARY KEY,
    city      TEXT NOT NULL,
    district  TEXT NOT NULL,
    street    TEXT NOT NULL,
    building  TEXT NOT NULL,
    apartment TEXT,
    postcode  TEXT NOT NULL CHECK (postcode GLOB 'AZ[0-9][0-9][0-9][0-9]')
) STRICT;

-- Where a person was registered, from the first day until the day before `until_date`.
CREATE TABLE residence (
    fin        TEXT NOT NULL REFERENCES person (fin),
    from_date  TEXT NOT NULL CHECK (from_date = date(from_date)),
    until_date TEXT CHECK (until_date > from_date),
    address_id INTEGER NOT NULL REFERENCES address (id),
    PRIMARY KEY (fin, from_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE marriage (
    husband_fin TEXT NOT NULL REFERENCES person (fin),
    wife_fin    TEXT NOT NULL REFERENCES person (fin),
    married_on  TEXT NOT NULL CHECK (married_on = date(married_on)),
    ended_on    TEXT CHECK (ended_on > married_on),
    PRIMARY KEY (husband_fin, married_on)
) STRICT, WITHOUT ROWID;
CREATE INDEX marriage_by_wife ON marriage (wife_fin);

CREATE TABLE parentage (
    child_fin  TEXT NOT NULL REFERENCES person (fin),
    parent_fin TEXT NOT NULL REFERENCES person (fin) CHECK (parent_fin <> child_fin),
    PRIMARY KEY (child_fin, parent_fin)
) STRICT, WITHOUT ROWID;
CREATE INDEX parentage_by_parent ON parentage (parent_fin);

-- The newest row of a person is the status that holds.
CREATE TABLE status (
    fin   TEXT NOT NULL REFERENCES person (fin),
    since TEXT NOT NULL CHECK (since = date(since)),
    code  TEXT NOT NULL CHECK (code IN ('resident', 'abroad', 'deceased')),
    PRIMARY KEY (fin, since)
) STRICT, WITHOUT ROWID;
