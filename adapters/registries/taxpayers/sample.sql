-- 1,500 invented natural persons and 400 invented legal ones, the same on every run: no random(), no clock.
-- The persons are the fathers of the population register's first 1,500 households, under the same FİN and name.
-- Legal persons are numbered 1 … 400; the last 80 are non-governmental organisations.

PRAGMA foreign_keys = ON;
BEGIN;

CREATE TEMP TABLE man (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO man (name) VALUES
    ('Əli'), ('Elçin'), ('İlqar'), ('Uğur'), ('Çingiz'), ('Ömər'), ('Şahin'), ('Rəşad'), ('Tural'), ('Vüsal'),
    ('Kamran'), ('Nicat'), ('Orxan'), ('Fərid'), ('Məmməd'), ('Həsən'), ('İbrahim'), ('Zaur'), ('Ağasəf'), ('Cavid'),
    ('Gündüz'), ('Ülvi'), ('Rüstəm'), ('Səməd'), ('Yusif'), ('Anar'), ('Bəhruz'), ('Dəyanət'), ('Emin'), ('Toğrul');

CREATE TEMP TABLE surname (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO surname (name) VALUES
    ('Əliyev'), ('Məmmədov'), ('Həsənov'), ('Hüseynov'), ('İsmayılov'), ('Quliyev'), ('Şirinov'), ('Çələbiyev'),
    ('Ağayev'), ('Ömərov'), ('Cəfərov'), ('Rəhimov'), ('Süleymanov'), ('Abbasov'), ('Bayramov'), ('Kərimov'),
    ('Mustafayev'), ('Nağıyev'), ('Orucov'), ('Paşayev'), ('Qasımov'), ('Səfərov'), ('Tağıyev'), ('Vəliyev'),
    ('Yusifov'), ('Zeynalov'), ('Xəlilov'), ('İbrahimov'), ('Babayev'), ('Əhmədov'), ('Fərzəliyev'), ('Göyüşov');

CREATE TEMP TABLE place (i INTEGER PRIMARY KEY, city TEXT, postcode TEXT, office TEXT);
INSERT INTO place (city, postcode, office) VALUES
    ('Bakı', 'AZ1010', '1 saylı Ərazi Vergilər Baş İdarəsi'), ('Bakı', 'AZ1073', '2 saylı Ərazi Vergilər Baş İdarəsi'),
    ('Bakı', 'AZ1025', '3 saylı Ərazi Vergilər Baş İdarəsi'), ('Gəncə', 'AZ2000', '4 saylı Ərazi Vergilər Baş İdarəsi'),
    ('Sumqayıt', 'AZ5000', '5 saylı Ərazi Vergilər Baş İdarəsi'), ('Şəki', 'AZ5500', '6 saylı Ərazi Vergilər Baş İdarəsi'),
    ('Lənkəran', 'AZ4200', '7 saylı Ərazi Vergilər Baş İdarəsi'), ('Quba', 'AZ4000', '8 saylı Ərazi Vergilər Baş İdarəsi');

CREATE TEMP TABLE street (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO street (name) VALUES
    ('Nizami küçəsi'), ('Üzeyir Hacıbəyov küçəsi'), ('Füzuli küçəsi'), ('28 May küçəsi'), ('Şıxəli Qurbanov küçəsi'),
    ('Cəfər Cabbarlı küçəsi'), ('İstiqlaliyyət küçəsi'), ('Çinar küçəsi'), ('Azadlıq prospekti'), ('Bülbül prospekti');

CREATE TEMP TABLE activity (i INTEGER PRIMARY KEY, code TEXT, title TEXT, word TEXT);
INSERT INTO activity (code, title, word) VALUES
    ('01.13', 'Tərəvəz yetişdirilməsi', 'Aqro'), ('10.71', 'Çörək istehsalı', 'Çörək'), ('13.93', 'Xalça toxunması', 'İlmə'),
    ('41.20', 'Binaların tikintisi', 'İnşaat'), ('46.31', 'Meyvə və tərəvəzin topdansatışı', 'Bağ'),
    ('49.41', 'Yük daşımaları', 'Karvan'), ('56.10', 'Restoranlar', 'Süfrə'), ('62.01', 'Proqramlaşdırma', 'Şəbəkə'),
    ('71.12', 'Mühəndis işləri', 'Ölçü'), ('85.59', 'Təhsil', 'Bilik');

CREATE TEMP TABLE word (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO word (name) VALUES
    ('Ağ Şəfəq'), ('Göy Çinar'), ('Ulduz'), ('Şimşək'), ('Qızıl Alma'), ('Xəzər Mayakı'), ('Dağ Çayı'), ('Üç Qapı'),
    ('Əsrin İşığı'), ('Körpü'), ('Bənövşə'), ('Sarı Yol'), ('Təbiət'), ('Ümid'), ('Yeni Üfüq'), ('Zirvə');

CREATE TEMP TABLE cause (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO cause (name) VALUES
    ('Uşaqların Hüquqlarına Dəstək'), ('Ətraf Mühitin Qorunması'), ('Xalq Sənətinin Öyrənilməsi'), ('Gənclərin Maarifləndirilməsi'),
    ('Əlilliyi Olan Şəxslərə Yardım'), ('Kənd Qadınlarının İnkişafı'), ('Şəhər İrsinin Qorunması'), ('Könüllü Hərəkatı');

-- r1 … r4 and q1, q2 look random and are not; the FİN is made as in the population register.
CREATE TEMP TABLE person AS
WITH RECURSIVE
    counted (h) AS (VALUES (0) UNION ALL SELECT h + 1 FROM counted WHERE h < 1499),
    numbered AS (
        SELECT h, ((5 * h + 1) * 7654321987 + 123456789) % 52523350144 AS v,
            ((5 * h + 1) * 48271 + 90001) * 16807 % 2147483647 / 1000 AS q1,
            (h * 48271 + 101) * 16807 % 2147483647 / 1000 AS r1, (h * 69621 + 30011) * 16807 % 2147483647 / 1000 AS r3,
            (h * 39373 + 50021) * 16807 % 2147483647 / 1000 AS r5, (h * 39373 + 60013) * 16807 % 2147483647 / 1000 AS r6,
            (h * 44497 + 80021) * 16807 % 2147483647 / 1000 AS r8, '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ' AS letters
        FROM counted
    )
SELECT h, r1, r3, r5, r6,
    substr(letters, v % 34 + 1, 1) || substr(letters, v / 34 % 34 + 1, 1) || substr(letters, v / 1156 % 34 + 1, 1)
        || substr(letters, v / 39304 % 34 + 1, 1) || substr(letters, v / 1336336 % 34 + 1, 1)
        || substr(letters, v / 45435424 % 34 + 1, 1) || substr(letters, v / 1544804416 % 34 + 1, 1) AS fin,
    -- Multiplication by a number prime to 10 gives each number its own value.
    printf('%09d2', (h * 7654321 + 102030405) % 1000000000) AS voen,
    (SELECT name FROM surname WHERE i = 1 + r8 % 32) || ' ' || (SELECT name FROM man WHERE i = 1 + r3 % 30) || ' '
        || (SELECT name FROM man WHERE i = 1 + q1 % 30) || ' oğlu' AS name
FROM numbered;

CREATE TEMP TABLE legal AS
WITH RECURSIVE
    counted (c) AS (VALUES (1) UNION ALL SELECT c + 1 FROM counted WHERE c < 400)
SELECT c, c > 320 AS is_ngo, printf('%09d1', (c * 8765431 + 304050607) % 1000000000) AS voen,
    (c * 48271 + 70001) * 16807 % 2147483647 / 1000 AS r1, (c * 69621 + 80021) * 16807 % 2147483647 / 1000 AS r2,
    (c * 39373 + 90007) * 16807 % 2147483647 / 1000 AS r3, (c * 44497 + 10007) * 16807 % 2147483647 / 1000 AS r4
FROM counted;

-- Every sixth person has a business of his own.
INSERT INTO taxpayer (voen, kind, fin, name, tax_office, regime, vat_from, registered_on, status, ended_on)
SELECT voen, iif(h % 6 = 2, 'entrepreneur', 'person'), fin, name, (SELECT office FROM place WHERE i = 1 + r6 % 8),
    iif(h % 6 = 2 AND r1 % 3 <> 0, 'simplified', 'general'), NULL, date('2004-01-05', '+' || (r3 % 6000) || ' days'),
    CASE WHEN h % 6 <> 2 OR r5 % 10 < 8 THEN 'active' WHEN r5 % 10 = 8 THEN 'suspended' ELSE 'ended' END,
    iif(h % 6 = 2 AND r5 % 10 = 9, date('2022-01-10', '+' || (r1 % 1400) || ' days'), NULL)
FROM person;

INSERT INTO taxpayer (voen, kind, fin, name, tax_office, regime, vat_from, registered_on, status, ended_on)
SELECT voen, iif(is_ngo, 'ngo', 'company'), NULL,
    iif(is_ngo,
        '"' || (SELECT name FROM cause WHERE i = 1 + c % 8) || '" ' || CASE WHEN c % 3 = 0 THEN 'Fondu' ELSE 'İctimai Birliyi' END
            || ' № ' || (c - 320),
        '"' || (SELECT name FROM word WHERE i = 1 + r2 % 16) || ' ' || (SELECT word FROM activity WHERE i = 1 + r1 % 10) || ' ' || c
            || '" ' || CASE r3 % 8 WHEN 0 THEN 'ASC' WHEN 1 THEN 'QSC' ELSE 'MMC' END),
    (SELECT office FROM place WHERE i = 1 + r4 % 8),
    iif(NOT is_ngo AND r3 % 4 = 0, 'simplified', 'general'),
    iif(NOT is_ngo AND r3 % 4 = 1, date('2015-01-01', '+' || (r2 % 3000) || ' days'), NULL),
    date('2005-02-01', '+' || (r1 % 3600) || ' days'),
    CASE WHEN c % 40 = 7 THEN 'ended' WHEN c % 40 = 13 THEN 'suspended' ELSE 'active' END,
    iif(c % 40 = 7, date('2023-03-01', '+' || (r2 % 900) || ' days'), NULL)
FROM legal;

INSERT INTO company (voen, legal_form, activity_code, activity, capital_qepik, city, street, building, postcode, director_fin)
SELECT legal.voen,
    CASE WHEN is_ngo THEN iif(c % 3 = 0, 'Fond', 'İB') ELSE CASE legal.r3 % 8 WHEN 0 THEN 'ASC' WHEN 1 THEN 'QSC' ELSE 'MMC' END END,
    iif(is_ngo, '94.99', activity.code), iif(is_ngo, 'İctimai təşkilatların fəaliyyəti', activity.title),
    iif(is_ngo, 0, (10 + legal.r2 % 5000) * 10000), place.city, street.name, CAST(1 + legal.r3 % 120 AS TEXT), place.postcode, person.fin
FROM legal
    JOIN activity ON activity.i = 1 + legal.r1 % 10
    JOIN place ON place.i = 1 + legal.r4 % 8
    JOIN street ON street.i = 1 + legal.r2 % 10
    JOIN person ON person.h = (c * 37) % 1500;

-- A company belongs to its director, and in two of three cases to a second person; some to another company as well.
INSERT INTO founder (voen, founder_voen, share)
SELECT legal.voen, person.voen, iif(c % 3 = 0, 10000, 10000 - 100 * (1 + legal.r1 % 60) - iif(c % 10 = 4, 500, 0))
FROM legal JOIN person ON person.h = (c * 37) % 1500 WHERE NOT is_ngo
UNION ALL
SELECT legal.voen, person.voen, 100 * (1 + legal.r1 % 60)
FROM legal JOIN person ON person.h = (c * 37 + 11) % 1500 WHERE NOT is_ngo AND c % 3 <> 0
UNION ALL
SELECT legal.voen, other.voen, 500
FROM legal JOIN legal AS other ON other.c = legal.c - 3 WHERE NOT legal.is_ngo AND legal.c % 10 = 4 AND legal.c % 3 <> 0;

INSERT INTO debt (voen, tax, amount_qepik, due_on)
SELECT voen, iif(r3 % 4 = 0, 'simplified-tax', 'profit-tax'), 100 * (50 + r2 % 20000) + r1 % 100, date('2026-01-20', '+' || (r4 % 240) || ' days')
FROM legal WHERE c % 9 = 2
UNION ALL
SELECT voen, 'vat', 100 * (200 + r1 % 90000), date('2026-02-20', '+' || (r2 % 200) || ' days') FROM legal WHERE c % 2 = 0 AND c <= 320 AND r3 % 4 = 1
UNION ALL
SELECT voen, 'land-tax', 100 * (5 + r1 % 120), '2026-08-15' FROM person WHERE h % 25 = 2;

-- Two of three persons are employed: from January 2024, some at a second place in 2025, some only from July 2025.
-- Income tax and social contributions are simple rates here: 14 % above 200 manats, and 3 %.
INSERT INTO income (fin, year, month, employer_voen, gross_qepik, income_tax_qepik, social_qepik)
WITH RECURSIVE
    period (year, month) AS (
        VALUES (2024, 1)
        UNION ALL
        SELECT iif(month = 12, year + 1, year), iif(month = 12, 1, month + 1) FROM period WHERE (year, month) < (2026, 6)
    ),
    job (fin, c, gross, from_year, from_month, to_year, to_month) AS (
        SELECT fin, 1 + (h * 13 + r1) % 320, 34500 + 500 * (r5 % 400), iif(r3 % 5 = 0, 2025, 2024), iif(r3 % 5 = 0, 7, 1), 2026, 6
        FROM person WHERE h % 3 <> 0
        UNION ALL
        SELECT fin, 321 + (h * 7) % 80, 20000 + 1000 * (r6 % 40), 2025, 1, 2025, 12 FROM person WHERE h % 3 <> 0 AND r6 % 8 = 0
    )
SELECT fin, year, month, legal.voen,
    -- Every year the pay grows by 500 qəpik.
    gross + 500 * (year - 2024),
    max(0, (gross + 500 * (year - 2024) - 20000) * 14 / 100), (gross + 500 * (year - 2024)) * 3 / 100
FROM job JOIN legal USING (c) JOIN period ON (year, month) BETWEEN (from_year, from_month) AND (to_year, to_month);

DROP TABLE man;
DROP TABLE surname;
DROP TABLE place;
DROP TABLE street;
DROP TABLE activity;
DROP TABLE word;
DROP TABLE cause;
DROP TABLE person;
DROP TABLE legal;
COMMIT;
