-- The register of legal acts: acts, what each said when, what changed, and an index of their words.
--
-- Words are found in Azerbaijani. Its alphabet has two pairs, I ı and İ i, which SQLite's own folding mixes up or leaves
-- alone, and it tells ə from e, ş from s. So texts are folded here, letter by letter and one for one: a place in the folded
-- text is the same place in the text. The manifest folds what is searched for in the same way.

CREATE TABLE act (
    id              INTEGER PRIMARY KEY CHECK (id > 0),
    kind            TEXT NOT NULL CHECK (kind IN ('law', 'decree', 'order', 'cabinet-decision', 'agency-decision')),
    issuer          TEXT NOT NULL,
    number          TEXT NOT NULL,
    adopted_on      TEXT NOT NULL CHECK (adopted_on = date(adopted_on)),
    -- In the State Register of Legal Acts; orders on single matters do not stand there.
    register_number TEXT UNIQUE CHECK (length(register_number) = 14 AND register_number NOT GLOB '*[^0-9]*'),
    registered_on   TEXT CHECK (registered_on = date(registered_on) AND registered_on >= adopted_on),
    in_force_from   TEXT NOT NULL CHECK (in_force_from = date(in_force_from) AND in_force_from >= adopted_on),
    repealed_on     TEXT CHECK (repealed_on = date(repealed_on) AND repealed_on > in_force_from),
    CHECK ((register_number IS NULL) = (registered_on IS NULL)),
    UNIQUE (kind, issuer, number, adopted_on)
) STRICT;

-- What an act said from a day until the day before `until_date`.
CREATE TABLE version (
    id           INTEGER PRIMARY KEY,
    act_id       INTEGER NOT NULL REFERENCES act (id),
    from_date    TEXT NOT NULL CHECK (from_date = date(from_date)),
    until_date   TEXT CHECK (until_date = date(until_date) AND until_date > from_date),
    changed_by   INTEGER REFERENCES act (id) CHECK (changed_by <> act_id),
    -- Composed letters only: a combining dot (U+0307) would shift the folded text.
    title        TEXT NOT NULL CHECK (title <> '' AND instr(title, char(775)) = 0),
    text         TEXT NOT NULL CHECK (text <> '' AND instr(text, char(775)) = 0),
    title_folded TEXT NOT NULL GENERATED ALWAYS AS (lower(replace(replace(replace(replace(replace(replace(replace(replace(
        title, 'I', 'ı'), 'İ', 'i'), 'Ə', 'ə'), 'Ğ', 'ğ'), 'Ö', 'ö'), 'Ş', 'ş'), 'Ü', 'ü'), 'Ç', 'ç'))) VIRTUAL,
    text_folded  TEXT NOT NULL GENERATED ALWAYS AS (lower(replace(replace(replace(replace(replace(replace(replace(replace(
        text, 'I', 'ı'), 'İ', 'i'), 'Ə', 'ə'), 'Ğ', 'ğ'), 'Ö', 'ö'), 'Ş', 'ş'), 'Ü', 'ü'), 'Ç', 'ç'))) VIRTUAL,
    UNIQUE (act_id, from_date)
) STRICT;

-- One version of an act is the newest.
CREATE UNIQUE INDEX version_newest ON version (act_id) WHERE until_date IS NULL;

-- The words of the newest versions. Letters are folded already: the tokenizer must not take their marks away.
CREATE VIRTUAL TABLE words USING fts5 (
    title, text, content = '', tokenize = "unicode61 remove_diacritics 0", prefix = '2 3 4'
);

CREATE TRIGGER version_added AFTER INSERT ON version WHEN new.until_date IS NULL
BEGIN
    INSERT INTO words (rowid, title, text) VALUES (new.id, new.title_folded, new.text_folded);
END;

CREATE TRIGGER version_ended AFTER UPDATE OF until_date ON version WHEN old.until_date IS NULL AND new.until_date IS NOT NULL
BEGIN
    INSERT INTO words (words, rowid, title, text) VALUES ('delete', old.id, old.title_folded, old.text_folded);
END;

CREATE TRIGGER version_stays BEFORE UPDATE OF act_id, from_date, title, text ON version
BEGIN
    SELECT RAISE(ABORT, 'what an act said does not change; end the version and add another');
END;

-- Everything that happened to acts, in the order of the register: who asks again after a number misses nothing.
CREATE TABLE change (
    number     INTEGER PRIMARY KEY CHECK (number > 0),
    changed_on TEXT NOT NULL CHECK (changed_on = date(changed_on)),
    act_id     INTEGER NOT NULL REFERENCES act (id),
    change     TEXT NOT NULL CHECK (change IN ('adopted', 'amended', 'repealed')),
    by_act     INTEGER REFERENCES act (id)
) STRICT;
CREATE INDEX change_by_day ON change (changed_on, number);
