-- Payments of state duties, taxes and tuition. Money is in whole qəpik.

-- Who may create charges, of which kind, and how much was paid to them.
CREATE TABLE creditor (
    subsystem       TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('duty', 'tax', 'tuition')),
    voen            TEXT NOT NULL CHECK (length(voen) = 10 AND voen NOT GLOB '*[^0-9]*'),
    name            TEXT NOT NULL,
    collected_qepik INTEGER NOT NULL DEFAULT 0 CHECK (collected_qepik >= 0),
    PRIMARY KEY (subsystem, kind)
) STRICT, WITHOUT ROWID;

-- The last days that the law names, moved to the next working day where they fall on a day off.
CREATE TABLE due_day (
    kind TEXT NOT NULL CHECK (kind IN ('tax', 'tuition')),
    day  TEXT NOT NULL CHECK (day = date(day)),
    PRIMARY KEY (kind, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE charge (
    charge       TEXT PRIMARY KEY CHECK (length(charge) BETWEEN 1 AND 40),
    creditor     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    payer_fin    TEXT CHECK (length(payer_fin) = 7 AND payer_fin NOT GLOB '*[^0-9A-HJ-NP-Z]*'),
    payer_voen   TEXT CHECK (length(payer_voen) = 10 AND payer_voen NOT GLOB '*[^0-9]*'),
    amount_qepik INTEGER NOT NULL CHECK (amount_qepik > 0),
    purpose      TEXT NOT NULL,
    created_on   TEXT NOT NULL CHECK (created_on = date(created_on)),
    due_on       TEXT NOT NULL CHECK (due_on = date(due_on) AND due_on >= created_on),
    CHECK ((payer_fin IS NULL) <> (payer_voen IS NULL)),
    FOREIGN KEY (creditor, kind) REFERENCES creditor (subsystem, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX charge_by_creditor ON charge (creditor);

-- Receipts are numbered in the order of booking, without a gap: they are also the events that creditors read.
CREATE TABLE payment (
    receipt      INTEGER PRIMARY KEY,
    charge       TEXT NOT NULL UNIQUE REFERENCES charge (charge),
    amount_qepik INTEGER NOT NULL CHECK (amount_qepik > 0),
    paid_by      TEXT NOT NULL,
    paid_at      TEXT NOT NULL
) STRICT;

-- One row.
CREATE TABLE book (
    last_receipt INTEGER NOT NULL CHECK (last_receipt >= 0)
) STRICT;
