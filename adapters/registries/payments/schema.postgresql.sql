-- Payments of state duties, taxes and tuition. Money is in whole qəpik.

-- Who may create charges, of which kind, and how much was paid to them.
CREATE TABLE creditor (
    subsystem       text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('duty', 'tax', 'tuition')),
    voen            text NOT NULL CHECK (voen ~ '^[0-9]{10}$'),
    name            text NOT NULL,
    collected_qepik bigint NOT NULL DEFAULT 0 CHECK (collected_qepik >= 0),
    PRIMARY KEY (subsystem, kind)
);

-- The last days that the law names, moved to the next working day where they fall on a day off.
CREATE TABLE due_day (
    kind text NOT NULL CHECK (kind IN ('tax', 'tuition')),
    day  date NOT NULL,
    PRIMARY KEY (kind, day)
);

CREATE TABLE charge (
    charge       text PRIMARY KEY CHECK (length(charge) BETWEEN 1 AND 40),
    creditor     text NOT NULL,
    kind         text NOT NULL,
    payer_fin    text CHECK (payer_fin ~ '^[0-9A-HJ-NP-Z]{7}$'),
    payer_voen   text CHECK (payer_voen ~ '^[0-9]{10}$'),
    amount_qepik bigint NOT NULL CHECK (amount_qepik > 0),
    purpose      text NOT NULL,
    created_on   date NOT NULL,
    due_on       date NOT NULL CHECK (due_on >= created_on),
    CHECK ((payer_fin IS NULL) <> (payer_voen IS NULL)),
    FOREIGN KEY (creditor, kind) REFERENCES creditor (subsystem, kind)
);
CREATE INDEX charge_by_creditor ON charge (creditor);

-- Receipts are numbered in the order of booking, without a gap: they are also the events that creditors read.
CREATE TABLE payment (
    receipt      bigint PRIMARY KEY,
    charge       text NOT NULL UNIQUE REFERENCES charge (charge),
    amount_qepik bigint NOT NULL CHECK (amount_qepik > 0),
    paid_by      text NOT NULL,
    paid_at      timestamptz NOT NULL
);

-- One row.
CREATE TABLE book (
    last_receipt bigint NOT NULL CHECK (last_receipt >= 0)
);
