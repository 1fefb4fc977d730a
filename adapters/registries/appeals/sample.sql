-- Ten invented authorities and 1,200 invented appeals, the same on every run: no random(), no clock.
-- The writers are the mothers of the population register's first 1,200 households, under the same FİN and name.

PRAGMA foreign_keys = ON;
BEGIN;

INSERT INTO authority (code, client, name, city) VALUES
    ('3001', 'AZ/LEA/3001/APPEALS', 'Şəki Rayon İcra Hakimiyyəti', 'Şəki'), ('3002', 'AZ/LEA/3002/APPEALS', 'Quba Rayon İcra Hakimiyyəti', 'Quba'),
    ('3003', 'AZ/LEA/3003/APPEALS', 'Gəncə Şəhər İcra Hakimiyyəti', 'Gəncə'), ('3004', 'AZ/LEA/3004/APPEALS', 'Lənkəran Rayon İcra Hakimiyyəti', 'Lənkəran'),
    ('3005', 'AZ/LEA/3005/APPEALS', 'Sumqayıt Şəhər İcra Hakimiyyəti', 'Sumqayıt'), ('3006', 'AZ/LEA/3006/APPEALS', 'Göyçay Rayon İcra Hakimiyyəti', 'Göyçay'),
    ('3007', 'AZ/LEA/3007/APPEALS', 'Ağdaş Rayon İcra Hakimiyyəti', 'Ağdaş'), ('3008', 'AZ/LEA/3008/APPEALS', 'İsmayıllı Rayon İcra Hakimiyyəti', 'İsmayıllı'),
    ('3009', 'AZ/LEA/3009/APPEALS', 'Qusar Rayon İcra Hakimiyyəti', 'Qusar'), ('3010', 'AZ/LEA/3010/APPEALS', 'Üçtəpə Rayon İcra Hakimiyyəti', 'Üçtəpə');
INSERT INTO overseer (client, name) VALUES ('AZ/GOV/1008/OVERSIGHT', 'Müraciətlərlə iş üzrə nəzarət idarəsi');
INSERT INTO category (code, title) VALUES
    ('housing', 'Mənzil'), ('roads', 'Yollar'), ('water', 'Su təchizatı'), ('social', 'Sosial yardım'), ('land', 'Torpaq'),
    ('employment', 'Məşğulluq'), ('education', 'Təhsil'), ('other', 'Digər');

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
CREATE TEMP TABLE surname (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO surname (name) VALUES
    ('Əliyeva'), ('Məmmədova'), ('Həsənova'), ('Hüseynova'), ('İsmayılova'), ('Quliyeva'), ('Şirinova'), ('Çələbiyeva'),
    ('Ağayeva'), ('Ömərova'), ('Cəfərova'), ('Rəhimova'), ('Süleymanova'), ('Abbasova'), ('Bayramova'), ('Kərimova'),
    ('Mustafayeva'), ('Nağıyeva'), ('Orucova'), ('Paşayeva'), ('Qasımova'), ('Səfərova'), ('Tağıyeva'), ('Vəliyeva'),
    ('Yusifova'), ('Zeynalova'), ('Xəlilova'), ('İbrahimova'), ('Babayeva'), ('Əhmədova'), ('Fərzəliyeva'), ('Göyüşova');
CREATE TEMP TABLE matter (i INTEGER PRIMARY KEY, category TEXT, text TEXT);
INSERT INTO matter (category, text) VALUES
    ('housing', 'Binanın damı iki ildir axır, təmiri xahiş olunur.'), ('roads', 'Məhəlləmizə gedən yolun asfaltı dağılıb, məktəbli uşaqlar palçıqda qalır.'),
    ('water', 'Küçəmizdə su həftədə yalnız iki saat verilir.'), ('social', 'Ünvanlı sosial yardım üçün verdiyim ərizəyə cavab almamışam.'),
    ('land', 'Həyətyanı torpağımın ölçüləri planda səhv göstərilib.'), ('employment', 'Peşə kurslarına yazılmaq istəyirəm, növbə açılmayıb.'),
    ('education', 'Uşaq bağçasında yer üçün növbə nömrəmin yoxlanılmasını xahiş edirəm.'), ('other', 'Küçə işıqları gecələr yanmır, çıxış yolu göstərilsin.');

INSERT INTO officer (authority, fin, name, position, duty, phone, email, from_date, until_date)
SELECT code, 'A' || code || substr('ABCDEFGHJK', k, 1) || '1', (SELECT name FROM surname WHERE surname.i = 1 + (code * 7 + k * 5) % 32) || ' '
        || (SELECT name FROM woman WHERE woman.i = 1 + (code * 3 + k * 11) % 30),
    CASE k WHEN 1 THEN 'Şöbə müdiri' WHEN 2 THEN 'Baş məsləhətçi' WHEN 3 THEN 'Operator' ELSE 'Keçmiş şöbə müdiri' END,
    CASE k WHEN 1 THEN 'responsible' WHEN 2 THEN 'deputy' WHEN 3 THEN 'operator' ELSE 'responsible' END,
    '+99424' || printf('%07d', (code * 971 + k * 13) % 10000000), 'muraciet' || k || '@' || code || '.ih.example',
    iif(k = 4, '2024-01-08', '2025-06-02'), iif(k = 4, '2025-06-02', NULL)
FROM authority, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) ORDER BY code, k;

