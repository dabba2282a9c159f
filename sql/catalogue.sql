-- The archive's catalogue (archive-store/server/catalogue.c).

-- name: word_get
SELECT value FROM word WHERE id = ?

-- name: word_add
INSERT INTO word (id, value) VALUES (?, ?)

-- name: message_add
INSERT INTO message (id, size, sent, attachments, author, message_key, subject) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: event_add
INSERT INTO event (event, message, received, source, verdict, again, instance, client_name, client_address, helo,
  auth_user, mail_from, queue_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: recipient_add
INSERT INTO recipient (event, position, n, original, mailbox, state) VALUES (?, ?, ?, ?, ?, ?)

-- name: recipient_original
SELECT COALESCE(original, mailbox) FROM recipient WHERE event = ? AND position = ? AND n = 0

-- name: recipient_remove
DELETE FROM recipient WHERE event = ? AND position = ?

-- name: pending_add
INSERT INTO pending (event, position) VALUES (?, ?)

-- name: pending_remove
DELETE FROM pending WHERE event = ? AND position = ?

-- name: pending_list
SELECT p.event, p.position, w.value FROM pending p
  JOIN recipient r ON r.event = p.event AND r.position = p.position AND r.n = 0
  JOIN word w ON w.id = COALESCE(r.original, r.mailbox)
  WHERE p.event >= ? AND (p.event > ? OR p.position > ?)
  ORDER BY p.event, p.position LIMIT ?

-- name: reader_get
SELECT at FROM reader WHERE name = ?

-- name: reader_set [sqlite]
INSERT INTO reader (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at

-- name: reader_set [mariadb]
INSERT INTO reader (name, at) VALUES (?, ?) ON DUPLICATE KEY UPDATE at = VALUES(at)

-- name: event_by_queue_id
SELECT event, COALESCE(message, event) FROM event WHERE queue_id = ? AND received BETWEEN ? AND ?
  ORDER BY event DESC LIMIT 1

-- name: messages_by_key
SELECT id FROM message WHERE message_key = ? ORDER BY id DESC LIMIT ?

-- name: message_row
SELECT m.size, m.sent, m.attachments, m.subject, w.value, e.received FROM message m
  LEFT JOIN word w ON w.id = m.author LEFT JOIN event e ON e.event = m.id WHERE m.id = ?

-- name: message_events
SELECT e.event, e.received, e.source, e.verdict, e.again, e.queue_id, i.value, n.value, a.value, h.value, u.value,
  f.value FROM (SELECT * FROM event WHERE event = ? UNION ALL SELECT * FROM event WHERE message = ?) e
  LEFT JOIN word i ON i.id = e.instance
  LEFT JOIN word n ON n.id = e.client_name
  LEFT JOIN word a ON a.id = e.client_address
  LEFT JOIN word h ON h.id = e.helo
  LEFT JOIN word u ON u.id = e.auth_user
  LEFT JOIN word f ON f.id = e.mail_from
  ORDER BY e.event LIMIT ?

-- name: message_recipients
SELECT DISTINCT w.value FROM (SELECT event FROM event WHERE event = ? UNION ALL SELECT event FROM event WHERE message = ?) e
  JOIN recipient r ON r.event = e.event AND r.n = 0 JOIN word w ON w.id = COALESCE(r.original, r.mailbox) LIMIT ?

-- name: event_recipients
SELECT r.position, COALESCE(o.value, b.value), b.value, r.state FROM recipient r
  LEFT JOIN word o ON o.id = r.original
  LEFT JOIN word b ON b.id = r.mailbox
  WHERE r.event = ? ORDER BY r.position, r.n LIMIT ?

-- Earlier events of the same content from the same sender: candidates for "the same envelope again".
-- name: events_before
SELECT event FROM event WHERE event = ? AND event < ? AND COALESCE(mail_from, 0) = ?
  UNION ALL SELECT event FROM event WHERE message = ? AND event < ? AND COALESCE(mail_from, 0) = ?
  ORDER BY 1 DESC LIMIT 20

-- name: event_originals
SELECT COALESCE(original, mailbox) FROM recipient WHERE event = ? AND n = 0 ORDER BY position LIMIT 10000

-- name: mailbox_events
SELECT DISTINCT r.event, COALESCE(e.message, r.event) FROM recipient r JOIN event e ON e.event = r.event
  WHERE r.mailbox = ? AND r.event < ? ORDER BY r.event DESC LIMIT ?

-- name: mailbox_concerned
SELECT 1 FROM recipient WHERE mailbox = ? AND event = ?
  UNION ALL SELECT 1 FROM event WHERE event = ? AND auth_user = ?
  UNION ALL SELECT 1 FROM event e JOIN recipient r ON r.event = e.event WHERE e.message = ? AND r.mailbox = ?
  UNION ALL SELECT 1 FROM event WHERE message = ? AND auth_user = ?
  LIMIT 1
