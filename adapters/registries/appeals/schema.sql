-- Citizens' appeals in local executive authorities: who wrote, who holds the appeal, until when it must be answered, and how
-- it was. The periods are those of the Law on Citizens' Appeals of 30 September 2015, in working days after the day on which
-- an authority has the appeal: 15, or 30 where it must be studied and verified (10.1), and 3 to pass it on (7.10).

-- Who reads does not hold up who writes, and a submission is durable by one write.
PRAGMA journal_mode = WAL;

CREATE TABLE authority (
    code   TEXT PRIMARY KEY CHECK (code GLOB '3[0-9][0-9][0-9]'),
    -- The subsystem that it calls as: what it may see and do hangs on this alone.
    client TEXT NOT NULL UNIQUE,
    name   TEXT NOT NULL,
    city   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Bodies that see the figures of all authorities, and no appeal.
CREATE TABLE overseer (client TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- The register of responsible persons.
CREATE TABLE officer (
    id         INTEGER PRIMARY KEY,
    authority  TEXT NOT NULL REFERENCES authority (code),
    fin        TEXT NOT NULL CHECK (length(fin) = 7 AND fin NOT GLOB '*[^0-9A-HJ-NP-Z]*'),
    name       TEXT NOT NULL,
    position   TEXT NOT NULL,
    duty       TEXT NOT NULL CHECK (duty IN ('responsible', 'deputy', 'operator')),
    phone      TEXT NOT NULL,
    email      TEXT NOT NULL,
    from_date  TEXT NOT NULL CHECK (from_date = date(from_date)),
    until_date TEXT CHECK (until_date = date(until_date) AND until_date > from_date),
    UNIQUE (authority, fin, from_date)
) STRICT;

CREATE TABLE category (code TEXT PRIMARY KEY, title TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Days on which nobody works beside Saturday and Sunday, with rest days that were moved.
CREATE TABLE holiday (day TEXT PRIMARY KEY CHECK (day = date(day)), title TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- The working days, counted: n working days after a day is a look at n more. Built from `holiday`.
CREATE TABLE working_day (day TEXT PRIMARY KEY CHECK (day = date(day)), n INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID;

CREATE TABLE appeal (
    id            INTEGER PRIMARY KEY,
    registered_by TEXT NOT NULL REFERENCES authority (code),
    year          INTEGER NOT NULL,
    seq           INTEGER NOT NULL CHECK (seq > 0),
    number        TEXT NOT NULL GENERATED ALWAYS AS (registered_by || '-' || year || '-' || printf('%06d', seq)) STORED,
    received_on   TEXT NOT NULL CHECK (received_on = date(received_on)),
    channel       TEXT NOT NULL CHECK (channel IN ('paper', 'oral', 'electronic', 'hotline')),
    category      TEXT NOT NULL REFERENCES category (code),
    fin           TEXT NOT NULL CHECK (length(fin) = 7 AND fin NOT GLOB '*[^0-9A-HJ-NP-Z]*'),
    last_name     TEXT NOT NULL CHECK (last_name <> ''),
    first_name    TEXT NOT NULL CHECK (first_name <> ''),
    patronymic    TEXT,
    address       TEXT,
    phone         TEXT,
    email         TEXT,
    text          TEXT NOT NULL CHECK (length(text) >= 20),
    -- Who has to answer, since when and until when.
    inquiry       INTEGER NOT NULL CHECK (inquiry IN (0, 1)),
    holder        TEXT NOT NULL REFERENCES authority (code),
    held_since    TEXT NOT NULL CHECK (held_since = date(held_since) AND held_since >= received_on),
    forward_until TEXT NOT NULL,
    due_on        TEXT NOT NULL CHECK (due_on > held_since),
    decision      TEXT CHECK (decision IN ('satisfied', 'partly', 'refused', 'explained')),
    answer        TEXT,
    answered_on   TEXT CHECK (answered_on = date(answered_on)),
    answered_by   TEXT,
    CHECK (coalesce(address, phone, email) IS NOT NULL),
    CHECK ((decision IS NULL) = (answer IS NULL) AND (decision IS NULL) = (answered_on IS NULL)
        AND (decision IS NULL) = (answered_by IS NULL)),
    UNIQUE (registered_by, year, seq)
) STRICT;
CREATE UNIQUE INDEX appeal_number ON appeal (number);
CREATE INDEX appeal_holder ON appeal (holder, due_on) WHERE decision IS NULL;
CREATE INDEX appeal_person ON appeal (fin, registered_by);

-- An appeal never comes back to an authority that passed it on.
CREATE TABLE movement (
    appeal_id INTEGER NOT NULL REFERENCES appeal (id),
    step      INTEGER NOT NULL CHECK (step > 0),
    sender    TEXT NOT NULL REFERENCES authority (code),
    receiver  TEXT NOT NULL REFERENCES authority (code) CHECK (receiver <> sender),
    moved_on  TEXT NOT NULL CHECK (moved_on = date(moved_on)),
    late      INTEGER NOT NULL CHECK (late IN (0, 1)),
    reason    TEXT NOT NULL CHECK (reason <> ''),
    PRIMARY KEY (appeal_id, step),
    UNIQUE (appeal_id, sender),
    UNIQUE (appeal_id, receiver)
) STRICT, WITHOUT ROWID;

-- Numbers have no gaps, and what was answered stays answered, whoever writes.
CREATE TRIGGER appeal_numbers BEFORE INSERT ON appeal
WHEN new.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM appeal WHERE registered_by = new.registered_by AND year = new.year)
BEGIN
    SELECT RAISE(ABORT, 'the numbers of a year have no gaps');
END;
CREATE TRIGGER appeal_answered BEFORE UPDATE ON appeal WHEN old.decision IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'an answered appeal does not change');
END;
CREATE TRIGGER appeal_kept BEFORE DELETE ON appeal
BEGIN
    SELECT RAISE(ABORT, 'appeals are kept');
END;
CREATE TRIGGER movement_by_holder BEFORE INSERT ON movement
WHEN new.sender <> (SELECT holder FROM appeal WHERE id = new.appeal_id)
BEGIN
    SELECT RAISE(ABORT, 'only who holds an appeal passes it on');
END;

-- Which authority has to do with which appeal: who registered it, held it or holds it.
CREATE VIEW concerned AS
SELECT client, appeal.id AS appeal_id FROM appeal JOIN authority ON code IN (registered_by, holder)
UNION
SELECT client, appeal_id FROM movement JOIN authority ON code IN (sender, receiver);

-- Answered appeals without persons, for training. What names the writer is taken out; where something still might, in other
-- letters or as a number, the appeal is left out as a whole.
CREATE VIEW training AS
WITH
    cleaned AS (
        SELECT id, category, channel, decision, substr(received_on, 1, 7) AS month, due_on, answered_on, fin, last_name, first_name,
            patronymic, address,
            replace(replace(replace(replace(replace(replace(replace(text,
                last_name, '[soyad]'), first_name, '[ad]'), coalesce(nullif(patronymic, ''), char(1)), '[ata adı]'), fin, '[FİN]'),
                coalesce(nullif(phone, ''), char(1)), '[telefon]'), coalesce(nullif(email, ''), char(1)), '[e-poçt]'),
                coalesce(nullif(address, ''), char(1)), '[ünvan]') AS text
        FROM appeal WHERE decision IS NOT NULL
    ),
    -- As somebody writes who has no Azerbaijani keyboard: Hüseynov is HUSEYNOV too.
    flat (id, what, value) AS (
        SELECT id, what, lower(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
            value, 'Ə', 'e'), 'ə', 'e'), 'İ', 'i'), 'ı', 'i'), 'Ğ', 'g'), 'ğ', 'g'), 'Ö', 'o'), 'ö', 'o'), 'Ş', 's'), 'ş', 's'),
            'Ü', 'u'), 'ü', 'u'), 'Ç', 'c'), 'ç', 'c'))
        FROM (
            SELECT id, 'text' AS what, text AS value FROM cleaned
            UNION ALL SELECT id, 'person', last_name FROM cleaned
            UNION ALL SELECT id, 'person', first_name FROM cleaned
            UNION ALL SELECT id, 'person', patronymic FROM cleaned
            UNION ALL SELECT id, 'person', address FROM cleaned
        ) WHERE value <> ''
    ),
    -- Numbers and codes are written with all sorts of signs between their parts.
    closed (id, value) AS (
        SELECT id, upper(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
            text, ' ', ''), char(160), ''), char(9), ''), char(10), ''), '-', ''), '–', ''), '.', ''), '/', ''), '(', ''), ')', ''), '_', ''))
        FROM cleaned
    ),
    named (id) AS (
        SELECT written.id FROM flat AS written JOIN flat AS person ON person.id = written.id
        WHERE written.what = 'text' AND person.what = 'person' AND instr(written.value, person.value) > 0
        UNION
        SELECT cleaned.id FROM cleaned JOIN closed ON closed.id = cleaned.id
        WHERE instr(value, fin) > 0 OR instr(text, '@') > 0 OR value GLOB '*[0-9][0-9][0-9][0-9][0-9][0-9][0-9]*'
    )
-- The number says nothing of where the appeal was registered; it is no secret, and the month stands beside it.
SELECT id * 7919 % 1000003 AS sample, category, channel, month, decision, answered_on <= due_on AS in_time, text
FROM cleaned WHERE id NOT IN (SELECT id FROM named);