-- r1 … q2 look random and are not; FİN and name are made as in the population register.
CREATE TEMP TABLE draft AS
WITH RECURSIVE
    counted (h) AS (VALUES (0) UNION ALL SELECT h + 1 FROM counted WHERE h < 1199),
    numbered AS (
        SELECT h, ((5 * h + 2) * 7654321987 + 123456789) % 52523350144 AS v,
            ((5 * h + 2) * 48271 + 90001) * 16807 % 2147483647 / 1000 AS q1, ((5 * h + 2) * 69621 + 95003) * 16807 % 2147483647 / 1000 AS q2,
            (h * 44497 + 70001) * 16807 % 2147483647 / 1000 AS r7, (h * 44497 + 80021) * 16807 % 2147483647 / 1000 AS r8,
            (h * 39373 + 60013) * 16807 % 2147483647 / 1000 AS r6, '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ' AS letters
        FROM counted
    )
SELECT h, q1, q2, r6, r7,
    substr(letters, v % 34 + 1, 1) || substr(letters, v / 34 % 34 + 1, 1) || substr(letters, v / 1156 % 34 + 1, 1)
        || substr(letters, v / 39304 % 34 + 1, 1) || substr(letters, v / 1336336 % 34 + 1, 1)
        || substr(letters, v / 45435424 % 34 + 1, 1) || substr(letters, v / 1544804416 % 34 + 1, 1) AS fin,
    (SELECT name FROM surname WHERE i = 1 + iif(h % 4 = 0, r7, r8) % 32) AS last_name, (SELECT name FROM woman WHERE i = 1 + q2 % 30) AS first_name,
    (SELECT name FROM man WHERE i = 1 + q1 % 30) || ' qızı' AS patronymic,
    -- From January 2025 to October 2026, in the order of their days; ten of every fifty at the first authority.
    (SELECT day FROM working_day WHERE n = 1 + h * 440 / 1200) AS received_on,
    printf('30%02d', iif(h % 5 = 0, 1, 1 + q1 % 10)) AS authority, iif(h % 7 = 3, 1, 0) AS inquiry
FROM numbered;

INSERT INTO appeal (id, registered_by, year, seq, received_on, channel, category, fin, last_name, first_name, patronymic, address, phone, email,
    text, inquiry, holder, held_since, forward_until, due_on)
SELECT h + 1, authority, CAST(substr(received_on, 1, 4) AS INTEGER),
    row_number() OVER (PARTITION BY authority, substr(received_on, 1, 4) ORDER BY h), received_on,
    CASE q2 % 4 WHEN 0 THEN 'paper' WHEN 1 THEN 'oral' WHEN 2 THEN 'electronic' ELSE 'hotline' END, matter.category, fin, last_name, first_name, patronymic,
    'Nizami küçəsi ' || (1 + r6 % 90), iif(q1 % 3 = 0, '+99450' || printf('%07d', r7 % 10000000), NULL), NULL,
    matter.text || CASE h % 4
        WHEN 0 THEN ' Hörmətlə, ' || last_name || ' ' || first_name || ' ' || patronymic || '.'
        WHEN 1 THEN ' FİN ' || fin || ', ünvan: Nizami küçəsi ' || (1 + r6 % 90) || '.'
        -- In capitals: this one is left out of the training set.
        WHEN 2 THEN iif(h % 8 = 2, ' ' || replace(upper(replace(replace(first_name, 'i', 'İ'), 'ı', 'I')), 'ə', 'Ə'), '')
        ELSE ''
    END,
    inquiry, authority, received_on, later.day, due.day
FROM draft
    JOIN matter ON matter.i = 1 + (r6 + h) % 8
    JOIN working_day AS received ON received.day = received_on
    JOIN working_day AS later ON later.n = received.n + 3
    JOIN working_day AS due ON due.n = received.n + iif(inquiry, 30, 15)
ORDER BY h;

-- Every ninth was passed on to the next authority, a day later or, now and then, too late.
INSERT INTO movement (appeal_id, step, sender, receiver, moved_on, late, reason)
SELECT h + 1, 1, authority, printf('30%02d', 1 + substr(authority, 3) % 10), moved.day, h % 27 = 4, 'Məsələ qonşu rayonun səlahiyyətindədir.'
FROM draft
    JOIN working_day AS received ON received.day = received_on
    JOIN working_day AS moved ON moved.n = received.n + iif(h % 27 = 4, 5, 1)
WHERE h % 9 = 4;
UPDATE appeal SET holder = receiver, held_since = moved_on, forward_until = later.day, due_on = due.day
FROM movement, working_day AS moved, working_day AS later, working_day AS due
WHERE movement.appeal_id = appeal.id AND moved.day = moved_on AND later.n = moved.n + 3 AND due.n = moved.n + iif(inquiry, 30, 15);

-- Appeals of the last weeks are open; of the others every fourteenth was answered late.
UPDATE appeal SET decision = CASE h % 5 WHEN 0 THEN 'refused' WHEN 1 THEN 'partly' WHEN 2 THEN 'explained' ELSE 'satisfied' END,
    answer = 'Müraciətinizə baxıldı. Görülən tədbirlər barədə ətraflı məlumat əlavə olunur.', answered_on = answered.day,
    answered_by = 'A' || holder || 'A1'
FROM draft, working_day AS due, working_day AS answered
WHERE h + 1 = appeal.id AND due.day = due_on AND h < 1140 AND answered.n = due.n + iif(h % 14 = 6, 2, -(1 + q2 % 9));

DROP TABLE man;
DROP TABLE woman;
DROP TABLE surname;
DROP TABLE matter;
DROP TABLE draft;
COMMIT;
