-- 10,000 invented people in 2,000 households, the same on every run: no random(), no clock.
-- Any likeness to living people is chance; names are drawn from lists by arithmetic.
--
-- A household h has five people, numbered 5h+1 … 5h+5: father, mother, two children, and in every
-- second household the father's mother, in the others a third child.

PRAGMA foreign_keys = ON;
BEGIN;

CREATE TEMP TABLE man (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO man (name) VALUES
    ('Əli'), ('Elçin'), ('İlqar'), ('Uğur'), ('Çingiz'), ('Ömər'), ('Şahin'), ('Rəşad'), ('Tural'), ('Vüsal'),
    ('Kamran'), ('Nicat'), ('Orxan'), ('Fərid'), ('Məmməd'), ('Həsən'), ('İbrahim'), ('Zaur'), ('Ağasəf'), ('Cavid'),
    ('Gündüz'), ('Ülvi'), ('Rüstəm'), ('Səməd'), ('Yusif'), ('Anar'), ('Bəhruz'), ('Dəyanət'), ('Emin'), ('Toğrul');

CREATE TEMP TABLE woman (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO woman (name) VALUES
    ('Aygün'), ('Gülşən'), ('Ülviyyə'), ('Şəbnəm'), ('Çinarə'), ('Öznur'), ('İradə'), ('Nərmin'), ('Ləman'), ('Zəhra'),
    ('Səbinə'), ('Könül'), ('Fidan'), ('Günel'), ('Aytac'), ('Xədicə'), ('Məryəm'), ('Nigar'), ('Türkan'), ('Sevinc'),
    ('Pərvanə'), ('Rəna'), ('Təranə'), ('Vüsalə'), ('Yeganə'), ('Dilarə'), ('Elnarə'), ('Bənövşə'), ('Jalə'), ('Ağcagül');

CREATE TEMP TABLE surname (i INTEGER PRIMARY KEY, male TEXT, female TEXT);
INSERT INTO surname (male, female) VALUES
    ('Əliyev', 'Əliyeva'), ('Məmmədov', 'Məmmədova'), ('Həsənov', 'Həsənova'), ('Hüseynov', 'Hüseynova'),
    ('İsmayılov', 'İsmayılova'), ('Quliyev', 'Quliyeva'), ('Şirinov', 'Şirinova'), ('Çələbiyev', 'Çələbiyeva'),
    ('Ağayev', 'Ağayeva'), ('Ömərov', 'Ömərova'), ('Cəfərov', 'Cəfərova'), ('Rəhimov', 'Rəhimova'),
    ('Süleymanov', 'Süleymanova'), ('Abbasov', 'Abbasova'), ('Bayramov', 'Bayramova'), ('Kərimov', 'Kərimova'),
    ('Mustafayev', 'Mustafayeva'), ('Nağıyev', 'Nağıyeva'), ('Orucov', 'Orucova'), ('Paşayev', 'Paşayeva'),
    ('Qasımov', 'Qasımova'), ('Səfərov', 'Səfərova'), ('Tağıyev', 'Tağıyeva'), ('Vəliyev', 'Vəliyeva'),
    ('Yusifov', 'Yusifova'), ('Zeynalov', 'Zeynalova'), ('Xəlilov', 'Xəlilova'), ('İbrahimov', 'İbrahimova'),
    ('Babayev', 'Babayeva'), ('Əhmədov', 'Əhmədova'), ('Fərzəliyev', 'Fərzəliyeva'), ('Göyüşov', 'Göyüşova');

CREATE TEMP TABLE town (i INTEGER PRIMARY KEY, city TEXT, district TEXT, postcode TEXT);
INSERT INTO town (city, district, postcode) VALUES
    ('Bakı', 'Nəsimi rayonu', 'AZ1010'), ('Bakı', 'Yasamal rayonu', 'AZ1073'), ('Bakı', 'Səbail rayonu', 'AZ1000'),
    ('Bakı', 'Binəqədi rayonu', 'AZ1114'), ('Bakı', 'Nizami rayonu', 'AZ1117'), ('Bakı', 'Xətai rayonu', 'AZ1025'),
    ('Bakı', 'Suraxanı rayonu', 'AZ1057'), ('Bakı', 'Sabunçu rayonu', 'AZ1045'), ('Bakı', 'Nərimanov rayonu', 'AZ1069'),
    ('Bakı', 'Qaradağ rayonu', 'AZ1063'), ('Bakı', 'Xəzər rayonu', 'AZ1044'), ('Gəncə', 'Kəpəz rayonu', 'AZ2000'),
    ('Gəncə', 'Nizami rayonu', 'AZ2010'), ('Sumqayıt', 'Sumqayıt şəhəri', 'AZ5000'),
    ('Mingəçevir', 'Mingəçevir şəhəri', 'AZ4500'), ('Şirvan', 'Şirvan şəhəri', 'AZ1800'),
    ('Naxçıvan', 'Naxçıvan şəhəri', 'AZ7000'), ('Şəki', 'Şəki rayonu', 'AZ5500'), ('Lənkəran', 'Lənkəran rayonu', 'AZ4200'),
    ('Quba', 'Quba rayonu', 'AZ4000'), ('Qusar', 'Qusar rayonu', 'AZ3800'), ('Xaçmaz', 'Xaçmaz rayonu', 'AZ2700'),
    ('Bərdə', 'Bərdə rayonu', 'AZ0900'), ('Ağdaş', 'Ağdaş rayonu', 'AZ0300'), ('Göyçay', 'Göyçay rayonu', 'AZ2300'),
    ('Göygöl', 'Göygöl rayonu', 'AZ2500'), ('İsmayıllı', 'İsmayıllı rayonu', 'AZ3100'), ('İmişli', 'İmişli rayonu', 'AZ3000'),
    ('Kürdəmir', 'Kürdəmir rayonu', 'AZ3300'), ('Masallı', 'Masallı rayonu', 'AZ4400'), ('Oğuz', 'Oğuz rayonu', 'AZ4800'),
    ('Qəbələ', 'Qəbələ rayonu', 'AZ3600'), ('Qazax', 'Qazax rayonu', 'AZ3500'), ('Şamaxı', 'Şamaxı rayonu', 'AZ5600'),
    ('Şəmkir', 'Şəmkir rayonu', 'AZ5700'), ('Tovuz', 'Tovuz rayonu', 'AZ6000'), ('Ucar', 'Ucar rayonu', 'AZ6100'),
    ('Zaqatala', 'Zaqatala rayonu', 'AZ6200'), ('Cəlilabad', 'Cəlilabad rayonu', 'AZ1500'), ('Füzuli', 'Füzuli rayonu', 'AZ1900');

CREATE TEMP TABLE street (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO street (name) VALUES
    ('Nizami küçəsi'), ('Üzeyir Hacıbəyov küçəsi'), ('Füzuli küçəsi'), ('Nəriman Nərimanov prospekti'), ('28 May küçəsi'),
    ('Şıxəli Qurbanov küçəsi'), ('Cəfər Cabbarlı küçəsi'), ('Səməd Vurğun küçəsi'), ('İstiqlaliyyət küçəsi'),
    ('Çinar küçəsi'), ('Məhəmməd Hadi küçəsi'), ('Azadlıq prospekti'), ('Gənclik küçəsi'), ('Bülbül prospekti'),
    ('Mirzə Ələkbər Sabir küçəsi'), ('Ağa Nemətulla küçəsi'), ('Ömər Faiq Nemanzadə küçəsi');

-- What the people of a household have in common. r1 … r8 look random and are not.
CREATE TEMP TABLE household AS
WITH RECURSIVE
    counted (h) AS (VALUES (0) UNION ALL SELECT h + 1 FROM counted WHERE h < 1999),
    mixed AS (
        SELECT h,
            (h * 48271 + 101) * 16807 % 2147483647 / 1000 AS r1, (h * 48271 + 20011) * 16807 % 2147483647 / 1000 AS r2,
            (h * 69621 + 30011) * 16807 % 2147483647 / 1000 AS r3, (h * 69621 + 40009) * 16807 % 2147483647 / 1000 AS r4,
            (h * 39373 + 50021) * 16807 % 2147483647 / 1000 AS r5, (h * 39373 + 60013) * 16807 % 2147483647 / 1000 AS r6,
            (h * 44497 + 70001) * 16807 % 2147483647 / 1000 AS r7, (h * 44497 + 80021) * 16807 % 2147483647 / 1000 AS r8
        FROM counted
    ),
    born AS (
        SELECT *,
            date(printf('%04d-01-01', 1958 + r1 % 28), '+' || (r2 % 365) || ' days') AS father_born,
            date(printf('%04d-01-01', 1957 + r1 % 28 + r3 % 5), '+' || (r4 % 365) || ' days') AS mother_born
        FROM mixed
    )
SELECT *, date(max(father_born, mother_born), '+' || (20 + r5 % 8) || ' years', '+' || (r6 % 300) || ' days') AS married_on
FROM born;

-- One row a person, with the number that makes the FİN.
CREATE TEMP TABLE draft AS
WITH RECURSIVE
    counted (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 10000),
    -- Multiplication by a number prime to 34^7 = 52523350144 gives each n its own value.
    numbered AS (
        SELECT n, (n - 1) / 5 AS h, (n - 1) % 5 AS place, (n * 7654321987 + 123456789) % 52523350144 AS v,
            (n * 48271 + 90001) * 16807 % 2147483647 / 1000 AS q1, (n * 69621 + 95003) * 16807 % 2147483647 / 1000 AS q2
        FROM counted
    ),
    spelled AS (
        SELECT *, '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ' AS letters,
            CASE place WHEN 0 THEN 'father' WHEN 1 THEN 'mother' WHEN 4 THEN iif(h % 2 = 0, 'grandmother', 'child') ELSE 'child' END AS role
        FROM numbered
    )
SELECT n, h, role, q1, q2,
    substr(letters, v % 34 + 1, 1) || substr(letters, v / 34 % 34 + 1, 1) || substr(letters, v / 1156 % 34 + 1, 1)
        || substr(letters, v / 39304 % 34 + 1, 1) || substr(letters, v / 1336336 % 34 + 1, 1)
        || substr(letters, v / 45435424 % 34 + 1, 1) || substr(letters, v / 1544804416 % 34 + 1, 1) AS fin,
    CASE role WHEN 'father' THEN 'male' WHEN 'child' THEN iif(q1 % 2 = 0, 'male', 'female') ELSE 'female' END AS sex,
    CASE role
        WHEN 'father' THEN father_born
        WHEN 'mother' THEN mother_born
        WHEN 'grandmother' THEN date(father_born, '-' || (20 + q1 % 10) || ' years', '-' || (q2 % 300) || ' days')
        -- The children follow each other by at least a year.
        ELSE date(married_on, '+' || (1 + 2 * (place - 2)) || ' years', '+' || (q2 % 360) || ' days')
    END AS birth_date
FROM spelled JOIN household USING (h);

INSERT INTO person (fin, last_name, first_name, patronymic, sex, birth_date, birth_place, citizenship)
SELECT fin,
    -- Every fourth mother kept her own name.
    CASE
        WHEN role = 'mother' AND h % 4 = 0 THEN (SELECT female FROM surname WHERE i = 1 + household.r7 % 32)
        ELSE (SELECT iif(sex = 'male', male, female) FROM surname WHERE i = 1 + household.r8 % 32)
    END,
    CASE
        WHEN role = 'father' THEN (SELECT name FROM man WHERE i = 1 + household.r3 % 30)
        WHEN sex = 'male' THEN (SELECT name FROM man WHERE i = 1 + q2 % 30)
        ELSE (SELECT name FROM woman WHERE i = 1 + q2 % 30)
    END,
    CASE
        WHEN role = 'child' THEN (SELECT name FROM man WHERE i = 1 + household.r3 % 30)
        ELSE (SELECT name FROM man WHERE i = 1 + q1 % 30)
    END || iif(sex = 'male', ' oğlu', ' qızı'),
    sex, birth_date,
    CASE
        WHEN role = 'child' THEN (SELECT city FROM town WHERE i = 1 + household.r6 % 40)
        ELSE (SELECT city FROM town WHERE i = 1 + q1 % 40)
    END,
    'AZE'
FROM draft JOIN household USING (h);

-- Addresses 1 … 2000 are the households', 2001 … 4000 the family homes they came from.
INSERT INTO address (id, city, district, street, building, apartment, postcode)
WITH RECURSIVE counted (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM counted WHERE id < 4000),
    mixed AS (
        SELECT id, (id * 39373 + 11003) * 16807 % 2147483647 / 1000 AS a, (id * 44497 + 12007) * 16807 % 2147483647 / 1000 AS b
        FROM counted
    )
SELECT id, city, district, street.name, CAST(1 + b % 140 AS TEXT) || CASE b % 9 WHEN 0 THEN 'A' ELSE '' END,
    iif(a % 5 = 0, NULL, CAST(1 + a / 7 % 120 AS TEXT)), postcode
FROM mixed
    JOIN town ON town.i = 1 + CASE WHEN id <= 2000 THEN (SELECT r6 FROM household WHERE h = id - 1) ELSE a END % 40
    JOIN street ON street.i = 1 + b / 11 % 17;

-- Grown-ups lived in the family home until the wedding; the mother in that of another family.
INSERT INTO residence (fin, from_date, until_date, address_id)
SELECT fin, birth_date, married_on, 2001 + CASE role WHEN 'mother' THEN (h + 777) % 2000 ELSE h END
FROM draft JOIN household USING (h) WHERE role <> 'child'
UNION ALL
SELECT fin, iif(role = 'child', birth_date, married_on), NULL, 1 + h
FROM draft JOIN household USING (h);

-- Every twentieth marriage has ended.
INSERT INTO marriage (husband_fin, wife_fin, married_on, ended_on)
SELECT father.fin, mother.fin, married_on, iif(h % 20 = 3, date(married_on, '+9 years'), NULL)
FROM household
    JOIN draft AS father USING (h)
    JOIN draft AS mother USING (h)
WHERE father.role = 'father' AND mother.role = 'mother';

INSERT INTO parentage (child_fin, parent_fin)
SELECT child.fin, parent.fin FROM draft AS child JOIN draft AS parent USING (h)
WHERE child.role = 'child' AND parent.role IN ('father', 'mother')
UNION ALL
SELECT father.fin, grandmother.fin FROM draft AS father JOIN draft AS grandmother USING (h)
WHERE father.role = 'father' AND grandmother.role = 'grandmother';

INSERT INTO status (fin, since, code)
SELECT fin, birth_date, 'resident' FROM draft
UNION ALL
SELECT fin, date('2016-01-01', '+' || (q2 % 3000) || ' days'), 'deceased' FROM draft
WHERE role = 'grandmother' AND h % 8 = 0
UNION ALL
SELECT fin, date('2024-01-01', '+' || (q2 % 600) || ' days'), 'abroad' FROM draft
WHERE role = 'child' AND birth_date < '2004-01-01' AND h % 10 = 1;

-- A registration ends with a life.
UPDATE residence SET until_date = status.since FROM status
WHERE status.fin = residence.fin AND status.code = 'deceased' AND residence.until_date IS NULL;

DROP TABLE man;
DROP TABLE woman;
DROP TABLE surname;
DROP TABLE town;
DROP TABLE street;
DROP TABLE household;
DROP TABLE draft;
COMMIT;
