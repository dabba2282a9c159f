-- What postern-policyd knows (policyd/state/). Milliseconds of a server's clock are the database's.

-- ---- whose a node's name is ----

-- name: policy_node_add
INSERT INTO policy_node (name, holder, renewed) VALUES (?, '', 0)

-- name: policy_node_get [sqlite]
SELECT id, holder, renewed, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) FROM policy_node WHERE name = ?

-- name: policy_node_get [mariadb]
SELECT id, holder, renewed, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) FROM policy_node WHERE name = ?

-- The holder and the time are those that were read.
-- name: policy_node_take [sqlite]
UPDATE policy_node SET holder = ?, renewed = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
  WHERE name = ? AND holder = ? AND renewed = ?

-- name: policy_node_take [mariadb]
UPDATE policy_node SET holder = ?, renewed = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)
  WHERE name = ? AND holder = ? AND renewed = ?

-- name: policy_node_renew [sqlite]
UPDATE policy_node SET renewed = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE name = ? AND holder = ?

-- name: policy_node_renew [mariadb]
UPDATE policy_node SET renewed = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) WHERE name = ? AND holder = ?

-- name: policy_node_release
UPDATE policy_node SET holder = '', renewed = 0 WHERE name = ? AND holder = ?

-- name: policy_now [sqlite]
SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)

-- name: policy_now [mariadb]
SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)

-- ---- marks ----

