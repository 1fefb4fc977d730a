-- The register of taxpayers and companies, and what employers reported of income. Money is whole qəpik.

-- A legal person's VÖEN ends with 1, a natural person's with 2.
CREATE TABLE taxpayer (
    voen          TEXT PRIMARY KEY CHECK (length(voen) = 10 AND voen NOT GLOB '*[^0-9]*'),
    kind          TEXT NOT NULL CHECK (kind IN ('person', 'entrepreneur', 'company', 'ngo')),
    fin           TEXT UNIQUE CHECK (length(fin) = 7 AND fin NOT GLOB '*[^0-9A-HJ-NP-Z]*'),
    name          TEXT NOT NULL,
    tax_office    TEXT NOT NULL,
    regime        TEXT NOT NULL CHECK (regime IN ('general', 'simplified')),
    vat_from      TEXT CHECK (vat_from = date(vat_from)),
    registered_on TEXT NOT NULL CHECK (registered_on = date(registered_on)),
    status        TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'ended')),
    ended_on      TEXT CHECK (ended_on = date(ended_on) AND ended_on > registered_on),
    CHECK ((status = 'ended') = (ended_on IS NOT NULL)),
    CHECK ((kind IN ('person', 'entrepreneur')) = (fin IS NOT NULL)),
    CHECK (substr(voen, 10) = iif(fin IS NULL, '1', '2'))
) STRICT, WITHOUT ROWID;

-- Only legal persons: companies, and non-governmental organisations.
CREATE TABLE company (
    voen          TEXT PRIMARY KEY REFERENCES taxpayer (voen),
    legal_form    TEXT NOT NULL CHECK (legal_form IN ('MMC', 'QSC', 'ASC', 'İB', 'Fond')),
    activity_code TEXT NOT NULL CHECK (activity_code GLOB '[0-9][0-9].[0-9][0-9]'),
    activity      TEXT NOT NULL,
    capital_qepik INTEGER NOT NULL CHECK (capital_qepik >= 0),
    city          TEXT NOT NULL,
    street        TEXT NOT NULL,
    building      TEXT NOT NULL,
    postcode      TEXT NOT NULL CHECK (postcode GLOB 'AZ[0-9][0-9][0-9][0-9]'),
    director_fin  TEXT NOT NULL REFERENCES taxpayer (fin)
) STRICT, WITHOUT ROWID;

-- Shares in hundredths of a percent: those of a company make 10,000.
CREATE TABLE founder (
    voen         TEXT NOT NULL REFERENCES company (voen),
    founder_voen TEXT NOT NULL REFERENCES taxpayer (voen) CHECK (founder_voen <> voen),
    share        INTEGER NOT NULL CHECK (share BETWEEN 1 AND 10000),
    PRIMARY KEY (voen, founder_voen)
) STRICT, WITHOUT ROWID;

CREATE TABLE debt (
    voen         TEXT NOT NULL REFERENCES taxpayer (voen),
    tax          TEXT NOT NULL CHECK (tax IN ('income-tax', 'profit-tax', 'vat', 'simplified-tax', 'land-tax')),
    amount_qepik INTEGER NOT NULL CHECK (amount_qepik > 0),
    due_on       TEXT NOT NULL CHECK (due_on = date(due_on)),
    PRIMARY KEY (voen, tax)
) STRICT, WITHOUT ROWID;

-- What an employer reported for a person and a month.
CREATE TABLE income (
    fin              TEXT NOT NULL REFERENCES taxpayer (fin),
    year             INTEGER NOT NULL,
    month            INTEGER NOT NULL CHECK (month BETWEEN 1 AND 12),
    employer_voen    TEXT NOT NULL REFERENCES company (voen),
    gross_qepik      INTEGER NOT NULL CHECK (gross_qepik > 0),
    income_tax_qepik INTEGER NOT NULL CHECK (income_tax_qepik >= 0),
    social_qepik     INTEGER NOT NULL CHECK (social_qepik >= 0),
    CHECK (income_tax_qepik + social_qepik < gross_qepik),
    PRIMARY KEY (fin, year, month, employer_voen)
) STRICT, WITHOUT ROWID;
