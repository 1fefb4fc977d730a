-- 80 invented non-governmental organisations and what they submitted, the same on every run: no random(), no clock.
-- The organisations are those of the taxpayer register, under the same VÖEN and name.

PRAGMA foreign_keys = ON;
BEGIN;

-- Whoever runs the register enters each year as the Ministry of Labour announces it; feasts of the moon are forecasts here.
INSERT INTO holiday (day, title) VALUES
    ('2025-01-01', 'Yeni il'), ('2025-01-02', 'Yeni il'), ('2025-01-20', 'Ümumxalq hüzn günü'),
    ('2025-03-08', 'Qadınlar günü'), ('2025-03-10', 'Köçürülmüş istirahət günü'), ('2025-03-20', 'Novruz'),
    ('2025-03-21', 'Novruz'), ('2025-03-22', 'Novruz'), ('2025-03-23', 'Novruz'),
    ('2025-03-24', 'Novruz'), ('2025-03-25', 'Köçürülmüş istirahət günü'), ('2025-03-26', 'Köçürülmüş istirahət günü'),
    ('2025-03-30', 'Ramazan'), ('2025-03-31', 'Ramazan'), ('2025-04-01', 'Köçürülmüş istirahət günü'),
    ('2025-05-09', 'Faşizm üzərində qələbə günü'), ('2025-05-28', 'Müstəqillik günü'), ('2025-06-06', 'Qurban'),
    ('2025-06-07', 'Qurban'), ('2025-06-09', 'Köçürülmüş istirahət günü'), ('2025-06-15', 'Milli Qurtuluş günü'),
    ('2025-06-16', 'Köçürülmüş istirahət günü'), ('2025-06-26', 'Silahlı Qüvvələr günü'), ('2025-11-08', 'Zəfər günü'),
    ('2025-11-09', 'Dövlət bayrağı günü'), ('2025-11-10', 'Köçürülmüş istirahət günü'), ('2025-11-11', 'Köçürülmüş istirahət günü'),
    ('2025-12-31', 'Həmrəylik günü'), ('2026-01-01', 'Yeni il'), ('2026-01-02', 'Yeni il'),
    ('2026-01-20', 'Ümumxalq hüzn günü'), ('2026-03-08', 'Qadınlar günü'), ('2026-03-09', 'Köçürülmüş istirahət günü'),
    ('2026-03-20', 'Novruz'), ('2026-03-21', 'Novruz'), ('2026-03-22', 'Novruz'),
    ('2026-03-23', 'Novruz'), ('2026-03-24', 'Novruz'), ('2026-03-25', 'Köçürülmüş istirahət günü'),
    ('2026-03-26', 'Köçürülmüş istirahət günü'), ('2026-05-09', 'Faşizm üzərində qələbə günü'), ('2026-05-11', 'Köçürülmüş istirahət günü'),
    ('2026-05-27', 'Qurban'), ('2026-05-28', 'Müstəqillik günü'), ('2026-06-15', 'Milli Qurtuluş günü'),
    ('2026-06-26', 'Silahlı Qüvvələr günü'), ('2026-11-08', 'Zəfər günü'), ('2026-11-09', 'Dövlət bayrağı günü'),
    ('2026-11-10', 'Köçürülmüş istirahət günü'), ('2026-12-31', 'Həmrəylik günü'), ('2027-01-01', 'Yeni il'),
    ('2027-01-02', 'Yeni il'), ('2027-01-04', 'Köçürülmüş istirahət günü'), ('2027-01-20', 'Ümumxalq hüzn günü'),
    ('2027-03-08', 'Qadınlar günü'), ('2027-03-10', 'Ramazan'), ('2027-03-11', 'Ramazan'),
    ('2027-03-20', 'Novruz'), ('2027-03-21', 'Novruz'), ('2027-03-22', 'Novruz'),
    ('2027-03-23', 'Novruz'), ('2027-03-24', 'Novruz'), ('2027-03-25', 'Köçürülmüş istirahət günü'),
    ('2027-03-26', 'Köçürülmüş istirahət günü'), ('2027-05-09', 'Faşizm üzərində qələbə günü'), ('2027-05-10', 'Köçürülmüş istirahət günü'),
    ('2027-05-16', 'Qurban'), ('2027-05-17', 'Qurban'), ('2027-05-18', 'Köçürülmüş istirahət günü'),
    ('2027-05-28', 'Müstəqillik günü'), ('2027-06-15', 'Milli Qurtuluş günü'), ('2027-06-26', 'Silahlı Qüvvələr günü'),
    ('2027-06-28', 'Köçürülmüş istirahət günü'), ('2027-11-08', 'Zəfər günü'), ('2027-11-09', 'Dövlət bayrağı günü'),
    ('2027-12-31', 'Həmrəylik günü'), ('2028-01-01', 'Yeni il'), ('2028-01-02', 'Yeni il'),
    ('2028-01-03', 'Köçürülmüş istirahət günü'), ('2028-01-04', 'Köçürülmüş istirahət günü'), ('2028-01-20', 'Ümumxalq hüzn günü'),
    ('2028-02-27', 'Ramazan'), ('2028-02-28', 'Ramazan'), ('2028-02-29', 'Köçürülmüş istirahət günü'),
    ('2028-03-08', 'Qadınlar günü'), ('2028-03-20', 'Novruz'), ('2028-03-21', 'Novruz'),
    ('2028-03-22', 'Novruz'), ('2028-03-23', 'Novruz'), ('2028-03-24', 'Novruz'),
    ('2028-05-05', 'Qurban'), ('2028-05-06', 'Qurban'), ('2028-05-08', 'Köçürülmüş istirahət günü'),
    ('2028-05-09', 'Faşizm üzərində qələbə günü'), ('2028-05-28', 'Müstəqillik günü'), ('2028-05-29', 'Köçürülmüş istirahət günü'),
    ('2028-06-15', 'Milli Qurtuluş günü'), ('2028-06-26', 'Silahlı Qüvvələr günü'), ('2028-11-08', 'Zəfər günü'),
    ('2028-11-09', 'Dövlət bayrağı günü'), ('2028-12-31', 'Həmrəylik günü'), ('2029-01-01', 'Köçürülmüş istirahət günü');