-- Marks merge: a later epoch stands whole; within one, the earliest first, the latest last, the highest count.
-- name: policy_mark_put_16 [sqlite]
INSERT INTO policy_mark (mark_key, kind, epoch, first_s, last_s, touches, node, label) VALUES
  (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (mark_key) DO UPDATE SET
  first_s = CASE WHEN excluded.epoch > epoch THEN excluded.first_s WHEN excluded.epoch < epoch THEN first_s
    ELSE MIN(first_s, excluded.first_s) END,
  last_s = CASE WHEN excluded.epoch > epoch THEN excluded.last_s WHEN excluded.epoch < epoch THEN last_s
    ELSE MAX(last_s, excluded.last_s) END,
  touches = CASE WHEN excluded.epoch > epoch THEN excluded.touches WHEN excluded.epoch < epoch THEN touches
    ELSE MAX(touches, excluded.touches) END,
  epoch = MAX(epoch, excluded.epoch), node = excluded.node,
  label = CASE WHEN label = '' THEN excluded.label ELSE label END

-- (MariaDB sets one column after the other: the epoch after those that look at it.)
-- name: policy_mark_put_16 [mariadb]
INSERT INTO policy_mark (mark_key, kind, epoch, first_s, last_s, touches, node, label) VALUES
  (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE
  first_s = CASE WHEN VALUES(epoch) > epoch THEN VALUES(first_s) WHEN VALUES(epoch) < epoch THEN first_s
    ELSE LEAST(first_s, VALUES(first_s)) END,
  last_s = CASE WHEN VALUES(epoch) > epoch THEN VALUES(last_s) WHEN VALUES(epoch) < epoch THEN last_s
    ELSE GREATEST(last_s, VALUES(last_s)) END,
  touches = CASE WHEN VALUES(epoch) > epoch THEN VALUES(touches) WHEN VALUES(epoch) < epoch THEN touches
    ELSE GREATEST(touches, VALUES(touches)) END,
  epoch = GREATEST(epoch, VALUES(epoch)),
  node = IF(first_s = VALUES(first_s) AND last_s = VALUES(last_s) AND touches = VALUES(touches) AND epoch = VALUES(epoch),
    VALUES(node), 0),
  label = IF(label = '', VALUES(label), label), changed = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)

-- name: policy_mark_put_1 [sqlite]
INSERT INTO policy_mark (mark_key, kind, epoch, first_s, last_s, touches, node, label) VALUES
  (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (mark_key) DO UPDATE SET
  first_s = CASE WHEN excluded.epoch > epoch THEN excluded.first_s WHEN excluded.epoch < epoch THEN first_s
    ELSE MIN(first_s, excluded.first_s) END,
  last_s = CASE WHEN excluded.epoch > epoch THEN excluded.last_s WHEN excluded.epoch < epoch THEN last_s
    ELSE MAX(last_s, excluded.last_s) END,
  touches = CASE WHEN excluded.epoch > epoch THEN excluded.touches WHEN excluded.epoch < epoch THEN touches
    ELSE MAX(touches, excluded.touches) END,
  epoch = MAX(epoch, excluded.epoch), node = excluded.node,
  label = CASE WHEN label = '' THEN excluded.label ELSE label END

-- (MariaDB sets one column after the other: the epoch after those that look at it.)
-- name: policy_mark_put_1 [mariadb]
INSERT INTO policy_mark (mark_key, kind, epoch, first_s, last_s, touches, node, label) VALUES
  (?, ?, ?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE
  first_s = CASE WHEN VALUES(epoch) > epoch THEN VALUES(first_s) WHEN VALUES(epoch) < epoch THEN first_s
    ELSE LEAST(first_s, VALUES(first_s)) END,
  last_s = CASE WHEN VALUES(epoch) > epoch THEN VALUES(last_s) WHEN VALUES(epoch) < epoch THEN last_s
    ELSE GREATEST(last_s, VALUES(last_s)) END,
  touches = CASE WHEN VALUES(epoch) > epoch THEN VALUES(touches) WHEN VALUES(epoch) < epoch THEN touches
    ELSE GREATEST(touches, VALUES(touches)) END,
  epoch = GREATEST(epoch, VALUES(epoch)),
  node = IF(first_s = VALUES(first_s) AND last_s = VALUES(last_s) AND touches = VALUES(touches) AND epoch = VALUES(epoch),
    VALUES(node), 0),
  label = IF(label = '', VALUES(label), label), changed = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)

-- name: policy_mark_page
SELECT mark_key, kind, epoch, first_s, last_s, touches FROM policy_mark WHERE mark_key > ? ORDER BY mark_key LIMIT ?

-- What others wrote. (SQLite has one node.)
-- name: policy_mark_pull [sqlite]
SELECT 1

-- name: policy_mark_pull [mariadb]
SELECT mark_key, kind, epoch, first_s, last_s, touches, changed FROM policy_mark
  WHERE changed >= ? AND (changed > ? OR mark_key > ?) AND node <> ? ORDER BY changed, mark_key LIMIT ?

-- name: policy_mark_list
SELECT mark_key, kind, epoch, first_s, last_s, touches, label FROM policy_mark
  WHERE mark_key > ? AND mark_key <= ? AND kind = ? AND INSTR(label, ?) > 0 ORDER BY mark_key LIMIT ?

-- name: policy_mark_old
SELECT mark_key, kind, epoch, first_s, last_s, touches FROM policy_mark
  WHERE mark_key > ? AND mark_key <= ? AND last_s < ? ORDER BY mark_key LIMIT ?

-- name: policy_mark_drop
DELETE FROM policy_mark WHERE mark_key = ? AND epoch = ? AND last_s = ?

-- ---- meters: each node has its own rows ----

-- name: policy_meter_put_16 [sqlite]
INSERT INTO policy_meter (meter_key, node, kind, taken, given, last_ms, level1, level2, level3, rate1, rate2, rate3, label) VALUES
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (meter_key, node) DO UPDATE SET
  taken = excluded.taken, given = excluded.given, last_ms = excluded.last_ms, level1 = excluded.level1, level2 =
  excluded.level2, level3 = excluded.level3, rate1 = excluded.rate1, rate2 = excluded.rate2, rate3 = excluded.rate3, label =
  CASE WHEN label = '' THEN excluded.label ELSE label END

-- name: policy_meter_put_16 [mariadb]
INSERT INTO policy_meter (meter_key, node, kind, taken, given, last_ms, level1, level2, level3, rate1, rate2, rate3, label) VALUES
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE
  taken = VALUES(taken), given = VALUES(given), last_ms = VALUES(last_ms), level1 = VALUES(level1), level2 = VALUES(level2),
  level3 = VALUES(level3), rate1 = VALUES(rate1), rate2 = VALUES(rate2), rate3 = VALUES(rate3), label = IF(label = '',
  VALUES(label), label), changed = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)

-- name: policy_meter_put_1 [sqlite]
INSERT INTO policy_meter (meter_key, node, kind, taken, given, last_ms, level1, level2, level3, rate1, rate2, rate3, label) VALUES
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (meter_key, node) DO UPDATE SET
  taken = excluded.taken, given = excluded.given, last_ms = excluded.last_ms, level1 = excluded.level1, level2 =
  excluded.level2, level3 = excluded.level3, rate1 = excluded.rate1, rate2 = excluded.rate2, rate3 = excluded.rate3, label =
  CASE WHEN label = '' THEN excluded.label ELSE label END

-- name: policy_meter_put_1 [mariadb]
INSERT INTO policy_meter (meter_key, node, kind, taken, given, last_ms, level1, level2, level3, rate1, rate2, rate3, label) VALUES
  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE
  taken = VALUES(taken), given = VALUES(given), last_ms = VALUES(last_ms), level1 = VALUES(level1), level2 = VALUES(level2),
  level3 = VALUES(level3), rate1 = VALUES(rate1), rate2 = VALUES(rate2), rate3 = VALUES(rate3), label = IF(label = '',
  VALUES(label), label), changed = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)

-- name: policy_meter_page
SELECT meter_key, node, kind, taken, given, last_ms, level1, level2, level3, rate1, rate2, rate3 FROM policy_meter
  WHERE meter_key >= ? AND (meter_key > ? OR node > ?) ORDER BY meter_key, node LIMIT ?

