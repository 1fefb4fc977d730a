-- 3,000 invented charges, the same on every run: no random(), no clock. Any likeness to living people and companies is
-- chance. Two of three are paid.

PRAGMA foreign_keys = ON;
BEGIN;

INSERT INTO creditor (subsystem, kind, voen, name) VALUES
    ('AZ/GOV/2001/TAX', 'tax', '9900012341', 'Vergi xidməti (nümunə)'),
    ('AZ/GOV/2001/TAX', 'duty', '9900012341', 'Vergi xidməti (nümunə)'),
    ('AZ/GOV/2004/REGISTRY', 'duty', '9900045671', 'Ədliyyə reyestri (nümunə)'),
    ('AZ/EDU/5001/TUITION', 'tuition', '1700088881', 'Şəki Şəhər Universiteti (nümunə)');

-- Taxes on property and land: 15 August and 15 November. Tuition: 15 September and 15 February.
INSERT INTO due_day (kind, day) VALUES
    ('tax', '2025-08-15'), ('tax', '2025-11-17'), ('tax', '2026-08-17'), ('tax', '2026-11-16'),
    ('tax', '2027-08-16'), ('tax', '2027-11-15'), ('tax', '2028-08-15'), ('tax', '2028-11-15'),
    ('tax', '2029-08-15'), ('tax', '2029-11-15'), ('tax', '2030-08-15'), ('tax', '2030-11-15'),
    ('tuition', '2025-02-17'), ('tuition', '2025-09-15'), ('tuition', '2026-02-16'), ('tuition', '2026-09-15'),
    ('tuition', '2027-02-15'), ('tuition', '2027-09-15'), ('tuition', '2028-02-15'), ('tuition', '2028-09-15'),
    ('tuition', '2029-02-15'), ('tuition', '2029-09-17'), ('tuition', '2030-02-15'), ('tuition', '2030-09-16');

CREATE TEMP TABLE draft AS
WITH RECURSIVE
    counted (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 3000),
    -- Multiplication by a number prime to 34^7 = 52523350144 gives each n its own FİN.
    numbered AS (
        SELECT n, (n * 7654321987 + 123456789) % 52523350144 AS v,
            (n * 48271 + 101) * 16807 % 2147483647 / 1000 AS r1, (n * 69621 + 20011) * 16807 % 2147483647 / 1000 AS r2,
            '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ' AS letters
        FROM counted
    )
SELECT n, r2,
    CASE n % 4 WHEN 0 THEN 'AZ/EDU/5001/TUITION' WHEN 1 THEN 'AZ/GOV/2001/TAX' WHEN 2 THEN 'AZ/GOV/2004/REGISTRY'
        ELSE 'AZ/GOV/2001/TAX' END AS creditor,
    CASE n % 4 WHEN 0 THEN 'tuition' WHEN 1 THEN 'tax' WHEN 2 THEN 'duty' ELSE 'duty' END AS kind,
    CASE WHEN n % 5 <> 1 THEN
        substr(letters, v % 34 + 1, 1) || substr(letters, v / 34 % 34 + 1, 1) || substr(letters, v / 1156 % 34 + 1, 1)
        || substr(letters, v / 39304 % 34 + 1, 1) || substr(letters, v / 1336336 % 34 + 1, 1)
        || substr(letters, v / 45435424 % 34 + 1, 1) || substr(letters, v / 1544804416 % 34 + 1, 1) END AS fin,
    CASE WHEN n % 5 = 1 THEN printf('%010d', 1000000001 + n * 7919) END AS voen,
    CASE n % 4 WHEN 0 THEN 90000 + r1 % 200 * 500 WHEN 1 THEN 1500 + r1 % 90000 ELSE 500 + r1 % 20 * 500 END AS amount,
    date('2026-01-05', '+' || (n / 20) || ' days') AS created_on
FROM numbered;

INSERT INTO charge (charge, creditor, kind, payer_fin, payer_voen, amount_qepik, purpose, created_on, due_on)
SELECT printf('%s-2026-%06d', CASE kind WHEN 'tax' THEN 'V' WHEN 'tuition' THEN 'T' ELSE 'R' END, n),
    creditor, kind, fin, voen, amount,
    CASE kind WHEN 'tax' THEN 'Əmlak vergisi' WHEN 'tuition' THEN 'Təhsil haqqı, bir semestr'
        ELSE CASE r2 % 3 WHEN 0 THEN 'Dövlət qeydiyyatı rüsumu' WHEN 1 THEN 'Arayış üçün rüsum'
            ELSE 'Çıxarış üçün rüsum' END END,
    created_on,
    CASE kind WHEN 'duty' THEN created_on
        ELSE (SELECT min(day) FROM due_day WHERE due_day.kind = draft.kind AND day >= created_on) END
FROM draft;

INSERT INTO payment (receipt, charge, amount_qepik, paid_by, paid_at)
SELECT row_number() OVER (ORDER BY created_on, charge.charge), charge.charge, amount_qepik,
    CASE length(purpose) % 2 WHEN 0 THEN 'AZ/COM/4001/CUSTOMERS' ELSE 'AZ/COM/4002/PORTAL' END,
    charge.created_on || 'T1' || (amount_qepik % 10) || ':15:00+04:00'
FROM charge WHERE CAST(substr(charge.charge, 8) AS INTEGER) % 3 <> 0;

INSERT INTO book (last_receipt) SELECT max(receipt) FROM payment;

UPDATE creditor SET collected_qepik = (
    SELECT coalesce(sum(payment.amount_qepik), 0) FROM payment JOIN charge USING (charge)
    WHERE charge.creditor = creditor.subsystem AND charge.kind = creditor.kind
);

DROP TABLE draft;
COMMIT;