INSERT INTO working_day (day, n)
WITH RECURSIVE counted (day) AS (VALUES ('2025-01-01') UNION ALL SELECT date(day, '+1 day') FROM counted WHERE day < '2028-12-31')
SELECT day, row_number() OVER (ORDER BY day) FROM counted
WHERE strftime('%w', day) NOT IN ('0', '6') AND day NOT IN (SELECT day FROM holiday);

INSERT INTO portal (client, name) VALUES ('AZ/GOV/1010/PORTAL', '"Elektron hökumət" portalı');

CREATE TEMP TABLE place (i INTEGER PRIMARY KEY, city TEXT);
INSERT INTO place (city) VALUES ('Bakı'), ('Bakı'), ('Bakı'), ('Gəncə'), ('Sumqayıt'), ('Şəki'), ('Lənkəran'), ('Quba');
CREATE TEMP TABLE cause (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO cause (name) VALUES
    ('Uşaqların Hüquqlarına Dəstək'), ('Ətraf Mühitin Qorunması'), ('Xalq Sənətinin Öyrənilməsi'), ('Gənclərin Maarifləndirilməsi'),
    ('Əlilliyi Olan Şəxslərə Yardım'), ('Kənd Qadınlarının İnkişafı'), ('Şəhər İrsinin Qorunması'), ('Könüllü Hərəkatı');
CREATE TEMP TABLE donor (i INTEGER PRIMARY KEY, name TEXT, country TEXT);
INSERT INTO donor (name, country) VALUES
    ('QHT-lərə Dövlət Dəstəyi Agentliyi', 'AZE'), ('Gənclər Fondu', 'AZE'), ('Nordlys Foundation', 'NOR'), ('Lindenhof-Stiftung', 'DEU'),
    ('Anatolya Vakfı', 'TUR'), ('Fondation Rivière', 'FRA');

-- As in the taxpayer register, where they are legal persons 321 … 400. The first three exchange by themselves.
CREATE TEMP TABLE draft AS
WITH RECURSIVE counted (c) AS (VALUES (321) UNION ALL SELECT c + 1 FROM counted WHERE c < 400)
SELECT c - 320 AS k, c, printf('%09d1', (c * 8765431 + 304050607) % 1000000000) AS voen,
    (c * 48271 + 70001) * 16807 % 2147483647 / 1000 AS r1, (c * 69621 + 80021) * 16807 % 2147483647 / 1000 AS r2,
    (c * 39373 + 90007) * 16807 % 2147483647 / 1000 AS r3, (c * 44497 + 10007) * 16807 % 2147483647 / 1000 AS r4
FROM counted;

INSERT INTO ngo (voen, name, form, city, registered_on, status, client)
SELECT voen, '"' || (SELECT name FROM cause WHERE i = 1 + c % 8) || '" ' || iif(c % 3 = 0, 'Fondu', 'İctimai Birliyi') || ' № ' || k,
    iif(c % 3 = 0, 'fund', 'public-union'), (SELECT city FROM place WHERE i = 1 + r4 % 8), date('2005-02-01', '+' || (r1 % 3600) || ' days'),
    iif(c % 40 = 7, 'ended', 'active'), CASE WHEN k <= 3 THEN 'AZ/NGO/500' || k || '/OFFICE' END
FROM draft;

-- Organisations 2 … 80 reported for 2023 and 2024, every tenth of them too late; the first one still has to report for 2024.
INSERT INTO report (year, seq, voen, grants_qepik, donations_qepik, fees_qepik, expenses_qepik, employees, submitted_on)
SELECT y, row_number() OVER (PARTITION BY y ORDER BY k), voen, (r2 % 900) * 10000, (r3 % 300) * 10000, (r1 % 40) * 1000,
    (r2 % 900) * 9000 + (r3 % 300) * 8000, 1 + r4 % 12, date((y + 1) || '-04-01', (iif((k + y) % 10 = 0, 7, -1 - r1 % 60)) || ' days')
FROM draft, (SELECT 2023 AS y UNION ALL SELECT 2024) WHERE k > 1 OR y = 2023;

INSERT INTO appeal (year, seq, voen, subject, text, submitted_on, due_on, answer, answered_on)
SELECT 2025, row_number() OVER (ORDER BY submitted.n, k), voen, 'Hesabat forması', 'İllik hesabatın elektron formasında "digər gəlirlər" bölməsi açılmır.',
    submitted.day, due.day, iif(k % 20 = 0, NULL, 'Forma yeniləndi, yenidən cəhd etməyiniz xahiş olunur.'), iif(k % 20 = 0, NULL, answered.day)
FROM draft
    JOIN working_day AS submitted ON submitted.n = 5 + r1 % 200
    JOIN working_day AS due ON due.n = submitted.n + 15
    JOIN working_day AS answered ON answered.n = submitted.n + 1 + r2 % 15
WHERE k % 4 = 0;

INSERT INTO reference (year, seq, voen, kind, text, issued_on)
SELECT 2025, row_number() OVER (ORDER BY r2, k), voen, 'registration', ngo.name || ' (VÖEN ' || voen || ') ' || registered_on || ' tarixində qeydiyyata alınmışdır.',
    date('2025-01-10', '+' || (r2 % 300) || ' days')
FROM draft JOIN ngo USING (voen) WHERE k % 5 = 1;

INSERT INTO grant_agreement (year, seq, voen, donor, country, agreement, signed_on, starts_on, ends_on, amount_qepik, purpose, submitted_on, decision, decided_on)
SELECT 2025, row_number() OVER (ORDER BY signed_on, k), voen, donor, country, 'MQ-' || (100 + k) || '/25', signed_on, date(signed_on, '+30 days'),
    date(signed_on, '+210 days'), amount, 'Layihənin icrası: ' || (SELECT name FROM cause WHERE i = 1 + c % 8), date(signed_on, '+' || late || ' days'),
    iif(k % 16 = 0, 'refused', 'registered'), date(signed_on, '+' || (late + 9) || ' days')
FROM (
    SELECT draft.*, donor.name AS donor, country, date('2025-01-15', '+' || (r3 % 250) || ' days') AS signed_on, (100 + r2 % 4000) * 10000 AS amount,
        iif(k % 9 = 0, 40, 3 + r4 % 25) AS late
    FROM draft JOIN donor ON donor.i = 1 + r1 % 6 WHERE k % 2 = 0
);

-- A document each: plain text, with the digest that its bytes have. A name and a place in the text would change the digest.
INSERT INTO document (grant_number, part, name, media_type, content, sha256, stored_on)
SELECT number, 'agreement', 'muqavile.txt', 'text/plain', CAST('Qrant müqaviləsi' AS BLOB),
    'f8c51978b99fd74706cc08506c2a0f621c838fbaf8656c71970686d940bb2edc', submitted_on
FROM grant_agreement ORDER BY number;

INSERT INTO task (name, title, subject, grouped, from_year, to_year, run_at) VALUES
    ('reports-by-year', 'Hesabatlar illər üzrə', 'reports', 'year', 2020, 2030, NULL),
    ('reports-by-city', '2024-cü ilin hesabatları şəhərlər üzrə', 'reports', 'city', 2024, 2024, NULL),
    ('grants-by-country', '2025-ci ilin qrantları ölkələr üzrə', 'grants', 'country', 2025, 2025, NULL),
    ('appeals-by-state', 'Müraciətlər vəziyyət üzrə', 'appeals', 'state', 2025, 2025, NULL);
-- One has run; the others wait for their first run.
UPDATE task SET run_at = '2026-01-05T02:00:00+04:00' WHERE name = 'reports-by-city';

DROP TABLE place;
DROP TABLE cause;
DROP TABLE donor;
DROP TABLE draft;
COMMIT;
