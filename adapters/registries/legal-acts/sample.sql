-- 600 invented legal acts, the same on every run: no random(), no clock. None of them is a law of any country;
-- titles and texts are drawn from lists by arithmetic. Acts 1 … 8 are written out: searches in scenario.toml find them.

PRAGMA foreign_keys = ON;
BEGIN;

CREATE TEMP TABLE topic (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO topic (name) VALUES
    ('Şəhər nəqliyyatının təşkili'), ('Meşə zolaqlarının salınması'), ('Suvarma kanallarının təmiri'), ('Kitabxanaların saxlanması'),
    ('Sənəd dövriyyəsinin sadələşdirilməsi'), ('Küçə ticarətinin qaydaya salınması'), ('Məktəb binalarının isidilməsi'),
    ('Arıçılığın inkişafı'), ('Xalça muzeylərinin mühafizəsi'), ('Kənd yollarının abadlaşdırılması'), ('Dəniz limanlarının istifadəsi'),
    ('Ölçü vasitələrinin yoxlanılması'), ('Toxum fondunun yaradılması'), ('Uşaq bağçalarının yeməklə təminatı'),
    ('Körpülərin texniki müayinəsi'), ('Dövlət arxivlərinin rəqəmləşdirilməsi'), ('Elektron növbələrin tətbiqi'),
    ('Çay sahillərinin möhkəmləndirilməsi'), ('Ünvan reyestrinin aparılması'), ('Könüllülərin sığortası');

CREATE TEMP TABLE sentence (i INTEGER PRIMARY KEY, name TEXT);
INSERT INTO sentence (name) VALUES
    ('Bu akt qəbul edildiyi gündən on gün sonra qüvvəyə minir.'), ('Nəzarət aidiyyəti nazirliyə həvalə olunur.'),
    ('Müraciətlərə elektron qaydada baxılır.'), ('Xərclər dövlət büdcəsi hesabına ödənilir.'),
    ('Sənədlər beş il ərzində saxlanılır.'), ('Məlumatlar rəsmi internet səhifəsində yerləşdirilir.'),
    ('Tələblərə əməl edilmədikdə xəbərdarlıq edilir.'), ('Qeydiyyat üçün rüsum alınmır.'), ('İşlər açıq müsabiqə yolu ilə sifariş edilir.'),
    ('Hesabat ildə iki dəfə təqdim olunur.'), ('Mütəxəssislərin ixtisası üç ildən bir artırılır.'), ('Avadanlıq texniki şərtlərə uyğun olmalıdır.'),
    ('Mübahisələr məhkəmə qaydasında həll edilir.'), ('Şikayət bir ay ərzində verilə bilər.'), ('Siyahı hər rüb yenilənir.'),
    ('Əvvəlki qaydalar qüvvədən düşmüş hesab edilir.');

CREATE TEMP TABLE kind (i INTEGER PRIMARY KEY, kind TEXT, issuer TEXT, ending TEXT);
INSERT INTO kind (kind, issuer, ending) VALUES
    ('law', 'Milli Məclis', ' haqqında Qanun'), ('decree', 'Prezident', ' barədə Fərman'), ('order', 'Prezident', ' ilə bağlı Sərəncam'),
    ('cabinet-decision', 'Nazirlər Kabineti', ' Qaydaları'), ('agency-decision', 'Əqli Mülkiyyət Agentliyi', ' üzrə Təlimat');

CREATE TEMP TABLE draft AS
WITH RECURSIVE counted (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM counted WHERE id < 600)
SELECT id, (id * 48271 + 101) * 16807 % 2147483647 / 1000 AS r1, (id * 69621 + 20011) * 16807 % 2147483647 / 1000 AS r2,
    -- In the order of their adoption, about three a week since 2022.
    date('2022-01-05', '+' || (id * 29 / 10) || ' days') AS adopted_on
FROM counted;

INSERT INTO act (id, kind, issuer, number, adopted_on, register_number, registered_on, in_force_from, repealed_on)
SELECT id, kind, issuer, CASE kind WHEN 'law' THEN (100 + id) || '-VIQ' WHEN 'agency-decision' THEN 'Q-' || id ELSE CAST(id AS TEXT) END,
    adopted_on, iif(kind = 'order', NULL, '152' || strftime('%Y%m%d', adopted_on) || printf('%03d', id)),
    iif(kind = 'order', NULL, date(adopted_on, '+' || (3 + r2 % 9) || ' days')), date(adopted_on, '+10 days'),
    iif(id % 25 = 12 AND id < 380, date(adopted_on, '+' || (200 + r1 % 300) || ' days'), NULL)
FROM draft JOIN kind ON kind.i = 1 + CASE id WHEN 1 THEN 0 WHEN 2 THEN 3 WHEN 3 THEN 1 WHEN 4 THEN 3 ELSE r1 % 5 END;

CREATE TEMP TABLE written (id INTEGER PRIMARY KEY, title TEXT, text TEXT);
INSERT INTO written (id, title, text) VALUES
    (1, 'Yerli icra hakimiyyətlərinin iş qaydası haqqında Qanun',
        'Maddə 1. Yerli icra hakimiyyəti vətəndaşların müraciətlərinə baxır. Maddə 2. İcra müddəti iş günləri ilə hesablanır.'),
    (2, 'Küçələrin İŞIQLANDIRILMASI Qaydaları',
        '1. Küçələr gecə işıqlandırılır. 2. İşıq dirəkləri hər qış yoxlanılır. 3. Qırmızı işıq təhlükəni bildirir.'),
    (3, 'Açıq hərracların keçirilməsi barədə Fərman', '1. Hərraclar açıq keçirilir. 2. Çağırış qəzetdə dərc edilir. 3. Ödəniş qəpiklə göstərilir.'),
    (4, 'Ağacların əkilməsi Qaydaları', '1. Hər məhəllədə ağac əkilir. 2. Gül və çiçək bağları şəhərin özündə salınır. 3. Üzüm tənəkləri budanır.'),
    (5, 'Məhkəmə qərarlarının icrası', '1. Qərar könüllü icra edilmədikdə məcburi İCRAYA yönəldilir. 2. Nəzarət məhkəmədədir.'),
    (6, 'Sıra nömrələrinin verilməsi', '1. Sıra nömrəsi bir dəfə verilir. 2. Ilıq və İsti su sayğacları ayrıca nömrələnir.'),
    (7, 'Göl və çay sularının qorunması', '1. Göllərə tullantı axıdılmır. 2. "Göy göl" qoruğu daimidir (NEAR bazar OR kənd).'),
    (8, 'Ödənişlərin qeydiyyatı', '1. Ödəniş elektron qaydada qeydə alınır. 2. Qəbz 5 il saxlanılır.');

INSERT INTO version (act_id, from_date, until_date, changed_by, title, text)
SELECT id, in_force_from, NULL, NULL,
    coalesce((SELECT title FROM written WHERE written.id = draft.id),
        (SELECT name FROM topic WHERE i = 1 + r2 % 20) || (SELECT ending FROM kind WHERE kind.kind = act.kind)),
    coalesce((SELECT text FROM written WHERE written.id = draft.id),
        '1. ' || (SELECT name FROM sentence WHERE i = 1 + r1 % 16) || ' 2. ' || (SELECT name FROM sentence WHERE i = 1 + r2 % 16)
            || ' 3. ' || (SELECT name FROM sentence WHERE i = 1 + (r1 + r2) % 16))
FROM draft JOIN act USING (id) ORDER BY id;

-- Every seventh act from 100 on amends the act sixty before it.
CREATE TEMP TABLE amendment AS
SELECT newer.id AS by_act, newer.id - 60 AS act_id, newer.in_force_from AS from_date, draft.r1
FROM act AS newer JOIN draft USING (id) JOIN act AS older ON older.id = newer.id - 60
WHERE newer.id >= 100 AND newer.id % 7 = 3 AND older.repealed_on IS NULL;

CREATE TEMP TABLE before_amendment AS
SELECT act_id, by_act, amendment.from_date, title, text, r1 FROM amendment JOIN version USING (act_id);
UPDATE version SET until_date = (SELECT from_date FROM amendment WHERE amendment.act_id = version.act_id)
WHERE act_id IN (SELECT act_id FROM amendment);
INSERT INTO version (act_id, from_date, until_date, changed_by, title, text)
SELECT act_id, from_date, NULL, by_act, title, text || ' 4. ' || (SELECT name FROM sentence WHERE i = 1 + (r1 + 5) % 16)
FROM before_amendment ORDER BY act_id;

INSERT INTO change (changed_on, act_id, change, by_act)
SELECT changed_on, act_id, change, by_act FROM (
    SELECT adopted_on AS changed_on, id AS act_id, 'adopted' AS change, NULL AS by_act, 1 AS rank FROM act
    UNION ALL
    SELECT from_date, act_id, 'amended', by_act, 2 FROM amendment
    UNION ALL
    SELECT repealed_on, id, 'repealed', NULL, 3 FROM act WHERE repealed_on IS NOT NULL
) ORDER BY changed_on, rank, act_id;

DROP TABLE topic;
DROP TABLE sentence;
DROP TABLE kind;
DROP TABLE draft;
DROP TABLE written;
DROP TABLE amendment;
DROP TABLE before_amendment;
COMMIT;
