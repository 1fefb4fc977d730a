-- The register of referrals between internal control bodies and the anti-corruption authority.
CREATE TABLE IF NOT EXISTS referral (
  id TEXT PRIMARY KEY,                    -- R-2026-000001
  sender TEXT NOT NULL,                   -- the subsystem that sent it
  case_number TEXT NOT NULL,              -- the sender's own number
  subject_fin TEXT NOT NULL,
  kind TEXT NOT NULL,
  summary TEXT NOT NULL,
  received TEXT NOT NULL,                 -- dates, ISO 8601
  due TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('received', 'under-review', 'closed')),
  order_id TEXT,                          -- the order that delays disclosure to the person
  disclosure_not_before TEXT,
  digest TEXT NOT NULL,                   -- SHA-256 of what was sent, so that both ends can compare
  UNIQUE (sender, case_number),
  CHECK ((order_id IS NULL) = (disclosure_not_before IS NULL))
);
CREATE INDEX IF NOT EXISTS referral_by_subject ON referral (subject_fin);
CREATE INDEX IF NOT EXISTS referral_by_sender ON referral (sender, received);
