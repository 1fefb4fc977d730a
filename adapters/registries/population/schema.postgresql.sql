-- The population register: people, where they live, their families, their status.

CREATE TABLE person (
    fin         text PRIMARY KEY CHECK (fin ~ '^[0-9A-HJ-NP-Z]{7}$'),
    last_name   text NOT NULL,
    first_name  text NOT NULL,
    patronymic  text NOT NULL,
    sex         text NOT NULL CHECK (sex IN ('male', 'female')),
    birth_date  date NOT NULL,
    birth_place text NOT NULL,
    citizenship text NOT NULL CHECK (length(citizenship) = 3)
);

CREATE TABLE address (
    id        bigint PRIMARY KEY,
    city      text NOT NULL,
    district  text NOT NULL,
    street    text NOT NULL,
    building  text NOT NULL,
    apartment text,
    postcode  text NOT NULL CHECK (postcode ~ '^AZ[0-9]{4}$')
);

-- Where a person was registered, from the first day until the day before `until_date`.
CREATE TABLE residence (
    fin        text NOT NULL REFERENCES person (fin),
    from_date  date NOT NULL,
    until_date date CHECK (until_date > from_date),
    address_id bigint NOT NULL REFERENCES address (id),
    PRIMARY KEY (fin, from_date)
);

CREATE TABLE marriage (
    husband_fin text NOT NULL REFERENCES person (fin),
    wife_fin    text NOT NULL REFERENCES person (fin),
    married_on  date NOT NULL,
    ended_on    date CHECK (ended_on > married_on),
    PRIMARY KEY (husband_fin, married_on)
);
CREATE INDEX marriage_by_wife ON marriage (wife_fin);

CREATE TABLE parentage (
    child_fin  text NOT NULL REFERENCES person (fin),
    parent_fin text NOT NULL REFERENCES person (fin) CHECK (parent_fin <> child_fin),
    PRIMARY KEY (child_fin, parent_fin)
);
CREATE INDEX parentage_by_parent ON parentage (parent_fin);

-- The newest row of a person is the status that holds.
CREATE TABLE status (
    fin   text NOT NULL REFERENCES person (fin),
    since date NOT NULL,
    code  text NOT NULL CHECK (code IN ('resident', 'abroad', 'deceased')),
    PRIMARY KEY (fin, since)
);