-- name: policy_meter_pull [sqlite]
SELECT 1

-- name: policy_meter_pull [mariadb]
SELECT meter_key, node, kind, taken, given, last_ms, level1, level2, level3, rate1, rate2, rate3, changed
  FROM policy_meter WHERE changed >= ? AND (changed > ? OR meter_key > ? OR (meter_key = ? AND node > ?)) AND node <> ?
  ORDER BY changed, meter_key, node LIMIT ?

-- name: policy_meter_list
SELECT meter_key, SUM(taken) - SUM(given), MAX(last_ms), MAX(label) FROM policy_meter
  WHERE meter_key > ? AND meter_key <= ? AND kind = ? AND INSTR(label, ?) > 0 GROUP BY meter_key ORDER BY meter_key LIMIT ?

-- name: policy_meter_old
SELECT meter_key, node, kind, taken, given, last_ms, level1, level2, level3, rate1, rate2, rate3 FROM policy_meter
  WHERE meter_key >= ? AND (meter_key > ? OR node > ?) AND meter_key <= ? AND last_ms < ? ORDER BY meter_key, node LIMIT ?

-- name: policy_meter_drop
DELETE FROM policy_meter WHERE meter_key = ? AND node = ? AND last_ms = ?

-- ---- facts: the later stands ----

-- name: policy_fact_put [sqlite]
INSERT INTO policy_fact (kind, subject, value, since_ms, expires_ms, decided_by, node, set_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (kind, subject) DO UPDATE SET value = excluded.value, since_ms = excluded.since_ms,
  expires_ms = excluded.expires_ms, decided_by = excluded.decided_by, node = excluded.node, set_ms = excluded.set_ms
  WHERE excluded.set_ms > set_ms OR (excluded.set_ms = set_ms AND excluded.node > node)

-- (The time and the node last, since the others look at them.)
-- name: policy_fact_put [mariadb]
INSERT INTO policy_fact (kind, subject, value, since_ms, expires_ms, decided_by, node, set_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE
  value = IF(VALUES(set_ms) > set_ms OR (VALUES(set_ms) = set_ms AND VALUES(node) > node), VALUES(value), value),
  since_ms = IF(VALUES(set_ms) > set_ms OR (VALUES(set_ms) = set_ms AND VALUES(node) > node), VALUES(since_ms), since_ms),
  expires_ms = IF(VALUES(set_ms) > set_ms OR (VALUES(set_ms) = set_ms AND VALUES(node) > node), VALUES(expires_ms), expires_ms),
  decided_by = IF(VALUES(set_ms) > set_ms OR (VALUES(set_ms) = set_ms AND VALUES(node) > node), VALUES(decided_by), decided_by),
  node = IF(VALUES(set_ms) > set_ms OR (VALUES(set_ms) = set_ms AND VALUES(node) > node), VALUES(node), node),
  set_ms = GREATEST(set_ms, VALUES(set_ms)),
  changed = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)

-- name: policy_fact_page
SELECT kind, subject, value, since_ms, expires_ms, decided_by, node, set_ms FROM policy_fact
  WHERE kind > ? OR (kind = ? AND subject > ?) ORDER BY kind, subject LIMIT ?

-- name: policy_fact_pull [sqlite]
SELECT 1

-- name: policy_fact_pull [mariadb]
SELECT kind, subject, value, since_ms, expires_ms, decided_by, node, set_ms, changed FROM policy_fact
  WHERE changed >= ? AND (changed > ? OR kind > ? OR (kind = ? AND subject > ?)) ORDER BY changed, kind, subject LIMIT ?

-- name: policy_fact_old
SELECT kind, subject, set_ms FROM policy_fact
  WHERE (expires_ms > 0 AND expires_ms < ?) OR (value IS NULL AND set_ms < ?) LIMIT ?

-- name: policy_fact_delete
DELETE FROM policy_fact WHERE kind = ? AND subject = ? AND set_ms = ?

-- ---- the audit ----

-- name: policy_audit_add
INSERT INTO policy_audit (at_ms, node, who, action, subject, detail) VALUES (?, ?, ?, ?, ?, ?)

-- name: policy_audit_of
SELECT at_ms, node, who, action, subject, detail FROM policy_audit WHERE subject = ? ORDER BY id DESC LIMIT ?

-- name: policy_audit_all
SELECT at_ms, node, who, action, subject, detail FROM policy_audit ORDER BY id DESC LIMIT ?

-- name: policy_audit_newest
SELECT at_ms FROM policy_audit ORDER BY id DESC LIMIT 1

-- name: policy_audit_page
SELECT id, at_ms FROM policy_audit WHERE id > ? ORDER BY id LIMIT ?

-- name: policy_audit_drop
DELETE FROM policy_audit WHERE id > ? AND id <= ? AND at_ms < ?
