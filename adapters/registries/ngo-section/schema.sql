-- The individual electronic section of non-governmental organisations: what each submitted, asked and registered, its documents,
-- and statistics that stored tasks make of all of it. Money is whole qəpik.
--
-- Periods: the report of a year is due on 1 April of the next one; an appeal is answered within 15 working days; a grant
-- agreement is submitted within 30 days of its signing and decided on within 15 days of its submission.

-- Who reads does not hold up who writes, and a submission is durable by one write.
PRAGMA journal_mode = WAL;

CREATE TABLE ngo (
    voen          TEXT PRIMARY KEY CHECK (length(voen) = 10 AND voen NOT GLOB '*[^0-9]*'),
    name          TEXT NOT NULL,
    form          TEXT NOT NULL CHECK (form IN ('public-union', 'fund')),
    city          TEXT NOT NULL,
    registered_on TEXT NOT NULL CHECK (registered_on = date(registered_on)),
    status        TEXT NOT NULL CHECK (status IN ('active', 'ended')),
    -- The subsystem of an organisation that takes part in the exchange itself.
    client        TEXT UNIQUE
) STRICT, WITHOUT ROWID;

-- Subsystems that speak for organisations: they name the one by X-Road-Represented-Party, NGO/{voen}.
CREATE TABLE portal (client TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Whose cabinet a caller reaches: its own, or that of the party a portal speaks for. There is no other way to a cabinet.
CREATE VIEW cabinet AS
SELECT client, '' AS party, voen FROM ngo WHERE client IS NOT NULL
UNION ALL
SELECT portal.client, 'NGO/' || voen, voen FROM ngo, portal;

CREATE TABLE holiday (day TEXT PRIMARY KEY CHECK (day = date(day)), title TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE working_day (day TEXT PRIMARY KEY CHECK (day = date(day)), n INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID;

-- Every submission has a number in the one register of its kind and year, without gaps: H reports, M appeals, A references, Q grants.
CREATE TABLE report (
    year             INTEGER NOT NULL CHECK (year BETWEEN 2000 AND 2100),
    seq              INTEGER NOT NULL CHECK (seq > 0),
    number           TEXT NOT NULL GENERATED ALWAYS AS ('H-' || year || '-' || printf('%06d', seq)) STORED,
    voen             TEXT NOT NULL REFERENCES ngo (voen),
    grants_qepik     INTEGER NOT NULL CHECK (grants_qepik >= 0),
    donations_qepik  INTEGER NOT NULL CHECK (donations_qepik >= 0),
    fees_qepik       INTEGER NOT NULL CHECK (fees_qepik >= 0),
    expenses_qepik   INTEGER NOT NULL CHECK (expenses_qepik >= 0),
    employees        INTEGER NOT NULL CHECK (employees >= 0),
    submitted_on     TEXT NOT NULL CHECK (submitted_on = date(submitted_on)),
    in_time          INTEGER NOT NULL GENERATED ALWAYS AS (submitted_on <= (year + 1) || '-04-01') STORED,
    PRIMARY KEY (year, seq),
    UNIQUE (voen, year)
) STRICT;
CREATE UNIQUE INDEX report_number ON report (number);

CREATE TABLE appeal (
    year         INTEGER NOT NULL,
    seq          INTEGER NOT NULL CHECK (seq > 0),
    number       TEXT NOT NULL GENERATED ALWAYS AS ('M-' || year || '-' || printf('%06d', seq)) STORED,
    voen         TEXT NOT NULL REFERENCES ngo (voen),
    subject      TEXT NOT NULL CHECK (subject <> ''),
    text         TEXT NOT NULL CHECK (length(text) >= 20),
    submitted_on TEXT NOT NULL CHECK (submitted_on = date(submitted_on)),
    due_on       TEXT NOT NULL CHECK (due_on > submitted_on),
    answer       TEXT,
    answered_on  TEXT CHECK (answered_on = date(answered_on)),
    PRIMARY KEY (year, seq),
    CHECK ((answer IS NULL) = (answered_on IS NULL))
) STRICT;
CREATE UNIQUE INDEX appeal_number ON appeal (number);
CREATE INDEX appeal_ngo ON appeal (voen);

-- References are written by the register itself, from what it holds on that day.
CREATE TABLE reference (
    year      INTEGER NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq > 0),
    number    TEXT NOT NULL GENERATED ALWAYS AS ('A-' || year || '-' || printf('%06d', seq)) STORED,
    voen      TEXT NOT NULL REFERENCES ngo (voen),
    kind      TEXT NOT NULL CHECK (kind IN ('registration', 'reports', 'grants')),
    text      TEXT NOT NULL,
    issued_on TEXT NOT NULL CHECK (issued_on = date(issued_on)),
    PRIMARY KEY (year, seq)
) STRICT;
CREATE UNIQUE INDEX reference_number ON reference (number);
CREATE INDEX reference_ngo ON reference (voen);

CREATE TABLE grant_agreement (
    year         INTEGER NOT NULL,
    seq          INTEGER NOT NULL CHECK (seq > 0),
    number       TEXT NOT NULL GENERATED ALWAYS AS ('Q-' || year || '-' || printf('%06d', seq)) STORED,
    voen         TEXT NOT NULL REFERENCES ngo (voen),
    donor        TEXT NOT NULL CHECK (donor <> ''),
    country      TEXT NOT NULL CHECK (length(country) = 3),
    agreement    TEXT NOT NULL CHECK (agreement <> ''),
    signed_on    TEXT NOT NULL CHECK (signed_on = date(signed_on)),
    starts_on    TEXT NOT NULL CHECK (starts_on = date(starts_on)),
    ends_on      TEXT NOT NULL CHECK (ends_on = date(ends_on) AND ends_on > starts_on),
    amount_qepik INTEGER NOT NULL CHECK (amount_qepik > 0),
    purpose      TEXT NOT NULL CHECK (length(purpose) >= 10),
    submitted_on TEXT NOT NULL CHECK (submitted_on = date(submitted_on) AND submitted_on >= signed_on),
    in_time      INTEGER NOT NULL GENERATED ALWAYS AS (submitted_on <= date(signed_on, '+30 days')) STORED,
    due_on       TEXT NOT NULL GENERATED ALWAYS AS (date(submitted_on, '+15 days')) STORED,
    decision     TEXT CHECK (decision IN ('registered', 'refused')),
    decided_on   TEXT CHECK (decided_on = date(decided_on)),
    CHECK ((decision IS NULL) = (decided_on IS NULL)),
    PRIMARY KEY (year, seq),
    UNIQUE (voen, donor, agreement)
) STRICT;
CREATE UNIQUE INDEX grant_number ON grant_agreement (number);

-- What was handed in with a grant agreement: bytes as they came, and their SHA-256 in hexadecimal.
CREATE TABLE document (
    id           INTEGER PRIMARY KEY,
    grant_number TEXT NOT NULL REFERENCES grant_agreement (number),
    part         TEXT NOT NULL CHECK (part IN ('agreement', 'translation', 'budget', 'addition')),
    name         TEXT NOT NULL CHECK (name <> ''),
    media_type   TEXT NOT NULL CHECK (media_type IN ('application/pdf', 'image/jpeg', 'image/png', 'text/plain')),
    content      BLOB NOT NULL CHECK (length(content) > 0),
    sha256       TEXT NOT NULL CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    stored_on    TEXT NOT NULL CHECK (stored_on = date(stored_on)),
    UNIQUE (grant_number, sha256)
) STRICT;

CREATE TRIGGER document_kept_whole BEFORE UPDATE ON document BEGIN SELECT RAISE(ABORT, 'documents stay as they came'); END;
CREATE TRIGGER document_kept BEFORE DELETE ON document BEGIN SELECT RAISE(ABORT, 'documents are kept'); END;

-- Every submission with its day, for cabinets and statistics.
CREATE VIEW submission AS
SELECT number, 'report' AS kind, voen, submitted_on, iif(in_time, 'in-time', 'late') AS state FROM report
UNION ALL SELECT number, 'appeal', voen, submitted_on, iif(answer IS NULL, 'open', 'answered') FROM appeal
UNION ALL SELECT number, 'reference', voen, issued_on, 'issued' FROM reference
UNION ALL SELECT number, 'grant', voen, submitted_on, coalesce(decision, 'open') FROM grant_agreement;

-- --- Statistics by stored task ----------------------------------------------------------------------
-- A task says what is counted, of which years, and how it is grouped. It is a row: a new report needs no new program.

CREATE TABLE task (
    name      TEXT PRIMARY KEY CHECK (name NOT GLOB '*[^a-z0-9-]*'),
    title     TEXT NOT NULL,
    subject   TEXT NOT NULL CHECK (subject IN ('reports', 'appeals', 'references', 'grants')),
    grouped   TEXT NOT NULL CHECK (grouped IN ('year', 'city', 'form', 'country', 'state')),
    from_year INTEGER NOT NULL,
    to_year   INTEGER NOT NULL CHECK (to_year >= from_year),
    -- Setting it runs the task: on demand by the service `statistics`, on a schedule by `schedule.sql`.
    run_at    TEXT,
    CHECK (grouped <> 'country' OR subject = 'grants')
) STRICT, WITHOUT ROWID;

CREATE TABLE task_result (
    task          TEXT NOT NULL REFERENCES task (name),
    label         TEXT NOT NULL,
    submissions   INTEGER NOT NULL CHECK (submissions > 0),
    organisations INTEGER NOT NULL CHECK (organisations > 0),
    amount_qepik  INTEGER NOT NULL,
    PRIMARY KEY (task, label)
) STRICT, WITHOUT ROWID;

-- What a task would count now, a line a submission.
CREATE VIEW task_line AS
WITH counted AS (
    SELECT 'reports' AS subject, year, voen, iif(in_time, 'in-time', 'late') AS state, '' AS country,
        grants_qepik + donations_qepik + fees_qepik AS amount_qepik FROM report
    UNION ALL SELECT 'appeals', year, voen, iif(answer IS NULL, 'open', 'answered'), '', 0 FROM appeal
    UNION ALL SELECT 'references', year, voen, kind, '', 0 FROM reference
    UNION ALL SELECT 'grants', year, voen, coalesce(decision, 'open'), country, amount_qepik FROM grant_agreement
)
SELECT task.name AS task, counted.voen, amount_qepik,
    CASE grouped WHEN 'year' THEN CAST(year AS TEXT) WHEN 'city' THEN city WHEN 'form' THEN form WHEN 'country' THEN country ELSE state END AS label
FROM task
    JOIN counted ON counted.subject = task.subject AND year BETWEEN from_year AND to_year
    JOIN ngo ON ngo.voen = counted.voen;

-- A generalised report shows no organisation: where a line has fewer than three, it goes with the others of its kind.
CREATE TRIGGER task_run AFTER UPDATE OF run_at ON task WHEN new.run_at IS NOT NULL
BEGIN
    DELETE FROM task_result WHERE task = new.name;
    INSERT INTO task_result (task, label, submissions, organisations, amount_qepik)
    SELECT task, shown, count(*), count(DISTINCT voen), sum(amount_qepik) FROM (
        SELECT line.task, line.voen, line.amount_qepik, iif(wide.organisations >= 3, line.label, 'digər') AS shown
        FROM task_line AS line
            JOIN (SELECT label, count(DISTINCT voen) AS organisations FROM task_line WHERE task = new.name GROUP BY label) AS wide
                ON wide.label = line.label
        WHERE line.task = new.name
    ) GROUP BY task, shown HAVING count(DISTINCT voen) >= 3;
END;
