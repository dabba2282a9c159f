-- DMARC reports (lib/mail/auth/dmarc_store.c, dmarc_received.c; postern dmarc).

-- name: dmarc_policy_set [sqlite]
INSERT INTO dmarc_policy (day, domain, record) VALUES (?, ?, ?)
  ON CONFLICT (day, domain) DO UPDATE SET record = excluded.record

-- name: dmarc_policy_set [mariadb]
INSERT INTO dmarc_policy (day, domain, record) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE record = VALUES(record)

-- name: dmarc_tally_add [sqlite]
INSERT INTO dmarc_tally (day, domain, row_key, messages, source_ip, disposition, reason, comment, aligned_dkim, aligned_spf,
  envelope_to, envelope_from, header_from, dkim, spf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (day, domain, row_key) DO UPDATE SET messages = messages + excluded.messages

-- name: dmarc_tally_add [mariadb]
INSERT INTO dmarc_tally (day, domain, row_key, messages, source_ip, disposition, reason, comment, aligned_dkim, aligned_spf,
  envelope_to, envelope_from, header_from, dkim, spf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE messages = messages + VALUES(messages)

-- name: dmarc_writer_batch
SELECT batch FROM dmarc_writer WHERE id = ?

-- name: dmarc_writer_set [sqlite]
INSERT INTO dmarc_writer (id, batch, day) VALUES (?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, day = excluded.day

-- name: dmarc_writer_set [mariadb]
INSERT INTO dmarc_writer (id, batch, day) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE batch = VALUES(batch), day = VALUES(day)

-- name: dmarc_policies
SELECT domain FROM dmarc_policy WHERE day = ? AND domain > ? AND reported <= ? ORDER BY domain LIMIT ?

-- name: dmarc_policy_reported
UPDATE dmarc_policy SET reported = 1 WHERE day = ? AND domain = ?

-- name: dmarc_site_get
SELECT id FROM dmarc_site WHERE n = 1

-- name: dmarc_site_set
INSERT INTO dmarc_site (n, id) VALUES (1, ?)

-- name: dmarc_tallies
SELECT messages, source_ip, disposition, reason, comment, aligned_dkim, aligned_spf, envelope_to, envelope_from, header_from,
  dkim, spf FROM dmarc_tally WHERE day = ? AND domain = ? ORDER BY messages DESC, row_key LIMIT ?

-- name: dmarc_policy_get
SELECT record FROM dmarc_policy WHERE day = ? AND domain = ?

-- name: dmarc_sent_count
SELECT COUNT(*) FROM dmarc_sent WHERE day = ? AND domain = ? AND target = ? AND part = ?

-- name: dmarc_sent_add
INSERT INTO dmarc_sent (day, domain, target, part, uri, at, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- One sender of reports at a time; the lock goes with the connection. (SQLite: a lock on a file.) Locks are the server's, so
-- the database is in the name.
-- name: dmarc_send_lock [mariadb]
SELECT GET_LOCK(CONCAT('postern-dmarc-', MD5(DATABASE())), 0)

-- name: dmarc_send_lock [sqlite]
SELECT 1

-- name: dmarc_report_add
INSERT INTO dmarc_report (id, org_name, email, report_id, domain, begin_at, end_at, policy, received_at, messages, left_out)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: dmarc_report_row_add
INSERT INTO dmarc_report_row (report, n, messages, source_ip, disposition, reason, aligned_dkim, aligned_spf, envelope_to,
  envelope_from, header_from, dkim, spf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- What is old goes in pieces: a day of a large site is more than one answer of the server may take, or than others may wait
-- for.
-- name: dmarc_prune_policies [sqlite]
DELETE FROM dmarc_policy WHERE (day, domain) IN (SELECT day, domain FROM dmarc_policy WHERE day < ? LIMIT ?)

-- name: dmarc_prune_policies [mariadb]
DELETE FROM dmarc_policy WHERE day < ? ORDER BY day, domain LIMIT ?

-- name: dmarc_prune_tallies [sqlite]
DELETE FROM dmarc_tally WHERE (day, domain, row_key) IN (SELECT day, domain, row_key FROM dmarc_tally WHERE day < ? LIMIT ?)

-- name: dmarc_prune_tallies [mariadb]
DELETE FROM dmarc_tally WHERE day < ? ORDER BY day, domain, row_key LIMIT ?

-- name: dmarc_prune_sent [sqlite]
DELETE FROM dmarc_sent WHERE (day, domain, target, part) IN
  (SELECT day, domain, target, part FROM dmarc_sent WHERE day < ? LIMIT ?)

-- name: dmarc_prune_sent [mariadb]
DELETE FROM dmarc_sent WHERE day < ? ORDER BY day, domain, target, part LIMIT ?

-- name: dmarc_prune_writers [sqlite]
DELETE FROM dmarc_writer WHERE id IN (SELECT id FROM dmarc_writer WHERE day < ? LIMIT ?)

-- name: dmarc_prune_writers [mariadb]
DELETE FROM dmarc_writer WHERE day < ? LIMIT ?

-- name: dmarc_old_reports
SELECT id FROM dmarc_report WHERE received_at < ? ORDER BY received_at LIMIT ?

-- name: dmarc_prune_rows
DELETE FROM dmarc_report_row WHERE report = ?

-- name: dmarc_prune_report
DELETE FROM dmarc_report WHERE id = ?

-- A domain is meant with all below it: its length, "." before it and the domain itself are given.
-- name: dmarc_show_reporters
SELECT r.org_name, COUNT(*), SUM(r.messages), MAX(r.end_at) FROM dmarc_report r
  WHERE r.begin_at BETWEEN ? AND ? AND (r.domain = ? OR SUBSTR(r.domain, ?) = ?)
  GROUP BY r.org_name ORDER BY 3 DESC, 1 LIMIT ?

-- name: dmarc_show_sources
SELECT w.source_ip, SUM(w.messages),
  SUM(CASE WHEN w.aligned_dkim = 'pass' THEN w.messages ELSE 0 END),
  SUM(CASE WHEN w.aligned_spf = 'pass' THEN w.messages ELSE 0 END),
  SUM(CASE WHEN w.aligned_dkim = 'pass' OR w.aligned_spf = 'pass' THEN w.messages ELSE 0 END),
  SUM(CASE WHEN w.disposition = 'quarantine' THEN w.messages ELSE 0 END),
  SUM(CASE WHEN w.disposition = 'reject' THEN w.messages ELSE 0 END),
  COUNT(DISTINCT r.org_name)
  FROM dmarc_report r JOIN dmarc_report_row w ON w.report = r.id
  WHERE r.begin_at BETWEEN ? AND ? AND (r.domain = ? OR SUBSTR(r.domain, ?) = ?)
  GROUP BY w.source_ip ORDER BY 2 DESC, 1 LIMIT ?

-- name: dmarc_show_failures
SELECT w.source_ip, w.header_from, w.dkim, w.spf, w.disposition, w.reason, SUM(w.messages)
  FROM dmarc_report r JOIN dmarc_report_row w ON w.report = r.id
  WHERE r.begin_at BETWEEN ? AND ? AND (r.domain = ? OR SUBSTR(r.domain, ?) = ?)
    AND w.aligned_dkim <> 'pass' AND w.aligned_spf <> 'pass'
  GROUP BY w.source_ip, w.header_from, w.dkim, w.spf, w.disposition, w.reason ORDER BY 7 DESC, 1 LIMIT ?
