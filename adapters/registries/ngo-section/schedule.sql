-- Runs every stored task: for the machine's scheduler, once a night, as
--   sqlite3 ngo-section.db < schedule.sql
UPDATE task SET run_at = strftime('%Y-%m-%dT%H:%M:%S+04:00', 'now', '+4 hours');
